"""What a verdict looks like in Prefect, and that nothing which Prefect does or does not do comes back to the run."""

import re
from threading import Event

import pytest

from dr.drill import exit_code
from dr.errors import ExitCode, Refused
from dr.report.model import Report
from tests.report import report_samples


@pytest.mark.parametrize(
    ("reports", "stopped", "state", "said"),
    [
        ([report_samples.passed()], False, "Completed", "passed"),
        ([report_samples.passed(), report_samples.failed()], False, "Failed", report_samples.failed().reasons[0]),
        ([report_samples.inconclusive()], False, "Failed", "inconclusive"),
        ([report_samples.interrupted()], True, "Cancelled", "stopped on request"),
    ],
    ids=["passed", "failed", "inconclusive", "stopped"],
)
def test_how_a_flow_ends(reports: list[Report], stopped: bool, state: str, said: str) -> None:
    from dr.cli.several import Outcome
    from flows.watching import state_of

    seen = state_of([Outcome(one.application, one, exit_code(one, stopped)) for one in reports], stopped)
    assert seen.name == state
    assert seen.message is not None
    assert said in seen.message
    assert all(report.run in seen.message for report in reports)


def test_a_flow_of_which_one_application_could_not_begin_has_failed_and_tells_of_all() -> None:
    from dr.cli.several import Outcome
    from flows.watching import state_of

    held = Refused("ledgers/north is held by somebody")
    passed = report_samples.passed()
    outcomes = [Outcome("ledgers", held, held.exit_code), Outcome(passed.application, passed, ExitCode.PASSED)]
    seen = state_of(outcomes, False)
    assert seen.name == "Failed"
    assert seen.message is not None
    assert "ledgers: no report: ledgers/north is held by somebody" in seen.message
    assert passed.run in seen.message


def test_keys_that_prefect_takes() -> None:
    from flows.watching import key_of

    assert key_of(report_samples.passed()) == "test-receipts"
    assert re.fullmatch(r"[a-z0-9-]+", key_of(report_samples.passed(application="Belege_2 <Nord>")))


def test_what_hangs_is_left_behind(capsys: pytest.CaptureFixture[str]) -> None:
    from flows.watching import aside, tell

    never = Event()
    tell(aside(never.wait), "the report", 0.1)
    assert "did not take the report within 0.1 s: left behind" in capsys.readouterr().err
    never.set()


def test_what_is_refused_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    from flows.watching import aside, tell

    def refuse() -> None:
        raise ConnectionError("nobody there")

    tell(aside(refuse), "the report", 5)
    assert capsys.readouterr().err == "prefect: did not take the report: nobody there\n"
