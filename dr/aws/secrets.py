"""Secrets: a database user's name and password. Neither is ever part of a message."""

import json
from typing import Any

from pydantic import SecretStr

from dr.aws.clients import Aws, Role
from dr.errors import Unable
from dr.recovery import Fact


class Secret(Fact):
    """What a secret holds. The password shows as stars wherever it is printed."""

    name: str
    arn: str
    version: str
    username: str
    password: SecretStr


def read(aws: Aws, region: str, name: str, *, role: Role = "observe") -> Secret:
    """A database secret: JSON with `username` and `password`. Raises Unable when it holds anything else."""
    answer = aws.look("secretsmanager", region, "GetSecretValue", f"secret {name}", role=role, SecretId=name)
    held = _parsed(answer.get("SecretString"))
    if not isinstance(held, dict) or not all(isinstance(held.get(part), str) for part in ("username", "password")):
        raise Unable(
            f"secret {name} in {region} does not hold a username and a password",
            hint='it should be JSON like {"username": ..., "password": ...}',
        )
    return Secret(
        name=answer["Name"],
        arn=answer["ARN"],
        version=answer.get("VersionId", ""),
        username=held["username"],
        password=SecretStr(held["password"]),
    )


def _parsed(text: str | None) -> Any:
    # The parser's own exception would carry the whole text along.
    try:
        return json.loads(text or "null")
    except json.JSONDecodeError:
        return None
