"""Ctrl-C while the command line is still being loaded: the honest exit code, and no traceback."""

import subprocess
import sys

import pytest

from dr.errors import ExitCode

STRUCK = """
import os, signal, sys

class Striking:
    def find_spec(self, name, path=None, target=None):
        if name == {name!r}:
            try:
                os.kill(os.getpid(), signal.SIGINT)
            except KeyboardInterrupt:
                {then}

signal.signal(signal.SIGINT, signal.default_int_handler)
sys.meta_path.insert(0, Striking())
sys.argv = ["dr", "test", "receipts"]
from dr.__main__ import main
main()
"""


@pytest.mark.parametrize("then", ["raise", "raise TypeError('as the initialisation of _ssl does')"])
@pytest.mark.parametrize("name", ["click", "dr.cli.test", "boto3"])
def test_ctrl_c_in_the_middle_of_an_import(name: str, then: str) -> None:
    """Before the command line is there, before the verb is, and within the verb."""
    script = STRUCK.format(name=name, then=then)
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == ExitCode.INTERRUPTED, done.stderr
    assert done.stderr.strip() in ("", "error: interrupted")
