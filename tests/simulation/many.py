"""Many seeds, one after the other. Two files of tests do so, one for each worker."""

from collections import Counter

from tests.simulation.performance import Performance, perform

EVERY_DAY = 2000
"""Seeds that are performed each day, in two halves."""
PART = 500


def many(seeds: range) -> Counter[str]:
    """Perform them all. Fails at the first wrong, and names its seed."""
    ends: Counter[str] = Counter()
    for seed in seeds:
        made = perform(seed)
        assert not made.wrongs, made.told()
        ends[end_of(made)] += 1
        ends.update(act.verb for act in made.stage.acts[1:])
    return ends


def end_of(made: Performance) -> str:
    return f"{made.kind} {'killed, ' if made.killed else ''}{made.report.verdict if made.report else 'not concluded'}"


def a_part(first: int) -> None:
    """Perform some of every day's seeds, among which everything has to occur."""
    ends = many(range(first, first + PART))
    # A simulation in which nothing ever passes, or nothing is ever gone on with, would show little.
    for end in ("test passed", "test failed", "snapshot passed", "backup passed", "backup killed, passed"):
        assert ends[end] >= PART // 100, ends
    for verb in ("begin", "resume", "sweep", "abort", "pre-empt"):
        assert ends[verb] >= PART // 50, ends
