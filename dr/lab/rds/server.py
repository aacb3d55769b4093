"""The door of the simulated RDS: one call per request, and what the rest of the lab may ask."""

import secrets
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from botocore.model import OperationModel

from dr.lab.calendar import Calendar
from dr.lab.engine import tree
from dr.lab.engine.account import Account
from dr.lab.engine.cluster import Machine
from dr.lab.engine.tls import Authority
from dr.lab.faults.ledger import Injector
from dr.lab.outages import Outage
from dr.lab.passing import Duty
from dr.lab.rds import (
    automated,
    describe,
    groups,
    harm,
    instances,
    keyless,
    losing,
    maintenance,
    modifying,
    nights,
    parameters,
    power,
    replicas,
    restores,
    retention,
    snapshots,
    tagging,
    telling,
)
from dr.lab.rds.clusters import describe as cluster_names
from dr.lab.rds.clusters import operations as clusters
from dr.lab.rds.faults import COMMON, Fault, status_of
from dr.lab.rds.neighbours import KeyRing, Moto
from dr.lab.rds.quotas import Bucket, Quotas
from dr.lab.rds.records import Backup, Instance, Region, Snapshot
from dr.lab.rds.wire import Wire
from dr.lab.rds.world import World

Operation = Callable[[World, Region, dict[str, Any]], dict[str, Any]]

OPERATIONS: dict[str, Operation] = {
    **clusters.OPERATIONS,
    "AddTagsToResource": tagging.add,
    "CopyDBParameterGroup": groups.copy_parameter_group,
    "CopyDBSnapshot": snapshots.copy,
    "CreateDBInstance": instances.create,
    "CreateDBInstanceReadReplica": replicas.create,
    "CreateDBParameterGroup": groups.create_parameter_group,
    "CreateDBSnapshot": snapshots.create,
    "CreateDBSubnetGroup": groups.create_subnet_group,
    "DeleteDBInstance": instances.delete,
    "DeleteDBInstanceAutomatedBackup": automated.delete,
    "DeleteDBParameterGroup": groups.delete_parameter_group,
    "DeleteDBSnapshot": snapshots.delete,
    "DeleteDBSubnetGroup": groups.delete_subnet_group,
    "DescribeAccountAttributes": telling.account_attributes,
    "DescribeDBEngineVersions": telling.engine_versions,
    "DescribeDBInstanceAutomatedBackups": automated.show,
    "DescribeDBInstances": instances.show,
    "DescribeDBParameterGroups": groups.show_parameter_groups,
    "DescribeDBParameters": parameters.show,
    "DescribeDBSnapshots": snapshots.show,
    "DescribeDBSubnetGroups": groups.show_subnet_groups,
    "DescribeEngineDefaultParameters": parameters.defaults,
    "DescribeEvents": telling.events,
    "DescribeSourceRegions": telling.source_regions,
    "ListTagsForResource": tagging.show,
    "ModifyDBInstance": modifying.modify,
    "ModifyDBParameterGroup": parameters.modify,
    "PromoteReadReplica": replicas.promote,
    "RebootDBInstance": power.reboot,
    "RemoveTagsFromResource": tagging.remove,
    "ResetDBParameterGroup": parameters.reset,
    "RestoreDBInstanceFromDBSnapshot": restores.from_snapshot,
    "RestoreDBInstanceToPointInTime": restores.to_point_in_time,
    "StartDBInstance": power.start,
    "StartDBInstanceAutomatedBackupsReplication": automated.start_replication,
    "StopDBInstance": power.stop,
    "StopDBInstanceAutomatedBackupsReplication": automated.stop_replication,
    "SwitchoverReadReplica": replicas.switch_over,
}


class RdsServer:
    """RDS of all the lab's regions."""

    def __init__(
        self,
        home: Path,
        speed: float = 60.0,
        calendar: Calendar | None = None,
        *,
        keys: KeyRing | None = None,
        binaries: Path | None = None,
        quotas: Quotas | None = None,
    ) -> None:
        account = Account.choose()
        home.mkdir(parents=True, exist_ok=True, mode=0o755)
        account.require_passage(home)
        machine = Machine(tree.plant(home, binaries), account, Authority.found(home / "tls"), secrets.token_urlsafe(24))
        self.world = World(home, speed, machine, keys or Moto(), calendar or Calendar())
        self.wire = Wire()
        self._buckets = {name: Bucket() for name in self.world.regions}
        for region in self.world.regions.values():
            region.quotas = quotas or Quotas()
        self.world.spawn("keys", lambda: keyless.watch(self.world))

    def handle(self, region: str, body: bytes, request_id: str) -> tuple[int, dict[str, str], bytes]:
        """Answer one request: status, headers, body. Whatever the body is, the answer is AWS's XML."""
        headers = {"Content-Type": "text/xml", "x-amzn-RequestId": request_id}
        operation: OperationModel | None = None
        try:
            try:
                self._admit(region)
                operation, request = self.wire.read(body)
                with self.world.lock:
                    result = self._perform(operation, region, request)
                    answer = self.wire.answer(operation, result, request_id)
            except Fault as fault:
                status = status_of(fault, operation)
                return status, headers, self.wire.refusal(fault.code, fault.message, status, request_id)
        except Exception:  # noqa: BLE001 - the edge of the server: AWS answers InternalFailure, the log says why
            traceback.print_exc(file=sys.stderr)
            status = COMMON["InternalFailure"]
            return status, headers, self.wire.refusal("InternalFailure", "See the lab's log.", status, request_id)
        return 200, headers, answer

    def _admit(self, region: str) -> None:
        if not self._buckets[region].take(self.world.regions[region].quotas):
            raise Fault("Throttling", "Rate exceeded")

    def _perform(self, operation: OperationModel, region: str, request: dict[str, Any]) -> dict[str, Any]:
        here = self.world.regions[region]
        perform = clusters.on_member(self.world, here, operation.name, request) or OPERATIONS.get(operation.name)
        if perform is None:
            raise Fault("InvalidAction", f"The lab does not implement {operation.name}.")
        return perform(self.world, here, request)

    def tagged(self, region: str) -> dict[str, dict[str, str]]:
        """ARN -> tags of everything here, for the tagging API."""
        with self.world.lock:
            everything = tagging.everything(self.world, self.world.regions[region])
            return {arn: dict(tags) for arn, tags in everything.items()}

    def resolves(self, host: str) -> bool:
        """Whether a host name, in lower case and without a final dot, is an endpoint that a description shows."""
        with self.world.lock:
            return any(
                any(describe.has_endpoint(one) and one.cluster.endpoint == host for one in region.instances.values())
                or host in cluster_names.endpoints(region)
                for region in self.world.regions.values()
            )

    def status(self, region: str) -> dict[str, Any]:
        """What `dr lab status` shows of a region."""
        with self.world.lock:
            here = self.world.regions[region]
            return {
                "instances": [self._instance(one) for one in here.instances.values()],
                "snapshots": [_snapshot(one) for one in here.snapshots.values()],
                "automated_backups": [self._backup(one) for one in here.backups.values()],
                **clusters.status(here),
            }

    def injectors(self) -> dict[str, Injector]:
        """Fault of the catalogue -> what injects it here."""
        return harm.injectors(self.world)

    def lose(self, region: str, outage: Outage | None) -> None:
        """Let the databases of a region suffer an outage, or none any more."""
        losing.lose(self.world, region, outage)

    def accepted(self) -> dict[str, int]:
        """region -> how many connections its databases have taken from clients, also in an outage."""
        return {name: road.accepted for name, road in self.world.roads.items()}

    def duties(self) -> list[Duty]:
        """What RDS does by itself, in the order in which it does what is due at one time: the new comes before the old
        goes."""
        duties = (nights, maintenance, retention)
        return [Duty(partial(each.due, self.world), partial(each.perform, self.world)) for each in duties]

    def catch_up(self) -> None:
        """After an advance."""
        nights.catch_up(self.world)

    def stop(self) -> None:
        """End every server and thread."""
        self.world.end()

    def _instance(self, shown: Instance) -> dict[str, Any]:
        traits, cluster = shown.traits, shown.cluster
        up = bool(cluster.port)
        database = traits.database or "postgres"
        tie = shown.following
        password = (tie.source if tie else shown).traits.password
        return {
            "identifier": shown.identifier,
            "resource_id": shown.resource_id,
            "status": shown.status,
            "endpoint": cluster.endpoint,
            "port": cluster.port or None,
            "dsn": cluster.address(traits.master, password, database) if up else None,
            "admin_dsn": cluster.admin_address(database) if up else None,
            "data_directory": str(cluster.data),
            "log": str(cluster.log),
            "pid": cluster.pid,
            "replica_of": self.world.arn(tie.source.region, "db", tie.source.identifier) if tie else None,
            "replication": tie.status if tie else None,
            "connections_accepted": cluster.gate.accepted if cluster.gate else 0,
        }

    def _backup(self, shown: Backup) -> dict[str, Any]:
        return {
            "identifier": shown.identifier,
            "arn": describe.backup_arn(self.world, shown),
            "instance": shown.traits.identifier,
            "resource_id": shown.traits.resource_id,
            "status": shown.status,
            "directory": str(shown.directory),
            "earliest": shown.earliest.isoformat() if shown.earliest else None,
            "latest": shown.latest.isoformat() if shown.latest else None,
        }


def _snapshot(shown: Snapshot) -> dict[str, Any]:
    return {
        "identifier": shown.identifier,
        "type": shown.kind,
        "status": shown.status,
        "instance": shown.traits.identifier,
        "directory": str(shown.directory),
    }
