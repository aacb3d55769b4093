"""What says of itself in AWS that it is scratch, by its tags or by its name, whoever made it. A hint, never a proof.

Tags are anybody's to give, RDS copies them to what is restored, and the tagging API lags behind. Pure.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from dr.aws.rds import Instance
from dr.aws.tagging import instance_of
from dr.claims import PREFIX, TAG_EXPIRES, TAG_PURPOSE, TAG_RUN
from dr.recovery import stamp

NAMES = f"{PREFIX}-"
_SHAPE = re.compile(rf"{PREFIX}-\d{{8}}t\d{{6}}z-[0-9a-f]{{4,16}}-")
"""How the name of every scratch instance begins: see `claims.scratch_name`."""


@dataclass(frozen=True)
class Sighted:
    """One thing, as it shows itself."""

    arn: str
    region: str
    tags: Mapping[str, str]
    name: str
    """Of an instance; empty for anything else."""
    resource_id: str = ""
    """Empty where only the tagging API spoke of it."""

    @property
    def key(self) -> tuple[str, str]:
        return self.name or self.arn, self.region

    @property
    def tagged(self) -> bool:
        """Whether its tags call it scratch."""
        return self.tags.get(TAG_PURPOSE) == "scratch"

    @property
    def run(self) -> str:
        """Of which run it says that it is scratch."""
        return self.tags.get(TAG_RUN, "") if self.tagged else ""

    def expired(self, now: datetime) -> str:
        """Half a sentence about the moment in its tags, where that is over."""
        try:
            moment = datetime.fromisoformat(self.tags.get(TAG_EXPIRES, ""))
            return f"; expired on {stamp(moment)}" if moment.tzinfo and moment < now else ""
        except (ValueError, OverflowError):
            return ""


def united(
    region: str, tagged: Iterable[tuple[str, Mapping[str, str]]], named: Sequence[Instance] | None
) -> list[Sighted]:
    """What the tagging API knows in a region, and the instances whose names begin like ours, each thing once.

    `named`: None where nobody could look. What RDS says of an instance is newer than what the tagging API says.
    """
    listed = {one.identifier: sighted(one) for one in named or ()}
    seen = {}
    for arn, tags in tagged:
        name = instance_of(arn)
        if name in listed or (named is not None and name.startswith(NAMES)):
            continue  # It is told of below; or it is gone by now.
        one = Sighted(arn, region, tags, name)
        if one.tagged:
            seen[arn] = one
    # Without any purpose among its tags, the name is all that there is to be said for it.
    ours = [one for one in listed.values() if one.tagged or (TAG_PURPOSE not in one.tags and _SHAPE.match(one.name))]
    return [*seen.values(), *ours]


def sighted(one: Instance) -> Sighted:
    return Sighted(one.arn, one.region, one.tags, one.identifier, one.resource_id)
