"""The self-challenge: what a run may damage in its own scratch, drawn by a seed, and which check has to find it. Pure.

A check that never says no proves nothing. So after everything was answered, and before scratch goes, a restore test
plants one damage there and asks again.
"""

from collections.abc import Mapping, Sequence
from typing import Literal

from dr.errors import Unable
from dr.plan import Plan
from dr.recovery import Fact
from dr.verification import Finding

Kind = Literal[
    "row changed",
    "row deleted",
    "row inserted",
    "index dropped",
    "sequence set back",
    "role changed",
    "object changed",
    "object deleted",
]
FOUND_BY: Mapping[Kind, str] = {
    "row changed": "content",
    "row deleted": "content",
    "row inserted": "content",
    "index dropped": "schema",
    "sequence set back": "sequences",
    "role changed": "roles",
    "object changed": "objects",
    "object deleted": "objects",
}
"""Which check has to find which damage."""


class NothingToPlant(Unable):
    """This kind of damage cannot be done to this scratch: nothing was changed."""


class Drawn(Fact):
    """One damage that may be planted."""

    asset: str
    kind: Kind


class Mark(Fact):
    """Journaled before anything is planted: from here on this scratch is damaged, and nobody may verify it again."""

    seed: int
    asset: str
    kind: Kind
    subject: str
    """As a finding about it would name it."""


def possible(plan: Plan) -> list[Drawn]:
    """Every damage that some check of this plan would have to find."""
    return [
        Drawn(asset=asset, kind=kind)
        for asset in (*plan.databases, *plan.buckets)
        for kind, check in FOUND_BY.items()
        if check in plan.expected_checks.get(asset, ())
    ]


def finders(mark: Mark, known: Sequence[Finding], again: Sequence[Finding]) -> list[str]:
    """The checks that say, and did not say before, that something is wrong with the very thing that was damaged."""
    bad = [one for one in again if one.outcome == "failed" and one.subject == mark.subject and one not in known]
    return sorted({one.check for one in bad})
