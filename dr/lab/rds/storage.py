"""Storage: what may be asked for, how it may change, and what it is busy with while the instance is in use already."""

import time
from dataclasses import dataclass
from typing import Any

from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance, Region, StorageOperation, Traits

SMALLEST, LARGEST = 20, 65536
KINDS = ("gp2", "gp3", "io1", "io2", "standard")
PROVISIONED = ("io1", "io2")


@dataclass(frozen=True)
class Storage:
    size: int
    """GiB."""
    kind: str
    iops: int | None
    throughput: int | None


def asked(request: dict[str, Any], held: Traits | None = None) -> Storage:
    """What a request makes of the storage that a source has, if there is one. Raises Fault."""
    size = request.get("AllocatedStorage", held.storage if held else None)
    if size is None:
        raise Fault("MissingParameter", "The request must contain the parameter AllocatedStorage")
    if not SMALLEST <= size <= LARGEST:
        raise Fault("InvalidParameterValue", f"Invalid storage size for engine name postgres: {size}")
    iops = request.get("Iops", held.iops if held else None)
    kind = request.get("StorageType") or (held.storage_type if held else "io1" if iops else "gp3")
    if kind not in KINDS:
        raise Fault("InvalidParameterValue", f"Invalid storage type: {str(kind)[:50]}")
    if kind in PROVISIONED and "Iops" in request and not iops:
        # No more provisioned operations: the storage becomes general purpose.
        kind = request.get("StorageType") or "gp3"
    if kind in PROVISIONED and not iops:
        raise Fault("InvalidParameterCombination", f"Iops must be given for storage of type {kind}.")
    # The model: a multiple between .5 and 50 of the storage.
    if iops and (iops < 0 or (kind in PROVISIONED and not size <= 2 * iops <= 100 * size)):
        raise Fault("InvalidParameterValue", f"Invalid Iops for {size} GiB: {iops}")
    throughput = request.get("StorageThroughput", held.throughput if held else None)
    if throughput is not None and throughput < 0:
        raise Fault("InvalidParameterValue", f"Invalid storage throughput: {throughput}")
    return Storage(size, kind, iops or None, throughput or None)


def restored(request: dict[str, Any], source: Traits) -> Storage:
    """The storage of a restore: never less than the source's, and if more then at least a tenth more."""
    wanted = request.get("AllocatedStorage", source.storage)
    if wanted < source.storage:
        raise Fault("InvalidParameterCombination", f"Storage cannot shrink from {source.storage} to {wanted} GiB.")
    found = asked(request, source)
    if source.storage < found.size < grown(source.storage):
        raise Fault(
            "InvalidParameterCombination",
            f"Storage must grow by at least 10%: from {source.storage} to {grown(source.storage)} GiB or more.",
        )
    return found


def grown(size: int) -> int:
    """A tenth more, in whole GiB."""
    return -(-size * 11 // 10)


def room(region: Region, more: int) -> None:
    """Raises Fault where so many more GiB are beyond the region's quota."""
    used = sum(one.traits.storage for one in region.instances.values())
    if used + more > region.quotas.storage:
        raise Fault("StorageQuotaExceeded", f"The quota of {region.quotas.storage} GiB of storage is used up.")


def busy(instance: Instance, what: str, seconds: float) -> None:
    """Show a storage operation for so many seconds from now. It keeps nobody from using the instance."""
    instance.storage_operation = StorageOperation(what, time.monotonic(), seconds)
