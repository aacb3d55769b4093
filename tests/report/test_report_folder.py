"""Reports on the disk: written whole, read with suspicion, found by name."""

import json
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from report_samples import ALL, RUN, passed

from dr.cli import report as report_verb
from dr.cli import runs as runs_verb
from dr.errors import FiredrillError, Refused, Unable, UsageError
from dr.report.shelf import find, names
from dr.report.write import HTML, JSON, read, write

ESTATE = """
account: "123456789012"
sites:
  primary: {region: eu-west-1}
  recovery: {region: eu-central-1}
control: %s
evidence: evidence
applications:
  receipts:
    objectives: {rto: 30m, rpo: 5m, retention: 30d}
    databases:
      receipts-db: {instance: receipts, owner_secret: receipts/owner, app_secret: receipts/app}
"""
OLDER = "20261119T021500Z-backup-receipts-00aa"
CUT = "20261121T021500Z-test-receipts-7f3a"


@pytest.fixture
def control(tmp_path: Path) -> Path:
    """A control folder with a passed test, an older backup, a run that was killed, and things that are not runs."""
    folder = tmp_path / "control"
    write(passed(), folder / RUN)
    write(ALL["backup"].model_copy(update={"run": OLDER}), folder / OLDER)
    (folder / CUT).mkdir()
    (folder / CUT / "journal.jsonl").touch()
    (folder / "backups" / "receipts").mkdir(parents=True)
    (tmp_path / "estate.yaml").write_text(ESTATE % folder)
    return folder


@pytest.fixture
def dr(control: Path) -> Callable[..., Result]:
    def call(verb: str, *arguments: str) -> Result:
        command = {"runs": runs_verb.command, "report": report_verb.command}[verb]
        estate = str(control.parent / "estate.yaml")
        result = CliRunner().invoke(command, arguments, env={"DR_ESTATE": estate})
        if isinstance(result.exception, FiredrillError):
            raise result.exception
        return result

    return call


@pytest.mark.parametrize("name", ALL)
def test_what_was_written_is_read_back(name: str, tmp_path: Path) -> None:
    write(ALL[name], tmp_path / "run")
    assert read(tmp_path / "run") == ALL[name]
    assert sorted(path.name for path in (tmp_path / "run").iterdir()) == [
        "junit.xml",
        "report.html",
        "report.json",
        "report.md",
    ]
    assert stat.S_IMODE((tmp_path / "run" / JSON).stat().st_mode) == 0o644
    write(passed(), tmp_path / "run")
    assert read(tmp_path / "run") == passed()


def test_a_report_that_cannot_be_written_says_so(tmp_path: Path) -> None:
    (tmp_path / HTML).mkdir()
    (tmp_path / HTML / "in the way").touch()
    with pytest.raises(Unable, match=r"report: cannot write .*report.html"):
        write(passed(), tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == [HTML]


def test_every_prefix_of_a_report_is_refused(tmp_path: Path) -> None:
    write(passed(), tmp_path)
    whole = (tmp_path / JSON).read_bytes()
    for length in range(0, len(whole) - 2, 97):
        (tmp_path / JSON).write_bytes(whole[:length])
        with pytest.raises(Refused, match="damaged"):
            read(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"schema": "firedrill.report/2"}, "written as 'firedrill.report/2'"),
        ({"schema": "something else"}, "damaged: schema"),
        ({"verdict": "splendid"}, "damaged: verdict"),
        ({"extra": 1}, "damaged: extra"),
        ({"assets": [{}]}, r"damaged: assets\.0"),
    ],
)
def test_what_is_not_ours_is_refused(change: dict[str, object], message: str, tmp_path: Path) -> None:
    write(passed(), tmp_path)
    data = json.loads((tmp_path / JSON).read_text())
    (tmp_path / JSON).write_text(json.dumps(data | change))
    with pytest.raises(Refused, match=message):
        read(tmp_path)


@pytest.mark.parametrize("raw", [b"[]", b"null", b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_report_at_all_is_refused(raw: bytes, tmp_path: Path) -> None:
    (tmp_path / JSON).write_bytes(raw)
    with pytest.raises(Refused, match="damaged"):
        read(tmp_path)


def test_a_missing_report_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="there is no report"):
        read(tmp_path / "nowhere")


def test_runs_are_listed_newest_first(dr: Callable[..., Result]) -> None:
    lines = dr("runs").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["run", CUT, RUN, OLDER]
    assert "unfinished (journal only)" in lines[1]
    assert lines[2].split() == [
        RUN,
        "restore",
        "test",
        "receipts",
        "passed",
        "L8",
        "L7",
        "2",
        "min",
        "32",
        "s",
        "41",
        "s",
    ]
    assert [line.split()[0] for line in dr("runs", "--kind", "backup").stdout.splitlines()][1:] == [OLDER]
    limited = dr("runs", "--limit", "1")
    assert len(limited.stdout.splitlines()) == 2
    assert "2 older" in limited.stderr


def test_runs_as_json(dr: Callable[..., Result], control: Path) -> None:
    (control / OLDER / JSON).write_text("{")
    runs = json.loads(dr("runs", "--json").stdout)["runs"]
    assert [run["run"] for run in runs] == [CUT, RUN, OLDER]
    assert [run["verdict"] for run in runs] == [None, "passed", None]
    assert runs[1]["depth"] == {"receipts-db": "L8", "receipts-documents": "L7"}
    assert runs[1]["rta_seconds"] == 152
    assert "damaged" in runs[2]["state"]


def test_no_runs_yet(dr: Callable[..., Result], control: Path) -> None:
    control.rename(control.with_name("moved"))
    assert dr("runs").stdout == ""
    assert "no runs in" in dr("runs").stderr
    assert json.loads(dr("runs", "--json").stdout) == {"runs": []}
    with pytest.raises(Refused, match="no run 'latest'"):
        dr("report", "latest")


def test_a_folder_that_cannot_be_listed_is_refused(tmp_path: Path) -> None:
    """Whatever the cause is: whoever runs as root meets no missing permission, but a name that is too long."""
    with pytest.raises(Refused, match=r"xxx: cannot list the runs in it: File name too long"):
        names(tmp_path / ("x" * 300))


def test_a_report_in_every_form(dr: Callable[..., Result], control: Path, tmp_path: Path) -> None:
    assert dr("report", RUN).stdout == f"{control / RUN / HTML}\n"
    assert json.loads(dr("report", RUN, "--format", "json").stdout)["run"] == RUN
    assert json.loads(dr("report", RUN, "--json").stdout)["run"] == RUN
    assert dr("report", "20261120", "--format", "md").stdout.startswith("# ✅ Passed")
    assert dr("report", RUN, "--format", "junit").stdout.startswith("<?xml")
    assert json.loads(dr("report", "--schema").stdout)["properties"]["verdict"]
    out = tmp_path / "out.html"
    assert dr("report", RUN, "--output", str(out)).stdout == f"{out}\n"
    assert out.read_text() == (control / RUN / HTML).read_text()
    (control / RUN / HTML).unlink()
    assert dr("report", RUN).stdout == f"{control / RUN / HTML}\n"
    assert out.read_text() == (control / RUN / HTML).read_text()
    with pytest.raises(UsageError, match="there is no folder"):
        dr("report", RUN, "--output", str(tmp_path / "nowhere" / "out.html"))
    with pytest.raises(UsageError, match="which run"):
        dr("report")


def test_which_run_is_meant(dr: Callable[..., Result], control: Path) -> None:
    assert names(control) == [CUT, RUN, OLDER]
    assert find(control, OLDER[:9]) == OLDER
    assert find(control, "latest") == CUT
    with pytest.raises(Refused, match="3 runs begin like that"):
        find(control, "2026")
    for asked in ("20270101", "../control", "", "backups", "*"):
        with pytest.raises(Refused, match="no run") as refusal:
            find(control, asked)
        assert refusal.value.hint == f"newest there: {CUT}, {RUN}, {OLDER}"
    with pytest.raises(Refused, match="there is no report"):
        dr("report", "latest")


def test_a_run_that_is_still_written_says_so(dr: Callable[..., Result], control: Path) -> None:
    hold = (
        "import fcntl, sys; f = open(sys.argv[1], 'ab'); fcntl.flock(f, fcntl.LOCK_EX);"
        " print('held', flush=True); sys.stdin.read()"
    )
    journal = control / CUT / "journal.jsonl"
    with subprocess.Popen(
        [sys.executable, "-c", hold, journal], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as writer:
        assert writer.stdout
        writer.stdout.readline()
        assert json.loads(dr("runs", "--json").stdout)["runs"][0]["state"] == "running"
        writer.communicate()
