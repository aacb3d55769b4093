"""The session and the clients that the product is given. Here calls go wrong, and here a kill can meet them."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import nullcontext
from functools import cache
from random import Random
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
)

from dr.aws.patience import ATTEMPTS
from tests.simulation.baton import Baton, Killed, Process
from tests.simulation.cloud.account import Account, refuse
from tests.simulation.cloud.others import Others
from tests.simulation.cloud.rds import Rds
from tests.simulation.cloud.s3 import CONTROL, LEASES, S3
from tests.simulation.cloud.watchman import Watchman
from tests.simulation.troubles import LATE, Troubles

CHANGING = ("create_", "copy_", "delete_", "modify_", "put_", "restore_", "start_")
IN_FLIGHT = 0.3
"""How often a request has left a process that is killed just before its call."""
ENDPOINT = "http://127.0.0.1:1"
CREDENTIALS = SimpleNamespace(access_key="simulated")


class Door:
    """The way from the product into the simulated account: what a boto3 session and its credentials look like."""

    def __init__(self, account: Account, baton: Baton, troubles: Troubles, watchman: Watchman) -> None:
        self.account, self.baton, self.troubles, self.watchman = account, baton, troubles, watchman
        self._services: dict[tuple[str, str], Any] = {}

    def session(self, *_: object) -> Any:
        """In the place of `sessions.callers_own`."""
        return self

    def get_credentials(self) -> Any:
        return self

    def get_frozen_credentials(self) -> Any:
        return CREDENTIALS

    def client(self, service: str, region_name: str, **_: object) -> "Client":
        return Client(self, service, region_name)

    def service(self, name: str, region: str) -> Any:
        key = (name if name in ("rds", "s3") else "", region)
        if key not in self._services:
            self._services[key] = (
                Rds(self.account, region, self.troubles)
                if name == "rds"
                else S3(self.account, region, self.troubles.damaged_copies)
                if name == "s3"
                else Others(self.account, region)
            )
        return self._services[key]

    def answered(self, answer: dict[str, Any], operation: str) -> dict[str, Any]:
        """The answer as it arrives. A planted bug is a door that tampers with it."""
        del operation
        return answer


class Client:
    """One service in one region, with botocore's manners: snake case in, dictionaries out, ClientError."""

    def __init__(self, door: Door, service: str, region: str) -> None:
        self._door, self._service, self._region = door, service, region
        self._before_send: list[Callable[..., None]] = []
        self._needs_retry: list[Callable[..., object]] = []
        self.meta = SimpleNamespace(events=self)
        # As botocore announces a signed request that is about to leave.
        scope = f"simulated/20261120/{region}/{service}/aws4_request"
        self._signed = SimpleNamespace(headers={"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"})

    def register(self, event: str, handler: Callable[..., None]) -> None:
        if event == "before-send":
            self._before_send.append(handler)

    def register_first(self, event: str, handler: Callable[..., object]) -> None:
        if event.startswith("needs-retry"):
            self._needs_retry.append(handler)

    def register_last(self, event: str, handler: Callable[..., None]) -> None:
        """Handlers that mend botocore's own habits, of which this client has none."""

    def __getattr__(self, operation: str) -> Callable[..., dict[str, Any]]:
        return lambda **asked: self._call(operation, asked)

    def get_paginator(self, operation: str) -> Any:
        def paginate(**asked: Any) -> Iterator[dict[str, Any]]:
            yield self._call(operation, asked)

        return SimpleNamespace(paginate=paginate)

    def _call(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        """One call, with all its attempts: whoever listens hears of the last."""
        problem: Exception | None = None
        try:
            return self._attempt(operation, asked)
        except (ClientError, BotoCoreError) as met:
            problem = met
            raise
        finally:
            self._tell(problem)

    def _tell(self, problem: Exception | None) -> None:
        said = problem.response if isinstance(problem, ClientError) else {}
        answer = None if isinstance(problem, BotoCoreError) else (SimpleNamespace(status_code=200, headers={}), said)
        for handler in self._needs_retry:
            handler(
                response=answer,
                caught_exception=problem if answer is None else None,
                operation=None,
                attempts=ATTEMPTS,
                request_dict={"context": {}},
            )

    def _attempt(self, operation: str, asked: Mapping[str, Any]) -> dict[str, Any]:
        door, baton = self._door, self._door.baton
        event = f"before-send.{self._service}.{xform(operation)}"
        for handler in self._before_send:
            handler(request=self._signed, event_name=event)
        changing = operation.startswith(CHANGING)
        work = self._in_the_name_of(baton.process, operation)
        alive = baton.process.alive
        # What the journal and the leases themselves consist of is written without asking: the permit rests on it.
        key = asked.get("Key", "")
        kept = asked.get("Bucket") == CONTROL and not key.startswith("backups/")
        try:
            with door.account.past_its_look(asked.get("DBInstanceIdentifier", "")) if changing else nullcontext():
                baton.effect(f"before {operation}", point=changing and not kept)
        except Killed:
            chance = Random(baton.process.kill_at)  # noqa: S311 - repeatable, not secret
            if alive and changing and chance.random() < IN_FLIGHT:
                # The process died, but its request was on the way already.
                door.account.arrive_later(chance.random() * LATE, lambda: _alone(work, asked))
            raise
        if changing and not kept:
            door.watchman.sent(baton.process, baton.turn, f"{operation} {_about(asked)}")
        wrong = door.troubles.of_call(baton.now, changing=changing, kept=kept)
        baton.note(f"{'call' if changing else 'look':<9} {operation} {_about(asked)}{f': {wrong}' if wrong else ''}")
        match wrong:
            case "throttled":
                raise refuse("Throttling", operation)
            case "failing":
                raise refuse("InternalFailure", operation, 500)
            case "expired":
                raise refuse("ExpiredToken", operation)
            case "silent":
                raise EndpointConnectionError(endpoint_url=ENDPOINT)
            case "lost before":
                raise ConnectTimeoutError(endpoint_url=ENDPOINT)
            case "late":
                door.account.arrive_later(door.troubles.chance.random() * LATE, lambda: _alone(work, asked))
                raise ReadTimeoutError(endpoint_url=ENDPOINT)
            case "failed after":
                work(asked)
                raise refuse("InternalFailure", operation, 500)
            case "lost after":
                work(asked)
                baton.effect(f"after {operation}, whose answer is lost")
                raise ReadTimeoutError(endpoint_url=ENDPOINT)
            case "sent twice":
                # botocore repeats a call whose answer it did not get; only the second answer is seen.
                _alone(work, asked)
        answer: dict[str, Any] = work(asked)
        if kept and operation == "get_object":
            door.watchman.looked(baton.process, baton.turn, asked["Key"])
        baton.effect(f"after {operation}", point=changing and not key.startswith(LEASES))
        return door.answered(answer, operation)

    def _in_the_name_of(self, process: Process, operation: str) -> Callable[[Mapping[str, Any]], dict[str, Any]]:
        """The work of a call, whenever it arrives."""
        door = self._door
        perform = getattr(door.service(self._service, self._region), operation)

        def work(asked: Mapping[str, Any]) -> dict[str, Any]:
            door.account.acting = process
            answer: dict[str, Any] = perform(asked)
            if operation == "put_object":
                door.watchman.written(asked["Key"], asked["Body"])
            return answer

        return work


@cache
def xform(operation: str) -> str:
    """An operation's name as AWS spells it."""
    return operation.title().replace("_", "")


def _alone(work: Callable[[Any], Any], asked: Mapping[str, Any]) -> None:
    """A call whose answer nobody hears, whatever it says."""
    try:
        work(asked)
    except ClientError:
        return


_TELLING = (
    *("DBInstanceIdentifier", "TargetDBInstanceIdentifier", "DBSnapshotIdentifier", "DbiResourceId", "Bucket"),
    *("TargetDBSnapshotIdentifier", "Key", "Prefix", "SecretId", "IfNoneMatch"),
)


def _about(asked: Mapping[str, Any]) -> str:
    return " ".join([str(asked[name]) for name in _TELLING if name in asked])
