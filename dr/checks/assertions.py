"""Do the application's own assertions hold? (L8)

Each is a question to the restored database with one right answer: the one that the estate expects, or else the one that
the source gave around the instant, recorded with the baseline. It runs in a read-only transaction with a time limit. An
answer that the estate expects is shown, cut short: whoever wrote the question asked for it. What the source answered is
never kept: only how many rows that were, and their hash.
"""

import hashlib

from psycopg import pq

from dr.errors import Unable
from dr.estate import Assertion
from dr.hashing import Answer, Hashing
from dr.postgres import Login, Session, Snapshot, connect, join
from dr.telling import telling
from dr.verification import Finding, Outcome

CHECK = "assertions"
SECONDS = 300.0
SHOWN = 80
HINT = "is the question right? it must be plain SQL"
Recorded = tuple[Answer, Answer]
"""What the source answered on the two sides of the bracket."""


def record(login: Login, snapshot: Snapshot, assertion: Assertion, hashing: Hashing) -> Answer:
    """What the source answers in one moment. One that cannot be put is recorded as such, and judged by the test."""
    try:
        with join(login, snapshot, search_path=None, statement_timeout=SECONDS) as session:
            return _answer(session, assertion, hashing)
    except Unable as problem:
        return Answer(unable=problem.message)


def check(
    login: Login,
    assertion: Assertion,
    *,
    subject: str,
    recorded: Recorded | None = None,
    hashing: Hashing | None = None,
    seconds: float = SECONDS,
) -> Finding:
    """Ask, and compare the answer. Raises Unable when the question cannot be put at all.

    Names in the question are looked up as the database's own settings say, not in our pinned search path. `recorded`
    and `hashing` are the baseline's, for a question whose answer the estate leaves to the source.
    """
    with connect(login, search_path=None, statement_timeout=seconds) as session:
        if assertion.expect is not None:
            return _expected(session, assertion, assertion.expect, subject)
        if recorded is None or hashing is None:
            return _finding(
                "not_available", subject, assertion, "", "the source's own answer was not recorded at this instant"
            )
        return judge(_answer(session, assertion, hashing), recorded, assertion, subject)


def judge(seen: Answer, recorded: Recorded, assertion: Assertion, subject: str) -> Finding:
    """Pure: an answer must be the one of either side, and where both agree there is only one."""
    for one in recorded:
        if one.unable:
            return _finding("errored", subject, assertion, "", f"the source could not answer it: {one.unable}")
    shown = f"{seen.rows} rows, {seen.digest[:12]}"
    if seen in recorded:
        return _finding("passed", subject, assertion, shown, "")
    if recorded[0] == recorded[1]:
        return _finding("failed", subject, assertion, shown, "")
    return _finding("errored", subject, assertion, shown, "it changed inside the bracket, and is neither of both")


def _expected(session: Session, assertion: Assertion, expect: str, subject: str) -> Finding:
    with telling(f"assertion {assertion.name!r} in {session.info.dbname}", hint=HINT):
        cursor = session.execute(assertion.sql.encode())
    result = cursor.pgresult
    if result is None or result.status != pq.ExecStatus.TUPLES_OK:
        return _finding("errored", subject, assertion, "", "the question gives no rows: it must be a select")
    if result.nfields != 1 or result.ntuples != 1:
        seen = f"{result.ntuples} rows of {result.nfields} columns"
        return _finding("errored", subject, assertion, seen, "the answer must be one row of one column")
    value = result.get_value(0, 0)
    answer = "null" if value is None else value.decode("utf-8", "replace")
    outcome: Outcome = "passed" if value is not None and answer == expect else "failed"
    return _finding(outcome, subject, assertion, _short(answer), "")


def _answer(session: Session, assertion: Assertion, hashing: Hashing) -> Answer:
    """Rows count, whatever their order: where the question names one, the order is a column like any other."""
    with telling(f"assertion {assertion.name!r} in {session.info.dbname}", hint=HINT):
        cursor = session.execute(assertion.sql.encode())
    result = cursor.pgresult
    if result is None or result.status != pq.ExecStatus.TUPLES_OK:
        raise Unable(f"assertion {assertion.name!r} gives no rows: it must be a select")
    seed = str(hashing.seed).encode()
    rows = []
    for row in range(result.ntuples):
        one = hashlib.sha256(seed)
        for field in range(result.nfields):
            value = result.get_value(row, field)
            one.update(b"null" if value is None else b"%d:%s" % (len(value), value))
        rows.append(one.digest())
    return Answer(rows=result.ntuples, digest=hashlib.sha256(b"".join(sorted(rows))).hexdigest())


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _finding(outcome: Outcome, subject: str, assertion: Assertion, observed: str, detail: str) -> Finding:
    return Finding(
        check=CHECK,
        level="L8",
        outcome=outcome,
        subject=f"{subject}: {assertion.name}",
        expected="what the source answered" if assertion.expect is None else _short(assertion.expect),
        observed=observed,
        detail=detail,
    )
