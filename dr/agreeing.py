"""What other restores of the instant held: kept in the control store, for whoever restores it in the other site."""

from collections.abc import Sequence

from pydantic import ValidationError

from dr import agreement, facts
from dr.agreement import Restored
from dr.context import Context
from dr.errors import Unable
from dr.estate import SiteName
from dr.records import Chosen
from dr.verification import Finding, InstanceBaseline, ObservedDatabase


def agreed(
    context: Context, asset: str, site: SiteName, baseline: InstanceBaseline, observed: Sequence[ObservedDatabase]
) -> list[Finding]:
    """Keep what this restore holds, and compare it with the newest of the other site.

    Raises Unable where it was not read whole: what is missing then would look like a difference, now and for whoever
    restores the instant next.
    """
    if missing := agreement.unread(baseline.databases, observed):
        raise Unable(f"{missing} was not read: there is nothing whole to compare with another restore")
    chosen = Chosen.model_validate(context.fact(facts.CHOSEN))
    # A snapshot and a moment are two chains, also where both are of one second.
    chain = chosen.snapshots.get(asset, "moment")
    folder = f"restores/{asset}/{chosen.record}/{chain}/"
    mine = Restored(
        asset=asset,
        run=context.plan.run,
        site=site,
        instant=baseline.instant,
        hashing=baseline.hashing,
        databases=agreement.chunks_of(observed),
    )
    others = [_read(context, name) for name in context.store.names(folder) if not name.startswith(f"{folder}{site}-")]
    name = f"{folder}{site}-{context.plan.run}.json"
    if name not in set(context.store.names(folder)):
        context.store.create(name, mine.model_dump_json(by_alias=True).encode())
    return agreement.compare(mine, others)


def _read(context: Context, name: str) -> Restored:
    try:
        return Restored.model_validate_json(context.store.read(name))
    except ValidationError as problem:
        raise Unable(f"{name} in {context.store.shown} is not what a restore held", hint="was it changed?") from problem
