"""What the simulator found, each told without chance: red before the product was mended."""

import pytest

from dr.claims import TAG_RUN
from tests.simulation.cloud.account import RECOVERY, STRANGER, Instance
from tests.simulation.ending import Next
from tests.simulation.performance import Performance, perform
from tests.simulation.troubles import Troubles


@pytest.mark.parametrize("call", [1, 2, 3, 4, 5])
def test_a_copy_whose_answer_was_lost_and_that_arrives_late_is_removed_too(call: int) -> None:
    """S3 goes on copying when nobody waits for the answer any more: one look that finds nothing is not enough."""
    for seed in range(4):
        troubles = Troubles.none(seed)
        troubles.over_quota = True  # the database's restore fails at once, and so the teardown comes early
        troubles.mishaps = {copies()[call - 1]: "late"}
        made = perform(seed, kind="test", troubles=troubles)
        assert made.wrongs == [], made.told()


def copies() -> list[int]:
    """Which changing calls of a test are not to the control store: the restore, and the copies of objects."""
    made = perform(1, kind="test", troubles=Troubles.none())
    return sorted(set(range(1, made.troubles.changed + 1)) - set(made.troubles.kept))


def test_a_sweep_right_after_a_kill_does_not_take_what_is_still_under_way_for_nothing() -> None:
    """A request outlives the process that sent it: what a sweep does not find yet, it must not pass over in silence."""
    whole = perform(0, kind="snapshot", troubles=Troubles.none())
    (asked,) = (number for number, line in enumerate(whole.baton.trace) if "call      restore_db_instance" in line)
    around = sum("journal " in line for line in whole.baton.trace[:asked])
    effects = [one for one in whole.first.points if whole.first.lines[around - 2] <= one][:12]
    for seed in range(3):
        for effect in effects:
            made = perform(seed, kind="snapshot", troubles=Troubles.none(), kill_at=effect, then=[Next("sweep", "one")])
            assert made.wrongs == [], (effect, made.told())


def test_a_copy_that_was_sent_twice_is_no_bad_news_about_the_data() -> None:
    """botocore repeats a request whose answer was lost: of two equal versions the run knows one."""
    for number in copies():
        troubles = Troubles.none()
        troubles.mishaps = {number: "sent twice"}
        made = perform(1, kind="test", troubles=troubles)
        assert made.wrongs == [], (number, made.told())
        assert made.report is not None
        assert made.report.verdict == "passed", made.report.reasons


def test_a_resumed_run_takes_nothing_over_that_bears_the_name_and_the_tags_of_its_scratch_by_now() -> None:
    """Somebody renamed the instance, and restored another one under its name: the journal knew the resource id."""
    swapped = 0
    for seed in range(20, 30):
        for kill_at in (200, 260):
            troubles = Troubles.none(seed)
            troubles.swapped = True
            made = perform(seed, kind="snapshot", troubles=troubles, kill_at=kill_at, then=[Next("resume", "one")])
            assert made.wrongs == [], (kill_at, made.told())
            swapped += any(one.maker == STRANGER and TAG_RUN in one.tags for one in recovered(made))
    assert swapped > 5


def recovered(made: Performance) -> list[Instance]:
    return list(made.account.regions[RECOVERY].instances.values())


def test_a_paused_process_whose_run_was_taken_over_makes_the_calls_that_are_past_their_check_and_no_more() -> None:
    """One announcement stands for the copies of all objects: it alone does not fence them."""
    late = 0
    for effect in range(60, 100, 2):
        made = perform(3, kind="test", troubles=Troubles.none(3), pauses={effect: 400.0}, usurped=240.0)
        assert made.wrongs == [], (effect, made.told())
        begun, resumed = made.stage.acts
        assert resumed.report
        assert resumed.report.verdict == "passed"
        assert begun.problem
        late += "took" in begun.problem.message
    assert late > 5


def test_a_sweep_where_little_is_known_of_a_run_looks_into_the_control_store() -> None:
    """On that machine the run's journal ends before anything was made; another machine went on with it."""
    early = perform(1, kind="test", troubles=Troubles.none()).first.points[3]
    then = [Next("resume", "six", 40), Next("resume", "two", 260), Next("sweep", "six")]
    made = perform(1, kind="test", troubles=Troubles.none(), kill_at=early, then=then)
    assert made.wrongs == [], made.told()
    first, second, third, sweep = made.stage.acts[:4]
    assert not any(act.process.alive for act in (first, second, third))
    assert [one.fate for one in sweep.swept if one.run == made.plan.run] != []


def test_what_a_sweep_took_from_a_dead_run_is_restored_anew_when_it_is_gone_on_with() -> None:
    """It was no bad news about the data. The step that had restored it was done."""
    whole = perform(1, kind="test", troubles=Troubles.none())
    (verified,) = (n for n, line in enumerate(whole.baton.trace) if "step_started verify receipts-documents" in line)
    kill_at = whole.first.lines[sum("journal   " in line for line in whole.baton.trace[:verified])]
    then = [Next("sweep", "one"), Next("resume", "one")]
    made = perform(1, kind="test", troubles=Troubles.none(), kill_at=kill_at, then=then)
    assert made.wrongs == [], made.told()
    swept = made.stage.acts[1].swept
    assert any(one.thing.startswith("objects") and one.fate == "removed" for one in swept), swept
    assert made.report is not None
    assert made.report.verdict == "passed", made.report.reasons


def test_what_a_resumed_run_made_anew_after_a_sweep_is_its_own_too() -> None:
    """Its journal knew the first instance by a resource id, and died before it knew the second one's."""
    whole = perform(1, kind="snapshot", troubles=Troubles.none())
    (observed,) = (n for n, line in enumerate(whole.baton.trace) if "journal   observed ModifyDBInstance" in line)
    first = whole.first.lines[sum("journal   " in line for line in whole.baton.trace[:observed])]
    for kill_at in range(88, 100):
        then = [Next("sweep", "one"), Next("resume", "one", kill_at), Next("resume", "two")]
        made = perform(1, kind="snapshot", troubles=Troubles.none(), kill_at=first, then=then)
        assert made.wrongs == [], (kill_at, made.told())
        assert made.stage.acts[1].swept, kill_at


def test_a_wall_clock_that_is_set_ends_no_wait_for_a_call_under_way() -> None:
    """A sweep comes ten seconds after the kill, and the wall clock says that it was an hour."""
    for seed in (10, 12, 13):
        whole = perform(seed, kind="snapshot", troubles=Troubles.none())
        asked = next(n for n, line in enumerate(whole.baton.trace) if "call      restore_db_instance" in line)
        announced = whole.first.lines[sum("journal   " in line for line in whole.baton.trace[:asked]) - 2]
        for kill_at in [one for one in whole.first.points if announced <= one][:16]:
            troubles = Troubles.none()
            troubles.clock_steps = [(float(whole.baton.trace[asked].split()[0]) + 0.5, 3600.0)]
            made = perform(seed, kind="snapshot", troubles=troubles, kill_at=kill_at, then=[Next("sweep", "one")])
            assert made.wrongs == [], (kill_at, made.told())


def test_a_sweep_ends_where_somebody_takes_the_run_up() -> None:
    """It had begun when the run was dead, and went on by names that the run then gave again."""
    for after in range(1, 30, 4):
        for kill_at in (88, 180):
            then = [Next("sweep", "one", meanwhile=("resume", "six", float(after)))]
            made = perform(2, kind="snapshot", troubles=Troubles.none(), kill_at=kill_at, then=then)
            assert made.wrongs == [], (after, kill_at, made.told())


def test_how_far_the_site_is_behind_is_measured_when_it_is_asked() -> None:
    """The process was stopped between its beginning and its question, and the site caught up with its beginning."""
    paused = 0
    for seed in range(10):
        for effect in (12, 16):
            made = perform(seed, kind="test", troubles=Troubles.none(seed), pauses={effect: 400.0})
            assert made.wrongs == [], (effect, made.told())
            if made.account.lag > 300 and made.report:
                paused += 1
                assert made.report.verdict == "failed", (effect, made.report.reasons)
    assert paused > 2
