"""Rows of a real server against the objects of a restore: what does not resolve is told apart, and so are orphans."""

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest

from dr.checks import references
from dr.errors import Unable
from dr.estate import Reference
from dr.held import HeldKey, HeldVersion
from dr.joint_recovery import Joint
from dr.verification import Finding
from tests.checks.conftest import Source, as_owner

T = datetime(2026, 11, 20, 2, 15, 0, tzinfo=UTC)
SCANS = Reference(
    database="receipts-db", table="scans", key="object key", version="version", sha256="sha256", bucket="docs"
)
BY_KEY = SCANS.model_copy(update={"version": None, "sha256": None})
NAMED = "app.public.scans"
Row = tuple[str | None, str | None, str | None]


def sha(key: str, version: str) -> str:
    return hashlib.sha256(f"{key}@{version}".encode()).hexdigest()


def stood(key: str, version: str = "v1", ago: float = 1000, *, lost: str = "", bent: bool = False) -> HeldVersion:
    digest = "" if lost else "0" * 64 if bent else sha(key, version)
    stored = T - timedelta(seconds=ago)
    return HeldVersion.model_validate(
        {"version": version, "stored": stored, "copied": "" if lost else "new", "lost": lost, "sha256": digest}
    )


def other(version: str, ago: float, *, marker: bool = False) -> HeldVersion:
    """Of no interest to the restore."""
    return HeldVersion(version=version, stored=T - timedelta(seconds=ago), marker=marker)


def line(key: str, *entries: HeldVersion, plain: bool = True) -> HeldKey:
    return HeldKey(key=key, entries=entries or (stood(key),), plain=plain)


def row(key: str, version: str = "v1") -> Row:
    return key, version, sha(key, version)


@contextmanager
def scans(source: Source, rows: Sequence[Row]) -> Iterator[None]:
    with as_owner(source.cluster) as owner:
        owner.execute('create table scans (id int, "object key" text, version text, sha256 text)')
        try:
            with owner.cursor() as cursor:
                cursor.executemany(
                    "insert into scans values (%s, %s, %s, %s)", [(n, *one) for n, one in enumerate(rows)]
                )
            owner.execute("create view cold_only as select * from scans where \"object key\" = 'cold'")
            yield
        finally:
            owner.execute("drop table scans cascade")


def ask(
    source: Source, held: Sequence[HeldKey], *declared: Reference, whole: bool = True
) -> tuple[dict[str, tuple[str, str]], Joint]:
    asked = [(source.login("app"), one) for one in declared or (SCANS,)]
    lines = sorted(held, key=lambda one: one.key)
    found, joint = references.check(asked, lines, T, bucket="docs", heartbeat="firedrill/heartbeat", whole=whole)
    return {finding.subject: (finding.outcome, finding.observed) for finding in found}, joint


HELD = [
    line("good"),
    line("newer", stood("newer", "v2", 100), other("v1", 1000)),
    line("gone version", stood("gone version", "v2")),
    line("bent", stood("bent", bent=True)),
    line("under a marker", other("m", 500, marker=True), other("v1", 1000)),
    line("in scratch hidden", stood("in scratch hidden"), plain=False),
    line("sealed", stood("sealed", lost="undecryptable")),
    line("cold", stood("cold", lost="archived")),
    line("later", other("v1", -20)),
    line("just replaced", stood("just replaced", "v2", 10), stood("just replaced", "v1", 1000)),
    line("firedrill/heartbeat"),
]
KINDS = {
    "gone": "missing",
    "newer": "hidden",
    "gone version": "another version",
    "bent": "wrong bytes",
    "under a marker": "hidden",
    "in scratch hidden": "hidden",
    "sealed": "undecryptable",
    "cold": "archived",
    "later": "missing",
}


def test_what_does_not_resolve_is_told_apart_and_counted(source: Source) -> None:
    rows = [row("good"), row("good"), row("just replaced"), (None, None, None), *map(row, KINDS)]
    with scans(source, rows):
        found, joint = ask(source, HELD)
    assert {subject.removeprefix(f"{NAMED}: "): why for subject, (_, why) in found.items() if ": " in subject} == KINDS
    assert found[NAMED] == (
        "failed",
        "9 do not: 2 missing, 3 hidden, 1 another version, 1 wrong bytes, 1 undecryptable, 1 archived",
    )
    assert found["docs"] == ("passed", "0 that no row names")
    assert (joint.agrees, joint.rows, joint.never) == (False, 12, 5)


def test_a_key_alone_is_enough_for_a_reference_that_names_no_more(source: Source) -> None:
    with scans(source, [row(key) for key in ("good", "newer", "gone version", "bent", "under a marker", "cold")]):
        found, _ = ask(source, HELD, BY_KEY)
    assert found[NAMED] == ("failed", "2 do not: 1 hidden, 1 archived")


@pytest.mark.parametrize("reference", [SCANS, BY_KEY], ids=["version", "key"])
def test_what_is_archived_at_home_too_is_no_damage_and_no_proof(source: Source, reference: Reference) -> None:
    asleep = line("cold", stood("cold", lost="archived").model_copy(update={"at_home_too": True}), plain=False)
    with scans(source, [row("cold"), row("good")]):
        findings, joint = references.check(
            [(source.login("app"), reference)], [asleep, HELD[0]], T, bucket="docs", heartbeat="", whole=True
        )
        alone, nothing = ask(source, [asleep, HELD[0]], reference.model_copy(update={"table": "cold_only"}))
    assert [(one.outcome, one.expected) for one in findings if one.subject == NAMED] == [
        ("passed", "1 rows find their objects"),
        ("not_available", ""),
    ]
    assert (joint.agrees, joint.untold) == (True, 1)
    assert "but for 1 whose object is archived, here as at home" in joint.words()
    assert alone["app.public.cold_only"] == ("errored", "1, all of archived objects")
    assert not nothing.agrees


def test_everything_that_resolves_is_the_joint_recovery_time(source: Source) -> None:
    with scans(source, [row("good"), row("just replaced")]):
        found, joint = ask(source, [*HELD[:1], *HELD[-2:]])
    assert found == {NAMED: ("passed", "0 do not"), "docs": ("passed", "0 that no row names")}
    assert joint.at == T
    assert "joint recovery time 2026-11-20T02:15:00Z" in joint.words()


def test_uploaded_and_not_yet_there_tells_how_long_to_wait(source: Source) -> None:
    """S16: the database is newer than the bucket."""
    with scans(source, [row("good"), row("later")]):
        found, joint = ask(source, [*HELD[:1], line("later", other("v1", -20))])
    assert found[NAMED][0] == "failed"
    assert joint.bucket_later == T + timedelta(seconds=20)
    assert "in the bucket as of 2026-11-20T02:15:20Z" in joint.words()


def test_orphans_are_told_and_fail_only_where_the_estate_says_so(source: Source) -> None:
    """S17: the bucket is newer than the database. Whoever any reference names is no orphan."""
    held = [line("a"), line("b"), line("c"), line("firedrill/heartbeat"), line("d", other("m", 9, marker=True))]
    strict = BY_KEY.model_copy(update={"orphans": "fail"})
    with scans(source, [row("a"), ("a", None, "b")]):
        told, _ = ask(source, held, BY_KEY)
        failing, _ = ask(source, held, BY_KEY, strict)
        two, _ = ask(source, held, BY_KEY, BY_KEY.model_copy(update={"key": "sha256", "orphans": "fail"}))
        part, _ = ask(source, held, strict, whole=False)
    assert told["docs"] == ("passed", "2 that no row names: 'b', 'c'")
    assert failing["docs"] == ("failed", "2 that no row names")
    assert {"docs/b", "docs/c"} <= failing.keys()
    # `sha256` holds the key `b` in one row, and in the other a digest that is no key.
    assert two["docs"] == ("failed", "1 that no row names")
    assert part["docs"][0] == "not_available"


def test_keys_of_every_kind_meet_their_rows(source: Source) -> None:
    """S15. Both sides in the order of UTF-8's bytes: a code point beyond 65,535 comes last, and not before U+FFFD."""
    keys = ["é", "e\u0301", "folder/", "folder", " ", "a\nb\t", "Z", "z", "\U0001f600", "\ufffd", "%2F", "x" * 900]
    held = [line(key) for key in keys]
    with scans(source, [row(key) for key in keys]):
        found, joint = ask(source, held)
        none, _ = ask(source, [])
    assert found == {NAMED: ("passed", "0 do not"), "docs": ("passed", "0 that no row names")}
    assert joint.rows == len(keys)
    assert none[NAMED] == ("failed", f"{len(keys)} do not: {len(keys)} missing")
    assert none["docs"][0] == "errored"


def test_no_rows_are_no_proof_and_many_findings_are_counted(source: Source) -> None:
    with scans(source, []):
        empty, joint = ask(source, HELD[:1])
    assert empty[NAMED] == ("errored", "none")
    assert not joint.agrees
    with scans(source, [row(f"gone {n}") for n in range(60)]):
        findings, _ = references.check(
            [(source.login("app"), SCANS)], HELD[:1], T, bucket="docs", heartbeat="", whole=True
        )
    assert len([one for one in findings if one.observed == "missing"]) == references.SHOWN
    assert "10 more rows" in {one.observed for one in findings}


def test_what_is_out_of_order_or_not_there_is_unable(source: Source) -> None:
    def check(reference: Reference, held: list[HeldKey]) -> list[Finding]:
        login = source.login("app")
        return references.check([(login, reference)], held, T, bucket="docs", heartbeat="", whole=True)[0]

    with pytest.raises(Unable, match="no table nowhere"):
        check(SCANS.model_copy(update={"table": "nowhere"}), [])
    with scans(source, [row("a")]):
        with pytest.raises(Unable, match="not listed in the order"):
            check(SCANS, [line("b"), line("a")])
        with pytest.raises(Unable, match="does not exist"):
            check(SCANS.model_copy(update={"version": "nowhere"}), [])
