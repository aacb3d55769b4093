"""Who may act, told without chance: two who begin at once, and a holder that is paused and wakes."""

from tests.simulation.performance import perform
from tests.simulation.troubles import Troubles


def test_of_two_that_begin_at_once_one_makes_the_backup() -> None:
    for seed in range(20):
        made = perform(seed, kind="backup", troubles=Troubles.none(seed), rival=0.005 * seed)
        assert made.wrongs == [], made.told()
        reports = [made.report_of(plan) for plan in made.plans]
        assert [report.verdict for report in reports if report] == ["passed"], reports
        (refused,) = (act.problem for act in made.stage.acts[:2] if act.problem)
        assert "is held by" in refused.message
        # Which of the two it is, is left to chance; who was refused leaves nothing behind.
        assert sum(bool(made.ledger(plan)) for plan in made.plans) == 1


def test_a_paused_holder_that_wakes_makes_the_call_that_is_past_its_check_and_no_more() -> None:
    """Somebody else waited for the time to live, and has the leases by then."""
    lost = 0
    points = perform(1, kind="backup", troubles=Troubles.none()).first.points
    for effect in points[::3]:
        made = perform(1, kind="backup", troubles=Troubles.none(), pauses={effect: 300.0}, rival=100.0)
        # Every call that changes something is held against what its thread had seen of the leases: see `Watchman`.
        assert made.wrongs == [], (effect, made.told())
        holder, starter = made.stage.acts[:2]
        if starter.report and "STOPPED" in "".join(made.baton.trace):
            assert starter.report.verdict == "passed", (effect, starter.report.reasons)
            lost += holder.report is not None and holder.report.verdict == "inconclusive"
    assert lost > 5
