"""Whose access key it is, and the policies that its owner holds.

Users, groups, roles and their policies are the simulated IAM's; what a session adds (its own policies, its tags) is
kept here, because the simulated STS forgets it.
"""

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from moto.iam.models import Group, IAMBackend, ManagedPolicy, Role, User, iam_backends
from moto.sts.models import AssumedRole, sts_backends

from dr.lab.iam import documents
from dr.lab.iam.documents import Policy
from dr.lab.iam.evaluation import Holdings

ADMINISTRATOR = "firedrill-lab"
"""The user whose key pair the connection file holds. It may do everything; no policy names it."""


@dataclass(frozen=True)
class Principal:
    """Who signed a request."""

    arn: str
    """As errors and GetCallerIdentity say it: of a role, the ARN of the session."""
    identity: str
    """`aws:PrincipalArn`: of a role, the role's own ARN."""
    id: str
    kind: str
    account: str
    holdings: Holdings = field(default_factory=Holdings)
    tags: dict[str, str] = field(default_factory=dict)
    name: str = ""
    """A user's; empty for a role's session."""
    unrestricted: bool = False

    @property
    def is_session(self) -> bool:
        return self.kind == "AssumedRole"


@dataclass(frozen=True)
class Session:
    """What AssumeRole was told."""

    policies: tuple[str, ...] | None = None
    """The texts of the session policies; None where there are none, and nothing is narrowed."""
    tags: dict[str, str] = field(default_factory=dict)


class Principals:
    """Finds the owner of an access key."""

    def __init__(self, account: str, own_key: str) -> None:
        self.account = account
        self._own_key = own_key
        self._sessions: dict[str, Session] = {}
        self._lock = threading.Lock()

    def of(self, access_key: str) -> Principal:
        """The owner of a key that is known to be good."""
        if access_key == self._own_key:
            arn = f"arn:aws:iam::{self.account}:user/{ADMINISTRATOR}"
            return Principal(
                arn, arn, "AIDALABADMINISTRATOR", "User", self.account, name=ADMINISTRATOR, unrestricted=True
            )
        assumed = _assumed(access_key)
        if assumed is not None:
            return self._of_session(assumed)
        for account, partitions in list(iam_backends.items()):
            backend = partitions["aws"]
            user = backend.get_user_from_access_key_id(access_key)
            if user is not None:
                return _of_user(str(account), backend, user)
        raise LookupError(f"access key {access_key} is nobody's")

    def role(self, arn: str) -> Role | None:
        """A role of this account by its ARN."""
        return next((role for role in list(self._backend.roles.values()) if role.arn == arn), None)

    def managed(self, arn: str) -> str | None:
        """The text of a managed policy."""
        policy = self._backend.managed_policies.get(arn)
        return _default(policy) if policy is not None else None

    def began(self, access_key: str, session: Session, until: datetime) -> None:
        """A session has begun: remember what it was told, and let it end by the lab's clock."""
        with self._lock:
            self._sessions[access_key] = session
        assumed = _assumed(access_key)
        if assumed is not None:
            assumed.expiration = until.replace(tzinfo=None)

    @property
    def _backend(self) -> IAMBackend:
        return iam_backends[self.account]["aws"]

    def _of_session(self, assumed: AssumedRole) -> Principal:
        with self._lock:
            session = self._sessions.get(assumed.access_key_id, Session())
        role = self.role(assumed.role_arn) if assumed.account_id == self.account else None
        holdings, tags = Holdings(), session.tags
        if role is not None:
            boundary = None
            if role.permissions_boundary_arn:
                text = self.managed(role.permissions_boundary_arn)
                boundary = _parsed([text] if text else [])
            narrowed = _parsed(session.policies) if session.policies is not None else None
            holdings = Holdings(_parsed(_texts(role)), boundary, narrowed)
            tags = _tags(role.tags) | session.tags
        return Principal(
            assumed.arn, assumed.role_arn, assumed.user_id, "AssumedRole", assumed.account_id, holdings, tags
        )


def _assumed(access_key: str) -> AssumedRole | None:
    for partitions in list(sts_backends.values()):
        found = partitions["aws"].get_assumed_role_from_access_key(access_key)
        if found is not None:
            return found
    return None


def _of_user(account: str, backend: IAMBackend, user: User) -> Principal:
    holders: list[User | Group] = [user, *backend.get_groups_for_user(user.name)]
    texts = [text for holder in holders for text in _texts(holder)]
    return Principal(
        user.arn, user.arn, user.id, "User", account, Holdings(_parsed(texts)), _tags(user.tags), name=user.name
    )


def _texts(holder: User | Role | Group) -> list[str]:
    """The policies written into a holder, and those attached to it."""
    attached = [_default(policy) for policy in list(holder.managed_policies.values())]
    return [*map(str, list(holder.policies.values())), *attached]


def _default(policy: ManagedPolicy) -> str:
    return str(next(version.document for version in policy.versions if version.is_default))


def _parsed(texts: Any) -> tuple[Policy, ...]:
    return tuple(documents.read(text) for text in texts)


def _tags(given: Any) -> dict[str, str]:
    """Tags as the simulated IAM keeps them: a list for some holders, a dictionary for others, or nothing."""
    listed = list(given.values()) if isinstance(given, dict) else list(given or ())
    return {str(tag["Key"]): str(tag["Value"]) for tag in listed}
