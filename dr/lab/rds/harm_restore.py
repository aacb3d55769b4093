"""Faults inside a restored database: what the next restore comes up with, or what befalls an instance that stands."""

from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from threading import Lock
from typing import Any

from dr.errors import Refused, Unable
from dr.lab.damage.files import FILES
from dr.lab.damage.replays import REPLAYS, Replay
from dr.lab.damage.statements import STATEMENTS
from dr.lab.damage.striking import put_back, spare, strike
from dr.lab.engine.archive import Archive
from dr.lab.engine.cluster import Cluster, ServerFailed
from dr.lab.faults.ledger import Done, Injector
from dr.lab.rds import placement, states
from dr.lab.rds.mishaps import Spoiling
from dr.lab.rds.records import Instance
from dr.lab.rds.world import World

_ONE_AT_A_TIME = Lock()
"""Whoever asks may have given up on an answer, and ask for the next: servers stop and start for one at a time."""
DOES_NOT_START = "does not start any more"


def injectors(world: World) -> dict[str, Injector]:
    """Fault -> what injects it into this world."""
    struck = {name: partial(_struck, world, name) for name in (*FILES, *STATEMENTS)}
    astray = {name: partial(_astray, world, recover) for name, recover in REPLAYS.items()}
    return {**struck, **astray, **{name: partial(_furnished, world, name) for name in FURNISHED}}


def _struck(world: World, name: str, given: dict[str, Any]) -> Done:
    how: dict[str, Any] = {key: given[key] for key in ("relation", "checksums") if key in given}
    if given["when"] == "now":
        return _now(world, name, given, how)
    return _wait(world, given, name, Spoiling(given["region"], given["instance"].lower(), strike=_striking(name, how)))


def _striking(name: str, how: dict[str, Any]) -> Callable[[Cluster], object]:
    return lambda cluster: strike(cluster, name, **how)


def _now(world: World, name: str, given: dict[str, Any], how: dict[str, Any]) -> Done:
    """Damage an instance that stands. What it was is kept, and put back when the fault is cleared."""
    with world.lock:
        instance = world.regions[given["region"]].instances.get(given["instance"].lower())
        if instance is None or instance.status not in states.USABLE:
            raise Refused(f"no instance {given['instance']} is available in {given['region']}", hint="`dr lab status`")
        if instance.backup is not None:
            raise Refused(
                f"{instance.identifier} has automated backups: its log could not be put back with it",
                hint="damage its next restore instead: --when next-restore",
            )
    cluster = instance.cluster
    with _ONE_AT_A_TIME:
        kept = spare(cluster)
        try:
            told = strike(cluster, name, **how)
        except ServerFailed as problem:
            put_back(cluster, kept)
            raise Unable(f"{instance.identifier} {DOES_NOT_START} with {name}: {problem.message}") from problem
        except BaseException:
            put_back(cluster, kept)
            raise

    def undo() -> None:
        with _ONE_AT_A_TIME:
            put_back(cluster, kept)

    return Done(f"{instance.identifier} in {instance.region}: {told}", undo)


def _astray(world: World, recover: Callable[[Replay], str], given: dict[str, Any]) -> Done:
    def spoil(archive: Archive, instant: datetime, cluster: Cluster, settings: dict[str, str]) -> str:
        return recover(Replay(cluster, archive, instant, settings))

    spoiling = Spoiling(given["region"], given["instance"].lower(), recover=spoil)
    return _wait(world, given, recover.__name__.replace("_", " "), spoiling)


def _furnished(world: World, name: str, given: dict[str, Any]) -> Done:
    furnish = partial(FURNISHED[name], world)
    return _wait(world, given, name, Spoiling(given["region"], given["instance"].lower(), furnish=furnish))


def _public(_: World, instance: Instance) -> None:
    instance.public = True


def _unencrypted(_: World, instance: Instance) -> None:
    instance.traits.encrypted, instance.traits.key = False, None


def _default_parameters(world: World, instance: Instance) -> None:
    group = placement.parameter_group(world, world.regions[instance.region], None)
    instance.parameter_group, instance.cluster.parameters = group.name, group.settings()


def _default_network(world: World, instance: Instance) -> None:
    instance.security_groups = placement.security_groups(world, world.regions[instance.region], None)


FURNISHED: Mapping[str, Callable[[World, Instance], None]] = {
    "restore-public": _public,
    "restore-unencrypted": _unencrypted,
    "restore-default-parameters": _default_parameters,
    "restore-default-network": _default_network,
}


def _wait(world: World, given: dict[str, Any], name: str, spoiling: Spoiling) -> Done:
    with world.lock:
        world.mishaps.spoilings.append(spoiling)

    def undo() -> None:
        with world.lock:
            world.mishaps.spoilings.remove(spoiling)

    told = f"the next restore of {given['instance']} in {given['region']} comes up with {name}"
    return Done(told, undo, lambda: spoiling.met)
