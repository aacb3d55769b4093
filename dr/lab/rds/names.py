"""Identifiers: what AWS accepts, and what it makes up itself."""

import re
import secrets
import string
import uuid

from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Tags

INSTANCE = re.compile(r"(?=.{1,63}\Z)[a-z](?:-?[a-z0-9])*")
NAME = re.compile(r"(?=.{1,255}\Z)[a-z](?:-?[a-z0-9])*")
CLASS = re.compile(r"db\.[a-z0-9-]+\.[a-z0-9-]+")
USER = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,62}")
DATABASE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
RESERVED_USERS = re.compile(r"(rdsadmin|rds_.*|pg_.*|rdsrepladmin|public|none)")
RESERVED_DATABASES = {"rdsadmin", "template0", "template1"}
OWN_PREFIXES = ("rds:", "awsbackup:")
TAG = re.compile(r"[\w\s.:/=+\-@]*")
BASE32 = string.ascii_lowercase + "234567"


def instance(value: str, parameter: str = "DBInstanceIdentifier") -> str:
    """An instance identifier, in lower case as AWS keeps it."""
    lowered = value.lower()
    # The lower case of some foreign letters is an ASCII letter.
    if not value.isascii() or not INSTANCE.fullmatch(lowered):
        raise Fault(
            "InvalidParameterValue",
            f"The parameter {parameter} is not a valid identifier. Identifiers must begin with a letter; must contain "
            "only ASCII letters, digits, and hyphens; and must not end with a hyphen or contain two consecutive "
            "hyphens.",
        )
    return lowered


def snapshot(value: str, parameter: str = "DBSnapshotIdentifier") -> str:
    """A name for a manual snapshot."""
    return _name(value, parameter)


def group(value: str, parameter: str) -> str:
    """A name for a group; `default` is AWS's own."""
    lowered = _name(value, parameter)
    if lowered == "default" or lowered.startswith("default."):
        raise Fault("InvalidParameterValue", f"{parameter}: {value} is reserved.")
    return lowered


def _name(value: str, parameter: str) -> str:
    lowered = value.lower()
    if not value.isascii() or not NAME.fullmatch(lowered):
        raise Fault(
            "InvalidParameterValue",
            f"The parameter {parameter} is not a valid identifier because it is longer than 255 characters or holds "
            "something other than letters, digits and single hyphens.",
        )
    return lowered


def subnet_group(value: str) -> str:
    """A subnet group's name: laxer than other names."""
    lowered = value.lower()
    if lowered == "default" or not re.fullmatch(r"[a-z0-9 ._-]{1,255}", lowered):
        raise Fault("InvalidParameterValue", f"The parameter DBSubnetGroupName {value[:100]!r} is not valid.")
    return lowered


def instance_class(value: str) -> str:
    if not CLASS.fullmatch(value):
        raise Fault("InvalidParameterValue", f"Invalid DB Instance class: {value[:100]}")
    return value


def master(value: str) -> str:
    if not USER.fullmatch(value) or RESERVED_USERS.fullmatch(value.lower()):
        raise Fault(
            "InvalidParameterValue",
            f"MasterUsername {value[:100]} cannot be used as it is a reserved word used by the engine or not valid",
        )
    return value


def password(value: str) -> str:
    good = 8 <= len(value) <= 128 and all(" " < sign <= "~" and sign not in "/\"@'" for sign in value)
    if not good:
        raise Fault(
            "InvalidParameterValue",
            "The parameter MasterUserPassword is not a valid password. Only 8 to 128 printable ASCII characters "
            "besides '/', '@', '\"', ''' and ' ' may be used.",
        )
    return value


def database(value: str) -> str:
    if not DATABASE.fullmatch(value) or value.lower() in RESERVED_DATABASES:
        raise Fault("InvalidParameterValue", f"DBName {value[:100]} is not a valid or free database name.")
    return value


def tags(given: list[dict[str, str]] | None) -> Tags:
    """Tags as a request spells them. Raises Fault for those that AWS refuses."""
    found: Tags = {}
    for tag in given or []:
        key, value = tag.get("Key", ""), tag.get("Value", "")
        bad = not key or len(key) > 128 or len(value) > 256 or key.lower().startswith(("aws:", "rds:"))
        if bad or not TAG.fullmatch(key) or not TAG.fullmatch(value):
            raise Fault("InvalidParameterValue", f"Tag {key[:50]!r} is not valid.")
        found[key] = value
    if len(found) > 50:
        raise Fault("InvalidParameterValue", "A resource can have 50 tags at most.")
    return found


def tag_list(held: Tags) -> list[dict[str, str]]:
    return [{"Key": key, "Value": value} for key, value in sorted(held.items())]


def resource_id() -> str:
    return "db-" + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(26))


def cluster_resource_id() -> str:
    return "cluster-" + resource_id().removeprefix("db-")


def clone_group() -> str:
    """What a cluster shares with its clones."""
    return str(uuid.uuid4())


def backup_id() -> str:
    return "ab-" + "".join(secrets.choice(BASE32) for _ in range(39))


def secret_id() -> str:
    """What follows `rds!` in the name of a secret that RDS keeps for an instance."""
    return f"db-{uuid.uuid4()}"


def host_token() -> str:
    """The part of an endpoint that stands for account and region."""
    return "c" + "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(11))
