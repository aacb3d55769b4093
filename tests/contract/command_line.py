"""The `aws` command as a user runs it: a process of its own, told by its environment where AWS is."""

import json
import os
import shlex
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jmespath
from botocore.exceptions import ClientError

from dr import connection as connections
from tests.contract.cloud import PRIMARY, Cloud

PATIENCE = 2400
"""Seconds: longer than any waiter of the command."""
PATIENCE_OF_AWS = 10 * 3600
"""Seconds of AWS's: a minute of a lab's, whose machine may be busy with other commands."""
REFUSED = 255
"""What version 1 of the command exits with when AWS says no, or when a waiter gives up."""


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def answer(self) -> Any:
        """Its JSON; empty where there is nothing to tell, and for the `s3` commands, which speak to people."""
        return json.loads(self.out) if self.out.startswith("{") else {}


@dataclass(frozen=True)
class Wait:
    """What is looked at, with stock boto3, until it shows a value, or is refused with that code."""

    look: str
    request: dict[str, str]
    path: str
    wanted: Any


@dataclass(frozen=True)
class Row:
    """A command, what its answer must show, and what later commands need of it. `{name}` is filled in everywhere."""

    command: str
    shows: dict[str, Any] = field(default_factory=dict)
    """JMESPath -> value."""
    keeps: dict[str, str] = field(default_factory=dict)
    """Name -> JMESPath."""
    then: Wait | None = None
    region: str = PRIMARY

    @property
    def operation(self) -> str:
        """As the API calls it, in small letters and without hyphens."""
        return self.command.split()[1].replace("-", "").lower()


class CommandLine:
    """Runs `aws` against the cloud, and remembers names for the rows of a table."""

    def __init__(self, cloud: Cloud, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        self.names: dict[str, str] = {}
        self._environment = _environment(cloud, folder)

    def start(self, command: str, region: str = PRIMARY) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "awscli", *shlex.split(command.format(**self.names))],
            env={**self._environment[region]},
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, command: str, region: str = PRIMARY) -> Said:
        """Run it to its end, whatever it says."""
        with self.start(command, region) as process:
            out, err = process.communicate(timeout=PATIENCE)
        return Said(process.returncode, out, err.strip())

    def does(self, command: str, region: str = PRIMARY) -> Any:
        """Run what must succeed: the answer, read from its JSON."""
        said = self.run(command, region)
        assert said.status == 0, f"aws {command}: {said.err}"
        return said.answer

    def refused(self, code: str, command: str, region: str = PRIMARY) -> None:
        """Run what AWS must refuse."""
        said = self.run(command, region)
        assert said.status == REFUSED, f"aws {command}: {said}"
        assert f"({code})" in said.err, said.err

    def plays(self, row: Row) -> None:
        """Run a row, hold its answer against it, keep what it says to keep."""
        answer = self.does(row.command, row.region)
        wanted = {path: self._filled(value) for path, value in row.shows.items()}
        assert {path: jmespath.search(path, answer) for path in wanted} == wanted, row.command
        for name, path in row.keeps.items():
            self.names[name] = str(jmespath.search(path, answer))
        if row.then is not None:
            self._awaits(row.command.split()[0], row.then, row.region)

    def _awaits(self, service: str, wait: Wait, region: str) -> None:
        client = self.cloud.client(service, region)
        request = {name: self._filled(value) for name, value in wait.request.items()}
        wanted = self._filled(wait.wanted)

        def seen() -> Any:
            try:
                return jmespath.search(wait.path, getattr(client, wait.look)(**request))
            except ClientError as problem:
                return problem.response["Error"]["Code"]

        self.cloud.until(lambda: seen() == wanted, f"{wait} {request}", aws_seconds=PATIENCE_OF_AWS)

    def _filled(self, value: Any) -> Any:
        if isinstance(value, list):
            return [self._filled(each) for each in value]
        return value.format(**self.names) if isinstance(value, str) else value


def _environment(cloud: Cloud, folder: Path) -> dict[str, dict[str, str]]:
    """Region -> environment. On a real account the user's own credentials count, on a lab nothing of the user's."""
    everywhere = {"PATH": os.environ["PATH"], "HOME": str(folder), "AWS_PAGER": "", "AWS_MAX_ATTEMPTS": "1"}
    if cloud.home is None:
        everywhere = {**os.environ, "AWS_PAGER": ""}
        return {region: {**everywhere, "AWS_DEFAULT_REGION": region} for region in (cloud.primary, cloud.recovery)}
    found = connections.read({connections.VARIABLE: str(cloud.home.connection)})
    assert found.credentials is not None
    return {
        region: {
            **everywhere,
            "AWS_DEFAULT_REGION": region,
            "AWS_ACCESS_KEY_ID": found.credentials.access_key_id,
            "AWS_SECRET_ACCESS_KEY": found.credentials.secret_access_key,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_ENDPOINT_URL": str(found.endpoint("rds", region)),
            "AWS_ENDPOINT_URL_ROUTE_53": str(found.endpoint("route53", region)),
            "AWS_ENDPOINT_URL_IAM": str(found.endpoint("iam", region)),
        }
        for region in (cloud.primary, cloud.recovery)
    }
