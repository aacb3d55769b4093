"""What one can restore from: recovery points and recovery windows, and the targets that a person may ask for."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict

from dr.errors import Refused, UsageError
from dr.estate import SiteName


class Fact(BaseModel):
    """Something observed: frozen, and strict about its own fields. A number is a number: neither NaN nor endless."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def in_utc(time: datetime) -> datetime:
    """The same moment in UTC. Raises ValueError for one without a zone, and for one that UTC has no year for."""
    if time.tzinfo is None:
        raise ValueError("a moment without its zone")
    if time.tzinfo is UTC:
        return time
    try:
        return time.astimezone(UTC)
    except OverflowError as problem:
        raise ValueError("no such moment in UTC") from problem


Moment = Annotated[AwareDatetime, AfterValidator(in_utc)]
"""A moment that was read back: with its zone, and one that can be compared with any other."""


class RecoveryPoint(Fact):
    """A stored state of a database that one can restore from: a snapshot, or the copy of one."""

    asset: str
    site: SiteName
    kind: Literal["snapshot", "copy", "automated"]
    identifier: str
    arn: str
    time: datetime
    """The newest transaction inside (RDS `SnapshotDatabaseTime`; else `OriginalSnapshotCreateTime`)."""
    status: str
    encrypted: bool
    kms_key: str | None = None
    resource_id: str | None = None
    """The source's `DbiResourceId`, where RDS tells."""


class RecoveryWindow(Fact):
    """Earliest to latest restorable time of the continuous backups of a database, as one site holds them."""

    asset: str
    site: SiteName
    backup_arn: str | None
    """The automated backup's ARN: the only name that works in the region that it was replicated to."""
    resource_id: str
    """The source's `DbiResourceId`, which survives renaming and is never reused."""
    earliest: datetime | None
    latest: datetime | None
    encrypted: bool
    status: str
    kms_key: str | None = None
    retention_days: int | None = None

    @property
    def grows(self) -> bool:
        """Whether backups are still being added to it; those of a `retained` one no longer are."""
        return self.status in ("pending", "replicating", "active", "creating")

    def holds(self, moment: datetime) -> bool:
        """Whether this moment can be restored from this window."""
        return bool(self.earliest and self.latest and self.earliest <= moment <= self.latest)

    def shown(self) -> str:
        return f"{stamp(self.earliest)} to {stamp(self.latest)}" if self.earliest and self.latest else "empty"


class SourceFacts(Fact):
    """What a restore must repeat from its source. Worth keeping: in an outage the source cannot be described."""

    identifier: str
    arn: str
    resource_id: str
    engine: str
    engine_version: str
    instance_class: str
    storage_type: str
    allocated_gib: int
    iops: int | None
    throughput: int | None
    port: int
    master_username: str
    database: str | None
    encrypted: bool
    kms_key: str | None
    lifecycle_support: str | None
    multi_az: bool | None = None
    """This and what follows is not repeated, but promised. None: recorded before anybody looked."""
    deletion_protection: bool | None = None
    public: bool | None = None
    retention_days: int | None = None


@dataclass(frozen=True)
class Latest:
    """The newest instant that can be proven: that of the newest baseline which the site can restore."""

    def __str__(self) -> str:
        return "latest"


@dataclass(frozen=True)
class AtTime:
    """One whole second."""

    time: datetime

    def __str__(self) -> str:
        return stamp(self.time)


@dataclass(frozen=True)
class AtPoint:
    """A recovery point, by its identifier."""

    identifier: str

    def __str__(self) -> str:
        return self.identifier


RestoreTarget = Latest | AtTime | AtPoint


def parse_target(text: str) -> RestoreTarget:
    """Read what stands after `--at`: `latest`, a time with its zone, or the name of a recovery point.

    Raises UsageError for a time that is not a whole second or that leaves its zone to be guessed.
    """
    if text == "latest":
        return Latest()
    if not text:
        raise UsageError("--at is empty", hint="write latest, a time, or the name of a recovery point")
    if not text[:4].isdigit():
        return AtPoint(text)
    try:
        time = datetime.fromisoformat(text)
    except ValueError as problem:
        raise UsageError(
            f"--at {text}: neither a time nor a recovery point", hint="write 2026-11-20T02:15:00Z"
        ) from problem
    if time.tzinfo is None:
        raise UsageError(
            f"--at {text}: a time without a zone could be any of twenty-four",
            hint="end it with Z, or an offset like +01:00",
        )
    if time.microsecond:
        raise UsageError(f"--at {text}: restores are to a whole second", hint="drop the fraction")
    try:
        return AtTime(time.astimezone(UTC))
    except OverflowError as problem:
        raise UsageError(f"--at {text}: no such moment in UTC", hint="write 2026-11-20T02:15:00Z") from problem


def choose_point(points: Iterable[RecoveryPoint], identifier: str, site: SiteName) -> RecoveryPoint:
    """The named recovery point of a site. Raises Refused when it is not there or cannot be used yet."""
    here = [point for point in points if point.site == site]
    for point in here:
        if point.identifier == identifier:
            if point.status != "available":
                raise Refused(
                    f"recovery point {identifier} is {point.status}, not available", hint="wait, or choose another"
                )
            return point
    newest: Sequence[RecoveryPoint] = sorted(here, key=lambda point: point.time, reverse=True)[:3]
    known = ", ".join(f"{point.identifier} ({stamp(point.time)})" for point in newest) or "none"
    raise Refused(f"no recovery point {identifier} in the {site} site", hint=f"newest there: {known}")


def stamp(time: datetime) -> str:
    """A moment as we write it everywhere: UTC, ISO 8601, `Z`."""
    text = time.astimezone(UTC).isoformat(timespec="milliseconds" if time.microsecond else "seconds")
    return text.replace("+00:00", "Z")
