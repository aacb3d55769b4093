"""Restore a bucket's objects of the instant, below a prefix of a scratch bucket that exists already."""

from collections.abc import Collection

from dr import facts
from dr.aws import s3
from dr.context import Context
from dr.events import Thing
from dr.object_versions import Wanted, standing_at
from dr.runbook import RestoreBucket
from dr.scratch import claim, creations

AT_ONCE = 8
UNDER_WAY = 60.0
"""Seconds for which S3 may go on with a copy that nobody waits for any more; a client that lives waits as long."""


def restore_bucket(step: RestoreBucket, context: Context) -> None:
    """Copy, on the server's side, every version that stood at the instant or that a row of the instant may still name.

    Writes a map from source version to new version beside the journal: rows name the source's versions. What a process
    of this run that died had copied stays, if all of it still stands there.
    """
    region = context.region(step.site)
    thing = Thing(kind="objects", name=f"{step.bucket}/{step.prefix}", region=region)
    if _stands(step, thing, context):
        return
    bucket = context.bucket(step.asset)
    source = bucket.bucket if step.site == "primary" else bucket.copy_
    standing = standing_at(s3.versions(context.aws, region, source), context.moment(facts.INSTANT))
    # A key that was surely deleted by then is left out: a row that still names it must not find it.
    wanted = [one for one in standing if one.chosen or one.candidates]
    interrupted = context.intended(thing)
    if interrupted:
        # By a process of this run that died: nobody knows any more which version became of which.
        _clear(thing, context)
    context.intend("CopyObject", thing)

    def copy(one: Wanted) -> list[tuple[str, str, str]]:
        context.clock.sleep(0)  # where a request to stop ends this, between two objects
        # Oldest first, so that the version of the instant is the current one in scratch too.
        return [
            (
                one.key,
                version,
                s3.copy_version(context.aws, region, source, one.key, version, step.bucket, step.prefix + one.key),
            )
            for version in reversed(one.versions)
        ]

    with context.threads.pool(AT_ONCE, "copy") as pool:
        copied = [row for rows in pool.map(copy, wanted) for row in rows]
    if interrupted:
        # What that process had asked for may still come, and would stand on top of ours.
        context.clock.sleep(context.interval(UNDER_WAY))
    # An answer that got lost was asked for again, and a second copy stands behind it.
    _clear(thing, context, but={(step.prefix + key, made) for key, _, made in copied})
    context.observe("CopyObject", thing)
    context.keep(f"versions-{step.asset}", copied)
    context.learn(facts.restored(step.asset), f"s3://{step.bucket}/{step.prefix}")
    context.say(f"{step.asset}: {len(copied)} versions of {len(wanted)} objects copied")


def _stands(step: RestoreBucket, thing: Thing, context: Context) -> bool:
    """Whether this run copied everything before, and nobody has swept any of it since."""
    if not context.knows(facts.restored(step.asset)):
        return False
    there = s3.versions(context.aws, thing.region, step.bucket, step.prefix, role="scratch")
    found = {(one.key, one.version) for one in there}
    return all((step.prefix + key, made) in found for key, _, made in context.kept(f"versions-{step.asset}"))


def _clear(thing: Thing, context: Context, but: Collection[tuple[str, str]] = ()) -> None:
    """Remove what stands below the prefix, but for these versions: it would be taken for objects too many."""
    made = next(one for one in creations(context.journal.reading()) if one.name == thing.name)
    claimed = claim(context.aws, made, context.protected)
    if claimed and (gone := s3.delete_objects(context.aws, claimed, but=but)):
        context.say(f"{thing}: removed {gone} versions that an interrupted copy left")
