"""A bucket's replication configuration: read as S3 reads it, kept whole, and asked which versions it covers.

The simulated S3 stores a configuration and gives back another one (filters and delete-marker replication are lost), so
the real one is kept here.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any

from dr.lab.front import xml
from dr.lab.front.declined import Declined, malformed

_SCHEMA = "for this version of Cross Region Replication configuration schema."


@dataclass(frozen=True)
class Rule:
    """One enabled or disabled rule: which versions go where, and how."""

    id: str
    enabled: bool
    priority: int
    prefix: str
    tags: dict[str, str]
    delete_markers: bool
    encrypted: bool
    """Whether objects under a KMS key are replicated at all: on AWS that must be asked for."""
    destination: str
    kms_key: str | None
    storage_class: str | None

    def covers(self, key: str, tags: dict[str, str], *, encrypted: bool) -> bool:
        """Whether this rule replicates a new object with this key and these tags."""
        fits = key.startswith(self.prefix) and all(tags.get(name) == value for name, value in self.tags.items())
        return self.enabled and fits and (self.encrypted or not encrypted)

    def covers_marker(self, key: str) -> bool:
        return self.enabled and self.delete_markers and not self.tags and key.startswith(self.prefix)


@dataclass(frozen=True)
class Configuration:
    """All rules of a bucket, and the document they came from."""

    rules: tuple[Rule, ...]
    document: dict[str, Any] = field(repr=False)

    def xml(self) -> bytes:
        return xml.write({"ReplicationConfiguration": {"@xmlns": xml.NAMESPACE, **self.document}})

    def chosen(self, fitting: list[Rule]) -> list[Rule]:
        """Of the rules that fit a version, the one with the highest priority for each destination."""
        best: dict[str, Rule] = {}
        for rule in sorted(fitting, key=lambda rule: rule.priority):
            best[rule.destination] = rule
        return list(best.values())


def read(body: bytes) -> Configuration:
    """Read the body of PutBucketReplication. Raises Declined in S3's words when it is not one."""
    try:
        document = xml.read(body)["ReplicationConfiguration"]
        document = {key: value for key, value in document.items() if not key.startswith("@")}
        given = xml.listed(document["Rule"])
        for rule in given:
            rule.setdefault("ID", secrets.token_hex(15))
        document["Rule"] = given
        if not document["Role"]:
            raise malformed()
        rules = tuple(_rule(rule) for rule in given)
    except (xml.ExpatError, KeyError, TypeError, AttributeError, ValueError) as problem:
        raise malformed() from problem
    if len({rule.id for rule in rules}) < len(rules):
        raise Declined("InvalidArgument", "Rule Id must be unique")
    if len({(rule.priority, rule.destination) for rule in rules}) < len(rules):
        raise Declined("InvalidRequest", "Found duplicate priority in rules for the same destination")
    return Configuration(rules, document)


def _rule(given: dict[str, Any]) -> Rule:
    second_version = "Filter" in given
    where = given.get("Filter") or {}
    both = where.get("And") or where
    tags = xml.listed(both.get("Tag"))
    markers = (given.get("DeleteMarkerReplication") or {}).get("Status")
    destination = given["Destination"]
    criteria = (given.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}
    kms_key = (destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID")
    if given["Status"] not in ("Enabled", "Disabled") or not destination["Bucket"].startswith("arn:aws:s3:::"):
        raise ValueError("status or destination")
    if second_version and markers is None:
        raise Declined("InvalidRequest", f"DeleteMarkerReplication must be specified {_SCHEMA}")
    if second_version and "Priority" not in given:
        raise Declined("InvalidRequest", f"Priority must be specified {_SCHEMA}")
    if not second_version and markers is not None:
        raise Declined("InvalidRequest", f"DeleteMarkerReplication cannot be used {_SCHEMA}")
    if tags and markers == "Enabled":
        raise Declined("InvalidRequest", "Delete marker replication is not supported if any Tag filter is specified.")
    if criteria.get("Status") == "Enabled" and not kms_key:
        raise Declined("InvalidRequest", "ReplicaKmsKeyID must be specified if SseKmsEncryptedObjects tag is present.")
    return Rule(
        id=given["ID"],
        enabled=given["Status"] == "Enabled",
        priority=int(given.get("Priority") or 0),
        prefix=(both.get("Prefix") if second_version else given.get("Prefix")) or "",
        tags={tag["Key"]: tag["Value"] or "" for tag in tags},
        # the first version of the language has no Filter, and always replicates delete markers
        delete_markers=markers == "Enabled" or not second_version,
        encrypted=criteria.get("Status") == "Enabled",
        destination=destination["Bucket"].removeprefix("arn:aws:s3:::"),
        kms_key=kms_key,
        storage_class=destination.get("StorageClass"),
    )
