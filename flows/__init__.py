"""Prefect, and only here: it schedules runs, spreads them over workers and shows them. The journal decides.

    performing.py    plans performed by the loop of `dr.run`, in a thread that Prefect cannot hold up
    watching.py      what Prefect sees of it: a task for each step, the report as an artifact, the verdict as a state
    by_hand.py       `python -m flows.restore_test receipts`: shown in Prefect where that answers
    restore_test.py  the two flows; `prefect.yaml` deploys them
    backup.py

Prefect reads its settings when it is imported, and every flow here imports it: what must be quiet is said first.
"""

import os

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
}
"""Nobody outside learns that somebody rehearses a disaster. Whoever has decided otherwise keeps their decision."""

for _name, _value in QUIET.items():
    os.environ.setdefault(_name, _value)
