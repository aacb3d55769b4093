"""What a check answers, how deep a restore was proven, and what a database's baseline holds. Pure.

A baseline is independent truth, recorded at backup time: two snapshots of the source opened just before and just after
one whole second T (a *bracket*), both read afterwards. What is equal on both sides must be bit-equal in a restore to T.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Annotated, Literal

from pydantic import Field

from dr.errors import Unable
from dr.estate import Tier
from dr.hashing import Answer, Hashing
from dr.recovery import Fact, Moment

Level = Literal["L0", "L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8"]
LEVELS: tuple[Level, ...] = ("L0", "L1", "L2", "L3", "L4", "L5", "L6", "L7", "L8")
MEANING: Mapping[Level, str] = {
    "L0": "the right recovery point exists, where it was promised",
    "L1": "it restores and opens, and the application can log in",
    "L2": "the bytes are as they were written",
    "L3": "the structure of tables and indexes is sound",
    "L4": "the content is what the source held",
    "L5": "schema, roles, extensions and sequences are as they were",
    "L6": "it is the right moment",
    "L7": "rows and objects agree with each other",
    "L8": "the application's own assertions hold",
}
"""What each level of the ladder proves."""
Outcome = Literal["passed", "failed", "errored", "not_available"]


class Finding(Fact):
    """The answer to one check about one subject, with its evidence. Never a row's value, never a secret."""

    check: str
    level: Level
    outcome: Outcome
    subject: str
    """What was looked at: `database.schema.table`, `bucket/key`, an asset's name."""
    expected: str = ""
    observed: str = ""
    detail: str = ""


Count = Annotated[int, Field(ge=0, lt=2**63)]


class Coverage(Fact):
    """How much was really compared. Zero compared is never a pass."""

    tables_expected: Count = 0
    tables_compared: Count = 0
    rows: Count = 0
    bytes: Count = 0
    exact_fraction: float | None = None
    """Rows proven equal to the source's, bit for bit, of all rows."""
    objects_expected: Count = 0
    objects_compared: Count = 0


class Chunk(Fact):
    """The content of 128 blocks of one table: how many rows, and the sum of their seeded 64-bit hashes."""

    count: int
    digest: int


class HotRow(Fact):
    """One row version of a chunk that changed inside the bracket: where it stands, and its hash."""

    block: int
    offset: int
    digest: int


class SeenRow(HotRow):
    """One row version of a restore, with the (32-bit) number of the transaction that wrote it."""

    xmin: int


class TableSide(Fact):
    """One table as one snapshot saw it."""

    filenode: int
    rows: int
    bytes: int
    chunks: dict[int, Chunk]


class HotChunk(Fact):
    """A chunk that changed inside the bracket: what both sides share, and the rows that only one of them has."""

    same: dict[int, Chunk]
    """block -> the rows that stand there on both sides. Every one of them must be in a restore."""
    before: tuple[HotRow, ...]
    after: tuple[HotRow, ...]


class TableBaseline(Fact):
    """One table across the bracket. A side is None where the table did not exist yet, or no longer."""

    before: TableSide | None
    after: TableSide | None
    hot: dict[int, HotChunk] = Field(default_factory=dict)
    unread: str = ""
    """Why the table could not be read in the moment of the bracket; a restore of it cannot be judged."""


class Heartbeat(Fact):
    """One beat: its number, its moment by the source's clock, and which writer's line it belongs to."""

    seq: int
    at: Moment
    lineage: str


class HeartbeatWindow(Fact):
    """What one snapshot shows of the heartbeat table around a moment."""

    present: bool
    newest_until: Heartbeat | None = None
    """The newest beat at or before the moment."""
    first_after: Heartbeat | None = None
    """The oldest beat after the moment, if any."""
    gaps: tuple[int, ...] = ()
    """Numbers missing among the last beats before the moment (a thousand at the most)."""
    lineages: tuple[str, ...] = ()


class SequenceState(Fact):
    """Where a sequence stood. Sequences know no snapshots: this is the moment of reading."""

    last: int | None
    """The value handed out last; None when none was yet."""
    later: int | None = None
    """The same once the source's rows were read: a recovery replays what was drawn until the first commit after its
    instant, which may come after this moment. None where nobody looked again."""
    increment: int
    cache: int
    cycles: bool
    behind: str = ""
    """The indexed column that it feeds and that holds a later value already: the next insert there will fail."""
    limit: int | None = None
    """The last value that it, or the narrowest integer column that it feeds, can hold. None in older baselines."""
    limited_by: str = ""
    """That column; nothing where the limit is its own."""


class SchemaFingerprint(Fact):
    """The shape of one database: what its schema says, not what its rows say. Each maps a name to a canonical text."""

    objects: dict[str, str]
    extensions: dict[str, str]
    roles: dict[str, str]
    sequences: dict[str, SequenceState]
    settings: dict[str, str]
    """Informative: an instance's own settings differ for good reasons."""


class DatabaseBaseline(Fact):
    """One database of an instance, across the bracket."""

    name: str
    tables: dict[str, TableBaseline]
    """`schema.table`, quoted where SQL would quote it, to its content."""
    excluded: dict[str, str] = Field(default_factory=dict)
    """Tables that a restore is not expected to hold as they were (unlogged, foreign), and why."""
    before: SchemaFingerprint
    after: SchemaFingerprint
    visible_before: str = ""
    """The transactions that the first snapshot sees, in `pg_snapshot`'s notation."""

    @property
    def has_rows(self) -> bool:
        """Whether any table held a row on either side of the bracket."""
        return any(side.rows for table in self.tables.values() for side in (table.before, table.after) if side)

    def objects(self, wanted: Callable[[str, str], bool]) -> list[str]:
        """What the schema named on either side, of what is wanted by its name and its text; each once, in order."""
        shapes = (self.before, self.after)
        return sorted({name for shape in shapes for name, text in shape.objects.items() if wanted(name, text)})


class ObservedDatabase(Fact):
    """One database of a restore, as the same function that reads the source sees it."""

    name: str
    tables: dict[str, TableSide]
    excluded: dict[str, str] = Field(default_factory=dict)
    damaged: dict[str, str] = Field(default_factory=dict)
    """Tables that the server itself cannot read, and what it says."""
    unread: dict[str, str] = Field(default_factory=dict)
    """Tables that we could not read: nothing is known about them."""
    horizon: int | None = None
    """The first transaction number that the restore gave out itself, where the server tells."""


class InstanceBaseline(Fact):
    """Every database of one instance around one moment."""

    schema_: Literal["firedrill.baseline/1"] = "firedrill.baseline/1"
    asset: str
    resource_id: str
    server_version: int
    seed: int
    tier: Tier = "fast"
    """How every row is hashed: see `hashing`."""
    instant: Moment
    opened_before: Moment
    opened_after: Moment
    in_progress: tuple[int, ...]
    """Transactions that may have been committing at the instant and had not come to an end in time."""
    begun_at: str = ""
    """The transactions that had begun right after the instant: none that began later can be in a restore to it."""
    around_snapshot: bool = False
    """The bracket stands around the taking of a snapshot, and the instant is what AWS says of it."""
    databases: dict[str, DatabaseBaseline]
    held: dict[str, int] = Field(default_factory=dict)
    """database -> how many tables were recorded: a baseline that lost some does not look like a whole one."""
    heartbeat: HeartbeatWindow
    """What the second snapshot shows of the heartbeat at the instant."""
    heartbeat_before: HeartbeatWindow | None = None
    """What the first snapshot shows: a beat that only the second one has may have been on its way at the instant."""
    heartbeat_database: str | None = None
    answers: dict[str, tuple[Answer, Answer]] = Field(default_factory=dict)
    """assertion -> what the source answered on each side, for those that expect what the source says."""

    @property
    def hashing(self) -> Hashing:
        return Hashing(seed=self.seed, tier=self.tier)


def depth(findings: Iterable[Finding], applicable: Collection[Level]) -> Level | None:
    """The highest level such that every applicable level up to it passed; None when the first of them did not.

    `applicable` are the levels that were asked for and that mean something for this kind of asset. One whose every
    answer is `not_available` is stepped over, and listed by `not_tested`; one without any answer ends the ladder.
    """
    reached: Level | None = None
    by_level: dict[str, list[Outcome]] = {}
    for finding in findings:
        by_level.setdefault(finding.level, []).append(finding.outcome)
    for level in LEVELS:
        outcomes = by_level.get(level, [])
        if level not in applicable:
            continue
        if not outcomes or "failed" in outcomes or "errored" in outcomes:
            return reached
        if "passed" in outcomes:
            reached = level
    return reached


def asked(check: str, level: Level, subject: str, question: Callable[[], Iterable[Finding]]) -> list[Finding]:
    """Ask a check. One that is unable to answer, or that says nothing at all, answers `errored`: never silence.

    This is the one place where a check's Unable becomes a finding; checks themselves raise it.
    """
    try:
        findings = list(question())
    except Unable as problem:
        return [Finding(check=check, level=level, outcome="errored", subject=subject, detail=str(problem))]
    return findings or [
        Finding(check=check, level=level, outcome="errored", subject=subject, detail="the check gave no answer")
    ]


def not_tested(findings: Sequence[Finding]) -> list[str]:
    """What an instance did not offer, or what could not be told, in words for the report."""
    return [
        f"{finding.check} ({finding.level}) of {finding.subject}: {finding.outcome.replace('_', ' ')}"
        + (f": {finding.detail}" if finding.detail else "")
        for finding in findings
        if finding.outcome in ("not_available", "errored")
    ]
