"""`dr sweep` over journals written by hand, and an account that says what it is asked to."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import stories
from inventory import OURS, Counterfeit, Database, Inventory
from stories import START, HandClock

from dr import claims
from dr.abandoned import Swept
from dr.claims import Allowance, Creation
from dr.clock import Deadline
from dr.connection import Connection
from dr.documents import Document
from dr.drill import House
from dr.errors import Refused, Unable
from dr.estate import Estate
from dr.events import Closed, Event, Intended, Observed, Removed, Resumed, TeardownStarted, Thing
from dr.journal import FILE, Journal
from dr.ledger import Ledger
from dr.machine import Machine
from dr.plan import Plan
from dr.store import FolderStore, Store
from dr.sweep import sweep
from dr.teardown import remove

HERE, THERE = "eu-central-1", "eu-west-1"
LATER = timedelta(hours=30)


class Shared(FolderStore):
    """A control store that other machines reach as well."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.regions = frozenset({HERE})


@dataclass
class Bench:
    """A machine named `here`, an hour after the stories begin, and an account with nothing in it."""

    folder: Path
    inventory: Inventory = field(default_factory=Inventory)
    plan: Plan = field(default_factory=stories.test_plan)
    clock: HandClock = field(default_factory=lambda: HandClock(START + timedelta(hours=1)))
    living: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.store: Store = FolderStore(self.folder / "store")
        self.runs = self.folder / "store"
        self.runs.mkdir()
        self.estate: Estate = stories.estate()

    def share(self) -> None:
        """The control store is one that others reach, and no run was ever begun on this machine."""
        self.store, self.runs = Shared(self.folder / "shared"), self.folder / "away"

    @property
    def house(self) -> House:
        here = Machine(host="here", pid=99, clock=lambda _: self.clock, lives=lambda pid: pid in self.living)
        aws = Counterfeit(self.inventory)
        document = Document(Path("estate.yaml"), {}, {}, "")
        return House(self.estate, document, Connection(), aws, self.store, self.runs, here)

    @property
    def thing(self) -> Thing:
        return stories.things(self.plan)[0]

    def journaled(self, *events: Event, plan: dict[str, Any] | None = None, begun: HandClock | None = None) -> None:
        """The run's journal: here, or where the control store is shared in that alone."""
        opened = stories.opened(self.plan)
        opened = opened.model_copy(update={"plan": opened.plan | (plan or {})})
        shared = bool(self.store.regions)
        folder = (self.folder / "elsewhere" if shared else self.runs) / self.plan.run
        folder.mkdir(parents=True)
        ledger = Ledger(self.store, self.plan.run) if shared else None
        with Journal(folder / FILE, begun or HandClock(), ledger) as journal:
            for event in (opened, *events):
                journal.append(event)

    def stands(self, name: str = "", region: str = HERE, **more: str) -> Database:
        """An instance with the run's own tags, and perhaps others."""
        given = claims.tags(self.plan.run, stories.DATABASE, "scratch", self.plan.expires_at) | more
        tags = {key: value for key, value in given.items() if value}
        made = self.inventory.create(region, name or self.thing.name, tags, self.plan.run)
        assert made
        self.inventory.tearing_down = self.plan.run
        return made

    def sweep(self, *, dry_run: bool = False) -> list[Swept]:
        found = sweep(self.house, dry_run=dry_run, say=lambda _: None)
        assert self.inventory.wrongs == []
        return found

    def left(self, region: str = HERE) -> list[str]:
        return [one.name for one in self.inventory.ours.databases[region] if one.status != "deleting"]

    def asked(self) -> Intended:
        return Intended(operation="RestoreDBInstance", thing=self.thing)

    def saw(self, one: Database) -> Observed:
        return Observed(operation="RestoreDBInstance", thing=self.thing, resource_id=one.resource_id)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def fates(found: Sequence[Swept]) -> list[str]:
    return [one.fate for one in found]


def test_a_restore_that_came_after_the_teardown_had_looked_is_removed_by_the_next_sweep(bench: Bench) -> None:
    bench.journaled(bench.asked(), TeardownStarted(), Removed(thing=bench.thing), Closed(regions_called={}))
    bench.stands()
    assert fates(bench.sweep(dry_run=True)) == ["would be removed"]
    assert bench.left() == [bench.thing.name]
    assert fates(bench.sweep()) == ["removed"]
    assert bench.left() == []
    assert bench.sweep() == []


def test_what_a_known_run_cannot_account_for_remains_and_is_told(bench: Bench) -> None:
    """The journal knew another one of this name, and saw it gone: this one nobody can prove to be ours."""
    seen = Observed(operation="RestoreDBInstance", thing=bench.thing, resource_id="db-GONE")
    bench.journaled(bench.asked(), seen, Removed(thing=bench.thing), Closed(regions_called={}))
    bench.stands()
    other = bench.stands("copy-of-receipts", THERE)
    found = bench.sweep()
    assert fates(found) == ["remains", "remains"]
    assert all(one.run == bench.plan.run and bench.plan.run in one.reason for one in found)
    assert (bench.left(), bench.left(THERE)) == ([bench.thing.name], [other.name])


def test_a_renamed_instance_whose_journal_says_removed_is_found_by_its_tags(bench: Bench) -> None:
    ours = bench.stands("keep-this-one")
    bench.journaled(bench.asked(), bench.saw(ours), Removed(thing=bench.thing), Closed(regions_called={}))
    (found,) = bench.sweep()
    assert (found.fate, bench.left()) == ("remains", ["keep-this-one"])
    assert f"made it as {bench.thing.name}" in found.reason


def test_what_the_tagging_api_still_lists_and_nobody_finds_is_not_shown(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lags: what it says of a thing is believed only where the thing is there."""
    bench.journaled(bench.asked(), Removed(thing=bench.thing), Closed(regions_called={}))
    bench.stands()
    bench.stands("renamed-by-somebody")
    call = bench.inventory.call
    lagging = bench.inventory.call("resourcegroupstaggingapi", HERE, "GetResources", {})

    def answer(service: str, region: str, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        return lagging if operation == "GetResources" else call(service, region, operation, given)

    bench.inventory.ours.databases[HERE].clear()
    monkeypatch.setattr(bench.inventory, "call", answer)
    assert bench.sweep() == []


def test_a_teardown_asks_for_the_resource_before_it_calls_a_thing_gone(bench: Bench) -> None:
    ours = bench.stands()
    creation = Creation("instance", ours.name, HERE, bench.plan.run, ours.resource_id, answered=True)
    ours.name = "keep-this-one"
    deadline = Deadline.within(bench.clock, 300)
    with pytest.raises(Refused, match="bears the name keep-this-one now"):
        remove(bench.house.aws, creation, set(), Allowance(bench.plan.run, 1, 40), bench.clock, deadline, 10)
    assert bench.left() == ["keep-this-one"]


def test_a_sweep_of_a_dead_run_says_what_was_renamed_once(bench: Bench) -> None:
    ours = bench.stands("keep-this-one")
    bench.journaled(bench.asked(), bench.saw(ours))
    (found,) = bench.sweep()
    assert found.fate == "remains"
    assert "bears the name keep-this-one now" in found.reason


def test_scratch_of_a_dead_machine_is_found_through_the_control_store(bench: Bench) -> None:
    bench.share()
    bench.journaled(bench.asked(), bench.saw(bench.stands()))
    bench.living.add(1)
    (found,) = bench.sweep()
    assert (found.fate, "may be at work here" in found.reason) == ("left alone", True)
    bench.living.clear()
    assert fates(bench.sweep()) == ["removed"]
    assert bench.left() == []


def test_a_run_on_another_machine_is_over_a_day_after_somebody_took_it_up_last(bench: Bench) -> None:
    bench.share()
    one = bench.stands()
    twenty = HandClock(START + timedelta(hours=20))
    bench.journaled(bench.asked(), bench.saw(one), Resumed(tool="test", host="there", pid=7), begun=twenty)
    bench.clock.start = START + LATER
    (found,) = bench.sweep()
    assert (found.fate, "at work on there" in found.reason) == ("left alone", True)
    bench.clock.start = START + timedelta(hours=45)
    assert fates(bench.sweep()) == ["removed"]


def test_of_old_runs_in_the_control_store_a_sweep_reads_the_end(bench: Bench) -> None:
    bench.share()
    ends = (TeardownStarted(), Removed(thing=bench.thing), Closed(regions_called={}))
    bench.journaled(bench.asked(), bench.asked(), bench.asked(), *ends)
    read: list[str] = []
    looked, shared = bench.store.read, bench.store

    class Watched(Shared):
        def read(self, name: str) -> bytes:
            read.append(name)
            return looked(name)

    bench.store = Watched(bench.folder / "shared")
    assert shared.regions == bench.store.regions
    assert bench.sweep() == []
    assert len(read) == 3


def test_what_is_named_like_scratch_and_has_no_tags_is_shown(bench: Bench) -> None:
    bench.inventory.create(THERE, bench.thing.name, {}, "")
    bench.inventory.create(THERE, "firedrill-of-the-team", {}, "")
    bench.inventory.create(HERE, bench.thing.name[:-1], {claims.TAG_PURPOSE: "recovery"}, "")
    (found,) = bench.sweep()
    assert (found.fate, found.thing.rpartition(":")[2]) == ("left alone", bench.thing.name)
    assert "its tags do not" in found.reason


@pytest.mark.parametrize(
    ("expires", "told"),
    [("2026-11-20T02:20:00Z", True), ("2027-01-01T00:00:00Z", False), ("0001-01-01T00:00:00+14:00", False)],
)
def test_the_expiry_of_a_stranger_is_told(bench: Bench, expires: str, told: bool) -> None:
    bench.stands(**{claims.TAG_EXPIRES: expires})
    (found,) = bench.sweep()
    assert found.fate == "left alone"
    assert found.reason.endswith("; expired on 2026-11-20T02:20:00Z") == ("expired" in found.reason) == told


def test_two_sweeps_in_one_second_keep_two_receipts(bench: Bench) -> None:
    bench.journaled(bench.asked(), bench.saw(Database("", "db-OTHER", {}, "")))
    bench.stands()
    assert fates(bench.sweep()) == fates(bench.sweep()) == ["remains"]
    receipts = list((bench.folder / "store" / "sweeps").iterdir())
    assert len(receipts) == 2
    assert json.loads(receipts[0].read_text())[0]["fate"] == "remains"


def test_what_was_removed_is_told_though_nobody_could_write_it_down(bench: Bench) -> None:
    class Full(FolderStore):
        def create(self, name: str, content: bytes) -> Any:
            raise Unable(f"control store: cannot write {len(content)} bytes to {name}: no space left on device")

    bench.journaled(bench.asked(), bench.saw(bench.stands()))
    bench.store = Full(bench.folder / "store")
    removed, receipt = bench.sweep()
    assert (removed.fate, receipt.fate) == ("removed", "could not record")
    assert "no space left" in receipt.reason


def test_without_the_backup_records_nothing_goes_whose_resource_id_no_journal_knows(bench: Bench) -> None:
    bench.journaled(bench.asked())
    bench.stands()
    record = bench.runs / "backups" / "ledgers" / "one.json"
    record.parent.mkdir(parents=True)
    record.write_text("{")
    unread, kept = bench.sweep()
    assert (unread.thing, unread.fate, kept.fate) == ("backup records", "could not look", "remains")
    assert "cannot be told from a protected one" in kept.reason
    record.unlink()
    assert fates(bench.sweep()) == ["removed"]


@pytest.mark.parametrize(("account", "fate"), [(OURS, "remains"), ("999999999999", "left alone")])
def test_scratch_whose_asset_left_the_estate_remains(bench: Bench, account: str, fate: str) -> None:
    bench.journaled(bench.asked(), bench.saw(bench.stands()), plan={"application": "gone", "account": account})
    (found,) = bench.sweep()
    assert (found.fate, bench.left()) == (fate, [bench.thing.name])
    assert ("only with the estate that it was planned with" in found.reason) == (account == OURS)


@pytest.mark.parametrize("closed", [False, True])
def test_a_sweep_right_after_a_failover_removes_nothing_of_it(bench: Bench, closed: bool) -> None:
    """What it made has tags and a name of ours, and is production now. No version knows that kind of run yet."""
    bench.plan = bench.plan.model_copy(update={"run": bench.plan.run.replace("-test-", "-failover-")})
    end = [TeardownStarted(), Closed(regions_called={})] if closed else []
    bench.journaled(bench.asked(), bench.saw(bench.stands()), *end, plan={"kind": "failover", "steps": "others"})
    found = bench.sweep()
    assert fates(found) == ["left alone"]
    assert "no runs of kind failover" in found[0].reason
    assert bench.left() == [bench.thing.name]


def test_an_unfinished_rehearsal_of_another_version_is_told(bench: Bench) -> None:
    bench.journaled(bench.asked(), bench.saw(bench.stands()), plan={"kind": "rehearsal"})
    (found,) = bench.sweep()
    assert (found.fate, "its plan cannot be read: kind" in found.reason) == ("remains", True)
