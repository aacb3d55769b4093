"""Does what the application encrypted itself decrypt, with what this region has? (L8)

A restored ciphertext is worth as much as the key that is at hand on the bad day. Only the application knows how it
encrypts, so a program of its own is asked: it gets the values on its standard input, each in base64 on a line, and the
region in its environment. It prints how many it decrypted, and nothing else of what it prints is kept. Exit code 0: all
of them. 1: not all. Any other: it could not tell.
"""

import base64
import os
import subprocess
import time
from collections.abc import Callable, Mapping

import psycopg

from dr.errors import Unable
from dr.estate import Decryption
from dr.postgres import Login, connect
from dr.telling import telling
from dr.verification import Finding, Outcome

CHECK = "decryption"
MOST = 1000
"""Values that are tried, however many the question gives: keys are few, and they are what can be missing."""
REGION = ("AWS_REGION", "AWS_DEFAULT_REGION", "DR_REGION")
"""What a program reads to find the region; the first two are those of AWS's own tools."""
LOOKED_AT = 0.5
"""Seconds between two looks whether a program that is still at work is to be stopped."""


def check(
    login: Login,
    probe: Decryption,
    *,
    subject: str,
    region: str,
    pause: Callable[[], None],
    environment: Mapping[str, str] = os.environ,
) -> Finding:
    """Hand values to the program, and read how many it decrypted. Raises Unable where either cannot be done.

    `pause` is called while it works, and may raise to end it.
    """
    values = _values(login, probe)
    expected = f"{len(values)} values decrypt in {region}"

    def finding(outcome: Outcome, observed: str, detail: str = "") -> Finding:
        return Finding(
            check=CHECK,
            level="L8",
            outcome=outcome,
            subject=f"{subject}: {probe.name}",
            expected=expected,
            observed=observed,
            detail=detail,
        )

    if not values:
        return finding("errored", "", "the question gave no value that is not null: nothing was tried")
    lines = b"".join(base64.b64encode(value) + b"\n" for value in values)
    code, printed = _run(probe, lines, {**environment, **dict.fromkeys(REGION, region)}, pause)
    if code not in (0, 1):
        return finding("errored", f"exit code {code}", f"{probe.command[0]} could not tell; try it by hand")
    done = int(printed) if printed.isascii() and printed.isdigit() else None
    if done is None:
        return finding("errored", f"exit code {code}", f"{probe.command[0]} does not print how many it decrypted")
    if code == 0 and done != len(values):
        return finding("errored", f"{done} decrypted, exit code 0", "the two say different things")
    return finding("failed" if code else "passed", f"{done} decrypted")


def _values(login: Login, probe: Decryption) -> list[bytes]:
    with (
        connect(login, search_path=None, statement_timeout=probe.seconds) as session,
        telling(f"decryption {probe.name!r} in {login.dbname}", hint="it must be a select of one column"),
        session.transaction(),
        session.cursor("probe", binary=True, row_factory=psycopg.rows.tuple_row) as cursor,
    ):
        cursor.execute(probe.sql.encode())
        if cursor.description is None or len(cursor.description) != 1:
            raise Unable(f"decryption {probe.name!r}: the question must give one column")
        found = [value for (value,) in cursor.fetchmany(MOST) if value is not None]
    return [value if isinstance(value, bytes) else str(value).encode() for value in found]


def _run(
    probe: Decryption, lines: bytes, environment: Mapping[str, str], pause: Callable[[], None]
) -> tuple[int, bytes]:
    try:
        process = subprocess.Popen(
            probe.command,
            env=dict(environment),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError as problem:
        raise Unable(f"decryption {probe.name!r}: {probe.command[0]}: {problem.strerror}") from problem
    end = time.monotonic() + probe.seconds
    given: bytes | None = lines
    try:
        while True:
            pause()
            try:
                printed, _ = process.communicate(given, timeout=LOOKED_AT)
            except subprocess.TimeoutExpired:
                given = None
                if time.monotonic() > end:
                    raise Unable(
                        f"decryption {probe.name!r}: {probe.command[0]} took longer than {probe.seconds} s"
                    ) from None
            else:
                return process.returncode, printed.strip()
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
