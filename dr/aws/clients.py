"""The one place that makes an AWS client: who calls, in which region, with how much patience.

Everything that could let a call stray is settled here: endpoints come from the connection file or are AWS's own, never
from the environment; a region off the allow-list is refused before a byte is sent; S3 is not followed into another
region; nothing is changed outside of the estate's regions, or before the permit of whoever gave one was asked; and no
request leaves that is signed for another region, or with a key whose account was not asserted. That is looked at on the
finished request, because credentials that renew themselves may do so between any question about them and the signature,
and between two attempts.
"""

import os
import re
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Literal

import boto3
from botocore import xform_name

from dr.aws import attempts, patience, s3wire, sessions
from dr.aws.errors import calling, insist_on_an_answer
from dr.clock import Clock, SystemClock
from dr.connection import GLOBAL, Connection
from dr.errors import AwsError, Refused
from dr.estate import Roles

Role = Literal["observe", "scratch", "recover", "heartbeat"]

GLOBAL_SERVICES: Final = frozenset({"iam", "route53"})
_GLOBAL_SIGNING_REGION: Final = "us-east-1"
_NO_ROLES: Final = Roles()
_ABOUT_US: Final = ("GetCallerIdentity", "AssumeRole")
"""What is asked before anybody can know whose credentials these are; neither says anything of an account's things."""
_SIGNED: Final = re.compile(r"\bCredential=(?P<key>[^/]+)/[0-9]{8}/(?P<region>[^/]+)/[^/]+/aws4_request")


class Aws:
    """AWS as one program sees it: clients by service, region and kind of work. Safe to share between threads."""

    def __init__(
        self,
        connection: Connection,
        account: str,
        roles: Roles = _NO_ROLES,
        *,
        environment: Mapping[str, str] = os.environ,
        regions: frozenset[str] | None = None,
        caller: Callable[[Connection, Mapping[str, str]], boto3.Session] = sessions.callers_own,
        clock: Clock | None = None,
    ) -> None:
        """`account` and `regions` are the estate's: nothing is changed elsewhere. None leaves the regions open.

        `caller` makes the session of whoever runs this.

        Raises Refused when the connection file leads to another account.
        """
        if connection.account and connection.account != account:
            raise Refused(
                f"the connection file leads to account {connection.account}, the estate is account {account}",
                hint="is this the right estate for the lab?",
            )
        self.connection = connection
        self._account = account
        self._roles = roles
        self._regions = regions
        self._environment = environment
        self._caller = caller
        self._clock = clock or SystemClock()
        self._shared: dict[str, patience.Region] = {}
        self._lock = threading.RLock()
        self._sessions: dict[tuple[str, str] | None, boto3.Session] = {}
        self._clients: dict[tuple[str, str, Role, bool], Any] = {}
        self._identities: dict[str, str] = {}
        self._calls: Counter[str] = Counter()
        self._allowed: frozenset[str] | None = None
        self._permit: Callable[[], None] | None = None

    @property
    def calls(self) -> dict[str, int]:
        """HTTP attempts so far, retries included, by region; services without one stand under `global`."""
        with self._lock:
            return dict(self._calls)

    def allow(self, regions: frozenset[str] | None) -> None:
        """From now on, call these regions only (`global` is one of them); None lifts the restriction."""
        with self._lock:
            self._allowed = regions

    def permit(self, ask: Callable[[], None] | None) -> None:
        """From now on, ask this before each call that changes something: it raises to forbid. None: nobody is asked."""
        with self._lock:
            self._permit = ask

    def assert_permitted(self) -> None:
        """Raises what the permit raises when nothing may be changed any more."""
        ask = self._permit
        if ask is not None:
            ask()

    def client(self, service: str, region: str, role: Role = "observe", *, patient: bool = False) -> Any:
        """A client, made at first use. `patient` ones wait a minute for an answer: for copies.

        Raises Refused for a region off the allow-list, or one that the connection file does not name.
        """
        self._bar(GLOBAL if service in GLOBAL_SERVICES else region)
        with self._lock:
            key = (service, region, role, patient)
            if key not in self._clients:
                with calling(service, "CreateClient", service, region):
                    self._clients[key] = self._make(service, region, role, patient)
            return self._clients[key]

    def look(
        self,
        service: str,
        region: str,
        operation: str,
        about: str,
        *,
        role: Role = "observe",
        patient: bool = False,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Make one call that changes nothing. `about` names the object, for the error message."""
        client = self.client(service, region, role, patient=patient)
        with calling(service, operation, about, region):
            answer: dict[str, Any] = getattr(client, xform_name(operation))(**parameters)
            return answer

    def change(
        self,
        service: str,
        region: str,
        operation: str,
        about: str,
        *,
        role: Role,
        patient: bool = False,
        unasked: bool = False,
        still: Callable[[], None] | None = None,
        **parameters: Any,
    ) -> dict[str, Any]:
        """Make one call that changes something, after asserting account and region; each attempt asks the permit.

        `unasked`: it is a call that the permit itself rests on, or that a run without one still has to make. `still`
        is asked before an attempt after the first, and raises when what bears the name is no longer what was meant.
        """
        if self._regions is not None and region not in self._regions:
            raise Refused(
                f"{operation} of {about}: {region} is no region of the estate, which has {_listed(self._regions)}",
                hint="nothing is changed outside of the estate's two sites",
            )
        self.assert_account(region, role)
        permit = _nobody if unasked else self.assert_permitted
        with attempts.asking(permit, still):
            return self.look(service, region, operation, about, role=role, patient=patient, **parameters)

    def pages(
        self, service: str, region: str, operation: str, about: str, *, role: Role = "observe", **parameters: Any
    ) -> Iterator[dict[str, Any]]:
        """Every page of a list."""
        client = self.client(service, region, role)
        with calling(service, operation, about, region):
            yield from client.get_paginator(xform_name(operation)).paginate(**parameters)

    def account(self, region: str, role: Role = "observe") -> str:
        """The account that the credentials belong to now, asked in this region once per key pair."""
        session = self._session(region, role)
        with calling("sts", "GetCallerIdentity", "the caller's identity", region):
            credentials = session.get_credentials()
            # Credentials that refresh themselves come with a new key: then the question is asked again.
            key = credentials.get_frozen_credentials().access_key if credentials else None
        if key is None:
            raise AwsError(
                f"GetCallerIdentity in {region}: there are no credentials",
                operation="GetCallerIdentity",
                code="NoCredentialsError",
                region=region,
                hint="set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
            )
        if key not in self._identities:
            answer = self.look("sts", region, "GetCallerIdentity", "the caller's identity", role=role)
            self._identities[key] = str(answer["Account"])
        return self._identities[key]

    def assert_account(self, region: str, role: Role = "observe") -> None:
        """Raises Refused unless the credentials belong to the estate's account."""
        self._demand(self.account(region, role), role)

    def _demand(self, account: str, role: Role) -> None:
        if account != self._account:
            raise Refused(
                f"the credentials for {role} belong to account {account}, the estate is account {self._account}",
                hint="check AWS_PROFILE and the estate's `account:` and `roles:`",
            )

    def _session(self, region: str, role: Role) -> boto3.Session:
        arn = getattr(self._roles, role)
        key = (arn, region) if arn else None
        with self._lock:
            if key not in self._sessions:
                with calling("sts", "AssumeRole" if arn else "LoadCredentials", arn or "the caller", region):
                    self._sessions[key] = (
                        sessions.assumed(arn, f"firedrill-{role}", lambda: self._sts_of_the_caller(region))
                        if arn
                        else self._caller(self.connection, self._environment)
                    )
            return self._sessions[key]

    def _sts_of_the_caller(self, region: str) -> Any:
        with self._lock:
            if None not in self._sessions:
                self._sessions[None] = self._caller(self.connection, self._environment)
            return self._client_of(self._sessions[None], "sts", region, "observe", patient=False)

    def _make(self, service: str, region: str, role: Role, patient: bool) -> Any:
        return self._client_of(self._session(region, role), service, region, role, patient=patient)

    def _client_of(self, session: boto3.Session, service: str, region: str, role: Role, *, patient: bool) -> Any:
        endpoint = self.connection.endpoint(service, region)
        everywhere = service in GLOBAL_SERVICES
        authority = self.connection.certificate_authority
        make: Callable[..., Any] = session.client
        client = make(
            service,
            region_name=_GLOBAL_SIGNING_REGION if everywhere else region,
            endpoint_url=endpoint,
            verify=str(authority) if endpoint and authority else None,
            config=patience.config(endpoint, patient=patient),
        )
        if service == "s3":
            s3wire.hang_into(client.meta.events)
        events = client.meta.events
        shared = self._region(GLOBAL if everywhere else region)
        # In this order: what is waited for comes before what is looked at.
        shared.hang_into(events, service)
        events.register("before-send", self._sentry(service, region, role, shared))
        events.register("before-parse", insist_on_an_answer)
        sessions.hang_into(events, session)
        return client

    def _region(self, place: str) -> patience.Region:
        with self._lock:
            if place not in self._shared:
                self._shared[place] = patience.Region(place, self._clock)
            return self._shared[place]

    def _sentry(self, service: str, region: str, role: Role, shared: patience.Region) -> Callable[..., None]:
        """Looks at every attempt just before it is sent: is it barred by now, for whom and where was it signed?"""
        everywhere = service in GLOBAL_SERVICES
        place = GLOBAL if everywhere else region

        def before_send(request: Any, event_name: str, **_: Any) -> None:
            self._bar(place)
            operation = event_name.rpartition(".")[2]
            if operation not in _ABOUT_US:
                signing_region = _GLOBAL_SIGNING_REGION if everywhere else region
                self._assert_signature(
                    str(request.headers.get("Authorization")), operation, signing_region, region, role
                )
                attempts.about_to_send()
            shared.breaker.admit(operation)
            with self._lock:
                self._calls[place] += 1

        return before_send

    def _assert_signature(self, authorization: str, operation: str, expected: str, region: str, role: Role) -> None:
        """Raises Refused unless a request is signed for its region, by a key that is known to be the estate's."""
        signed = _SIGNED.search(authorization)
        if signed is None or signed["region"] != expected:
            place = f"for {signed['region']}" if signed else "in no way that can be read"
            raise Refused(f"{operation} in {region} is signed {place}: it was not sent")
        if signed["key"] not in self._identities:
            # Renewed since somebody asked, or never asked about: whose is it?
            self.account(region, role)
        if signed["key"] not in self._identities:
            raise Refused(
                f"{operation} in {region}: the credentials for {role} change faster than they can be asserted",
                hint="nothing was sent; try again",
            )
        self._demand(self._identities[signed["key"]], role)

    def _bar(self, place: str) -> None:
        allowed = self._allowed
        if allowed is not None and place not in allowed:
            raise Refused(
                f"{place} may not be called now: only {_listed(allowed) or 'nothing'} may",
                hint="what recovers must not depend on the region that is lost",
            )


def _nobody() -> None:
    """Is asked, and forbids nothing."""


def _listed(places: frozenset[str]) -> str:
    return ", ".join(sorted(places))
