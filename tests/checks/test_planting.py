"""What the challenge plants, on a real server: each kind is found by its check, and a seed tells it again."""

from collections.abc import Iterator
from random import Random

import pytest

from dr.challenge import FOUND_BY, Kind, Mark, NothingToPlant, finders
from dr.checks import content, planting, schema
from dr.lab.engine.cluster import Cluster
from dr.postgres import LoginRefused
from dr.verification import Finding, InstanceBaseline, ObservedDatabase
from tests.checks.conftest import Source, as_owner, entering, login_to

KINDS: list[Kind] = [kind for kind in FOUND_BY if not kind.startswith("object")]


INDEXES = {"public.accounts_name", "public.notes_other"}
"""Those that no constraint needs."""


@pytest.fixture(scope="module")
def recorded(source: Source) -> Iterator[InstanceBaseline]:
    with as_owner(source.cluster) as owner:
        owner.execute("create index accounts_name on accounts (name); create index notes_other on notes (other)")
        yield source.capture()
        owner.execute("drop index accounts_name, notes_other")


@pytest.fixture(scope="module")
def copy(source: Source, recorded: InstanceBaseline) -> Iterator[Cluster]:
    restored = source.restore(recorded.instant)
    yield restored
    restored.remove()


def asked(copy: Cluster, recorded: InstanceBaseline, kind: Kind, subject: str | None = None) -> list[Finding]:
    if FOUND_BY[kind] == "content":
        return content.check(entering(copy), recorded, first="app", only=subject)[0]
    return schema.check(entering(copy), recorded, first="app")


def drawn(seed: int) -> Random:
    return Random(seed)  # noqa: S311 - repeatable, not secret


class Stopped(Exception):  # noqa: N818 - not an error: nothing is to be planted
    pass


def stop(_: str) -> None:
    raise Stopped


def test_nothing_is_planted_before_it_was_announced(copy: Cluster, recorded: InstanceBaseline) -> None:
    for kind in KINDS:
        with pytest.raises(Stopped):
            planting.plant(entering(copy), recorded, kind, drawn(1), stop, first="app")
    findings = [*asked(copy, recorded, "row changed"), *asked(copy, recorded, "role changed")]
    assert [finding for finding in findings if finding.outcome == "failed"] == []


def test_a_login_that_leads_elsewhere_plants_nothing(source: Source, recorded: InstanceBaseline) -> None:
    """The one-time password is what no other instance knows: the source refuses it before anything is announced."""
    announced: list[str] = []
    for kind in KINDS:
        with pytest.raises(LoginRefused):
            planting.plant(
                lambda name: login_to(source.cluster, name, password="of-the-scratch-alone"),
                recorded,
                kind,
                drawn(1),
                announced.append,
                first="app",
            )
    assert announced == []


def test_a_seed_hits_the_same_again(copy: Cluster, recorded: InstanceBaseline) -> None:
    def subjects(seed: int) -> list[str]:
        hit: list[str] = []

        def note(subject: str) -> None:
            hit.append(subject)
            raise Stopped

        for kind in KINDS:
            with pytest.raises(Stopped):
                planting.plant(entering(copy), recorded, kind, drawn(seed), note, first="app")
        return hit

    assert subjects(1) == subjects(1)
    assert len({tuple(subjects(seed)) for seed in range(4)}) > 1


def test_a_table_that_is_spared_is_not_hit(copy: Cluster, recorded: InstanceBaseline) -> None:
    every = {f"{name}.{key}" for name, known in recorded.databases.items() for key in known.tables}
    hit: list[str] = []

    def note(subject: str) -> None:
        hit.append(subject)
        raise Stopped

    for seed in range(5):
        with pytest.raises(Stopped):
            planting.plant(
                entering(copy),
                recorded,
                "row deleted",
                drawn(seed),
                note,
                first="app",
                spared=every - {"audit.public.entries"},
            )
    assert set(hit) == {"audit.public.entries"}


def test_an_index_that_a_constraint_needs_is_not_tried(copy: Cluster, recorded: InstanceBaseline) -> None:
    """What cannot be done is not announced either: each announcement is a line of the journal."""
    hit: set[str] = set()

    def note(subject: str) -> None:
        hit.add(subject)
        raise Stopped

    for seed in range(10):
        with pytest.raises(Stopped):
            planting.plant(entering(copy), recorded, "index dropped", drawn(seed), note, first="app")
    assert hit == {f"app: index {name}" for name in INDEXES}


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_planted_is_found(copy: Cluster, recorded: InstanceBaseline, kind: Kind) -> None:
    """Twice, and wherever others have been already: what is wrong before is spared."""
    known = asked(copy, recorded, kind)
    for seed in (1, 2):
        announced: list[str] = []
        wrong = {one.subject for one in known if one.outcome == "failed"}
        subject = planting.plant(
            entering(copy), recorded, kind, drawn(seed), announced.append, first="app", spared=wrong
        )
        assert announced[-1] == subject
        again = asked(copy, recorded, kind, subject)
        mark = Mark(seed=seed, asset=recorded.asset, kind=kind, subject=subject)
        assert FOUND_BY[kind] in finders(mark, known, again), subject
        known += again


def test_where_something_of_the_applications_would_run_no_row_is_touched(
    copy: Cluster, recorded: InstanceBaseline
) -> None:
    """A trigger may call out of the scratch, and only the network would hold it."""
    with as_owner(copy) as owner:
        owner.execute("create function calls() returns trigger language plpgsql as 'begin return new; end'")
        owner.execute("create trigger calls before update on notes for each row execute function calls()")
        owner.execute("create rule silent as on delete to counters do also nothing")
        hit: set[str] = set()

        def note(subject: str) -> None:
            hit.add(subject)
            raise Stopped

        try:
            for seed in range(20):
                with pytest.raises(Stopped):
                    planting.plant(entering(copy), recorded, "row deleted", drawn(seed), note, first="app")
        finally:
            owner.execute("drop rule silent on counters")
            owner.execute("drop function calls cascade")
    assert hit
    assert hit.isdisjoint({"app.public.notes", "app.public.counters"})


def test_a_row_that_may_be_taken_for_one_of_the_bracket_is_not_added(copy: Cluster, recorded: InstanceBaseline) -> None:
    """A restore goes on counting transactions where its backup ended, which may be before the bracket's end."""
    for begun in ("", "7:4000000000:"):
        older = recorded.model_copy(update={"begun_at": begun})
        with pytest.raises(NothingToPlant):
            planting.plant(entering(copy), older, "row inserted", drawn(1), lambda _: None, first="app")


def test_of_one_table_nothing_else_is_read(copy: Cluster, recorded: InstanceBaseline) -> None:
    """So a challenge costs one table's reading, however large the rest of the instance is."""
    read: list[ObservedDatabase] = []
    findings, coverage = content.check(
        entering(copy), recorded, first="app", only="app.public.accounts", seen=read.append
    )
    assert [one.subject for one in findings] == ["app.public.accounts"]
    assert [(one.name, list(one.tables)) for one in read] == [("app", ["public.accounts"])]
    assert coverage.tables_compared == 1


def test_a_value_that_was_changed_is_in_no_finding(copy: Cluster, recorded: InstanceBaseline) -> None:
    with as_owner(copy) as owner:
        owner.execute("update notes set body = 'canary in a row' where ctid = (select min(ctid) from notes)")
    found = asked(copy, recorded, "row changed")
    assert ("app.public.notes", "failed") in {(one.subject, one.outcome) for one in found}
    assert "canary" not in str(found)
