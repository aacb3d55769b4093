"""DB instances: create, describe, delete."""

from collections.abc import Callable
from typing import Any

from dr.errors import Unable
from dr.lab.engine import roles
from dr.lab.engine.cluster import Cluster
from dr.lab.rds import (
    backups,
    describe,
    following,
    names,
    paging,
    passwords,
    placement,
    snapshots,
    states,
    storage,
    windows,
)
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Instance, Region, Traits
from dr.lab.rds.world import World

Answer = dict[str, Any]


def create(world: World, region: Region, request: dict[str, Any]) -> Answer:
    identifier = placement.identifier(request)
    _engine(world, request)
    if "MasterUsername" not in request:
        raise Fault("InvalidParameterValue", "The parameter MasterUsername must be provided and must not be blank.")
    password = passwords.first(world, region, request)
    disk = storage.asked(request)
    database = request.get("DBName")
    key = request.get("KmsKeyId")
    encrypted = bool(request.get("StorageEncrypted"))
    if key and not encrypted:
        raise Fault("InvalidParameterCombination", "KmsKeyId may only be given with StorageEncrypted.")
    placed = placement.place(world, region, request)
    retention = request.get("BackupRetentionPeriod")
    traits = Traits(
        identifier=identifier,
        resource_id=names.resource_id(),
        created=None,
        version=world.machine.tree.version,
        instance_class=names.instance_class(request["DBInstanceClass"]),
        storage=disk.size,
        storage_type=disk.kind,
        iops=disk.iops,
        throughput=disk.throughput,
        master=names.master(request["MasterUsername"]),
        password=password.password,
        database=names.database(database) if database else None,
        encrypted=encrypted,
        key=placement.key(world, region, key or "alias/aws/rds") if encrypted else None,
        iam=bool(request.get("EnableIAMDatabaseAuthentication")),
        zone=placed.zone,
        vpc="",
        retention=placement.retention(1 if retention is None else retention),
        backup_window=windows.backup(request.get("PreferredBackupWindow"), request.get("PreferredMaintenanceWindow")),
        copy_tags=bool(request.get("CopyTagsToSnapshot")),
        tags=names.tags(request.get("Tags")),
    )
    placement.free_name(region, identifier)
    placement.room(region)
    storage.room(region, disk.size)
    instance = placement.build(world, region, traits, placed, request)
    passwords.announce(world, instance, password)

    def bring_up(cluster: Cluster) -> None:
        cluster.create()
        with cluster.connect() as connection:
            roles.create_master(connection, traits.master, traits.password, traits.database)
        with world.lock:
            passwords.kept(instance)

    launch(world, instance, bring_up, broken="failed")
    return {"DBInstance": describe.instance(world, instance)}


def _engine(world: World, request: dict[str, Any]) -> None:
    engine, version = request["Engine"], request.get("EngineVersion")
    if engine != describe.ENGINE:
        raise Fault("InvalidParameterValue", f"Invalid DB engine: {engine[:100]}. The lab has postgres only.")
    served = world.machine.tree.version
    if version and version not in (served, served.split(".")[0]):
        raise Fault("InvalidParameterCombination", f"Cannot find version {version[:50]} for postgres")


def launch(
    world: World, instance: Instance, bring_up: Callable[[Cluster], None], *, broken: str, told: str | None = None
) -> None:
    """Bring an instance from `creating` to `available` in a thread of its own."""

    def work() -> None:
        with world.dwelling("creating"):
            if instance.traits.retention:
                backups.open_archive(world, instance)
            try:
                bring_up(instance.cluster)
            except Unable as problem:
                instance.cluster.stop("immediate")
                world.tell(instance, f"The DB instance is {broken}: {problem.message}", "failure")
                backups.close_archive(world, instance, keep=False)
                world.move(instance, broken)
                return
        with world.lock:
            ending = world.mishaps.ending(instance.region) if told else None
        if ending:
            _end_badly(world, instance, ending)
            return
        with world.lock:
            instance.traits.created = world.now
            if told:
                storage.busy(instance, "Initializing", world.seconds(states.DWELL["initializing"]))
        world.tell(instance, told or "DB instance created", "restoration" if told else "creation")
        if instance.traits.retention:
            world.move(instance, "backing-up")
            backups.first(world, instance)
        world.move(instance, "available")

    world.spawn(f"create {instance.identifier}", work, failed=lambda: world.move(instance, "failed"))


def _end_badly(world: World, instance: Instance, status: str) -> None:
    """A restore that does not become available, because somebody asked for that."""
    if status not in states.ON_DEMAND:
        instance.cluster.stop("immediate")
    backups.close_archive(world, instance, keep=False)
    world.tell(instance, f"The DB instance is {status}", "failure")
    world.move(instance, status)


def find(region: Region, given: str) -> Instance:
    """An instance by identifier or ARN."""
    name = given.rpartition(":")[2] if given.startswith("arn:") else given
    if given.startswith("arn:") and f":rds:{region.name}:" not in given:
        raise Fault("DBInstanceNotFound", f"DBInstance {given[:255]} not found.")
    found = region.instances.get(name.lower())
    if found is None:
        raise Fault("DBInstanceNotFound", f"DBInstance {name[:255]} not found.")
    return found


def show(world: World, region: Region, request: dict[str, Any]) -> Answer:
    chosen = paging.filters(request, ("db-instance-id", "dbi-resource-id", "engine", "db-cluster-id", "domain"))
    given = request.get("DBInstanceIdentifier")
    candidates = [find(region, given)] if given else list(region.instances.values())
    found = [
        (one.identifier, one)
        for one in candidates
        if paging.admits(
            chosen,
            db_instance_id=[one.identifier, world.arn(region.name, "db", one.identifier)],
            dbi_resource_id=[one.resource_id],
            engine=[describe.AURORA if one.membership else describe.ENGINE],
            db_cluster_id=_owner(world, one),
            domain=[],
        )
    ]
    return paging.page(request, found, "DBInstances", lambda one: describe.instance(world, one))


def _owner(world: World, instance: Instance) -> list[str]:
    """The names of the DB cluster that an instance belongs to."""
    if instance.membership is None:
        return []
    name = instance.membership.cluster.identifier
    return [name, world.arn(instance.region, "cluster", name)]


def require(instance: Instance, allowed: set[str] | frozenset[str], verb: str) -> None:
    """Raises Fault when an instance's status does not allow an operation."""
    if instance.status not in allowed:
        raise Fault(
            "InvalidDBInstanceState",
            f"Instance {instance.identifier} is in state {instance.status}: cannot {verb}. "
            f"It must be {' or '.join(sorted(allowed))}.",
        )


def delete(world: World, region: Region, request: dict[str, Any]) -> Answer:
    instance = find(region, request["DBInstanceIdentifier"])
    final = snapshots.final_name(request)
    if final and instance.following:
        raise Fault(
            "InvalidParameterCombination",
            "FinalDBSnapshotIdentifier can not be specified when deleting a read replica.",
        )
    if instance.protected:
        raise Fault(
            "InvalidParameterCombination",
            "Cannot delete protected DB Instance, please disable deletion protection and try again.",
        )
    require(instance, states.USABLE if final else states.DELETABLE, "delete")
    given = request.get("DeleteAutomatedBackups")
    keep = given is not None and not given
    if keep and instance.backup:
        backups.room_to_retain(region)
    snapshot = None
    if final:
        name = names.snapshot(final, "FinalDBSnapshotIdentifier")
        snapshot = snapshots.record(world, region, instance, name, names.tags(None))
    world.move(instance, "deleting")
    answer = {"DBInstance": describe.instance(world, instance)}

    def work() -> None:
        with world.dwelling("deleting"):
            if snapshot:
                snapshots.fill(world, snapshot, instance)
            backups.close_archive(world, instance, keep=keep)
            following.leave_behind(world, instance)
            if instance.following:
                instance.following.end.set()
                following.forget(world, instance.following)
            passwords.discard(world, instance)
            instance.cluster.remove()
        with world.lock:
            del region.instances[instance.identifier]
            world.move(instance, "deleted")
        world.tell(instance, "DB instance deleted", "deletion")

    def failed() -> None:
        snapshots.abandon(world, snapshot)
        world.move(instance, "failed")

    world.spawn(f"delete {instance.identifier}", work, failed=failed)
    return answer
