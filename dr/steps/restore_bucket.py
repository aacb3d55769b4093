"""Restore a bucket's objects of the instant, below a prefix of a scratch bucket that exists already."""

from collections.abc import Collection, Iterator, Sequence
from itertools import groupby, islice

from dr import facts
from dr.aws import contents, s3
from dr.context import Context
from dr.errors import AwsError
from dr.events import Thing
from dr.held import HeldKey, Unreadable, of_listing
from dr.object_versions import of_key
from dr.runbook import RestoreBucket
from dr.scratch import claim, creations

AT_ONCE = 8
KEYS_AT_ONCE = 1000
"""Keys whose copies are under way or waiting for their turn: more of them would only fill the memory."""
UNDER_WAY = 60.0
"""Seconds for which S3 may go on with a copy that nobody waits for any more; a client that lives waits as long."""


def restore_bucket(step: RestoreBucket, context: Context) -> None:
    """Copy, on the server's side, every version that stood at the instant or that a row of the instant may still name.

    Keeps, beside the journal, what the bucket lists of each key and which new version became of which: rows name the
    source's versions. A version that is archived or cannot be decrypted is noted there; the checks tell of it. What a
    process of this run that died had copied stays, if all of it still stands there.
    """
    region = context.region(step.site)
    thing = Thing(kind="objects", name=f"{step.bucket}/{step.prefix}", region=region)
    if _stands(step, thing, context):
        return
    bucket = context.bucket(step.asset)
    source = bucket.bucket if step.site == "primary" else bucket.copy_
    instant = context.moment(facts.INSTANT)
    interrupted = context.intended(thing)
    if interrupted:
        # By a process of this run that died: nobody knows any more which version became of which.
        _clear(thing, context)
    context.intend("CopyObject", thing)
    made: set[tuple[str, str]] = set()
    lost = 0

    def copy(entries: Sequence[s3.StoredVersion]) -> HeldKey:
        wanted = of_key(entries[0].key, entries, instant)
        sizes = {entry.version: entry.size for entry in entries}
        copied: dict[str, str] = {}
        unreadable: dict[str, Unreadable] = {}
        # A key that was surely deleted by then is left out: a row that still names it must not find it.
        if wanted.chosen or wanted.candidates:
            # Oldest first, so that the version of the instant is the current one in scratch too.
            for version in reversed(wanted.versions):
                context.clock.sleep(0)  # where a request to stop ends this, between two objects
                try:
                    copied[version] = s3.copy_version(
                        context.aws,
                        region,
                        source,
                        wanted.key,
                        version,
                        step.bucket,
                        step.prefix + wanted.key,
                        size=sizes[version],
                    )
                except AwsError as problem:
                    why = contents.unreadable(problem)
                    if why is None:
                        raise
                    unreadable[version] = why
        return of_listing(wanted, entries, copied, unreadable)

    def lines() -> Iterator[str]:
        nonlocal lost
        listing = s3.versions(context.aws, region, source)
        keys = (tuple(entries) for _, entries in groupby(listing, lambda entry: entry.key))
        with context.threads.pool(AT_ONCE, "copy") as pool:
            while some := list(islice(keys, KEYS_AT_ONCE)):
                for line in pool.map(copy, some):
                    made.update((step.prefix + line.key, entry.copied) for entry in line.entries if entry.copied)
                    lost += sum(bool(entry.lost) for entry in line.entries)
                    yield line.model_dump_json(exclude_defaults=True)

    context.keep_lines(facts.versions_of(step.asset), lines())
    if interrupted:
        # What that process had asked for may still come, and would stand on top of ours.
        context.clock.sleep(context.interval(UNDER_WAY))
    # An answer that got lost was asked for again, and a second copy stands behind it.
    _clear(thing, context, but=made)
    context.observe("CopyObject", thing)
    context.learn(facts.restored(step.asset), f"s3://{step.bucket}/{step.prefix}")
    context.say(f"{step.asset}: {len(made)} versions copied" + (f", {lost} could not be read" if lost else ""))


def _stands(step: RestoreBucket, thing: Thing, context: Context) -> bool:
    """Whether this run copied everything before, and nobody has swept any of it since."""
    kept = facts.kept_lines(facts.versions_of(step.asset))
    if not (context.knows(facts.restored(step.asset)) and context.knows(kept)):
        return False
    there = s3.versions(context.aws, thing.region, step.bucket, step.prefix, role="scratch")
    found = {(one.key, one.version) for one in there}
    lines = map(HeldKey.model_validate_json, context.kept_lines(facts.versions_of(step.asset)))
    return all(
        (step.prefix + line.key, entry.copied) in found for line in lines for entry in line.entries if entry.copied
    )


def _clear(thing: Thing, context: Context, but: Collection[tuple[str, str]] = ()) -> None:
    """Remove what stands below the prefix, but for these versions: it would be taken for objects too many."""
    made = next(one for one in creations(context.journal.reading()) if one.name == thing.name)
    claimed = claim(context.aws, made, context.protected)
    if claimed and (gone := s3.delete_objects(context.aws, claimed, but=but)):
        context.say(f"{thing}: removed {gone} versions that an interrupted copy left")
