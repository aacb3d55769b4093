"""Replay one seed, and show every effect in its order."""

import sys

from tests.simulation.performance import perform

if __name__ == "__main__":
    (seed,) = sys.argv[1:]
    made = perform(int(seed))
    print(*made.baton.trace, sep="\n")  # noqa: T201 - a trace is what this is for
    verdict = made.report.verdict if made.report else "killed" if made.killed else "a bug"
    print(f"seed {seed}: {made.kind}: {verdict}")  # noqa: T201
    if made.bug is not None:
        raise made.bug
    sys.exit(made.told() if made.wrongs else 0)
