"""The connection file: how the product reaches AWS where AWS is not at its usual address.

It is the only thing that leads to the lab, and it is plain data: endpoint addresses, a certificate authority, names
that resolve elsewhere, and how fast time passes. Because whoever writes this file decides where credentials are sent,
it is accepted only with loopback addresses.
"""

import ipaddress
import json
import os
import re
from collections.abc import Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from dr.errors import Refused

VARIABLE = "DR_CONNECTION"
GLOBAL = "global"
ADDRESS = re.compile(r"https?://(?P<host>[A-Za-z0-9.]+|\[[0-9a-fA-F:.]+\])(:[0-9]{1,5})?/?")
"""Deliberately narrow: libraries disagree about where the host ends in what this does not match (`@`, a backslash)."""


class Credentials(BaseModel):
    """A key pair that is good only at the endpoints of this file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    access_key_id: str
    secret_access_key: str = Field(repr=False)


class NameServers(BaseModel):
    """Where DNS is asked, each as address:port for UDP and TCP alike."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    authority: str
    """The name server of the zones: what is in force now."""
    resolver: str
    """A caching resolver: what clients still believe. Times to live run on the connection's time scale."""

    @field_validator("authority", "resolver")
    @classmethod
    def _only_loopback(cls, server: str) -> str:
        host, _, port = server.rpartition(":")
        _loopback(host.strip("[]"), server)
        if not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
            raise ValueError(f"{server} has no port")
        return server


class Connection(BaseModel):
    """Where each region's services listen. An empty one means AWS itself."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    account: str | None = None
    time_scale: float = Field(default=1.0, ge=1.0)
    """How many of AWS's seconds pass in one second here: deadlines and polling intervals are divided by it."""
    credentials: Credentials | None = None
    endpoints: dict[str, dict[str, str]] = Field(default_factory=dict)
    """region -> service -> URL. Services without a region of their own (Route 53, IAM) stand under `global`."""
    certificate_authority: Path | None = None
    resolver: dict[str, str] = Field(default_factory=dict)
    """host name pattern -> address, for database endpoints whose names no resolver knows."""
    dns: NameServers | None = None
    """None means the system's own resolver."""

    @field_validator("endpoints")
    @classmethod
    def _only_loopback_endpoints(cls, endpoints: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
        for services in endpoints.values():
            for url in services.values():
                parts = ADDRESS.fullmatch(url)
                _loopback(parts["host"].strip("[]") if parts else "", url)
        return endpoints

    @field_validator("resolver")
    @classmethod
    def _only_loopback_addresses(cls, resolver: dict[str, str]) -> dict[str, str]:
        for pattern, address in resolver.items():
            _loopback(address, f"{pattern} -> {address}")
        return resolver

    def endpoint(self, service: str, region: str) -> str | None:
        """The URL of a service, or None for AWS's own.

        Raises Refused when this file speaks of endpoints but not of this one: falling through to the real AWS with
        the lab's plan in hand is the one mistake that this file must never allow.
        """
        if not self.endpoints:
            return None
        for place in (region, GLOBAL):
            if service in self.endpoints.get(place, {}):
                return self.endpoints[place][service]
        raise Refused(
            f"the connection file has no endpoint for {service} in {region}",
            hint=f"{VARIABLE} must name every region and service that the estate uses, or not be set",
        )

    def address(self, host: str) -> str | None:
        """The address to dial for a host name, or None to leave it to the system's resolver.

        Raises Refused when this file speaks of endpoints but does not know the name: see `endpoint`.
        """
        found = next((address for pattern, address in self.resolver.items() if fnmatchcase(host, pattern)), None)
        if found is None and self.endpoints:
            raise Refused(
                f"the connection file does not say where {host} is", hint="its resolver must name every database"
            )
        return found


def _loopback(host: str, shown: str) -> None:
    try:
        good = ipaddress.ip_address(host).is_loopback
    except ValueError:
        good = host == "localhost"
    if not good:
        raise ValueError(f"{shown} is not a loopback address")


def read(environment: Mapping[str, str] = os.environ) -> Connection:
    """The connection that `DR_CONNECTION` names, or AWS itself where it is not set.

    Raises Refused when the file cannot be read, does not parse, or leads anywhere but to this machine.
    """
    path = environment.get(VARIABLE)
    if not path:
        return Connection()
    try:
        connection = Connection.model_validate(json.loads(Path(path).read_text(encoding="utf-8")))
    except OSError as problem:
        raise Refused(
            f"{VARIABLE}: cannot read {path}: {problem.strerror}", hint="is the lab up? see `dr lab status`"
        ) from problem
    except json.JSONDecodeError as problem:
        raise Refused(
            f"{VARIABLE}: {path}:{problem.lineno}: not JSON: {problem.msg}", hint="`dr lab up` writes this file"
        ) from problem
    except ValidationError as problem:
        first = problem.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise Refused(
            f"{VARIABLE}: {path}: {where}: {first['msg']}",
            hint="only loopback addresses are accepted here; unset it to reach AWS",
        ) from problem
    except (ValueError, RecursionError) as problem:
        raise Refused(f"{VARIABLE}: {path}: not JSON", hint="`dr lab up` writes this file") from problem
    if not connection.endpoints:
        # Without this, a file cut down to `{}` would lead to AWS itself.
        raise Refused(f"{VARIABLE}: {path} names no endpoint", hint="unset it to reach AWS")
    return connection
