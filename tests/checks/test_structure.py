"""Damage done to the files and catalogs of a restore: each kind is found by the check that is there for it, and named.

One restore is furnished with what can be damaged. All damage is done to one copy of it, because starting servers is
what costs time; that each finding is of its own damage shows in its subject.
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import pytest

from dr.checks import collations, constraints, index_answers, readable, structure, visibility
from dr.lab.engine.backup import duplicate
from dr.lab.engine.cluster import Cluster
from dr.postgres import Login
from dr.verification import Finding, InstanceBaseline
from tests.checks.conftest import Source, as_owner, entering, hammered, login_to
from tests.checks.harmed import FUNCTIONS, FURNITURE, HARM, HIGHEST, PAGE, RARE, blank, hosts, on, swap


@dataclass
class Restored:
    """A restore, and what the checks say of it."""

    recorded: InstanceBaseline
    cluster: Cluster
    _said: dict[str, list[Finding]] = field(default_factory=dict)

    def said(self, check: str) -> list[Finding]:
        if check not in self._said:
            self._said[check] = ASK[check](self)
        return self._said[check]

    def failed(self, check: str) -> dict[str, Finding]:
        return {one.subject: one for one in self.said(check) if one.outcome == "failed"}

    def file(self, relation: str, dbname: str = "app", fork: str = "") -> Path:
        with self.cluster.connect(dbname) as admin:
            row = admin.execute("select pg_relation_filepath(%s)", (relation,)).fetchone()
        assert row is not None
        return self.cluster.data / f"{row[0]}{fork}"


ASK: dict[str, Callable[[Restored], list[Finding]]] = {
    "structure": lambda one: structure.check(entering(one.cluster), first="postgres"),
    "visibility": lambda one: visibility.check(entering(one.cluster), first="postgres"),
    "readable": lambda one: readable.check(entering(one.cluster), first="postgres"),
    "index_answers": lambda one: index_answers.check(entering(one.cluster), one.recorded, first="postgres", seed=11),
    "constraints": lambda one: constraints.check(entering(one.cluster), one.recorded, first="postgres"),
    "collations": lambda one: collations.check(entering(one.cluster), one.recorded, first="postgres"),
}


@pytest.fixture(scope="module")
def locales(source: Source) -> tuple[Path, Path]:
    return hosts(source.home)


@pytest.fixture(scope="module")
def sound(source: Source, locales: tuple[Path, Path]) -> Iterator[Restored]:
    """A restore of a source that never rests, furnished with what can be damaged."""
    with hammered(source):
        recorded = source.capture()
    copy = source.restore(recorded.instant)
    copy.stop()
    on(copy, locales[0]).start()
    try:
        with as_owner(copy) as owner:
            for statement in FURNITURE.split(";\n"):
                owner.execute(statement.encode())
        with as_owner(copy, "audit") as owner:
            owner.execute(FUNCTIONS.partition("vacuum")[0].encode())
        with copy.connect("audit") as admin:
            admin.execute("vacuum (freeze) pg_proc")
        yield Restored(recorded, copy)
    finally:
        copy.remove()


def copied(source: Source, sound: Restored) -> Restored:
    """A stopped copy."""
    copy = source.copy()
    copy.machine.account.folder(copy.directory)
    sound.cluster.stop()
    try:
        duplicate(copy.machine.account, sound.cluster.data, copy.data)
    finally:
        sound.cluster.start()
    copy.data.chmod(0o700)
    return Restored(sound.recorded, copy)


@pytest.fixture(scope="module")
def damaged(source: Source, sound: Restored, locales: tuple[Path, Path]) -> Iterator[Restored]:
    """The same restore, on another host, with one thing wrong in each of several places."""
    one = copied(source, sound)
    on(one.cluster, locales[0]).start()
    try:
        with one.cluster.connect("app") as admin:
            row = admin.execute("select reltoastrelid::regclass::text from pg_class where relname = 'docs'").fetchone()
            admin.execute(HARM.encode())
        assert row is not None
        toast = one.file(row[0])
        heaps = {name: one.file(name) for name in ("flipped", "quiet", "keyed_pkey", "docs_tags", "ranged_n")}
        bits = one.file("marked", fork="_vm")
        functions = one.file("pg_proc", "audit")
        with one.cluster.connect("audit") as admin:
            made = admin.execute("select (ctid::text::point)[0] from pg_proc where proname = 'made_200'").fetchone()
        assert made is not None
        one.cluster.stop()
        swap(heaps["flipped"], RARE)
        swap(heaps["keyed_pkey"], RARE)
        swap(heaps["docs_tags"], RARE)
        swap(heaps["ranged_n"], HIGHEST)
        blank(heaps["quiet"], 3)
        blank(toast, 2)
        blank(functions, int(made[0]))
        with bits.open("r+b") as file:
            file.seek(24)
            file.write(b"\xff")
        on(one.cluster, locales[1]).start()
        yield one
    finally:
        one.cluster.remove()


@pytest.mark.parametrize("check", list(ASK))
def test_a_sound_restore_of_a_busy_source_passes(sound: Restored, check: str) -> None:
    found = sound.said(check)
    assert [one for one in found if one.outcome not in ("passed", "not_available")] == []
    assert [one.subject for one in found if one.outcome == "passed"] == ["app", "audit", "postgres"]
    said = {one.subject: f"{one.expected} {one.observed} {one.detail}" for one in found}
    counts = [int(word) for word in said["app"].replace(",", "").split() if word.isdigit()]
    assert counts
    assert counts[0] > 0
    if check == "index_answers":
        assert "7 of " in said["app"]
        assert "for 1432 rows" in said["app"]  # none for a value that is null
        assert "so they were at the source" in said["audit"]
    if check == "constraints":
        assert "more than the row decides: by_session of public.fickle, named_check of public.named;" in said["app"]


@pytest.mark.parametrize(
    ("check", "subject", "told"),
    [
        ("structure", "app.public.flipped_pkey", "lacks matching index tuple"),
        ("structure", "app.public.keyed_pkey", "keyed"),
        ("structure", "app.public.words_pkey", "invariant violated"),
        ("visibility", "app.public.quiet", "is it a page of zeros?"),
        ("visibility", "app.public.marked", "rows marked all-visible are not"),
        ("visibility", "audit.pg_catalog.pg_proc", "1 pages are marked in the map alone"),
        ("readable", "app.public.docs", "missing chunk number"),
        ("readable", "audit.pg_catalog.pg_proc (what refers to it)", "pg_depend.objid"),
        ("index_answers", "app.public.docs_tags", "1 of 301 rows not found"),
        ("index_answers", "app.public.ranged_n", "1 of 178 rows not found"),
        ("constraints", "app.public.children (children_a_b_fkey)", "1 of 52"),
        ("constraints", "app.public.matched (matched_a_b_fkey)", "1 of 3"),
        ("constraints", "app.public.tree (tree_above_fkey)", "1 of 49"),
        ("constraints", "app.public.days (days_year_fkey)", "1 of 300"),
        ("constraints", "app.public.promised", "check promised_id_check; not null n"),
        ("constraints", "app.public.promised (p as public.positive)", "CheckViolation"),
        ("constraints", "app.public.promised_u_key", "1 of"),
    ],
)
def test_each_damage_is_found_by_the_check_for_it(damaged: Restored, check: str, subject: str, told: str) -> None:
    found = damaged.failed(check)
    assert subject in found, sorted(found)
    assert told in f"{found[subject].observed} {found[subject].detail}"
    assert damaged.failed(check).keys() & {"app", "audit"}, "the summary of its database has to fail as well"


def test_nothing_that_is_sound_is_called_damaged(damaged: Restored) -> None:
    tables = ["flipped", "keyed", "words", "quiet", "marked", "docs", "ranged", "pg_toast", "pg_proc"]
    tables += ["children", "matched", "tree", "days", "promised"]
    for check in ASK:
        for subject in damaged.failed(check):
            assert any(name in subject for name in tables) or subject in ("app", "audit"), subject
        assert not [one for one in damaged.said(check) if one.outcome == "errored"], check
    # Versions are the same on both hosts: the order is seen by the index, and by nothing that compares versions.
    assert damaged.failed("collations") == {}


def test_what_is_not_enforced_is_told_and_is_no_failure(damaged: Restored) -> None:
    (summary,) = [one for one in damaged.said("constraints") if one.subject == "app"]
    assert "index public.docs_span" in summary.detail
    assert "the source had it otherwise" in summary.detail


def test_no_value_is_told(damaged: Restored) -> None:
    for check in ASK:
        assert str(RARE) not in str(damaged.said(check))
        assert not re.search(r"body \d", str(damaged.said(check)))


def test_a_flipped_bit_is_found_by_its_checksum(source: Source, sound: Restored, locales: tuple[Path, Path]) -> None:
    one = copied(source, sound)
    on(one.cluster, locales[0])
    account = one.cluster.machine.account
    path = sound.file("quiet")
    account.run([one.cluster.machine.tree.program("pg_checksums"), "--enable", "-N", "-D", one.cluster.data])
    with (one.cluster.data / path.relative_to(sound.cluster.data)).open("r+b") as file:
        file.seek(2 * PAGE - 50)
        byte = file.read(1)[0]
        file.seek(2 * PAGE - 50)
        file.write(bytes([byte ^ 1]))
    one.cluster.start()
    try:
        found = one.failed("readable")
        assert "invalid page" in found["app.public.quiet"].detail
        assert set(found) == {"app", "app.public.quiet"}
    finally:
        one.cluster.remove()


def test_a_version_that_the_source_recorded_otherwise_is_not_called_the_sources(sound: Restored) -> None:
    def said(recorded: str) -> list[Finding]:
        app = sound.recorded.databases["app"]
        shape = app.after.model_copy(
            update={"objects": app.after.objects | {label: f"provider=c version={recorded} actual={actual}"}}
        )
        known = {**sound.recorded.databases, "app": app.model_copy(update={"after": shape})}
        baseline = sound.recorded.model_copy(update={"databases": known})
        found = collations.check(entering(sound.cluster), baseline, first="postgres")
        return [one for one in found if one.subject.startswith("app.") and one.outcome == "failed"]

    with sound.cluster.connect("app") as admin:
        english = "select 'collation ' || oid::regcollation, collversion from pg_collation where collname = 'english'"
        row = admin.execute(english).fetchone()
        assert row is not None
        label, actual = row[0] if "." in row[0] else row[0].replace(" ", " public."), row[1]
        admin.execute("update pg_collation set collversion = '0.1' where collname = 'english'")
        try:
            assert said("0.1") == []
            (found,) = said(actual)
            assert "0.1" in found.expected
        finally:
            admin.execute("update pg_collation set collversion = %s where collname = 'english'", (actual,))


def test_a_role_without_rights_is_not_available(sound: Restored) -> None:
    def reader(name: str) -> Login:
        return login_to(sound.cluster, name, "reader", "reader-password")

    for check in (structure.check, visibility.check):
        found = check(reader, first="postgres")
        assert {one.outcome for one in found} == {"not_available"}
        assert all(one.detail for one in found)
    found = readable.check(reader, first="postgres")
    assert "app.public.docs" in {one.subject for one in found if one.outcome == "not_available"}
    # Of what users made in `audit` it may read nothing.
    assert {one.subject for one in found if one.outcome == "passed"} == {"app", "postgres"}


def test_btrees_are_asked_where_amcheck_may_not_be_used(sound: Restored) -> None:
    def reader(name: str) -> Login:
        return login_to(sound.cluster, name, "reader", "reader-password")

    found = {one.subject: one for one in index_answers.check(reader, sound.recorded, first="postgres", seed=3)}
    assert found["app"].outcome == "passed"
    assert found["app"].observed.startswith("1 of ")
    assert "app.public.accounts_pkey" not in found, "the one table that it may read is asked about"
    assert found["app.public.docs_pkey"].outcome == "not_available"


def test_having_looked_at_nothing_is_a_pass_only_where_the_source_had_nothing(sound: Restored) -> None:
    known = sound.recorded.databases["postgres"]
    shape = known.after.model_copy(
        update={
            "objects": {**known.after.objects, "constraint c on t": "", "index i": "CREATE INDEX i ON t USING gin (a)"}
        }
    )
    more = known.model_copy(update={"after": shape})
    richer = sound.recorded.model_copy(update={"databases": {**sound.recorded.databases, "postgres": more}})
    for baseline, outcome in ((sound.recorded, "passed"), (richer, "not_available"), (None, "not_available")):
        asked = [
            *constraints.check(entering(sound.cluster), baseline, first="postgres"),
            *index_answers.check(entering(sound.cluster), baseline, first="postgres", seed=3),
        ]
        found = [one for one in asked if one.subject == "postgres"]
        assert [one.outcome for one in found] == [outcome, outcome]
        assert outcome == "passed" or all(one.detail for one in found)


def test_nothing_is_left_of_a_look(sound: Restored) -> None:
    sound.said("structure")
    sound.said("visibility")
    sound.said("index_answers")
    with sound.cluster.connect("app") as admin:
        assert admin.execute("select extname from pg_extension").fetchall() == [("plpgsql",)]
        assert admin.execute("select to_regclass('public.docs_pkey') is not null").fetchone() == (True,)
    with pytest.raises(psycopg.errors.UndefinedFunction), as_owner(sound.cluster) as owner:
        owner.execute("select verify_heapam('docs')")
