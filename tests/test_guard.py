"""The guard's property: whatever stands in an account, a teardown deletes and changes only what its own run created.

The functions that delete and modify are the product's own, down to the signature of each attempt; only AWS is made up.
Somebody else is at work in the account all the time, but for the moment between a look and the call that rests on it:
RDS has no call that deletes by resource id.
"""

import contextlib
import os
import random
from collections.abc import Callable, Collection
from functools import cache
from types import SimpleNamespace
from typing import Any

import pytest
from inventory import OTHERS, OURS, REGIONS, Counterfeit, Database, Inventory
from pydantic import SecretStr
from stories import START, HandClock

from dr.aws import changes
from dr.claims import TAG_PURPOSE, TAG_RUN, Allowance, Creation, scratch_name, scratch_prefix, tags
from dr.clock import Clock, Deadline
from dr.errors import FiredrillError
from dr.events import Event, Intended, Observed, Opened, Thing
from dr.scratch import claim, creations
from dr.teardown import remove

RUNS = tuple(f"20261120T02150{n}Z-test-receipts-7f3{n}" for n in range(3))
ASSETS = ("receipts-db", "audit-db")
HERE = REGIONS[1]
BUCKET, SOURCE = "firedrill-scratch", "receipts-documents"
ESTATE = ("receipts", "firedrill-own")
"""Databases of the estate: one has a name that looks like ours."""
NAMES = tuple(scratch_name(run, asset) for run in RUNS for asset in ASSETS) + ESTATE + ("firedrill-other", "billing")
PREFIXES = tuple((bucket, scratch_prefix(run, "documents")) for run in RUNS for bucket in (BUCKET, SOURCE))
Remove = Callable[[Counterfeit, Creation, Collection[str], Allowance, Clock, Deadline, float], None]


class World:
    """One inventory and the journals of its runs, after some random history."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)  # noqa: S311 - repeatable, not secret
        self.inventory = Inventory()
        self.journals: dict[str, list[Event]] = {run: [_opened(run)] for run in RUNS}
        self.unproven: set[tuple[str, str]] = set()
        """(name, run) of what was announced and never observed: a name and tags are all the proof there is."""
        self.protected: set[str] = set(ESTATE) | {SOURCE}
        for name in ESTATE:
            made = self.inventory.create(HERE, name, {"environment": "production"}, "")
            assert made
            self.protected.add(made.resource_id)
        self.hostile = self.chance.random() < 0.2
        for _ in range(self.chance.randrange(4, 16)):
            self.happen()
        if self.chance.random() < 0.1 and not self.hostile:
            # Somebody emptied the estate file, and the records cannot be read: nothing is known to be protected.
            self.protected = set()
        if self.chance.random() < 0.2:
            self.mirror()
        if self.chance.random() < 0.1:
            self.inventory.key = OTHERS

    def happen(self) -> None:
        self.chance.choice(_HISTORY)(self)

    def some(self) -> Database | None:
        here = self.inventory.ours.databases[HERE]
        return self.chance.choice(here) if here else None

    def free(self, name: str) -> bool:
        return self.inventory.ours.named(HERE, name) is None

    def forged(self, name: str, given: dict[str, str]) -> bool:
        """A name with a run's random token *and* that run's tags, on what it announced and never saw: not to be told
        from its own. Nobody here does that."""
        return (name, given.get(TAG_RUN, "")) in self.unproven

    def restore(self) -> None:
        """A run restores a database; now and then it dies before it learns what it made, or finds the name taken."""
        run, asset = self.chance.choice(RUNS), self.chance.choice(ASSETS)
        name = scratch_name(run, asset)
        there = self.inventory.ours.named(HERE, name)
        if there and there.tags.get(TAG_RUN) == run and there.maker != run:
            return
        thing = _thing("instance", name)
        self.journals[run].append(Intended(operation="RestoreDBInstance", thing=thing))
        made = self.inventory.create(HERE, name, tags(run, asset, "scratch", START), run)
        if made and self.chance.random() < 0.75:
            seen = Observed(operation="RestoreDBInstance", thing=thing, resource_id=made.resource_id)
            self.journals[run].append(seen)
            self.unproven.discard((name, run))
        elif not any(isinstance(one, Observed) and one.thing == thing for one in self.journals[run]):
            self.unproven.add((name, run))

    def copy_objects(self) -> None:
        run = self.chance.choice(RUNS)
        prefix = scratch_prefix(run, "documents")
        self.journals[run].append(Intended(operation="CopyObject", thing=_thing("objects", f"{BUCKET}/{prefix}")))
        for number in range(self.chance.randrange(3)):
            unspeakable = chr(1) * self.chance.randrange(2)
            self.inventory.ours.objects[BUCKET, f"{prefix}{number}{unspeakable}"] = run
        if self.chance.random() < 0.3:
            # It dies over a copy in parts, one of which is under way.
            upload = BUCKET, f"{prefix}large"
            self.inventory.ours.uploads[upload] = run
            self.inventory.ours.arriving |= {upload} if self.chance.random() < 0.5 else set()

    def stranger(self) -> None:
        self.inventory.create(HERE, self.chance.choice(NAMES), {"team": "billing"}, "")

    def inherit(self) -> None:
        """A restore by hand, of anything: RDS gives it the tags of its source. Scratch of scratch is one of them."""
        source, name = self.some(), self.chance.choice(NAMES)
        if source and not self.forged(name, source.tags):
            self.inventory.create(self.chance.choice(REGIONS), name, source.tags, "")

    def recreate(self) -> None:
        """Gone, and there again under the same name and with the same tags: another thing."""
        one = self.some()
        if one and not self.forged(one.name, one.tags):
            self.inventory.ours.databases[HERE].remove(one)
            self.inventory.create(HERE, one.name, one.tags, "")

    def rename(self) -> None:
        one, name = self.some(), self.chance.choice(NAMES)
        if one and self.free(name) and not self.forged(name, one.tags):
            one.name = name

    def swap(self) -> None:
        """Production and something else exchange their names, as people do to go back to a restored copy."""
        one, other = self.some(), self.some()
        if one and other and not self.forged(one.name, other.tags) and not self.forged(other.name, one.tags):
            one.name, other.name = other.name, one.name

    def retag(self) -> None:
        one = self.some()
        given = tags(self.chance.choice(RUNS), self.chance.choice(ASSETS), "scratch", START)
        if one and not self.forged(one.name, given):
            one.tags = given

    def vanish(self) -> None:
        if one := self.some():
            self.inventory.ours.databases[HERE].remove(one)

    def overlap(self) -> None:
        """Objects whose keys look like a run's, in scratch and in production."""
        run = self.chance.choice(RUNS)
        for bucket, key in (
            (BUCKET, f"{run}x/documents/1"),
            (BUCKET, f"x/{run}/documents/1"),
            (BUCKET, f"{run}-2/documents/1"),
            (SOURCE, f"{run}/documents/1"),
            (SOURCE, f"{run}/documents/2"),
        ):
            if self.chance.random() < 0.5:
                self.inventory.ours.objects[bucket, key] = ""

    def forge_journal(self) -> None:
        """Somebody writes production into a journal."""
        if self.hostile:
            run = self.chance.choice(RUNS)
            thing = self.chance.choice([
                *(_thing("instance", name) for name in ESTATE),
                *(_thing("objects", f"{bucket}/{prefix}") for bucket, prefix in PREFIXES if bucket == SOURCE),
                _thing("objects", f"{BUCKET}/"),
                _thing("objects", f"{BUCKET}/{run}"),
            ])  # fmt: skip
            self.journals[run].append(Intended(operation="RestoreDBInstance", thing=thing))

    def mirror(self) -> None:
        """The other account has the very same things, down to their ids."""
        there = self.inventory.accounts[OTHERS]
        for region in REGIONS:
            there.databases[region] = [
                Database(one.name, one.resource_id, dict(one.tags), one.maker)
                for one in self.inventory.ours.databases[region]
            ]
        there.objects = dict(self.inventory.ours.objects)

    def renew(self) -> None:
        """Credentials are renewed; now and then they turn out to be another account's."""
        account = OTHERS if self.chance.random() < 0.3 else OURS
        self.inventory.key = f"{account}-{self.chance.randrange(1000)}"


_HISTORY: tuple[Callable[[World], None], ...] = (
    *(World.restore, World.restore, World.restore, World.copy_objects, World.stranger, World.inherit, World.inherit),
    *(World.recreate, World.rename, World.swap, World.retag, World.vanish, World.overlap, World.forge_journal),
)
_MEANWHILE: tuple[Callable[[World], None], ...] = (
    *(World.inherit, World.recreate, World.rename, World.swap, World.retag, World.vanish, World.renew),
)


class Busy(HandClock):
    """Whenever the product sleeps, somebody else does something."""

    def __init__(self, world: World) -> None:
        super().__init__()
        self._world = world

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds)
        if self._world.chance.random() < 0.3:
            self._world.chance.choice(_MEANWHILE)(self._world)


def tear_down(world: World, remove: Remove) -> None:
    """One run is torn down, as `dr.teardown` and `dr.sweep` do it; some of it gets a new password first."""
    inventory, clock = world.inventory, Busy(world)
    aws = Counterfeit(inventory)
    inventory.tearing_down = run = world.chance.choice(RUNS)
    left = creations(SimpleNamespace(events=world.journals[run]))  # type: ignore[arg-type]
    allowance = Allowance(run, len(left), 40)
    for creation in left:
        with contextlib.suppress(FiredrillError):
            if creation.kind == "instance" and world.chance.random() < 0.3:
                claimed = claim(aws, creation, world.protected)
                if claimed:
                    changes.set_master_password(aws, claimed, SecretStr("x"))
            remove(aws, creation, world.protected, allowance, clock, Deadline.within(clock, 300), 10)
            left_over = inventory.ours.named(HERE, creation.name)
            if left_over and creation.resource_id == left_over.resource_id and left_over.status == "available":
                inventory.wrongs.append(f"{creation} is said to be gone, and stands in the account")
            if any(f"{bucket}/{key}".startswith(creation.name) for bucket, key in inventory.ours.uploads):
                inventory.wrongs.append(f"{creation} is said to be gone, and has an upload that nobody finished")
    if inventory.removed > len(left):
        inventory.wrongs.append(f"{run} removed {inventory.removed} databases and created {len(left)}")


def explore(seeds: range, remove: Remove = remove) -> tuple[list[str], int, int]:
    """What went wrong in the worlds of these seeds, and how much was rightly deleted and changed in them."""
    wrongs: list[str] = []
    deleted = changed = 0
    for seed in seeds:
        world = World(seed)
        tear_down(world, remove)
        wrongs += [f"seed {seed}: {one}" for one in world.inventory.wrongs]
        deleted += world.inventory.deleted
        changed += world.inventory.changed
    return wrongs, deleted, changed


WORLDS, PARTS = 100_000, 5


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_deleted_or_changed_outside_of_a_claim(part: int) -> None:
    """A hundred thousand worlds, in parts: on a busy machine all of them at once would take too long for one test."""
    count = WORLDS // PARTS
    wrongs, deleted, changed = explore(range(part * count, (part + 1) * count))
    assert wrongs == []
    # The property is not kept by doing nothing.
    assert deleted > count / 4
    assert changed > count / 20


@pytest.mark.soak(50)
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("part", range(2))
def test_nothing_is_deleted_or_changed_in_other_worlds(part: int) -> None:
    """As many again, twice, from other seeds than every day's."""
    start = (int(os.environ.get("DR_SOAK_SEED", "1")) + 1) * 1_000_000 + part * 100_000
    assert explore(range(start, start + 100_000))[0] == []


def _by_name(aws: Counterfeit, creation: Creation, *_: Any) -> None:
    """What most clean-ups do: it has our name, so it is ours."""
    aws.change("rds", creation.region, "DeleteDBInstance", "x", role="scratch", DBInstanceIdentifier=creation.name)


def _by_tags(aws: Counterfeit, creation: Creation, *_: Any) -> None:
    """What careful clean-ups do: it has our tags."""
    about = {"role": "scratch", "DBInstanceIdentifier": creation.name}
    (found,) = aws.look("rds", creation.region, "DescribeDBInstances", "x", **about)["DBInstances"]
    given = {one["Key"]: one["Value"] for one in found["TagList"]}
    if given.get(TAG_RUN) == creation.run and given.get(TAG_PURPOSE) == "scratch":
        _by_name(aws, creation)


def _stale(
    aws: Counterfeit, creation: Creation, protected: Collection[str], _: Allowance, clock: Clock, *__: Any
) -> None:
    """What was proven a while ago still holds."""
    if claim(aws, creation, protected):
        clock.sleep(10)
        _by_name(aws, creation)


def _unprotected(aws: Counterfeit, creation: Creation, _: Collection[str], *more: Any) -> None:
    """Nobody said what the estate's is."""
    remove(aws, creation, set(), *more)


def _believing(aws: Counterfeit, *more: Any) -> None:
    """Whatever the credentials are, they will be right."""
    aws._demand = lambda *_: None  # type: ignore[method-assign]
    remove(aws, *more)


@pytest.mark.parametrize("careless", [_by_name, _by_tags, _stale, _unprotected, _believing])
def test_a_careless_guard_is_found_out(careless: Remove) -> None:
    assert explore(range(3000), careless)[0]


@cache
def _thing(kind: Any, name: str) -> Thing:
    return Thing(kind=kind, name=name, region=HERE)


@cache
def _opened(run: str) -> Opened:
    return Opened(run=run, tool="x", host="x", pid=1, plan={"kind": "test"})
