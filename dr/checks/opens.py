"""Does it open, and can the application log in? (L1)

Not the owner's login but the application's, with the application's own secret: that is what will be needed on the day.
"""

from dr.clock import Deadline
from dr.postgres import Login, LoginRefused, connect
from dr.telling import telling
from dr.verification import Finding, Outcome

CHECK = "opens"


def check(login: Login, *, server_version: int | None, subject: str, deadline: Deadline | None = None) -> list[Finding]:
    """Log in as the application over verified TLS and look around. `server_version` is the baseline's, if there is one.

    A server that answers and refuses the role is bad news about the restore; one that cannot be reached or trusted
    is not an answer at all, and raises Unable.
    """
    expected = f"{login.user} logs in over verified TLS"
    try:
        session = connect(login, deadline=deadline, search_path=None, statement_timeout=30)
    except LoginRefused as problem:
        return [_finding("failed", subject, expected, "refused", str(problem))]
    with session, telling(f"looking around in {login}"):
        row = session.execute(
            "select pg_is_in_recovery(), current_setting('server_version_num')::int,"
            " coalesce((select ssl from pg_stat_ssl where pid = pg_backend_pid()), false),"
            " (select version from pg_stat_ssl where pid = pg_backend_pid())"
        ).fetchone()
    assert row is not None  # noqa: S101 - a select without a table has one row
    in_recovery, version, encrypted, protocol = row
    if in_recovery:
        return [_finding("failed", subject, expected, "in recovery", "it answers, but it is not open for writing yet")]
    # We verified who answered. Where the server sees no TLS, somebody in front of it speaks it: a proxy, say.
    shown = protocol if encrypted else "TLS up to a proxy"
    if server_version is not None and version // 10000 != server_version // 10000:
        return [
            _finding("failed", subject, f"PostgreSQL {_shown(server_version)}", f"PostgreSQL {_shown(version)}", "")
        ]
    detail = "" if server_version in (None, version) else f"the source was PostgreSQL {_shown(server_version or 0)}"
    return [_finding("passed", subject, expected, f"{shown}, PostgreSQL {_shown(version)}", detail)]


def _shown(version: int) -> str:
    return f"{version // 10000}.{version % 10000}"


def _finding(outcome: Outcome, subject: str, expected: str, observed: str, detail: str) -> Finding:
    return Finding(
        check=CHECK,
        level="L1",
        outcome=outcome,
        subject=subject,
        expected=expected,
        observed=observed,
        detail=detail,
    )
