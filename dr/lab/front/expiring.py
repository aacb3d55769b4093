"""A bucket's lifecycle configuration: read as S3 reads it, kept whole, and asked what it covers.

The simulated S3 loses sizes and the number of newer versions to keep, and does nothing with any of it.
"""

import re
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from dr.lab.front import xml
from dr.lab.front.declined import Declined, malformed

_ACTIONS = (
    "Expiration",
    "NoncurrentVersionExpiration",
    "AbortIncompleteMultipartUpload",
    "Transition",
    "NoncurrentVersionTransition",
)


@dataclass(frozen=True)
class Rule:
    """One rule; None stands for an action that it does not have. Transitions are kept in the document only."""

    id: str
    enabled: bool
    prefix: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    larger_than: int | None = None
    smaller_than: int | None = None
    days: int | None = None
    date: datetime | None = None
    expired_markers: bool = False
    """Whether a delete marker under which nothing is left goes away."""
    noncurrent_days: int | None = None
    newer_noncurrent: int = 0
    """How many noncurrent versions are kept whatever their age."""
    abort_days: int | None = None

    def covers(self, key: str, size: int, tags: dict[str, str]) -> bool:
        """Whether the rule is about an object with this key, size in bytes, and tags."""
        return (
            self.enabled
            and key.startswith(self.prefix)
            and all(tags.get(name) == value for name, value in self.tags.items())
            and (self.larger_than is None or size > self.larger_than)
            and (self.smaller_than is None or size < self.smaller_than)
        )

    def covers_marker(self, key: str) -> bool:
        """A delete marker has neither size nor tags, so only a prefix can choose it."""
        narrow = self.tags or self.larger_than is not None or self.smaller_than is not None
        return self.enabled and not narrow and key.startswith(self.prefix)


@dataclass(frozen=True)
class Configuration:
    """All rules of a bucket, and the document they came from."""

    rules: tuple[Rule, ...]
    document: dict[str, Any] = field(repr=False)

    def xml(self) -> bytes:
        return xml.write({"LifecycleConfiguration": {"@xmlns": xml.NAMESPACE, **self.document}})


def read(body: bytes) -> Configuration:
    """Read the body of PutBucketLifecycleConfiguration. Raises Declined in S3's words when it is not one."""
    try:
        document = xml.read(body)["LifecycleConfiguration"]
        document = {key: value for key, value in document.items() if not key.startswith("@")}
        document["Rule"] = xml.listed(document["Rule"])
        for rule in document["Rule"]:
            if not rule.get("ID"):
                rule["ID"] = secrets.token_hex(24)
        rules = tuple(_rule(rule) for rule in document["Rule"])
    except (xml.ExpatError, KeyError, TypeError, AttributeError, ValueError) as problem:
        raise malformed() from problem
    if len({rule.id for rule in rules}) < len(rules):
        raise Declined("InvalidArgument", "Rule ID must be unique. Found same ID for more than one rule")
    return Configuration(rules, document)


def _rule(given: dict[str, Any]) -> Rule:
    if given["Status"] not in ("Enabled", "Disabled") or ("Filter" in given) == ("Prefix" in given):
        raise ValueError("status, or not exactly one of filter and prefix")
    if not any(action in given for action in _ACTIONS):
        raise Declined("InvalidRequest", "At least one action needs to be specified in a rule")
    where = given.get("Filter") or {}
    if len(where) > 1:
        raise ValueError("a filter has one criterion, or And")
    both = where.get("And") or where
    tags = {tag["Key"]: tag["Value"] or "" for tag in xml.listed(both.get("Tag"))}
    expiration = given.get("Expiration") or {}
    noncurrent = given.get("NoncurrentVersionExpiration") or {}
    abort = given.get("AbortIncompleteMultipartUpload") or {}
    markers = expiration.get("ExpiredObjectDeleteMarker") == "true"
    if "Expiration" in given and len(expiration) != 1:
        raise ValueError("days, a date or expired markers: exactly one")
    if "NoncurrentVersionExpiration" in given and "NoncurrentDays" not in noncurrent:
        raise ValueError("noncurrent versions expire after days")
    if tags and markers:
        raise Declined("InvalidRequest", "ExpiredObjectDeleteMarker cannot be specified with a tag-based filter")
    if abort and (tags or _sizes(both) != (None, None)):
        raise Declined("InvalidRequest", "AbortIncompleteMultipartUpload cannot be specified with tags or sizes")
    larger, smaller = _sizes(both)
    return Rule(
        id=given["ID"],
        enabled=given["Status"] == "Enabled",
        prefix=(both.get("Prefix") if "Filter" in given else given.get("Prefix")) or "",
        tags=tags,
        larger_than=larger,
        smaller_than=smaller,
        days=_positive(expiration, "Days", "Expiration"),
        date=_midnight(expiration["Date"]) if "Date" in expiration else None,
        expired_markers=markers,
        noncurrent_days=_positive(noncurrent, "NoncurrentDays", "NoncurrentVersionExpiration"),
        newer_noncurrent=_positive(noncurrent, "NewerNoncurrentVersions", "NoncurrentVersionExpiration") or 0,
        abort_days=_positive(abort, "DaysAfterInitiation", "AbortIncompleteMultipartUpload"),
    )


def _sizes(where: dict[str, Any]) -> tuple[int | None, int | None]:
    larger, smaller = where.get("ObjectSizeGreaterThan"), where.get("ObjectSizeLessThan")
    return int(larger) if larger is not None else None, int(smaller) if smaller is not None else None


def _positive(given: dict[str, Any], name: str, action: str) -> int | None:
    if name not in given:
        return None
    if not re.fullmatch(r"0*[1-9]\d{0,9}", given[name] or ""):
        raise Declined("InvalidArgument", f"'{name}' for {action} action must be a positive integer")
    return int(given[name])


def _midnight(given: str) -> datetime:
    found = datetime.fromisoformat(given)
    found = found.replace(tzinfo=found.tzinfo or UTC).astimezone(UTC)
    if (found.hour, found.minute, found.second, found.microsecond) != (0, 0, 0, 0):
        raise Declined("InvalidArgument", "'Date' must be at midnight GMT")
    return found
