"""Before any run is begun: what the command line says then, and how it counts several applications."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import stories

from dr import cli
from dr.cli.several import GRAVEST_FIRST, gravest
from dr.errors import ExitCode

SAID = "(nothing was begun)"


@pytest.fixture(autouse=True)
def estate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It names no certificate authority, so that nothing can be planned in it."""
    (tmp_path / "estate.yaml").write_text(json.dumps(stories.ESTATE | {"control": str(tmp_path)}))
    monkeypatch.setenv("DR_ESTATE", str(tmp_path / "estate.yaml"))
    monkeypatch.delenv("DR_CONNECTION", raising=False)


@pytest.mark.parametrize("verb", ["backup", "test"])
def test_whoever_wanted_a_run_learns_that_none_was_begun(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([verb, "receipts", "--json"]) == ExitCode.REFUSED
    told = capsys.readouterr()
    (hint,) = [line for line in told.err.splitlines() if line.startswith("hint: ")]
    assert hint.endswith(SAID)
    assert json.loads(told.out)["error"]["hint"] == hint.removeprefix("hint: ")


def test_whoever_only_looks_is_not_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    for looking in (
        ["plan", "receipts"],
        ["test", "receipts", "--dry-run"],
        ["report", "latest"],
        ["resume", "latest"],
    ):
        assert cli.run(looking) == ExitCode.REFUSED
        assert SAID not in capsys.readouterr().err


@pytest.mark.parametrize("verb", ["backup", "test", "plan"])
def test_of_several_each_says_why_it_is_not_begun(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        cli.run([verb, "--json"])
    assert left.value.code == ExitCode.REFUSED
    told = capsys.readouterr()
    problems = [one["error"] for one in json.loads(told.out)]
    assert [one["application"] for one in problems] == ["receipts", "ledgers"]
    for one in problems:
        assert f"error: {one['application']} is not begun: {one['message']}" in told.err


def test_what_is_wrong_outranks_what_is_not_known_and_that_what_was_not_begun() -> None:
    assert set(GRAVEST_FIRST) == set(ExitCode)
    assert gravest([ExitCode.PASSED, ExitCode.REFUSED, ExitCode.SCRATCH_REMAINS]) == ExitCode.REFUSED
    assert gravest([ExitCode.REFUSED, ExitCode.INCONCLUSIVE, ExitCode.FAILED]) == ExitCode.FAILED
    assert gravest([ExitCode.REFUSED, ExitCode.INCONCLUSIVE]) == ExitCode.INCONCLUSIVE
    assert gravest([ExitCode.FAILED, ExitCode.INTERRUPTED]) == ExitCode.INTERRUPTED


def leaves(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if isinstance(command, click.Group):
            yield from leaves(command, *path, name)
        else:
            yield (*path, name)


def test_every_verb_teaches_by_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    """On a line of its own, not broken: it is there to be copied."""
    verbs = list(leaves(cli.cli))
    assert len(verbs) > 15
    for verb in verbs:
        cli.run([*verb, "--help"])
        told = capsys.readouterr().out
        assert re.search(rf"^ *Examples?:\n +.*\bdr {' '.join(verb)}( |$)", told, re.MULTILINE), told
