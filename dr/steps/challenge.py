"""Plant one damage in scratch, at random, and ask the checks again: a check that cannot say no has proven nothing.

What is wrong from here on was made wrong on purpose. So it is marked in the journal before it is planted, its findings
are nobody's but the challenge's, and no step that verifies is done again behind that mark.
"""

from collections.abc import Callable, Iterable
from random import Random

from dr import facts
from dr.aws import contents, s3
from dr.baselines import baseline_for, manifest_for
from dr.challenge import FOUND_BY, Drawn, Mark, NothingToPlant, finders, possible
from dr.checks import objects
from dr.claims import ScratchClaim
from dr.context import Context
from dr.errors import Refused, Unable
from dr.events import Challenged, Found, Thing
from dr.held import HeldKey
from dr.isolating import before_first_session
from dr.isolation import Before
from dr.runbook import Challenge, RestoreBucket, RestoreDatabase
from dr.scratch import claim, creations
from dr.sources import restored_login
from dr.verification import Finding

BELOW_ROWS = ("structure", "visibility", "readable", "index_answers")
"""The checks of what rows stand in and are found by."""


def challenge(step: Challenge, context: Context) -> None:
    """Draw, mark, plant, ask, and journal whether it was found. Raises Unable where nothing could be planted."""
    seed = _seed(context)
    chance = Random(seed)  # noqa: S311 - to be told again, not to be secret
    order = possible(context.plan)
    chance.shuffle(order)
    for one in order:
        try:
            _plant(step, context, one, seed, chance)
        except NothingToPlant as problem:
            context.say(f"challenge: {problem.message}")
            continue
        mark = Mark.model_validate(context.fact(facts.CHALLENGE))
        context.say(f"challenge: planted {one.kind} in {mark.subject}; asking {FOUND_BY[one.kind]} …")
        known = [event.finding for event in context.journal.reading().events if isinstance(event, Found)]
        answers = _asked(step, context, mark)
        by = finders(mark, known, answers)
        found = FOUND_BY[one.kind] in by
        if not found and (untold := [one for one in answers if one.outcome == "errored"]):
            # Who could not look has not overlooked anything.
            raise Unable(f"whether {mark.subject} is found damaged could not be told: {untold[0].detail}")
        context.journal.append(Challenged(**mark.model_dump(), found=found, by=tuple(by)))
        context.say(f"challenge: {'found' if found else 'NOT found'}")
        return
    raise Unable("nothing could be planted in this scratch", hint="--no-challenge tests without, and says so")


def _seed(context: Context) -> int:
    """Of this run: drawn once, and the same for a process that goes on after a kill."""
    if context.knows(facts.CHALLENGE):
        return Mark.model_validate(context.fact(facts.CHALLENGE)).seed
    return context.chance.getrandbits(32)


def _plant(step: Challenge, context: Context, one: Drawn, seed: int, chance: Random) -> None:
    """Prove that it is scratch of this run, and damage it."""

    def mark(subject: str) -> None:
        context.learn(
            facts.CHALLENGE, Mark(seed=seed, asset=one.asset, kind=one.kind, subject=subject).model_dump(mode="json")
        )
        # Announced like any change: a run that somebody else took over ends here.
        context.intend("CopyObject" if thing.kind == "objects" else "PlantDamage", thing)

    if one.asset in context.plan.buckets:
        where = _place(context, one.asset)
        thing = Thing(kind="objects", name=f"{where.bucket}/{where.prefix}", region=context.region(step.site))
        _plant_object(context, one, chance, _proven(context, thing), mark)
        context.observe("CopyObject", thing)
        return
    if _unsound(context, one.asset):
        raise NothingToPlant(f"{one.asset} is damaged as it is: whoever writes there may wait for ever")
    instance = _instance(context, one.asset)
    thing = Thing(kind="instance", name=instance.instance, region=context.region(step.site))
    claimed = _proven(context, thing)
    if claimed.resource_id != context.fact(facts.restored(one.asset)):
        raise Refused(f"{thing} is not what was restored and verified", hint="nothing was planted")
    # The password is this run's own: wherever else the name may lead, nobody there knows it.
    owner = restored_login(context, one.asset, instance.instance, step.site)
    before = before_first_session(context, one.asset)
    context.ask.plant(
        owner.to,
        baseline_for(context, one.asset),
        one.kind,
        chance,
        mark,
        first=owner.dbname,
        spared=_spared(context, before.values()),
    )
    context.observe("PlantDamage", thing, claimed.resource_id)


def _spared(context: Context, before: Iterable[Before]) -> set[str]:
    """Tables that are compared as they were before the first session, and what is known to be wrong anyhow."""
    return _wrong(context) | {f"{known.database}.{known.table.key}" for known in before if known.table}


def _unsound(context: Context, asset: str) -> bool:
    """Whether pages or indexes were found to be damaged, or could not be looked at."""
    events = context.journal.reading().events
    answers = [one.finding for one in events if isinstance(one, Found) and one.asset == asset]
    return any(one.check in BELOW_ROWS and one.outcome in ("failed", "errored") for one in answers)


def _wrong(context: Context) -> set[str]:
    """What was found to be wrong before: a second damage to it might not show as another one."""
    events = context.journal.reading().events
    return {one.finding.subject for one in events if isinstance(one, Found) and one.finding.outcome == "failed"}


def _proven(context: Context, thing: Thing) -> ScratchClaim:
    """The claim on a thing that this run made, as it is now. Raises Refused where the proof fails."""
    made = next(
        (one for one in creations(context.journal.reading()) if (one.kind, one.name) == (thing.kind, thing.name)), None
    )
    claimed = claim(context.aws, made, context.protected) if made else None
    if claimed is None:
        raise Refused(f"{thing} is not there, or not scratch of this run", hint="nothing was planted")
    return claimed


def _plant_object(
    context: Context, one: Drawn, chance: Random, claimed: ScratchClaim, mark: Callable[[str], None]
) -> None:
    """Another object's bytes on top of one, or every version of one gone."""
    manifest = manifest_for(context, one.asset)
    held = manifest.objects
    wrong = _wrong(context)
    # Of what is archived nobody knows the bytes, and no copy can be made of it.
    sure = sorted(
        k for k, known in held.items() if known.sha256 and not known.ambiguous and f"{manifest.bucket}/{k}" not in wrong
    )
    if not sure:
        raise NothingToPlant(f"{one.asset} holds no object that could be damaged")
    key = chance.choice(sure)
    others = [other for other in sure if held[other].sha256 != held[key].sha256]
    where = _place(context, one.asset)
    if one.kind == "object deleted":
        mark(f"{manifest.bucket}/{key}")
        there = s3.versions(context.aws, claimed.region, where.bucket, where.prefix, role="scratch")
        rest = {(seen.key, seen.version) for seen in there if seen.key != where.prefix + key}
        s3.delete_objects(context.aws, claimed, but=rest)
        return
    if not others:
        raise NothingToPlant(f"{one.asset} holds no two objects that differ")
    other = chance.choice(others)
    bucket = context.bucket(one.asset)
    source = bucket.bucket if where.site == "primary" else bucket.copy_
    mark(f"{manifest.bucket}/{key}")
    s3.copy_version(context.aws, claimed.region, source, other, held[other].version, where.bucket, where.prefix + key)


def _asked(step: Challenge, context: Context, one: Mark) -> list[Finding]:
    """What the check says that has to find it: of the one table or the one object, or of all shapes."""
    if one.asset in context.plan.buckets:
        return _asked_of_object(context, one)
    owner = restored_login(context, one.asset, _instance(context, one.asset).instance, step.site)
    baseline, before = baseline_for(context, one.asset), before_first_session(context, one.asset)
    if FOUND_BY[one.kind] == "content":
        findings, _ = context.ask.content(
            owner.to,
            baseline,
            first=owner.dbname,
            pause=lambda: context.clock.sleep(0),
            before=before,
            only=one.subject,
        )
        return findings
    return context.ask.schema(owner.to, baseline, first=owner.dbname, before=before)


def _asked_of_object(context: Context, one: Mark) -> list[Finding]:
    where, manifest = _place(context, one.asset), manifest_for(context, one.asset)
    region, key = context.region(where.site), one.subject.removeprefix(f"{manifest.bucket}/")
    there = s3.versions(context.aws, region, where.bucket, where.prefix + key, role="scratch")
    line = next(
        (
            line
            for line in map(HeldKey.model_validate_json, context.kept_lines(facts.versions_of(one.asset)))
            if line.key == key
        ),
        None,
    )
    restored = objects.observe(
        [(key, kept.version, kept.copied) for kept in (line.entries if line else ()) if kept.copied],
        [seen for seen in there if seen.key == where.prefix + key],
        where.prefix,
        lambda name, version: contents.read(
            context.aws, region, where.bucket, name, version, seed=manifest.seed, role="scratch", whatever=True
        ),
        pool=context.threads.pool,
    )
    alone = {"objects": {key: manifest.objects[key]}, "unsettled": {}, "hidden": {}}
    return objects.compare(manifest.model_copy(update=alone), restored)[0]


def _instance(context: Context, asset: str) -> RestoreDatabase:
    return next(one for one in context.plan.steps if isinstance(one, RestoreDatabase) and one.asset == asset)


def _place(context: Context, asset: str) -> RestoreBucket:
    return next(one for one in context.plan.steps if isinstance(one, RestoreBucket) and one.asset == asset)
