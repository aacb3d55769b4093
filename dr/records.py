"""What a committed backup says of itself, and how the instant of a restore follows from it. Pure.

A backup record is written last, and names every other document by its SHA-256: a backup that was cut short has none.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Literal

from pydantic import Field

from dr.errors import Refused
from dr.recovery import AtPoint, AtTime, Fact, Moment, RecoveryWindow, RestoreTarget, SourceFacts, stamp
from dr.verification import Heartbeat


class Document(Fact):
    """A document in the control store, and what it must hash to."""

    name: str
    sha256: str


class DatabaseRecord(Fact):
    source: SourceFacts
    database: str
    """The database that references and assertions speak of."""
    instant: Moment
    """The whole second that the baseline brackets."""
    baseline: Document
    snapshot: str
    snapshot_baseline: Document | None
    """The baseline around the snapshot itself, for a restore from it."""


class BucketRecord(Fact):
    bucket: str
    copy_: str
    manifests: dict[str, Document]
    """By the instant that each is of: those of the baselines, and those of the snapshots."""


class BackupRecord(Fact):
    """One backup of one application, committed."""

    schema_: Literal["firedrill.backup/1"] = Field(default="firedrill.backup/1", alias="schema")
    run: str
    application: str
    instant: Moment
    committed_at: Moment
    databases: dict[str, DatabaseRecord]
    buckets: dict[str, BucketRecord]


class Limits(Fact):
    """How far each thing can be restored in one site: nothing later than the least of them."""

    windows: dict[str, RecoveryWindow]
    objects: dict[str, datetime | None]
    """Per bucket: the moment of the newest heartbeat object that has arrived. None: it has none."""
    beats: dict[str, Heartbeat] = Field(default_factory=dict)
    """Per database: the newest beat that these objects tell of."""

    def latest(self) -> datetime | None:
        """The newest whole second to which everything can be restored; None when something cannot be at all."""
        moments = [window.latest for window in self.windows.values()] + list(self.objects.values())
        known = [moment for moment in moments if moment is not None]
        return min(known).replace(microsecond=0) if known and len(known) == len(moments) else None

    def earliest(self) -> datetime | None:
        known = [window.earliest for window in self.windows.values() if window.earliest]
        return max(known) if known else None


class Chosen(Fact):
    """The instant of a run, why it is that one, and which record proves it."""

    instant: Moment
    reason: str
    record: str | None
    """The run of the backup whose baseline is of this very instant; None when no baseline is."""
    snapshots: dict[str, str] = Field(default_factory=dict)
    """asset -> snapshot to restore from, where the target is a recovery point and not a time."""


def choose_instant(
    target: RestoreTarget,
    records: Iterable[BackupRecord],
    limits: Limits,
    databases: Mapping[str, str],
    point_times: Mapping[str, datetime],
) -> Chosen:
    """The rule that chooses T.

    `databases`: asset -> resource id of the source. `point_times`: snapshot name -> its newest transaction.
    A `latest` test goes to the newest baseline, because only there can every row be proven; the caller waits until the
    site's window has reached it. Raises Refused when the target lies outside what the site holds.
    """
    fitting = sorted(
        (
            record
            for record in records
            if all(
                asset in record.databases and record.databases[asset].source.resource_id == resource_id
                for asset, resource_id in databases.items()
            )
        ),
        key=lambda record: record.instant,
        reverse=True,
    )
    earliest = limits.earliest()
    if isinstance(target, AtTime):
        return _at_time(target.time, fitting, limits)
    if isinstance(target, AtPoint):
        return _at_point(target.identifier, fitting, point_times)
    for record in fitting:
        instants = {record.databases[asset].instant for asset in databases} or {record.instant}
        if len(instants) > 1:
            raise Refused(
                f"the baselines of {', '.join(sorted(databases))} are of {len(instants)} different instants",
                hint="test each database alone: several cannot be proven at one instant yet",
            )
        (instant,) = instants
        if record.buckets.keys() >= limits.objects.keys() and (earliest is None or instant >= earliest):
            return Chosen(instant=instant, reason=f"newest baseline, recorded by {record.run}", record=record.run)
    raise Refused("no committed backup with a baseline that this site can restore", hint="run `dr backup` first")


def _at_time(time: datetime, records: list[BackupRecord], limits: Limits) -> Chosen:
    for asset, window in limits.windows.items():
        if not window.holds(time):
            raise Refused(
                f"{stamp(time)} is outside the window of {asset} in the {window.site} site: {window.shown()}",
                hint="choose a time inside, or wait until the window has moved",
            )
    for asset, arrived in limits.objects.items():
        if arrived is None or time > arrived:
            raise Refused(
                f"{stamp(time)} is later than what is known to have arrived of {asset}: "
                f"{stamp(arrived) if arrived else 'no heartbeat object'}",
                hint="choose an earlier time, or look at the replication of the bucket",
            )
    record = next((record for record in records if record.instant == time), None)
    return Chosen(instant=time, reason="asked for", record=record.run if record else None)


def _at_point(identifier: str, records: list[BackupRecord], point_times: Mapping[str, datetime]) -> Chosen:
    for record in records:
        for asset, database in record.databases.items():
            if database.snapshot == identifier:
                if len(record.databases) > 1:
                    raise Refused(
                        f"{identifier} is one of {len(record.databases)} snapshots of {record.run}: not one instant",
                        hint="test its database alone, or restore to a time",
                    )
                if identifier not in point_times:
                    raise Refused(
                        f"recovery point {identifier} is not in this site", hint="see `dr plan`, or another --site"
                    )
                return Chosen(
                    instant=point_times[identifier].replace(microsecond=0),
                    reason=f"newest transaction inside {identifier}",
                    record=record.run,
                    snapshots={asset: identifier},
                )
    raise Refused(
        f"no committed backup knows a recovery point {identifier}", hint="`dr runs --kind backup` lists backups"
    )
