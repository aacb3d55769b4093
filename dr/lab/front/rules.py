"""A bucket's replication configuration: read as S3 reads it, kept whole, and asked which versions it covers.

The simulated S3 stores a configuration and gives back another one (filters and delete-marker replication are lost), so
the real one is kept here.
"""

import secrets
from dataclasses import dataclass, field
from typing import Any

from dr.lab.front import xml
from dr.lab.front.payload import BadPayload

_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
_MALFORMED = "the XML you provided was not well-formed or did not validate against our published schema"


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
        body = {"ReplicationConfiguration": {"@xmlns": _NAMESPACE, **self.document}}
        return xml.write(body)


def read(body: bytes) -> Configuration:
    """Read the body of PutBucketReplication. Raises BadPayload in S3's words when it is not one."""
    try:
        document = xml.read(body)["ReplicationConfiguration"]
        document = {key: value for key, value in document.items() if not key.startswith("@")}
        given = document["Rule"] if isinstance(document["Rule"], list) else [document["Rule"]]
        for rule in given:
            rule.setdefault("ID", secrets.token_hex(15))
        document["Rule"] = given
        if not document["Role"]:
            raise BadPayload("MalformedXML", _MALFORMED)
        rules = tuple(_rule(rule) for rule in given)
    except (xml.ExpatError, KeyError, TypeError, AttributeError, ValueError) as problem:
        raise BadPayload("MalformedXML", _MALFORMED) from problem
    return Configuration(rules, document)


def _rule(given: dict[str, Any]) -> Rule:
    second_version = "Filter" in given
    where = given.get("Filter") or {}
    both = where.get("And") or where
    tags = both.get("Tag") or []
    tags = tags if isinstance(tags, list) else [tags]
    markers = (given.get("DeleteMarkerReplication") or {}).get("Status")
    destination = given["Destination"]
    criteria = (given.get("SourceSelectionCriteria") or {}).get("SseKmsEncryptedObjects") or {}
    if given["Status"] not in ("Enabled", "Disabled") or not destination["Bucket"].startswith("arn:aws:s3:::"):
        raise ValueError("status or destination")
    return Rule(
        id=given["ID"],
        enabled=given["Status"] == "Enabled",
        priority=int(given.get("Priority") or 0),
        prefix=(both.get("Prefix") if second_version else given.get("Prefix")) or "",
        tags={tag["Key"]: tag["Value"] or "" for tag in tags},
        # the first version of the language has no Filter, and replicates delete markers unless told otherwise
        delete_markers=markers == "Enabled" or (not second_version and markers is None),
        encrypted=criteria.get("Status") == "Enabled",
        destination=destination["Bucket"].removeprefix("arn:aws:s3:::"),
        kms_key=(destination.get("EncryptionConfiguration") or {}).get("ReplicaKmsKeyID"),
        storage_class=destination.get("StorageClass"),
    )
