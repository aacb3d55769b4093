"""Names, tags and expiry of what a run creates; and the guard: what may be deleted, and by which proof.

A delete function takes a claim, never a name. A claim is obtained here only, from three witnesses that must agree: the
run's own journal created the thing, its tags name that run, and its resource id is not among the protected ones. Tags
alone prove nothing: a point-in-time restore on RDS copies the tags of its source unless it is given others.

A proof can still be wrong. So deletions are counted as well: a run removes no more things than it created, and no run
removes more than the estate's cap.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from dr.errors import Refused
from dr.recovery import stamp

PREFIX = "firedrill"
TAG_RUN = "firedrill:run"
TAG_ASSET = "firedrill:asset"
TAG_EXPIRES = "firedrill:expires"
TAG_PURPOSE = "firedrill:purpose"
TAG_SOURCE = "firedrill:source"
"""What a thing was made from: RDS itself does not tell it of a restored instance."""
SCRATCH_LIFETIME = timedelta(hours=24)
"""Longer than any test may take: until then only a sweep that can see the run's end removes its scratch."""

Kind = Literal["instance", "objects"]


def tags(run: str, asset: str, purpose: Literal["scratch", "backup"], expires: datetime | None) -> dict[str, str]:
    """The tags of every created thing. Given explicitly, they also keep production's tags from being inherited."""
    given = {TAG_RUN: run, TAG_ASSET: asset, TAG_PURPOSE: purpose}
    return given | ({TAG_EXPIRES: stamp(expires)} if expires else {})


def scratch_name(run: str, asset: str) -> str:
    """The identifier of a scratch instance: fixed by run and asset, so that a repeated request meets the first one.

    At most 63 characters, letters, digits and single hyphens, as RDS demands of an instance identifier.
    """
    when, _, rest = run.partition("-")
    token = rest.rpartition("-")[2]
    return f"{PREFIX}-{when.lower()}-{token}-{asset}"[:63].rstrip("-")


def backup_name(run: str, asset: str) -> str:
    """The identifier of a snapshot that a backup run takes; its copy in the recovery site has the same one."""
    return scratch_name(run, asset)


def scratch_prefix(run: str, asset: str) -> str:
    """Where a run's objects stand in a scratch bucket."""
    return f"{run}/{asset}/"


@dataclass(frozen=True)
class Description:
    """What AWS says of a thing that somebody wants to delete."""

    kind: Kind
    name: str
    region: str
    resource_id: str | None
    tags: Mapping[str, str]


@dataclass(frozen=True)
class Creation:
    """What a journal says of a thing that its run created: intended before the call, observed after it."""

    kind: Kind
    name: str
    region: str
    run: str
    resource_id: str | None
    """None while only the intent was recorded: the run died between the call and its record."""
    answered: bool = False
    """Whether the calls that made it were seen to end: one that nobody answered may still have its effect."""


@dataclass(frozen=True)
class ScratchClaim:
    """Proof that a thing is scratch of one run. Only `claim_scratch` makes one."""

    kind: Kind
    name: str
    region: str
    run: str
    resource_id: str | None


class Allowance:
    """How many things one run may remove: each that it created once, and never more than a cap.

    Removing is asked for again and again until a thing is gone; the same thing counts once. Another thing that came to
    bear the name of one that was removed counts anew, and is one too many.
    """

    def __init__(self, run: str, created: int, cap: int) -> None:
        self.run = run
        self._created = created
        self._cap = cap
        self._spent: set[ScratchClaim] = set()

    def spend(self, claim: ScratchClaim) -> None:
        """Called right before each deletion. Raises Refused when it would be one too many, or another run's."""
        shown = f"{claim.kind} {claim.name} in {claim.region}"
        if claim.run != self.run:
            raise Refused(f"{shown} is scratch of run {claim.run}: run {self.run} may not remove it")
        if claim in self._spent:
            return
        if len(self._spent) >= self._cap:
            raise Refused(
                f"{shown} stays: run {self.run} has removed {self._cap} things, and no run may remove more",
                hint="the estate's `deletions_per_run`; then `dr sweep`",
            )
        if len(self._spent) >= self._created:
            raise Refused(
                f"{shown} stays: run {self.run} has removed as many things as it created ({self._created})",
                hint="something else bears the name of what was removed already: look at it by hand",
            )
        self._spent.add(claim)


def claim_scratch(thing: Description, creation: Creation | None, protected: Collection[str]) -> ScratchClaim:
    """Turn a description into a claim. Raises Refused, saying which witness disagrees.

    `protected` holds the resource ids of the estate's own databases and the names of its own buckets, stores included.
    """
    shown = f"{thing.kind} {thing.name} in {thing.region}"
    # Objects are named `bucket/prefix/`: the bucket is what may be protected.
    if any(name in protected for name in (thing.resource_id, thing.name, thing.name.partition("/")[0]) if name):
        raise Refused(f"{shown} is protected: it belongs to the estate", hint="nothing of the estate is ever deleted")
    created = (creation.kind, creation.name, creation.region) if creation and creation.run else None
    if creation is None or created != (thing.kind, thing.name, thing.region):
        raise Refused(f"{shown}: no journal created it", hint="remove it by hand if it is yours")
    if creation.resource_id is not None and creation.resource_id != thing.resource_id:
        raise Refused(
            f"{shown} is not what run {creation.run} created: its resource id is {thing.resource_id}, "
            f"the journal says {creation.resource_id}",
            hint="somebody gave its name to something else",
        )
    if thing.kind == "instance":
        if thing.resource_id is None:
            raise Refused(f"{shown} has no resource id: it cannot be told from a protected one")
        if not thing.name.startswith(f"{PREFIX}-"):
            raise Refused(f"{shown}: its name does not start with {PREFIX}-")
        if thing.tags.get(TAG_RUN) != creation.run or thing.tags.get(TAG_PURPOSE) != "scratch":
            raise Refused(f"{shown}: its tags do not say that it is scratch of run {creation.run}")
    elif not thing.name.partition("/")[2].startswith(f"{creation.run}/"):
        raise Refused(f"{shown}: the prefix is not run {creation.run}'s own")
    return ScratchClaim(thing.kind, thing.name, thing.region, creation.run, thing.resource_id)
