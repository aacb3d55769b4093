"""A test that leaves something running is told, and only that one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
LEAKS = """
import subprocess, sys

def test_tidy():
    subprocess.run([sys.executable, "-c", "pass"], check=True)

def test_leaks():
    subprocess.Popen([sys.executable, "-c", {code!r}], start_new_session=True)

def test_tidy_too():
    pass
"""
SHARES = """
import subprocess, sys
import pytest

@pytest.fixture(scope="module")
def shared():
    with subprocess.Popen([sys.executable, "-c", {code!r}], start_new_session=True) as process:
        yield process
        if {ends}:
            process.kill()
            process.wait()
        else:
            process.returncode = 0

def test_one(shared):
    pass

def test_two():
    pass
"""
SLEEPS = "import os, time; open({path!r}, 'w').write(str(os.getpid())); time.sleep(40)"
DETACHES = "import os, time\nif os.fork() == 0:\n    os.setsid()\n    " + SLEEPS.replace("; ", "\n    ").replace(
    "import os, time\n    ", "", 1
)


def _run(folder: Path, text: str) -> "subprocess.CompletedProcess[str]":
    (folder / "test_told.py").write_text(text)
    (folder / "conftest.py").write_text(
        "from tests import leftovers\nleftovers.PATIENCE = 1.0\n"
        "def pytest_configure(config):\n    config.pluginmanager.register(leftovers.Leftovers())\n"
    )
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(folder), str(folder)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def _end(file: Path) -> None:
    subprocess.run(["kill", "-9", file.read_text()], check=True)


@pytest.mark.parametrize("code", [SLEEPS, DETACHES], ids=["in a session of its own", "and without a parent"])
def test_a_process_that_a_test_leaves_is_told_once(tmp_path: Path, code: str) -> None:
    file = tmp_path / "pid"
    done = _run(tmp_path, LEAKS.format(code=code.format(path=str(file))))
    _end(file)
    assert "3 passed, 1 error" in done.stdout, done.stdout
    assert "ERROR at teardown of test_leaks" in done.stdout, done.stdout
    assert "left behind: " in done.stdout, done.stdout


@pytest.mark.parametrize("ends", [True, False])
def test_what_a_file_shares_may_stay_until_its_end(tmp_path: Path, ends: bool) -> None:
    file = tmp_path / "pid"
    done = _run(tmp_path, SHARES.format(code=SLEEPS.format(path=str(file)), ends=ends))
    if not ends:
        _end(file)
    assert ("2 passed in" in done.stdout) == ends, done.stdout
    assert ("ERROR at teardown of test_two" in done.stdout) != ends, done.stdout
