"""The verdict as the terminal shows it at the end of a run: short, and with the path to the rest."""

from pathlib import Path

from rich.console import Console
from rich.text import Text

from dr.harmless import NAME_LENGTH, shortened
from dr.report import words
from dr.report.model import Report, ReportedAsset
from dr.report.write import HTML

BAR = 24
REASONS_SHOWN = 8
_COLOURS = {"passed": "green", "failed": "red", "inconclusive": "yellow", "errored": "yellow"}


def show(report: Report, folder: Path, console: Console | None = None) -> None:
    """Print the verdict block. Away from a terminal the console writes plain text; names are harmless in either."""
    console = console or Console()
    for line in block(report, folder):
        # Soft wrapping keeps a path whole, so that it can be copied; a name is never markup here.
        console.print(line, soft_wrap=True, highlight=False, markup=False)


def block(report: Report, folder: Path) -> list[Text]:
    """The lines of the verdict block."""
    colour = _COLOURS[report.verdict]
    head = Text.assemble(
        (f"{words.SYMBOLS[report.verdict]} {report.verdict}", f"bold {colour}"),
        f"  {words.KINDS[report.kind]} of {shortened(report.application)}  ",
        (shortened(report.run), "dim"),
    )
    lines = [Text(), head]
    lines += _listed(report.reasons, "")
    lines.append(Text())
    if report.kind == "test":
        objectives, actuals = report.objectives, report.actuals
        lines.append(_promise("RTA", "RTO", objectives.rto_seconds, actuals.rta_seconds))
        lines.append(_promise("RPA", "RPO", objectives.rpo_seconds, actuals.rpa_seconds))
    lines.append(_line("instant", words.moment(report.instant) if report.instant else "none was chosen"))
    lines.append(Text())
    width = max([7, *(len(shortened(asset.asset, 40)) for asset in report.assets)])
    lines += [_asset(asset, width) for asset in report.assets if report.kind == "test"]
    if report.not_tested:
        lines += [Text(), Text(f"  not tested: {len(report.not_tested):,}", style="yellow")]
        lines += _listed(report.not_tested, "  ")
    if report.challenge:
        told = words.challenge(report.challenge)
        lines += [
            Text(),
            Text(f"  challenge: {shortened(told, 3 * NAME_LENGTH)}", "green" if report.challenge.found else "red"),
        ]
    if report.scratch.remaining:
        lines += [Text(), Text("  scratch remains; hint: dr sweep", style="bold yellow")]
        lines += _listed(
            tuple(f"{thing.kind} {thing.name} in {thing.region}" for thing in report.scratch.remaining), "  "
        )
    lines += [Text(), _line("report", str(folder / HTML), "bold")]
    return lines


def _promise(measured: str, promised: str, objective: float, actual: float | None) -> Text:
    value = words.duration(actual) if actual is not None else "not measured"
    state = "errored" if actual is None else "passed" if actual <= objective else "failed"
    filled = 0 if actual is None else min(BAR, max(1, round(actual / max(objective, 1e-9) * BAR)))
    said = f"of {words.duration(objective)}"
    return Text.assemble(
        f"  {measured:<8}",
        (f"{value:<14}", "bold"),
        f"{said:<12}",
        ("█" * filled, _COLOURS[state]),
        ("░" * (BAR - filled), "dim"),
        (f"  {words.against(promised, objective, actual)}" if actual is not None else "", _COLOURS[state]),
    )


def _line(label: str, value: str, style: str = "") -> Text:
    return Text.assemble(f"  {label:<8}", (shortened(value, 10 * NAME_LENGTH), style))


def _asset(asset: ReportedAsset, width: int) -> Text:
    depth = asset.depth or "none"
    return Text.assemble(
        f"  {shortened(asset.asset, 40):<{width}}  depth ",
        (f"{shortened(depth):<4}", "bold green" if asset.depth else "bold red"),
        "  " + ", ".join(words.compared(asset)),
    )


def _listed(texts: tuple[str, ...], indent: str) -> list[Text]:
    lines = [Text(f"{indent}  - {shortened(text, 3 * NAME_LENGTH)}") for text in texts[:REASONS_SHOWN]]
    if (more := len(texts) - REASONS_SHOWN) > 0:
        lines.append(Text(f"{indent}  - and {more:,} more in the report", style="dim"))
    return lines
