"""Two accounts full of databases and objects, made up from a seed, behind a real `Aws`: who made what is known here.

Everybody creates, copies, renames, retags and deletes. What the product then deletes or changes is compared with the
truth: a thing of this account that the run at hand created, and nothing else.
"""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

from botocore.exceptions import ClientError

from dr.aws import s3wire
from dr.aws.clients import Aws, Role
from dr.connection import Connection

OURS, OTHERS = "123456789012", "999999999999"
REGIONS = ("eu-west-1", "eu-central-1")


@dataclass
class Database:
    name: str
    resource_id: str
    tags: dict[str, str]
    maker: str
    """The run that created it; "" for everybody else."""
    status: str = "available"


@dataclass
class Account:
    """What stands in one account: region -> databases, and (bucket, key) -> its maker, uploads likewise."""

    databases: dict[str, list[Database]] = field(default_factory=lambda: {region: [] for region in REGIONS})
    objects: dict[tuple[str, str], str] = field(default_factory=dict)
    uploads: dict[tuple[str, str], str] = field(default_factory=dict)
    """Begun, and neither completed nor aborted."""
    arriving: set[tuple[str, str]] = field(default_factory=set)
    """Uploads of which a part is on its way: it survives the first abort."""

    def named(self, region: str, name: str) -> Database | None:
        return next((one for one in self.databases[region] if one.name == name), None)


class Inventory:
    """The accounts, whoever holds the credentials at the moment, and a log of what went wrong."""

    def __init__(self) -> None:
        self.accounts = {OURS: Account(), OTHERS: Account()}
        self.key = OURS
        """The key pair in use. Its name is the account that it belongs to, and perhaps a number."""
        self.tearing_down = ""
        """The run whose scratch is being removed."""
        self.wrongs: list[str] = []
        self.deleted = 0
        self.removed = 0
        self.changed = 0
        self._made = 0

    @property
    def ours(self) -> Account:
        return self.accounts[OURS]

    def create(self, region: str, name: str, tags: dict[str, str], maker: str, account: str = OURS) -> Database | None:
        """A database, unless the name is taken."""
        here = self.accounts[account]
        if here.named(region, name):
            return None
        self._made += 1
        made = Database(name, f"db-{self._made}", dict(tags), maker)
        here.databases[region].append(made)
        return made

    def call(self, service: str, region: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """What AWS would answer to one call, under the present credentials."""
        account = self.key[:12]
        if operation == "GetCallerIdentity":
            return {"Account": account}
        here = self.accounts[account]
        if service == "s3":
            return self._s3(here, account, operation, given)
        if operation == "GetResources":
            return {"ResourceTagMappingList": [_mapped(region, one) for one in here.databases[region]]}
        if "DBInstanceIdentifier" not in given:
            wanted = {value for one in given.get("Filters", ()) for value in one["Values"]}
            listed = [one for one in here.databases[region] if not wanted or one.resource_id in wanted]
            return {"DBInstances": [_raw(one) for one in listed]}
        found = here.named(region, given["DBInstanceIdentifier"])
        if found is None:
            raise ClientError({"Error": {"Code": "DBInstanceNotFound", "Message": "none"}}, operation)
        match operation:
            case "DescribeDBInstances":
                answer = {"DBInstances": [_raw(found)]}
                if found.status == "deleting":
                    here.databases[region].remove(found)
                return answer
            case "DeleteDBInstance":
                self.removed += 1
                self._judge(account, found.maker, f"{operation} {found}")
                self.deleted += 1
                found.status = "deleting"
            case "ModifyDBInstance":
                self._judge(account, found.maker, f"{operation} {found}")
                self.changed += 1
            case _:
                raise AssertionError(operation)
        return {"DBInstance": _raw(found)}

    def _s3(self, here: Account, account: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        bucket = given["Bucket"]
        match operation:
            case "ListMultipartUploads":
                begun = sorted(key for at, key in here.uploads if at == bucket and key.startswith(given["Prefix"]))
                return {"Uploads": [{"Key": key, "UploadId": "1"} for key in begun]}
            case "AbortMultipartUpload":
                which = bucket, given["Key"]
                self._judge(account, here.uploads[which], f"{operation} {bucket}/{given['Key']}")
                if which in here.arriving:
                    here.arriving.remove(which)
                else:
                    del here.uploads[which]
                return {}
            case "ListObjectVersions":
                keys = sorted(key for at, key in here.objects if at == bucket and key.startswith(given["Prefix"]))
                versions = [{"Key": key, "VersionId": "1", "LastModified": _MOMENT, "IsLatest": True} for key in keys]
                return {"Versions": versions, s3wire.ORDER: [False] * len(versions)}
            case "DeleteObjects":
                for one in given["Delete"]["Objects"]:
                    self._s3(here, account, "DeleteObject", {"Bucket": bucket, **one})
                return {}
            case "DeleteObject":
                key = given["Key"]
                self._judge(account, here.objects.pop((bucket, key)), f"{operation} {bucket}/{key}")
                self.deleted += 1
                return {}
            case _:
                raise AssertionError(operation)

    def _judge(self, account: str, maker: str, what: str) -> None:
        if account != OURS or not maker or maker != self.tearing_down:
            self.wrongs.append(f"{what} in {account}, while {self.tearing_down} is torn down")


class Counterfeit(Aws):
    """The real `Aws`, whose clients lead into an inventory; every attempt passes its own sentry, as on the wire."""

    def __init__(self, inventory: Inventory) -> None:
        super().__init__(_NOWHERE, OURS, environment={}, regions=frozenset(REGIONS))
        self._inventory = inventory

    def client(self, service: str, region: str, role: Role = "observe", *, patient: bool = False) -> Any:
        del patient
        return _Client(self, service, region, role)

    def _session(self, region: str, role: Role) -> Any:
        del region, role
        frozen = SimpleNamespace(access_key=self._inventory.key)
        return SimpleNamespace(get_credentials=lambda: SimpleNamespace(get_frozen_credentials=lambda: frozen))

    def sent(self, service: str, region: str, role: Role, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        if operation != "GetCallerIdentity":
            signed = f"Credential={self._inventory.key}/20261120/{region}/{service}/aws4_request"
            self._assert_signature(signed, operation, region, region, role)
        return self._inventory.call(service, region, operation, given)


class _Client:
    """As much of a boto3 client as `Aws` uses."""

    def __init__(self, aws: Counterfeit, service: str, region: str, role: Role) -> None:
        self._send = lambda operation, given: aws.sent(service, region, role, operation, given)

    def __getattr__(self, name: str) -> Any:
        return lambda **given: self._send(_OPERATIONS[name], given)

    def get_paginator(self, name: str) -> Any:
        return SimpleNamespace(paginate=lambda **given: iter([self._send(_OPERATIONS[name], given)]))


_OPERATIONS = {
    "get_caller_identity": "GetCallerIdentity",
    "get_resources": "GetResources",
    "describe_db_instances": "DescribeDBInstances",
    "delete_db_instance": "DeleteDBInstance",
    "modify_db_instance": "ModifyDBInstance",
    "abort_multipart_upload": "AbortMultipartUpload",
    "list_multipart_uploads": "ListMultipartUploads",
    "list_object_versions": "ListObjectVersions",
    "delete_object": "DeleteObject",
    "delete_objects": "DeleteObjects",
}
_NOWHERE = Connection()
_MOMENT = datetime(2026, 11, 20, tzinfo=UTC)


def _raw(one: Database) -> dict[str, Any]:
    return {
        "DBInstanceIdentifier": one.name,
        "DBInstanceArn": f"arn:aws:rds:x:{OURS}:db:{one.name}",
        "DbiResourceId": one.resource_id,
        "DBInstanceStatus": one.status,
        "Engine": "postgres",
        "DBInstanceClass": "db.t4g.medium",
        "TagList": [{"Key": key, "Value": value} for key, value in one.tags.items()],
    }


def _mapped(region: str, one: Database) -> dict[str, Any]:
    tags = [{"Key": key, "Value": value} for key, value in one.tags.items()]
    return {"ResourceARN": f"arn:aws:rds:{region}:{OURS}:db:{one.name}", "Tags": tags}
