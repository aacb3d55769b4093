"""The command line's own manners: fast help, exit codes, errors without tracebacks, one JSON document."""

import json
import resource
import subprocess
import sys
from pathlib import Path

import pytest

import dr as package
from dr.cli import VERBS

ROOT = Path(__file__).parents[2]


def dr(*arguments: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "dr", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)


def test_help_lists_every_verb_at_once() -> None:
    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        shown = dr("--help")
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        assert shown.returncode == 0
        assert all(f"\n  {verb} " in shown.stdout for verb in VERBS)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    # processor time, because the machine may be busy with other tests; alone, it is the time on the wall
    assert min(once() for _ in range(3)) < 0.3


def test_help_imports_no_verb() -> None:
    script = (
        "import sys; from dr.cli import run; run(['--help']);"
        "print([m for m in sys.modules if 'boto' in m or 'pydantic' in m or m.startswith('dr.cli.')])"
    )
    shown = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert shown.stdout.endswith("[]\n")


def test_every_verb_has_its_file() -> None:
    for verb in VERBS:
        shown = dr(verb, "--help")
        assert (shown.returncode, shown.stderr) == (0, "")


@pytest.mark.parametrize("verb", ["up", "status", "down", "seed", "resolve", "workload", "advance"])
def test_every_lab_command_teaches_with_an_example(verb: str) -> None:
    assert "Example:" in dr("lab", verb, "--help").stdout


def test_the_version_is_told() -> None:
    assert dr("--version").stdout == f"dr, version {package.__version__}\n"


@pytest.mark.parametrize(
    "wrong",
    [
        ("frobnicate",),
        ("lab", "frobnicate"),
        ("lab", "up", "--speed", "0"),
        ("lab", "up", "--nonsense"),
        ("lab", "seed", "--size", "gigantic"),
        ("lab", "advance"),
        ("lab", "advance", "soon"),
        ("lab", "advance", "0d"),
        ("lab", "advance", "367d"),
        (),
        ("lab",),
    ],
)
def test_wrong_usage_ends_with_64(wrong: tuple[str, ...]) -> None:
    shown = dr(*wrong)
    assert shown.returncode == 64
    assert "Traceback" not in shown.stderr


def test_an_error_is_one_json_document_where_json_was_asked_for(tmp_path: Path) -> None:
    shown = dr("lab", "status", "--json", "--home", str(tmp_path / "none"))
    assert shown.returncode == 3
    error = json.loads(shown.stdout)["error"]
    assert error == {
        "message": f"no lab is up at {tmp_path / 'none'}",
        "hint": "`dr lab up` starts one",
        "exit_code": 3,
    }
    assert shown.stderr == f"error: {error['message']}\nhint: {error['hint']}\n"
    shown = dr("lab", "status", "--json", "--nonsense")
    assert (shown.returncode, json.loads(shown.stdout)["error"]["exit_code"]) == (64, 64)


def test_seeding_without_a_lab_is_refused(tmp_path: Path) -> None:
    for command in (["seed"], ["workload", "start"], ["workload", "stop"], ["advance", "1d"]):
        shown = dr("lab", *command, "--home", str(tmp_path / "none"))
        assert (shown.returncode, "no lab is up" in shown.stderr) == (3, True)
