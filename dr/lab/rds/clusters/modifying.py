"""ModifyDBCluster: what changes at once, and what waits for a maintenance window unless told otherwise."""

from typing import Any

from dr.lab.engine import roles
from dr.lab.rds import names, placement
from dr.lab.rds import states as instance_states
from dr.lab.rds.clusters import describe, requests, states, volumes
from dr.lab.rds.clusters.records import AuroraCluster
from dr.lab.rds.modifying import Step
from dr.lab.rds.passwords import HIDDEN
from dr.lab.rds.records import ParameterGroup, Region
from dr.lab.rds.world import Ending, World

Answer = dict[str, Any]


def modify(world: World, region: Region, request: dict[str, Any]) -> Answer:
    cluster = requests.find(world, region, request["DBClusterIdentifier"])
    requests.refuse_foreign(world, request)
    requests.require(cluster, {"available"}, "modify")
    at_once = bool(request.get("ApplyImmediately"))
    days, new_name = request.get("BackupRetentionPeriod"), request.get("NewDBClusterIdentifier")
    if days is not None:
        requests.retention(days)
    if new_name:
        new_name = names.instance(new_name, "NewDBClusterIdentifier")
        if new_name == cluster.identifier:
            new_name = None
        else:
            requests.free_name(region, new_name)
    password = names.password(request["MasterUserPassword"]) if "MasterUserPassword" in request else None
    given = request.get("VpcSecurityGroupIds")
    security = placement.security_groups(world, region, given) if given is not None else None
    wanted = request.get("DBClusterParameterGroupName")
    group = requests.parameter_group(world, region, wanted) if wanted else None
    storage_type = requests.storage_type(request, cluster.traits.storage_type)
    lifecycle = placement.lifecycle(request) if request.get("EngineLifecycleSupport") else cluster.lifecycle

    # Every check has passed: from here on things change.
    cluster.traits.storage_type, cluster.lifecycle = storage_type, lifecycle
    if security is not None:
        cluster.security_groups = security
    if group:
        _set_group(region, cluster, group)
    _flags(cluster, request)
    if days is not None and days != cluster.traits.retention:
        cluster.pending["BackupRetentionPeriod"] = days
    if new_name:
        cluster.pending["DBClusterIdentifier"] = new_name
    if password:
        cluster.pending["MasterUserPassword"] = HIDDEN
    if at_once and "DBClusterIdentifier" in cluster.pending:
        region.clusters.reserved.add(cluster.pending["DBClusterIdentifier"])
    if password or (at_once and cluster.pending):
        world.spawn(
            f"modify {cluster.identifier}",
            lambda: _apply(world, region, cluster, at_once=at_once, password=password),
            failed=lambda: _failed(world, cluster),
        )
    return {"DBCluster": describe.cluster(world, cluster)}


def _set_group(region: Region, cluster: AuroraCluster, group: ParameterGroup) -> None:
    """Another parameter group takes effect when each member is rebooted."""
    if group.name == cluster.parameter_group:
        return
    cluster.parameter_group = group.name
    for one in describe.members(region, cluster):
        if one.membership:
            one.membership.parameters_pending = True


def _flags(cluster: AuroraCluster, request: dict[str, Any]) -> None:
    """What changes without any state of its own."""
    if request.get("DeletionProtection") is not None:
        cluster.protected = bool(request["DeletionProtection"])
    if request.get("CopyTagsToSnapshot") is not None:
        cluster.traits.copy_tags = bool(request["CopyTagsToSnapshot"])
    if request.get("AutoMinorVersionUpgrade") is not None:
        cluster.auto_minor = bool(request["AutoMinorVersionUpgrade"])
    if request.get("EnableIAMDatabaseAuthentication") is not None:
        cluster.traits.iam = bool(request["EnableIAMDatabaseAuthentication"])
    if request.get("PreferredBackupWindow"):
        cluster.traits.backup_window = request["PreferredBackupWindow"]
    if request.get("PreferredMaintenanceWindow"):
        cluster.maintenance_window = request["PreferredMaintenanceWindow"]


def _apply(world: World, region: Region, cluster: AuroraCluster, *, at_once: bool, password: str | None) -> None:
    # AWS answers first and flips the status seconds later; who looks in between sees `available`.
    world.sleep(world.seconds(instance_states.DWELL["accepted"]))
    with world.lock:
        days = cluster.pending.get("BackupRetentionPeriod") if at_once else None
        new_name = cluster.pending.get("DBClusterIdentifier") if at_once else None
    steps: list[Step] = []
    if password:
        steps.append(("resetting-master-credentials", lambda: _reset(world, region, cluster, password)))
    if days is not None:
        steps.append(("modifying", lambda: _retain(world, cluster, days)))
    if new_name:
        steps.append(("renaming", lambda: _rename(world, region, cluster, new_name)))
    # Where two calls came together, the first may have done the work of both.
    if not steps or not _claim(world, cluster, steps[0][0]):
        region.clusters.reserved.discard(new_name or "")
        return
    for state, work in steps:
        if cluster.status != state:
            states.move(world, cluster, state)
        with world.dwelling(state), cluster.busy:
            work()
    states.move(world, cluster, "available")


def _claim(world: World, cluster: AuroraCluster, status: str) -> bool:
    """Wait until a cluster is available, then move it on; False where it is going away."""
    with world.changed:
        while cluster.status != "available":
            if world.stop.is_set():
                raise Ending
            if cluster.status in ("deleting", "deleted", "failed"):
                return False
            world.changed.wait(0.5)
        states.move(world, cluster, status)
        return True


def _failed(world: World, cluster: AuroraCluster) -> None:
    if cluster.status not in ("deleting", "deleted"):
        states.move(world, cluster, "failed")


def _reset(world: World, region: Region, cluster: AuroraCluster, password: str) -> None:
    with volumes.served(cluster) as server, server.connect() as connection:
        roles.repair_master(connection, cluster.traits.master, password)
    with world.lock:
        cluster.traits.password = password
        for one in describe.members(region, cluster):
            one.traits.password = password
        cluster.pending.pop("MasterUserPassword", None)
    states.tell(world, cluster, "Reset master credentials", "configuration change")


def _retain(world: World, cluster: AuroraCluster, days: int) -> None:
    with world.lock:
        cluster.traits.retention = days
        cluster.pending.pop("BackupRetentionPeriod", None)
    states.tell(world, cluster, f"Updated backup retention period to {days}", "configuration change")


def _rename(world: World, region: Region, cluster: AuroraCluster, new_name: str) -> None:
    """The endpoints take the new name, and every member's certificate with them."""
    old_name = cluster.identifier
    with world.lock:
        del region.clusters.live[old_name]
        region.clusters.reserved.discard(new_name)
        cluster.traits.identifier = new_name
        region.clusters.live[new_name] = cluster
        cluster.pending.pop("DBClusterIdentifier", None)
    for server in [cluster.volume, *(one.cluster for one in describe.members(region, cluster))]:
        server.aliases = volumes.aliases(world, cluster)
        if server.data.exists():
            server.certify()
            server.reload()
    states.tell(world, cluster, f"Renamed cluster from {old_name} to {new_name}", "configuration change")
