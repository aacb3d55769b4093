"""Do the application's own assertions hold? (L8)

Each is a question to the restored database with one right answer. It runs in a read-only transaction with a time limit.
The answer is shown, cut short: whoever wrote the question asked for it.
"""

from psycopg import pq

from dr.estate import Assertion
from dr.postgres import Login, connect
from dr.telling import telling
from dr.verification import Finding, Outcome

CHECK = "assertions"
SECONDS = 300.0
SHOWN = 80


def check(login: Login, assertion: Assertion, *, subject: str, seconds: float = SECONDS) -> Finding:
    """Ask, and compare the text of the answer. Raises Unable when the question cannot be put at all.

    Names in the question are looked up as the database's own settings say, not in our pinned search path.
    """
    with (
        connect(login, search_path=None, statement_timeout=seconds) as session,
        telling(f"assertion {assertion.name!r} in {login.dbname}", hint="is the question right? it must be plain SQL"),
    ):
        cursor = session.execute(assertion.sql.encode())
        result = cursor.pgresult
        if result is None or result.status != pq.ExecStatus.TUPLES_OK:
            return _finding("errored", subject, assertion, "", "the question gives no rows: it must be a select")
        if result.nfields != 1 or result.ntuples != 1:
            seen = f"{result.ntuples} rows of {result.nfields} columns"
            return _finding("errored", subject, assertion, seen, "the answer must be one row of one column")
        value = result.get_value(0, 0)
        answer = "null" if value is None else value.decode("utf-8", "replace")
        if value is not None and answer == assertion.expect:
            return _finding("passed", subject, assertion, _short(answer), "")
        return _finding("failed", subject, assertion, _short(answer), "")


def _short(text: str) -> str:
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def _finding(outcome: Outcome, subject: str, assertion: Assertion, observed: str, detail: str) -> Finding:
    return Finding(
        check=CHECK,
        level="L8",
        outcome=outcome,
        subject=f"{subject}: {assertion.name}",
        expected=_short(assertion.expect),
        observed=observed,
        detail=detail,
    )
