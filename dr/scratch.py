"""What a journal says of scratch, what AWS says of it, and the claim that follows when both agree."""

from collections.abc import Collection, Iterable
from dataclasses import replace

from dr.aws import rds, s3
from dr.aws.clients import Aws
from dr.chain import Reading
from dr.claims import Creation, Description, ScratchClaim, claim_scratch
from dr.errors import Refused
from dr.estate import Estate
from dr.events import Intended, Observed, Opened, Removed, Thing
from dr.provenance import opening
from dr.records import BackupRecord

MAKES_SCRATCH = ("test", "rehearsal")
"""Kinds of run. What any other makes is made to stay: a failover's database is production from then on."""


def kind_of(journal: Reading) -> str:
    """The kind of a run, as its plan says; empty when nothing was journaled."""
    return next((str(event.plan.get("kind")) for event in journal.events if isinstance(event, Opened)), "")


def creations(journal: Reading) -> list[Creation]:
    """The scratch that a run created, or was about to create when it died; without what it removed."""
    return _made(journal) if kind_of(journal) in MAKES_SCRATCH else []


def _made(journal: Reading) -> list[Creation]:
    made: dict[str, Creation] = {}
    run = ""
    for event in journal.events:
        match event:
            case Opened():
                run = event.run
            case Intended(thing=thing) if thing.kind == "instance" or thing.kind == "objects":
                # What is announced later on the same thing (a new password, its deletion) takes no knowledge away.
                made.setdefault(str(thing), Creation(thing.kind, thing.name, thing.region, run, None))
            case Observed(thing=thing, resource_id=str(resource_id)) if thing.kind == "instance":
                made[str(thing)] = Creation(thing.kind, thing.name, thing.region, run, resource_id, answered=True)
            case Observed(thing=thing) if thing.kind == "objects" and str(thing) in made:
                made[str(thing)] = replace(made[str(thing)], answered=True)
            case Removed(thing=thing):
                made.pop(str(thing), None)
            case _:
                pass
    return list(made.values())


def resource_id_of(journal: Reading, thing: Thing) -> str | None:
    """Which thing of this name the run made, as its journal says; None while it does not know."""
    about = (thing.kind, thing.name, thing.region)
    return next((one.resource_id for one in _made(journal) if (one.kind, one.name, one.region) == about), None)


def unanswered(journal: Reading, name: str, region: str) -> Creation | None:
    """What a run announced, never saw, and took for gone: its call had its effect when nobody looked any more.

    None where the journal did not announce just that, or knew it by a resource id once: then it is another thing.
    """
    about = Thing(kind="instance", name=name, region=region)
    if any(isinstance(event, Observed) and event.thing == about for event in journal.events):
        return None
    for event in journal.events if kind_of(journal) in MAKES_SCRATCH else ():
        if isinstance(event, Intended) and event.thing == about:
            run = opening(journal.events).run
            return Creation("instance", name, region, run, None, answered=True)
    return None


def describe(aws: Aws, creation: Creation) -> Description | None:
    """What AWS says of a thing now; None when there is no such thing."""
    if creation.kind == "instance":
        seen = rds.instance(aws, creation.region, creation.name, role="scratch")
        return seen.description() if seen else None
    bucket, _, prefix = creation.name.partition("/")
    if not s3.stands(aws, creation.region, bucket, prefix):
        return None
    return Description("objects", creation.name, creation.region, None, {})


def claim(aws: Aws, creation: Creation, protected: Collection[str]) -> ScratchClaim | None:
    """The claim on a thing as it is now; None when there is no such thing. Raises Refused when the proof fails."""
    thing = describe(aws, creation)
    if thing is None:
        assert_gone(aws, creation)
        return None
    return claim_scratch(thing, creation, protected)


def assert_gone(aws: Aws, creation: Creation) -> None:
    """Raises Refused where what cannot be found by its name bears another one by now: RDS lets people rename."""
    if creation.kind != "instance" or creation.resource_id is None:
        return
    found = rds.of_resource(aws, creation.region, creation.resource_id)
    if found and found.identifier != creation.name:
        raise Refused(
            f"instance {creation.name} in {creation.region} bears the name {found.identifier} now, and is not gone",
            hint="somebody renamed it: give it its name back and `dr sweep`, or remove it by hand",
        )


def protected_by(estate: Estate, records: Iterable[BackupRecord]) -> set[str]:
    """The resource ids of the estate's databases as its backups recorded them, and the name of all that it keeps."""
    names = set(estate.stores.values()) | {
        name
        for application in estate.applications.values()
        for name in (
            *(database.instance for database in application.databases.values()),
            *(bucket.bucket for bucket in application.buckets.values()),
            *(bucket.copy_ for bucket in application.buckets.values()),
        )
    }
    return names | {database.source.resource_id for record in records for database in record.databases.values()}
