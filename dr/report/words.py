"""Numbers, moments and outcomes as people read them: one wording for every form of the report."""

from datetime import UTC, datetime
from decimal import ROUND_FLOOR, Decimal

from dr.report.model import Report, ReportedAsset, ReportedChallenge, ReportedIsolation, RunKind, Verdict
from dr.verification import MEANING, Coverage, Finding, Level, Outcome

KINDS: dict[RunKind, str] = {"backup": "backup", "test": "restore test"}

OUTCOMES: dict[Outcome, str] = {
    "failed": "failed",
    "errored": "errored",
    "not_available": "not available",
    "passed": "passed",
}
"""In the order in which a reader needs them."""

SYMBOLS = {"passed": "✓", "failed": "✗", "errored": "!", "not_available": "–", "not_asked": "·", "inconclusive": "?"}

RUNGS: dict[Level, str] = {
    "L0": "Recovery point in place",
    "L1": "Opens, and lets users in",
    "L2": "Bytes as written",
    "L3": "Structure sound",
    "L4": "Content equal to the source",
    "L5": "Schema, roles, settings",
    "L6": "The right moment",
    "L7": "Rows find their objects",
    "L8": "Business rules hold",
}

_MEANINGS: dict[tuple[RunKind, Verdict], str] = {
    (
        "test",
        "passed",
    ): "The backup came back, every check that was expected gave a good answer, and both promises held.",
    ("test", "failed"): "What came back is wrong, or a promise was missed.",
    (
        "test",
        "inconclusive",
    ): "This run could not tell whether the backup restores. Until a run can, count it as unproven.",
    ("backup", "passed"): "The backup was taken and copied, and the copy was proven to have arrived.",
    ("backup", "failed"): "The backup is not what was promised.",
    (
        "backup",
        "inconclusive",
    ): "This run could not tell whether the backup is whole. Until a run can, do not count on it.",
}

GLOSSARY: tuple[tuple[str, str], ...] = (
    ("RTO, RPO", "Promised: how long recovery may take, and how much recent data may be lost."),
    ("RTA", "Measured: from the start of the run to the last verification that the verdict needs. Waiting counts."),
    ("RPA", "Measured: how far behind the newest data the restored state is."),
    ("Instant", "The one moment, in whole seconds, to which every asset of the run is restored."),
    ("Recovery point", "A stored state that one can restore from: a snapshot, a copied snapshot, versions of objects."),
    (
        "Baseline",
        "Independent truth about the source, recorded when the backup was made. The restore is compared with it.",
    ),
    (
        "Exact fraction",
        "Rows proven equal to the source bit for bit, of all rows. Rows that changed during the baseline's second are"
        " judged by containment, and do not count as exact.",
    ),
    (
        "Depth",
        "L0 to L8: the highest level such that every level up to it that applies was checked and passed. A level"
        " that the instance does not offer is stepped over, and named under “not tested”.",
    ),
    ("Errored", "The check could not be carried out, so nothing is known about what it looks at."),
    (
        "Not available",
        "The instance does not offer what the check needs. Neither good nor bad news: it was not tested.",
    ),
    (
        "Critical path",
        "The chain of steps that the recovery time consists of. Only making these faster lowers the RTA.",
    ),
    ("Scratch", "What a run creates in order to test, and removes at its end, whatever happened."),
    ("Journal", "The record written before and after every change. Each line holds the hash of the one before."),
)


def meaning(report: Report) -> str:
    """The verdict in one plain sentence."""
    return _MEANINGS[report.kind, report.verdict]


def duration(seconds: float) -> str:
    """`4.2 s`, `2 min 41 s`, `1 h 05 min`, `3 d 4 h`."""
    if seconds < 0:
        return f"−{duration(-seconds)}"
    if seconds < 9.95:
        return f"{seconds:.1f} s".replace(".0 s", " s")
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s" if whole % 60 else f"{whole // 60} min"
    minutes = round(seconds / 60)
    if minutes < 24 * 60:
        return f"{minutes // 60} h {minutes % 60:02d} min" if minutes % 60 else f"{minutes // 60} h"
    hours = round(seconds / 3600)
    return f"{hours // 24} d {hours % 24} h" if hours % 24 else f"{hours // 24} d"


def moment(time: datetime | None) -> str:
    """`2026-11-20 02:15:00 UTC`: the zone is always said."""
    return f"{time.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC" if time else "not known"


def offset(time: datetime | None, start: datetime) -> str:
    """Where in the run: `+2:41`, `+1:02:03`."""
    if time is None:
        return "–"
    seconds = round((time - start).total_seconds())
    sign, seconds = ("−", -seconds) if seconds < 0 else ("+", seconds)
    hours, rest = divmod(seconds, 3600)
    minutes = f"{rest // 60:02d}" if hours else f"{rest // 60}"
    return f"{sign}{f'{hours}:' if hours else ''}{minutes}:{rest % 60:02d}"


def fraction(part: float) -> str:
    """A share in per cent, rounded down, with more digits the closer it comes: what is not whole is never 100 %."""
    if part >= 1:
        return "100 %"
    if part <= 0:
        return "0 %"
    exact = Decimal(repr(part)) * 100
    unit = Decimal("0.01") if part <= 0.9999 else Decimal("0.0001") if part <= 0.999999 else Decimal("0.000001")
    if exact < unit:
        return f"under {unit} %"
    return f"{exact.quantize(unit, ROUND_FLOOR)} %" if 100 - exact >= unit else f"over {100 - unit} %"


def size(count: int) -> str:
    """Bytes in decimal units."""
    amount = float(count)
    for unit in ("bytes", "kB", "MB", "GB", "TB"):
        if amount < 1000 or unit == "TB":
            return f"{count:,} bytes" if unit == "bytes" else f"{amount:.1f} {unit}"
        amount /= 1000
    return f"{count:,} bytes"


def plural(count: int, noun: str) -> str:
    """`1 table`, `1,204 objects`."""
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"


def against(name: str, objective: float, actual: float | None) -> str:
    """An actual beside its objective, in words: `within, 22 min to spare`."""
    if actual is None:
        return f"not known whether the {name} would hold"
    if actual <= objective:
        return f"within the {name}, {duration(objective - actual)} to spare"
    return f"{name} missed by {duration(actual - objective)}"


def compared(asset: ReportedAsset) -> list[str]:
    """What was compared of an asset, in words; nothing compared is said as such."""
    covered = asset.coverage
    said: list[str] = []
    if asset.kind == "database" or covered.tables_expected or covered.tables_compared:
        said.append(f"{covered.tables_compared:,} of {plural(covered.tables_expected, 'table')} compared")
        said.append(exactness(covered))
    if asset.kind == "bucket" or covered.objects_expected or covered.objects_compared:
        said.append(f"{covered.objects_compared:,} of {plural(covered.objects_expected, 'object')} compared")
    return said


def levels() -> list[tuple[str, str]]:
    """The ladder's levels and what each proves, for the glossary."""
    return list(MEANING.items())


def owned(report: Report) -> list[tuple[tuple[str, ...], Finding]]:
    """Every finding once, with the assets that it stands under: what spans assets counts for each of them."""
    owners: dict[Finding, dict[str, None]] = {}
    for asset in report.assets:
        for finding in asset.findings:
            owners.setdefault(finding, {})[asset.asset] = None
    return [(tuple(assets), finding) for finding, assets in owners.items()]


def of_outcome(report: Report, outcome: Outcome) -> list[tuple[tuple[str, ...], Finding]]:
    """The findings of one outcome."""
    return [(assets, finding) for assets, finding in owned(report) if finding.outcome == outcome]


def exactness(covered: Coverage) -> str:
    """The exact fraction in words."""
    if not covered.rows:
        return "no rows compared"
    if covered.exact_fraction is None:
        return f"exact fraction of {plural(covered.rows, 'row')} not known"
    return f"{fraction(covered.exact_fraction)} of {plural(covered.rows, 'row')} proven equal"


def outlets(one: ReportedIsolation) -> list[str]:
    """What was found in a scratch instance that could reach out, by kind, and how much of it was switched off."""
    return [
        plural(count, kind) + (f", {one.disabled[kind]:,} of them switched off" if one.disabled.get(kind) else "")
        for kind, count in sorted(one.found.items())
    ]


def challenge(one: ReportedChallenge) -> str:
    """What was planted, and whether it was found."""
    said = f"found by {', '.join(one.by)}" if one.found else "found by nobody"
    return f"{one.kind} in {one.subject}, planted by chance (seed {one.seed}) after everything was answered: {said}"


def isolation(one: ReportedIsolation) -> str:
    """How far it is proven that a scratch instance reaches nothing."""
    if one.unproven:
        return f"not proven: {', '.join(one.unproven)}"
    return f"proven to reach nothing: {plural(len(one.proven), 'answer')} of AWS and of the server itself"
