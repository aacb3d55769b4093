"""Up, status, down: a lab's life, seen from outside its process."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any, BinaryIO

import dr
from dr.errors import Refused, Unable
from dr.lab.home import LOCK_VARIABLE, Home
from dr.lab.processes import Process

_DAEMON = "dr.lab.daemon"
_READY_SECONDS = 120.0
_STOP_SECONDS = 60.0
_LINES_SHOWN = 8
_STEP_SECONDS = 600.0
"""For one step of an advance: a night's base backups of every database of the lab."""


def start(home: Home, speed: float, module: str = _DAEMON) -> "subprocess.Popen[bytes]":
    """Put a lab up and return when it answers. Raises Refused when one is up, Unable when it does not come up."""
    try:
        home.prepare()
        held = home.lock()
    except FileNotFoundError as problem:
        raise Unable(f"{home.path} was removed while the lab came up", hint="try again") from problem
    if held is None:
        daemon = home.daemon()
        who = f" (process {daemon.pid})" if daemon else ""
        raise Refused(
            f"a lab is up at {home.path} already{who}", hint="`dr lab status` shows it, `dr lab down` ends it"
        )
    child = None
    try:
        try:
            home.sweep()
            home.empty()
            log = home.log.open("w+b")
            child = _spawn(home, speed, module, held, log)
        finally:
            os.close(held)  # the process holds it now
        with log:
            _wait_until_ready(home, child, log)
    except BaseException:
        # whatever stopped us, also an interruption between the fork and here, there must be no half a lab
        if child is None:
            stop(home)
        else:
            end(home, child)
        raise
    return child


def _spawn(home: Home, speed: float, module: str, held: int, log: BinaryIO) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", module, str(home.path), "--speed", str(speed)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        pass_fds=(held,),
        env={**os.environ, "PYTHONPATH": _import_path(), LOCK_VARIABLE: str(held)},
    )


def _import_path() -> str:
    """The child must find this very package, also where it runs from a source tree that is not installed."""
    return os.pathsep.join(filter(None, (str(Path(dr.__file__).parents[1]), os.environ.get("PYTHONPATH"))))


def _wait_until_ready(home: Home, child: "subprocess.Popen[bytes]", log: BinaryIO) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while True:
        record = home.read()
        if record.get("pid") == child.pid and record.get("ready"):
            return
        if child.poll() is not None or time.monotonic() > deadline:
            log.seek(0)  # a lab that gives up removes its home, but an open file stays
            said = "\n".join(log.read().decode("utf-8", "replace").splitlines()[-_LINES_SHOWN:])
            raise Unable(f"the lab at {home.path} did not come up", hint=f"its last words: {said or 'none'}")
        time.sleep(0.02)


def end(home: Home, child: "subprocess.Popen[bytes]") -> None:
    """End a lab that this process started; it cleans up behind itself, and if it cannot, that is done here."""
    if child.poll() is None:
        child.send_signal(signal.SIGTERM)
    try:
        child.wait(_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
    if home.ours() and not home.lives():
        home.sweep()
        home.remove()


def stop(home: Home) -> bool:
    """Take down the lab at a home, alive or killed, and leave nothing. Whether there was one."""
    if not home.ours():
        return False
    daemon = home.daemon()
    if home.lives():
        if daemon is None:
            daemon = _wait_for_identity(home)
        if not daemon.end(signal.SIGTERM, patience=_STOP_SECONDS):
            daemon.end(signal.SIGKILL, patience=_STOP_SECONDS)
    if home.ours():
        home.sweep()
        home.remove()
    return True


def _wait_for_identity(home: Home) -> Process:
    """A lab that is just coming up has not said who it is yet."""
    deadline = time.monotonic() + 10
    while (daemon := home.daemon()) is None:
        if time.monotonic() > deadline:
            raise Unable(f"somebody holds {home.path} and does not say who", hint="is another `dr lab` at work?")
        time.sleep(0.05)
    return daemon


def status(home: Home) -> dict[str, Any]:
    """What the lab at a home says of itself. Raises Refused when none is up."""
    return _ask(_control(home), "GET", "/status")


def command(home: Home, name: str, asked: dict[str, Any], *, patience: float = 30.0) -> dict[str, Any]:
    """Tell the lab at a home to do something. Raises Refused when none is up, or when it will not."""
    return _ask(_control(home), "POST", f"/{name}", asked, patience)


def advance(home: Home, by: timedelta) -> Iterator[dict[str, Any]]:
    """Move the calendar of the lab at a home ahead, and yield what the lab says of each step on the way.

    Whoever stops iterating stops the advance: the calendar stays where the last step brought it.
    """
    while by > timedelta(0):
        step = command(home, "advance", {"seconds": by.total_seconds()}, patience=_STEP_SECONDS)
        by -= timedelta(seconds=step["advanced_seconds"])
        yield step


def _control(home: Home) -> dict[str, Any]:
    record = home.read() if home.ours() else {}
    if not record.get("ready") or not home.lives():
        raise Refused(f"no lab is up at {home.path}", hint="`dr lab up` starts one")
    control: dict[str, Any] = record["control"]
    return control


def _ask(
    control: dict[str, Any],
    method: str,
    path: str,
    asked: dict[str, Any] | None = None,
    patience: float = 30.0,
) -> dict[str, Any]:
    connection = HTTPConnection("127.0.0.1", control["port"], timeout=patience)
    try:
        headers = {"Authorization": f"Bearer {control['token']}"}
        connection.request(method, path, None if asked is None else json.dumps(asked), headers)
        answer = connection.getresponse()
        body: dict[str, Any] = json.loads(answer.read())
    except OSError as problem:
        raise Unable(
            f"the lab's control port does not answer: {problem}", hint="`dr lab down`, then `dr lab up`"
        ) from problem
    finally:
        connection.close()
    if answer.status == 400:
        raise Refused(str(body.get("error")), hint=body.get("hint"))
    if answer.status >= 300:
        raise Unable(f"the lab's control port said: {body.get('error', answer.status)}", hint="`dr lab down`, then up")
    return body
