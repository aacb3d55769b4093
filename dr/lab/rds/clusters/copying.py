"""Cluster snapshots copied, also to another region: asynchronous, and one at a time for each source."""

import shutil
import threading
import time
from typing import Any

from dr.errors import Unable
from dr.lab.engine import backup
from dr.lab.rds import names, placement
from dr.lab.rds import states as instance_states
from dr.lab.rds.clusters import describe, snapshots, states
from dr.lab.rds.clusters.records import ClusterSnapshot
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Region
from dr.lab.rds.world import Ending, World

COPIES_PER_REGION = 20
Answer = dict[str, Any]


def copy(world: World, region: Region, request: dict[str, Any]) -> Answer:
    given = request["SourceDBClusterSnapshotIdentifier"]
    source = snapshots.find(world, region, given)
    parameter = "TargetDBClusterSnapshotIdentifier"
    identifier = names.snapshot(request[parameter], parameter)
    if source.status != "available" or source.base is None:
        raise Fault(
            "InvalidDBClusterSnapshotStateFault",
            f"{given[:300]} is {source.status}: only available cluster snapshots are copied.",
        )
    snapshots.free_name(region, identifier)
    key = _key(world, region, source, request.get("KmsKeyId"))
    if sum(one.status == "copying" for one in region.clusters.snapshots.values()) >= COPIES_PER_REGION:
        raise Fault("SnapshotQuotaExceeded", f"{COPIES_PER_REGION} copies to {region.name} are already in progress.")
    traits = source.traits.remembered()
    traits.key = key
    copied = ClusterSnapshot(
        region=region.name,
        identifier=identifier,
        kind="manual",
        traits=traits,
        status="copying",
        tags={**(source.tags if request.get("CopyTags") else {}), **names.tags(request.get("Tags"))},
        directory=snapshots.place(region),
        begun=time.monotonic(),
        dwell=world.seconds(instance_states.DWELL["copying"]),
        source=world.arn(source.region, "cluster-snapshot", source.identifier),
        created=world.now,
        queued=True,
    )
    region.clusters.snapshots[identifier] = copied
    turn = world.copying.setdefault(source.traits.resource_id, threading.Lock())
    world.spawn(f"copy {identifier}", lambda: _copy(world, copied, source, turn), failed=lambda: _failed(world, copied))
    return {"DBClusterSnapshot": describe.snapshot(world, copied)}


def _key(world: World, region: Region, source: ClusterSnapshot, wanted: str | None) -> str | None:
    """The key of a copy. Unlike an instance's snapshot, a cluster's cannot be encrypted by copying it."""
    if not source.traits.encrypted:
        if wanted:
            raise Fault(
                "InvalidParameterCombination",
                "KmsKeyId cannot be specified: an unencrypted DB cluster snapshot cannot be encrypted by copying it.",
            )
        return None
    if wanted:
        return placement.key(world, region, wanted)
    if source.region != region.name:
        raise Fault(
            "InvalidParameterCombination",
            "KmsKeyId is required: an encrypted cluster snapshot can only be copied to another region under a key of "
            "that region.",
        )
    return source.traits.key


def _copy(world: World, copied: ClusterSnapshot, source: ClusterSnapshot, turn: threading.Lock) -> None:
    with turn:
        with world.lock:
            copied.queued, copied.begun = False, time.monotonic()
        told = f"copy of cluster snapshot {source.identifier} from {source.region}"
        states.tell_snapshot(world, copied, f"Started {told}", "notification")
        with world.dwelling("copying"):
            if source.base is None or source.status != "available":
                _failed(world, copied)
                return
            try:
                backup.duplicate(world.machine.account, source.base.directory, copied.directory)
            except Unable:
                if source.status == "available" and copied.status == "copying":
                    raise
                # One of the two was deleted in the middle, which ends a copy on AWS too.
                _failed(world, copied)
                return
    with world.changed:
        while copied.status == "copying" and world.stands_still(copied.region, source.region) is not None:
            if world.stop.is_set():
                raise Ending
            world.changed.wait(0.5)
        if copied.status != "copying" or source.status != "available":
            _failed(world, copied)
            return
        copied.base = source.base.moved(copied.directory)
        copied.created = world.now
        states.move(world, copied, "available")
    states.tell_snapshot(world, copied, f"Finished {told}", "notification")


def _failed(world: World, copied: ClusterSnapshot) -> None:
    with world.lock:
        if copied.status == "copying":
            states.move(world, copied, "failed")
            states.tell_snapshot(world, copied, f"Copy of {copied.source} failed", "failure")
    shutil.rmtree(copied.directory.parent, ignore_errors=True)
