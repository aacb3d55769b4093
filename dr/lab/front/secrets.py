"""Secrets Manager: the simulated one, with replicas that arrive as late as AWS's and can be cut loose.

The simulated service shows a replica at once and for ever equal to its primary. Here every change of a primary is put
into an envelope that reaches the replica some seconds later; until then the replica is as it was, or is not there.
"""

import copy
import json
import threading
import time
from typing import Any

from moto.secretsmanager.models import FakeSecret, ReplicaSecret, secretsmanager_backends

from dr.lab.front import refusals
from dr.lab.front.exchange import Answer, Request
from dr.lab.front.keys import ACCOUNT
from dr.lab.front.simulated import Simulated

DELAY = 10.0
"""AWS's seconds from a change of a primary to the same change of its replicas."""
MANAGED_ELSEWHERE = {"DeleteSecret", "PutSecretValue", "UpdateSecret", "UpdateSecretVersionStage"}
"""What the owner of a secret may not do where another service manages it."""
TELL_OF_REPLICAS = {"CreateSecret", "ReplicateSecretToRegions", "RemoveRegionsFromReplication"}


class LateReplica(ReplicaSecret):
    """A replica that holds what has arrived, and knows what is on its way."""

    def __init__(self, source: FakeSecret, region: str, key: str) -> None:
        self.source = source
        self.region = region
        self.key = key
        self.arn = source.arn.replace(f":{source.region}:", f":{region}:")
        self.held: FakeSecret | None = None
        self.seen = ""
        """The newest content of the primary that was put on the way."""
        self.coming: list[tuple[float, FakeSecret]] = []
        """When each envelope arrives, by the monotonic clock, oldest first."""
        self.detached = False

    @property
    def has_replica(self) -> bool:  # type: ignore[override]  # the simulated one assigns it once
        """Whether there is anything to see in the replica's region."""
        return self.held is not None

    @property
    def config(self) -> dict[str, Any]:  # type: ignore[override]
        """As the primary's ReplicationStatus tells it."""
        status = "Detached" if self.detached else "InProgress" if self.coming else "InSync"
        return {"Region": self.region, "KmsKeyId": self.key, "Status": status, "StatusMessage": f"Replication {status}"}

    def to_dict(self) -> dict[str, Any]:
        return {**self._content.to_dict(), "ARN": self.arn, "KmsKeyId": self.key, "PrimaryRegion": self.source.region}

    @property
    def default_version_id(self) -> str | None:
        return self._content.default_version_id

    @property
    def versions(self) -> dict[str, dict[str, Any]]:
        return self._content.versions

    @property
    def description(self) -> str | None:
        return self._content.description

    @property
    def tags(self) -> list[dict[str, str]] | None:
        return self._content.tags

    @property
    def _content(self) -> FakeSecret:
        if self.held is None:
            raise LookupError(f"{self.arn} has not arrived")
        return self.held

    def send(self, arrives: float) -> None:
        """Put the primary as it is now on the way, if it has changed."""
        looks = json.dumps([self.source.versions, self.source.tags, self.source.description], default=str)
        if looks != self.seen and not self.detached:
            self.seen = looks
            self.coming.append((arrives, _apart(self.source)))

    def receive(self, now: float) -> None:
        """Open what has arrived."""
        while self.coming and self.coming[0][0] <= now:
            self.held = self.coming.pop(0)[1]

    def release(self) -> FakeSecret:
        """What has arrived, as a secret of its own; the primary remembers only that there was a replica."""
        freed = self._content
        freed.arn, freed.region, freed.kms_key_id = self.arn, self.region, self.key
        self.held, self.detached = None, True
        self.coming.clear()
        return freed


class Secrets:
    """Answers Secrets Manager's requests of all regions."""

    def __init__(self, simulated: Simulated, speed: float) -> None:
        self._simulated = simulated
        self._delay = DELAY / speed
        self._lock = threading.Lock()

    def answer(self, region: str, request: Request) -> Answer:
        operation = request.headers.get("X-Amz-Target").rpartition(".")[2]
        with self._lock:
            self._carry()
            asked = _asked(request)
            named = _find(region, asked)
            if operation == "StopReplicationToReplica":
                return _cut_loose(region, named, request)
            if operation in MANAGED_ELSEWHERE and isinstance(named, FakeSecret) and named.owning_service:
                message = f"You can't perform this operation on a secret that {named.owning_service} manages."
                return refusals.error("secretsmanager", 400, "InvalidRequestException", message, request.id)
            if operation == "DeleteSecret" and isinstance(named, FakeSecret):
                named.replicas = [one for one in named.replicas if one.config["Status"] != "Detached"]
            answer = self._simulated.answer("secretsmanager", request)
            if answer.status < 400:
                self._hold_back(asked)
                self._carry()
            return _retold(region, answer) if operation in TELL_OF_REPLICAS else answer

    def _hold_back(self, asked: dict[str, Any]) -> None:
        """Take replicas that the simulated service has just made out of sight: they have not arrived."""
        keys = {one.get("Region"): one.get("KmsKeyId") for one in asked.get("AddReplicaRegions") or []}
        for secret in _primaries():
            for number, replica in enumerate(secret.replicas):
                if isinstance(replica, LateReplica):
                    continue
                if not replica.has_replica:
                    taken = f"Secret name {secret.name} already exists in region {replica.region}."
                    replica.config["StatusMessage"] = f"Replication failed: {taken}"
                    continue
                dict.pop(secretsmanager_backends[ACCOUNT][replica.region].secrets, replica.arn)
                key = keys.get(replica.region) or replica.config["KmsKeyId"]
                secret.replicas[number] = LateReplica(secret, replica.region, key)

    def _carry(self) -> None:
        """Send what has changed, and deliver what has arrived."""
        now = time.monotonic()
        for secret in _primaries():
            for replica in secret.replicas:
                if isinstance(replica, LateReplica):
                    replica.send(now + self._delay)
                    replica.receive(now)
                    if replica.held is not None:
                        secretsmanager_backends[ACCOUNT][replica.region].secrets[replica.arn] = replica


def _primaries() -> list[FakeSecret]:
    return [
        secret
        for region in list(secretsmanager_backends[ACCOUNT])
        for secret in list(secretsmanager_backends[ACCOUNT][region].secrets.values())
        if isinstance(secret, FakeSecret)
    ]


def _apart(secret: FakeSecret) -> FakeSecret:
    """The secret as it is now, untouched by what becomes of it, and without replicas of its own."""
    apart = copy.copy(secret)
    apart.replicas = []
    apart.versions = copy.deepcopy(secret.versions)
    apart.tags = copy.deepcopy(secret.tags)
    return apart


def _asked(request: Request) -> dict[str, Any]:
    """The request's parameters; empty where they cannot be read, which the simulated service will say."""
    try:
        asked = json.loads(request.body or b"{}")
    except ValueError:
        return {}
    return asked if isinstance(asked, dict) else {}


def _find(region: str, asked: dict[str, Any]) -> FakeSecret | ReplicaSecret | None:
    return secretsmanager_backends[ACCOUNT][region].secrets.get(str(asked.get("SecretId") or asked.get("Name") or ""))


def _retold(region: str, answer: Answer) -> Answer:
    """The answer with the ARN and the states of the replicas as they are, not as the simulated service has them."""
    told = json.loads(answer.body)
    secret = _find(region, {"SecretId": told.get("ARN")})
    if answer.status >= 400 or not isinstance(secret, FakeSecret):
        return answer
    told["ARN"] = secret.arn
    if secret.replicas or "ReplicationStatus" in told:
        told["ReplicationStatus"] = [replica.config for replica in secret.replicas]
    return Answer(answer.status, answer.headers, json.dumps(told).encode())


def _cut_loose(region: str, named: FakeSecret | ReplicaSecret | None, request: Request) -> Answer:
    """StopReplicationToReplica, asked for in the replica's region: the replica becomes a secret of its own there."""
    if named is None:
        message = "Secrets Manager can't find the specified secret."
        return refusals.error("secretsmanager", 400, "ResourceNotFoundException", message, request.id)
    if not isinstance(named, LateReplica):
        message = "Operation not permitted on a primary secret. Call must be made in the replica's region."
        return refusals.error("secretsmanager", 400, "InvalidParameterException", message, request.id)
    freed = named.release()
    backend = secretsmanager_backends[ACCOUNT][region]
    dict.pop(backend.secrets, named.arn)
    backend.secrets[freed.name] = freed
    body = json.dumps({"ARN": freed.arn}).encode()
    return Answer(200, refusals.json_headers(request.id), body)
