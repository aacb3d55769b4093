"""What other people do to the account while a run is at work."""

from dataclasses import replace

from tests.simulation.cloud.account import ESTATE, PRIMARY, RECOVERY, STRANGER, Account
from tests.simulation.troubles import Troubles

AT_ONCE = 1.0
"""Seconds between a look and the call that rests on it, at the most."""


def begin(account: Account, troubles: Troubles, scratch: str) -> None:
    """Let them act. `scratch` is the name of the run's instance."""
    if troubles.squatter:
        _squat(account, scratch)
    if troubles.swapped:
        account.later(troubles.chance.random() * 150, lambda: _swap(account, scratch))


def _squat(account: Account, scratch: str) -> None:
    """Something has the name already."""
    source = account.regions[PRIMARY].instances["receipts"]
    account.regions[RECOVERY].instances[scratch] = replace(
        source, name=scratch, resource_id="db-SQUATTER", maker=STRANGER, tags={"team": "billing"}
    )


def _swap(account: Account, scratch: str) -> None:
    """Somebody renames the scratch instance, and restores another one under its name: RDS copies the tags.

    Not in the two moments in which nobody could tell, which the threat model admits: before the run has written the
    resource id down, when a name with the run's random token and the run's own tags are all the proof there is; and
    between a look and the effect of the call that follows at once, because RDS changes and deletes by name alone: also
    where the process is stopped right between the two, and its call leaves when it wakes.
    """
    here = account.regions[RECOVERY].instances
    ours = here.get(scratch)
    if ours is None or ours.maker in (ESTATE, STRANGER) or ours.gone(account.now):
        return
    if scratch not in account.journaled.observed:
        return
    just_looked = account.now - account.looked_at.get(scratch, -1.0) < AT_ONCE
    if just_looked or scratch in account.past_their_look or account.now <= account.on_the_way:
        account.later(AT_ONCE, lambda: _swap(account, scratch))
        return
    here[f"{scratch}-renamed"] = replace(ours, name=f"{scratch}-renamed")
    here[scratch] = replace(
        ours,
        resource_id=f"db-{account.number()}",
        maker=STRANGER,
        tags=dict(ours.tags),
        statuses=[(0.0, "available")],
        passwords=[],
    )
