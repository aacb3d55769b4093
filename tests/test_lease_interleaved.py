"""Leases under every order of events that chance finds: several who want one, clocks that disagree, answers that get
lost, holders that die or are paused between their check and their call.
"""

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from stories import START

from dr.clock import Clock
from dr.errors import LeaseLost, Refused, Unable
from dr.lease import Holder, Lease, Record, Starter
from dr.records import Document
from dr.store import Seen

NAME = "receipts/receipts-db"
ALIVE = 15.0
WHO = st.sampled_from(["nightly", "failover", "other"])


@dataclass
class World:
    """The time that really passes, and one document, whose every state is remembered with its moment."""

    now: float = 0.0
    states: list[tuple[float, bytes]] = field(default_factory=list)
    trouble: str = ""
    """What becomes of the next write: it is `unanswered`, or `unheard`."""

    shown = "memory"

    def create(self, name: str, content: bytes) -> Document:
        raise AssertionError(f"a lease creates no {name}, {len(content)} bytes")

    def read(self, name: str) -> bytes:
        raise AssertionError(f"a lease looks, it does not read {name}")

    def names(self, prefix: str) -> Iterator[str]:
        raise AssertionError(f"a lease lists nothing, below {prefix} or elsewhere")

    def look(self, name: str) -> Seen | None:
        assert name == f"leases/{NAME}.json"
        return Seen(self.states[-1][1], _mark(self.states[-1][1])) if self.states else None

    def replace(self, name: str, content: bytes, seen: str | None) -> str | None:
        found = self.look(name)
        trouble, self.trouble = self.trouble, ""
        if trouble == "unheard":
            raise Unable("nobody heard the request")
        if (found.mark if found else None) != seen:
            return None
        self.states.append((self.now, content))
        if trouble == "unanswered":
            raise Unable("the answer got lost")
        return _mark(content)

    @property
    def records(self) -> list[Record]:
        return [Record.model_validate_json(content) for _, content in self.states]


def _mark(content: bytes) -> str:
    """As on S3: a content that comes again has the same mark."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()


class Watch:
    """Somebody's clock: it began at another moment than the others, and does not run quite as they do."""

    def __init__(self, world: World, offset: float, rate: float) -> None:
        self.world = world
        self.offset = offset
        self.rate = rate

    def now(self) -> datetime:
        return START - timedelta(seconds=1000 * self.monotonic())  # of no use whatever

    def monotonic(self) -> float:
        return self.offset + self.rate * self.world.now

    def sleep(self, seconds: float) -> None:
        self.world.now += seconds / self.rate

    def undisturbed(self) -> Clock:
        return self


@dataclass
class Person:
    """One who wants the lease, has it, or had it."""

    watch: Watch
    run: str
    lives: int = 0
    starter: Starter | None = None
    lease: Lease | None = None
    permitted: bool = False
    """Past the check, before the call."""
    late: int = 0
    """Calls made after somebody else had the lease."""

    def holder(self) -> Holder:
        return Holder(run=f"{self.run}-{self.lives}", host="h", pid=1, token=f"{self.run}-{self.lives}")


class Interleavings(RuleBasedStateMachine):
    """Every rule is something that may happen at any moment."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.people = {
            "nightly": Person(Watch(self.world, 0.0, 1.0), "nightly"),
            "failover": Person(Watch(self.world, 5000.0, 1.01), "failover"),
            "other": Person(Watch(self.world, 77.0, 0.99), "other"),
        }

    def _holds(self, who: str) -> bool:
        """Whether the store says so."""
        lease, records = self.people[who].lease, self.world.records
        mine = self.people[who].holder()
        return bool(lease and records and (records[-1].holder, records[-1].epoch) == (mine, lease.epoch))

    @rule(seconds=st.sampled_from([0.1, 1.0, ALIVE / 3, ALIVE / 2, ALIVE * 0.98, ALIVE * 1.02, 3600.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.now += seconds

    @rule(trouble=st.sampled_from(["unanswered", "unheard"]))
    def the_next_write_fails(self, trouble: str) -> None:
        self.world.trouble = trouble

    @rule(who=WHO)
    def attempt(self, who: str) -> None:
        person = self.people[who]
        if person.lease:
            return
        if person.starter is None:
            person.lives += 1
            exclusive = who == "failover"
            watch, holder = person.watch, person.holder()
            person.starter = Starter(self.world, watch, NAME, holder, exclusive=exclusive, time_to_live=ALIVE)
        before = self.world.states[-1] if self.world.states else None
        try:
            person.lease = person.starter.attempt()
        except Refused:
            person.starter = None
        except Unable:
            pass
        if person.lease:
            person.starter = None
            self._taken_lawfully(person, before)

    def _taken_lawfully(self, person: Person, before: tuple[float, bytes] | None) -> None:
        if before is None:
            return
        record = Record.model_validate_json(before[1])
        if record.holder is None or record.holder.run == person.holder().run:
            return
        pre_empted = person.run == "failover" and not record.exclusive
        unchanged = (self.world.now - before[0]) * person.watch.rate
        assert pre_empted or unchanged >= ALIVE - 1e-6, f"taken from {record.holder} after {unchanged} s"

    @rule(who=WHO)
    def renew(self, who: str) -> None:
        self._ask(who, "renew")

    @rule(who=WHO)
    def check(self, who: str) -> None:
        self.people[who].permitted |= self._ask(who, "check")

    def _ask(self, who: str, what: str) -> bool:
        """Whether the lease says that it is held; it must say the truth, or that it cannot tell."""
        person = self.people[who]
        if person.lease is None:
            return False
        held = self._holds(who)
        try:
            person.lease.check() if what == "check" else person.lease.renew()
        except LeaseLost:
            assert not held
            return False
        except Unable:
            return False
        assert held
        return True

    @precondition(lambda self: any(person.permitted for person in self.people.values()))
    @rule(who=WHO)
    def call(self, who: str) -> None:
        """What the check permitted; in between, anything may have happened."""
        person = self.people[who]
        if person.permitted:
            person.permitted = False
            person.late += not self._holds(who)

    @rule(who=WHO)
    def give_back(self, who: str) -> None:
        person = self.people[who]
        if person.lease:
            held = self._holds(who)
            try:
                person.lease.give_back()
            except LeaseLost:
                assert not held
            except Unable:
                pass
            self._forget(person)

    @rule(who=WHO)
    def die(self, who: str) -> None:
        self._forget(self.people[who])

    def _forget(self, person: Person) -> None:
        person.lease, person.starter, person.permitted, person.late = None, None, False, 0

    @invariant()
    def one_holds_it_at_most(self) -> None:
        assert sum(self._holds(who) for who in self.people) <= 1

    @invariant()
    def one_call_at_most_comes_late(self) -> None:
        assert all(person.late <= 1 for person in self.people.values())

    @invariant()
    def epochs_only_grow(self) -> None:
        records = self.world.records
        for earlier, later in pairwise(records):
            assert later.epoch - earlier.epoch in (0, 1)
            assert later.epoch > earlier.epoch or later.holder in (None, earlier.holder)
        assert not records or records[0].epoch == 1

    @invariant()
    def no_state_comes_again(self) -> None:
        contents = [content for _, content in self.world.states]
        assert len(set(contents)) == len(contents)


TestInterleavings = Interleavings.TestCase
TestInterleavings.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)


@given(
    renewals=st.lists(st.floats(0.1, 200.0), max_size=6),
    rate=st.floats(0.5, 2.0),
    every=st.floats(ALIVE / 100, ALIVE / 2),
    head_start=st.floats(0.0, 100.0),
)
def test_a_dead_holder_has_a_successor_within_the_time_to_live(
    renewals: list[float], rate: float, every: float, head_start: float
) -> None:
    """By the successor's clock, from its first look on, and one more look."""
    world = World()
    dead = Starter(world, Watch(world, 3.0, 1.0), NAME, Holder(run="dead", host="h", pid=1, token="t")).attempt()
    assert dead
    for seconds in renewals:
        world.now += seconds
        dead.renew()
    world.now += head_start
    watch = Watch(world, -50.0, rate)
    next_one = Starter(
        world, watch, NAME, Holder(run="next", host="h", pid=2, token="u"), exclusive=False, time_to_live=ALIVE
    )
    began = watch.monotonic()
    while (lease := next_one.attempt()) is None:
        watch.sleep(every)
    assert ALIVE <= watch.monotonic() - began + 1e-6 <= ALIVE + every + 1e-3
    assert lease.epoch == 2
