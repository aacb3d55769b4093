"""Faults in what RDS keeps: bytes of backups and logs that are not what RDS says they are."""

from pathlib import Path
from typing import Any

from dr.errors import Refused
from dr.lab.engine.backup import part
from dr.lab.faults.ledger import Done, Injector
from dr.lab.rds.records import Backup, Snapshot
from dr.lab.rds.world import World

PAGE = 8192
OF_USERS = 16384
"""PostgreSQL numbers what users make from here on."""
DAMAGED = 64
"""So many bytes in the middle of a page are turned around."""


def injectors(world: World) -> dict[str, Injector]:
    """Fault -> what injects it into this world."""
    return {
        "stale-copy": lambda given: _stale_copy(world, given),
        "copy-lost": lambda given: _copy_lost(world, given),
        "corrupt-page": lambda given: _corrupt_page(world, given),
        "missing-wal": lambda given: _missing_wal(world, given),
    }


def _stale_copy(world: World, given: dict[str, Any]) -> Done:
    with world.lock:
        stale = _snapshot(world, given["region"], given["snapshot"])
        older = next(
            (found for region in world.regions.values() if (found := region.snapshots.get(given["older"].lower()))),
            None,
        )
        if older is None or older.base is None:
            raise Refused(f"there is no finished snapshot {given['older']}", hint="see `dr lab status`")
        before, stale.base = stale.base, older.base

    def undo() -> None:
        with world.lock:
            stale.base = before

    return Done(f"{stale.identifier} in {stale.region} holds the bytes of {older.identifier}", undo)


def _copy_lost(world: World, given: dict[str, Any]) -> Done:
    with world.lock:
        lost = _snapshot(world, given["region"], given["snapshot"])
        held, name = world.regions[lost.region].snapshots, given["snapshot"].lower()
        del held[name]

    def undo() -> None:
        with world.lock:
            held[name] = lost

    return Done(f"{lost.identifier} is gone from {lost.region}", undo)


def _corrupt_page(world: World, given: dict[str, Any]) -> Done:
    snapshot = _snapshot(world, given["region"], given["snapshot"])
    if snapshot.base is None:
        raise Refused(f"{snapshot.identifier} is {snapshot.status}", hint="wait until it is available")
    relation = _largest_relation(snapshot.base.directory)
    place = relation.stat().st_size // PAGE // 2 * PAGE + PAGE // 2
    _turn_around(relation, place)
    shown = relation.relative_to(snapshot.base.directory)
    told = f"page {place // PAGE} of {shown} in {snapshot.identifier} is damaged"
    # Turned around twice they are as they were; once the snapshot is gone there is nothing to put right.
    return Done(told, lambda: _turn_around(relation, place) if relation.exists() else None)


def _turn_around(file: Path, place: int) -> None:
    # The same table of another night is another's, even where both nights share its file.
    part(file)
    with file.open("r+b") as opened:
        opened.seek(place)
        held = opened.read(DAMAGED)
        opened.seek(place)
        opened.write(bytes(byte ^ 0xFF for byte in held))


def _largest_relation(data: Path) -> Path:
    found = [
        file
        for file in (data / "base").glob("*/*")
        if file.name.isdecimal() and int(file.name) >= OF_USERS and file.stat().st_size >= PAGE
    ]
    if not found:
        raise Refused("this backup holds no table of a user", hint="put some rows in before the backup")
    return max(found, key=lambda file: file.stat().st_size)


def _missing_wal(world: World, given: dict[str, Any]) -> Done:
    backup = _backup(world, given["region"], given["instance"])
    segments = backup.archive.segments()
    if not segments:
        raise Refused(f"{backup.identifier} holds no log yet", hint="wait until it has a restorable time")
    backup.archive.lose(segments[-1])
    told = f"segment {segments[-1]} of {backup.identifier} in {backup.region} is lost"
    return Done(told, lambda: backup.archive.find_again(segments[-1]))


def _backup(world: World, region: str, instance: str) -> Backup:
    with world.lock:
        for one in world.regions[region].backups.values():
            if one.traits.identifier == instance.lower():
                return one
    raise Refused(f"there are no automated backups of {instance} in {region}", hint="see `dr lab status`")


def _snapshot(world: World, region: str, name: str) -> Snapshot:
    with world.lock:
        found = world.regions[region].snapshots.get(name.lower())
    if found is None:
        raise Refused(f"there is no snapshot {name} in {region}", hint="see `dr lab status`")
    return found
