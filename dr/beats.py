"""What the heartbeat's numbers say: which of them a restore must hold, and what the object in the bucket tells. Pure.

A writer puts at most one beat into each second, at its half, and gives it the number after the last one. So a beat that
is known by number and moment bounds the number of every other moment: from one to the other, no more beats can have
been written than there were half seconds.
"""

import json
import math
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime

from pydantic import Field, ValidationError

from dr.recovery import Fact, Moment, in_utc, stamp
from dr.verification import Heartbeat, HeartbeatWindow


class Expected(Fact):
    """What the source says of the newest beat until a moment."""

    least: int | None
    """Its number is at least this. None: there may be no beat at all."""
    most: int
    lineages: tuple[str, ...]
    """The lines of writers that it may be of."""
    gaps: tuple[int, ...] = ()
    """Numbers that are missing at the source as well."""
    all_lineages: tuple[str, ...] | None = None
    """Every line among the last beats at the source; None where only the newest is known."""
    told_by: str

    def shown(self) -> str:
        return str(self.most) if self.least in (None, self.most) else f"{self.least} to {self.most}"


def bracketed(before: HeartbeatWindow | None, after: HeartbeatWindow) -> Expected | None:
    """What the two sides of a bracket saw until its moment. None where the source had no beat by then."""
    known = after.newest_until
    if known is None:
        return None
    before = before or after
    first = before.newest_until
    return Expected(
        least=first.seq if first else None,
        most=known.seq,
        lineages=tuple(sorted({known.lineage, (first or known).lineage})),
        gaps=after.gaps,
        all_lineages=after.lineages,
        told_by="the baseline of this instant",
    )


def bounded_by(beat: Heartbeat, moment: datetime, told_by: str) -> Expected:
    """What one beat, known by number and moment, says of the newest beat until another moment."""
    if beat.at > moment:
        # Every second from the moment's own to the beat's may hold one: the beat itself is the last of them.
        between = math.floor(beat.at.timestamp()) - math.floor(moment.timestamp()) + 1
        least, most = max(0, beat.seq - between), beat.seq
    else:
        between = math.ceil(moment.timestamp()) - 1 - math.floor(beat.at.timestamp())
        least, most = beat.seq, beat.seq + max(0, between)
    return Expected(least=least, most=most, lineages=(beat.lineage,), told_by=f"{told_by} of {stamp(beat.at)}")


class HeartbeatObject(Fact):
    """What the heartbeat object in a bucket holds."""

    at: Moment
    """Everything that was stored before this moment was stored before the object."""
    newest: Heartbeat | None = None
    """The newest beat that was committed by then; of which database it does not say."""
    beats: dict[str, Heartbeat] = Field(default_factory=dict)
    """The same for each database, by asset, where the writer says whose they are."""

    def of(self, asset: str, *, alone: bool) -> Heartbeat | None:
        """What it tells of one database. `alone`: it is the only one that the application has."""
        return self.beats.get(asset) or (self.newest if alone else None)


def object_of(beats: Mapping[str, Heartbeat]) -> bytes:
    """The content of the object: the newest of all beats, and each database's own by asset."""
    newest = max(beats.values(), key=lambda beat: beat.at)
    one = {"seq": newest.seq, "at": newest.at.astimezone(UTC).isoformat(), "lineage": newest.lineage}
    return json.dumps(one | {"beats": {asset: beat.model_dump(mode="json") for asset, beat in beats.items()}}).encode()


def read_object(content: bytes) -> HeartbeatObject | None:
    """What an object says; None where its moment has no zone. Raises ValueError for one that is no heartbeat.

    Whoever may write to production's bucket may write it, so nothing of it but the moment is taken for granted.
    """
    try:
        held = json.loads(content)
        at = datetime.fromisoformat(held["at"])
    except (KeyError, TypeError, RecursionError) as problem:
        raise ValueError("not a heartbeat") from problem
    if at.tzinfo is None:
        return None
    newest = _beat(held)
    beats = held.get("beats")
    told = {str(asset): _beat(one) for asset, one in beats.items()} if isinstance(beats, dict) else {}
    return HeartbeatObject(
        at=in_utc(at), newest=newest, beats={asset: beat for asset, beat in told.items() if beat is not None}
    )


def newest_of(objects: Iterable[HeartbeatObject], asset: str, *, alone: bool) -> Heartbeat | None:
    """The newest beat of a database that any of these objects knows."""
    told = [beat for one in objects if (beat := one.of(asset, alone=alone)) is not None]
    return max(told, key=lambda beat: beat.at, default=None)


def _beat(held: object) -> Heartbeat | None:
    if not isinstance(held, dict):
        return None
    try:
        return Heartbeat.model_validate({part: held.get(part) for part in Heartbeat.model_fields})
    except ValidationError:
        return None
