"""Does a restore end exactly at its instant? What the report says of its heartbeat, held against the source's own."""

import psycopg

from dr.checks.heartbeat import FRESH, STALLED
from dr.report.model import Report
from tests.runs.conftest import Runner


def ends_exactly(runner: Runner, report: Report) -> None:
    """The newest beat in the restore is the one that the source had until the instant.

    Where the source itself had none for longer than a healthy writer takes (a busy machine starved it), the restore
    looks the same as one that lost commits: `passed` would be wrong then.
    """
    instances = runner.lab.status()["regions"]["eu-west-1"]["instances"]
    (source,) = [one for one in instances if one["identifier"] == "receipts"]
    with psycopg.connect(source["dsn"]) as session:
        beat = session.execute(
            "select seq, at from firedrill.heartbeat where at <= %s order by seq desc limit 1", [report.instant]
        ).fetchone()
    assert report.instant is not None
    (found,) = [finding for asset in report.assets for finding in asset.findings if finding.check == "heartbeat"]
    if beat is None:
        assert found.outcome == "errored", (report.run, found)
        return
    assert (found.observed or "").startswith(f"beat {beat[0]} of "), (report.run, beat, found)
    age = report.instant - beat[1]
    # With nothing that tells the number, Firedrill does not say `passed`: it cannot know what this test knows.
    right = {"errored"} if age > FRESH else {"passed", "not_available"}
    if FRESH < age <= STALLED:
        right |= {"passed"}
    assert found.outcome in right, (report.run, beat, found)
