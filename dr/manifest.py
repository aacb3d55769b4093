"""What a bucket held at an instant, version by version: the bytes by our own SHA-256, and what S3 says besides. Pure.

What people wrote into headers, metadata and tags can be personal data: of these a manifest holds the names, and of
each value a hash that is keyed with the seed of the manifest, so that two manifests cannot be matched by their hashes.
"""

import hashlib
import hmac
from typing import Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from dr.recovery import Fact, Moment

ARCHIVED = frozenset({"GLACIER", "DEEP_ARCHIVE"})
"""Storage classes whose objects take hours before they can be read (S3 user guide, "Understanding S3 storage classes
for archiving"). GLACIER_IR answers at once."""


def mark(seed: str, name: str, value: str) -> str:
    """What stands for a value in a manifest: an HMAC over its name too, so that equal values do not look equal."""
    return hmac.new(seed.encode(), f"{name}\0{value}".encode(), hashlib.sha256).hexdigest()[:32]


def fits(recorded: str, found: str) -> bool:
    """Whether bytes are those that were recorded. Of what nobody read, any may be the right ones."""
    return recorded in ("", found)


class Retention(Fact):
    """What Object Lock keeps a version by."""

    mode: str = ""
    """COMPLIANCE, GOVERNANCE, or nothing."""
    until: Moment | None = None
    hold: bool = False
    """Whether a legal hold is on."""


class Told(Fact):
    """What S3 says of one version, apart from its bytes. Values of what people wrote are marks."""

    content_type: str = ""
    headers: dict[str, str] = Field(default_factory=dict)
    """Cache-Control and its like, by their names, to marks."""
    metadata: dict[str, str] = Field(default_factory=dict)
    tags: dict[str, str] = Field(default_factory=dict)
    storage_class: str = "STANDARD"
    archived: bool = False
    """It takes hours before it can be read: by its storage class, or by a tier that S3 moved it to."""
    encryption: str = ""
    kms_key: str = ""
    checksum: str = ""
    """Algorithm and value, of the whole object. One over parts, like an ETag, is no proof of bytes: it is left out."""
    checksum_type: Literal["", "FULL_OBJECT", "COMPOSITE"] = ""
    retention: Retention | None = None
    """None: the bucket has no Object Lock."""
    replication: str = ""
    """PENDING, COMPLETED or FAILED on a source, REPLICA on a copy, nothing where no rule applied."""

    @model_serializer(mode="wrap")
    def _short(self, written: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # A manifest has a million of these.
        return {name: value for name, value in written(self).items() if value}


class Content(Fact):
    """One version: its bytes, read to the last one, and what S3 says of it."""

    sha256: str
    """Nothing of what is archived, and its size is not told either: nobody read it."""
    size: int
    told: Told | None = None


class RestoredObject(Fact):
    """One object of a restore: the version of the source that it was made from, and its bytes by checksum."""

    key: str
    source_version: str
    size: int
    sha256: str
    current: bool = True
    """Whether a plain read of the key finds it: neither a newer version nor a delete marker stands on top."""
    told: Told | None = None


class ObjectVersion(Fact):
    """One object as it stood at the instant."""

    key: str
    version: str
    size: int
    sha256: str
    """Nothing of what was archived already when it was first met: nobody ever read it."""
    modified: Moment
    ambiguous: dict[str, str] = Field(default_factory=dict)
    """Other versions, stored within the same second as the instant, to their SHA-256: any may be the right one."""
    recent: dict[str, str] = Field(default_factory=dict)
    """Versions replaced shortly before the instant, to their SHA-256: a row may still name one of them."""
    told: Told | None = None
    """None: not recorded, by an earlier form."""

    @property
    def archived(self) -> bool:
        """Whether it was archived at the source itself, when the manifest was made."""
        return self.told is not None and self.told.archived


class BucketBaseline(Fact):
    """Every object of a bucket at one instant."""

    schema_: Literal["firedrill.objects/1", "firedrill.objects/2"] = "firedrill.objects/2"
    asset: str
    bucket: str
    instant: Moment
    objects: dict[str, ObjectVersion]
    empty: bool = False
    """Nothing stood in the bucket at the instant: said on purpose, so that a lost manifest does not look like it."""
    unsettled: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Keys whose presence at the instant a one-second clock cannot decide, with the versions that may count."""
    hidden: dict[str, dict[str, str]] = Field(default_factory=dict)
    """Keys deleted shortly before the instant, with the version that a row may still name."""
    markers: dict[str, str] = Field(default_factory=dict)
    """Keys under a delete marker at the instant, to the marker's version."""
    seed: str = ""
    """What the marks of this manifest are keyed with."""
