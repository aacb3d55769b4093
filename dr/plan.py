"""The plan: everything that a run will do, bound to real recovery points and fixed names. A value, made once.

The dry run prints it, the run performs it, the journal keeps it. Nothing is named, chosen or timed after this point
except by a rule that stands here: the instant of a restore is such a rule, because it can only be known once the
recovery site says what it holds.
"""

from collections.abc import Mapping
from typing import Literal

from pydantic import Field

from dr.estate import CheckName, SiteName
from dr.recovery import Fact, Moment
from dr.runbook import Steps
from dr.verification import Level

LEVEL_OF: Mapping[str, Level] = {
    "recovery_point": "L0",
    "control_plane": "L0",
    "replica": "L0",
    "opens": "L1",
    "objects": "L2",
    "object_metadata": "L2",
    "structure": "L3",
    "visibility": "L3",
    "readable": "L3",
    "index_answers": "L3",
    "content": "L4",
    "agreement": "L4",
    "schema": "L5",
    "extensions": "L5",
    "roles": "L5",
    "sequences": "L5",
    "constraints": "L5",
    "collations": "L5",
    "heartbeat": "L6",
    "references": "L7",
    "assertions": "L8",
    "decryption": "L8",
}
"""The depth that each check reaches where it passes."""


class PlannedObjectives(Fact):
    rto_seconds: float
    rpo_seconds: float


class Plan(Fact):
    """One run, before it begins."""

    schema_: Literal["firedrill.plan/1"] = Field(default="firedrill.plan/1", alias="schema")
    run: str
    kind: Literal["backup", "test"]
    application: str
    account: str
    regions: dict[SiteName, str] = Field(min_length=2)
    site: SiteName
    """Where the work happens: a test restores here."""
    target: str
    depth: Level
    databases: tuple[str, ...]
    buckets: tuple[str, ...]
    left_out: tuple[str, ...]
    """What belongs to the application but not to this run, in words for `not_tested`."""
    expected_checks: dict[str, tuple[CheckName, ...]]
    """asset -> checks that must answer before anything may be called passed."""
    required_checks: dict[str, tuple[CheckName, ...]]
    """asset -> checks that the estate demands: even `not_available` is then no answer."""
    objectives: PlannedObjectives
    created_at: Moment
    expires_at: Moment
    """When scratch of this run may be swept by anybody."""
    steps: Steps

    def region(self, site: SiteName) -> str:
        return self.regions[site]
