"""Replay a seed, or several, and show every effect in its order."""

import sys

from tests.simulation.performance import perform

if __name__ == "__main__":
    wrong = ""
    for seed in sys.argv[1:]:
        made = perform(int(seed))
        print(*made.baton.trace, sep="\n")  # noqa: T201 - a trace is what this is for
        print(f"seed {seed}: {made.kind}: {'; '.join(str(act) for act in made.stage.acts)}")  # noqa: T201
        for bug in (act.bug for act in made.stage.acts if act.bug):
            raise bug
        wrong += made.told() if made.wrongs else ""
    sys.exit(wrong or 0)
