"""RDS: what each operation answers, and what it changes. States change with the time; the troubles say how."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from tests.simulation.cloud.account import NUMBER, Account, Instance, Region, Snapshot, refuse
from tests.simulation.cloud.others import key_arn

if TYPE_CHECKING:
    from tests.simulation.troubles import Troubles

Parameters = dict[str, Any]
SHOWN_AS_ASKED = (
    "DBInstanceClass",
    "StorageType",
    "BackupRetentionPeriod",
    "DeletionProtection",
    "MultiAZ",
    "AutoMinorVersionUpgrade",
    "CopyTagsToSnapshot",
)


class Rds:
    """One region's RDS. A method per operation, by botocore's name for it."""

    def __init__(self, account: Account, region: str, troubles: "Troubles") -> None:
        self._account, self._name, self._troubles = account, region, troubles

    @property
    def _region(self) -> Region:
        return self._account.regions[self._name]

    def _instance(self, name: str, operation: str) -> Instance:
        found = self._region.instances.get(name)
        if found is None or found.gone(self._account.now):
            raise refuse("DBInstanceNotFound", operation, 404)
        found.settle(self._account.now)
        return found

    def describe_db_instances(self, asked: Parameters) -> Parameters:
        if "DBInstanceIdentifier" not in asked:
            wanted = {value for one in asked.get("Filters", ()) for value in one["Values"]}
            here = [one for one in self._region.instances.values() if not one.gone(self._account.now)]
            return {"DBInstances": [self._shown(one) for one in here if not wanted or one.resource_id in wanted]}
        one = self._instance(asked["DBInstanceIdentifier"], "DescribeDBInstances")
        self._account.looked_at[one.name] = self._account.now
        return {"DBInstances": [self._shown(one)]}

    def restore_db_instance_to_point_in_time(self, asked: Parameters) -> Parameters:
        moment = asked["RestoreTime"]
        return self._restore("RestoreDBInstanceToPointInTime", asked, asked["TargetDBInstanceIdentifier"], moment)

    def restore_db_instance_from_db_snapshot(self, asked: Parameters) -> Parameters:
        snapshot = self._region.snapshots[asked["DBSnapshotIdentifier"]]
        return self._restore("RestoreDBInstanceFromDBSnapshot", asked, asked["DBInstanceIdentifier"], snapshot.time)

    def _restore(self, operation: str, asked: Parameters, name: str, moment: datetime) -> Parameters:
        self._account.changing("RestoreDBInstance", self._name, f"instance {name}", None)
        there = self._region.instances.get(name)
        if there is not None and not there.gone(self._account.now):
            raise refuse("DBInstanceAlreadyExists", operation)
        if asked["DBInstanceClass"] in self._troubles.without_capacity:
            raise refuse("InsufficientDBInstanceCapacity", operation)
        if self._troubles.over_quota:
            raise refuse("InstanceQuotaExceeded", operation)
        given = {tag["Key"]: tag["Value"] for tag in asked["Tags"]}
        statuses = self._troubles.life_of_a_restore(self._account.now)
        made = Instance(
            name=name,
            resource_id=f"db-{self._account.number()}",
            maker=self._account.run,
            tags=given,
            data=data_at(moment) | self._troubles.damage,
            beats_until=int(moment.timestamp()),
            statuses=statuses,
            public=asked["PubliclyAccessible"],
            late=self._account.late,
            asked={name: asked[name] for name in SHOWN_AS_ASKED}
            | {
                "DBSubnetGroup": {"DBSubnetGroupName": asked["DBSubnetGroupName"]},
                "VpcSecurityGroups": [{"VpcSecurityGroupId": one} for one in asked["VpcSecurityGroupIds"]],
                "DBParameterGroups": [{"DBParameterGroupName": asked["DBParameterGroupName"]}],
                "IAMDatabaseAuthenticationEnabled": asked["EnableIAMDatabaseAuthentication"],
            },
        )
        self._region.instances[name] = made
        ready = next((since for since, status in statuses if status == "available"), None)
        if ready is not None:
            self._region.events.append((name, self._account.moment(ready), "Restored from a backup"))
        return {"DBInstance": self._shown(made)}

    def modify_db_instance(self, asked: Parameters) -> Parameters:
        one = self._instance(asked["DBInstanceIdentifier"], "ModifyDBInstance")
        now = self._account.now
        self._account.changing("ModifyDBInstance", self._name, f"instance {one.name}", one.maker)
        if one.status(now) != "available":
            raise refuse("InvalidDBInstanceState", "ModifyDBInstance")
        self._account.secrets.add(asked["MasterUserPassword"])
        one.passwords.append((now + 12, asked["MasterUserPassword"]))
        # The status follows some seconds later: until then it reads as if nothing had been asked for.
        one.statuses += [(now + 3, "resetting-master-credentials"), (now + 12, "available")]
        return {"DBInstance": self._shown(one)}

    def delete_db_instance(self, asked: Parameters) -> Parameters:
        one = self._instance(asked["DBInstanceIdentifier"], "DeleteDBInstance")
        now = self._account.now
        self._account.changing("Delete", self._name, f"instance {one.name}", one.maker)
        if one.status(now) in ("deleting", "creating") or now < self._troubles.no_deletion_until:
            raise refuse("InvalidDBInstanceState", "DeleteDBInstance")
        one.statuses = [*((at, status) for at, status in one.statuses if at <= now), (now, "deleting")]
        if not self._troubles.deletion_stuck:
            one.statuses.append((now + 30, "gone"))
        return {"DBInstance": self._shown(one)}

    def describe_db_instance_automated_backups(self, asked: Parameters) -> Parameters:
        found = [
            one
            for one in self._region.replicated.values()
            if asked.get("DbiResourceId", one["DbiResourceId"]) == one["DbiResourceId"]
        ]
        latest = self._account.moment() - timedelta(seconds=self._account.lag)
        window = {"EarliestTime": self._account.start - timedelta(days=7), "LatestTime": latest.replace(microsecond=0)}
        return {"DBInstanceAutomatedBackups": [one | {"RestoreWindow": window} for one in found]}

    def start_db_instance_automated_backups_replication(self, asked: Parameters) -> Parameters:
        source = asked["SourceDBInstanceArn"]
        operation = "StartDBInstanceAutomatedBackupsReplication"
        self._account.changing(operation, self._name, f"replication {source}", None)
        if source in self._region.replicated:
            raise refuse("InvalidDBInstanceAutomatedBackupState", operation)
        self._region.replicated[source] = replicated(source, self._name)
        return {"DBInstanceAutomatedBackup": self._region.replicated[source]}

    def describe_db_snapshots(self, asked: Parameters) -> Parameters:
        wanted = asked.get("DBSnapshotIdentifier")
        found = [one for one in self._region.snapshots.values() if wanted in (None, one.name)]
        if wanted and not found:
            raise refuse("DBSnapshotNotFound", "DescribeDBSnapshots", 404)
        return {"DBSnapshots": [self._pictured(one) for one in found]}

    def create_db_snapshot(self, asked: Parameters) -> Parameters:
        self._instance(asked["DBInstanceIdentifier"], "CreateDBSnapshot")
        return self._keep(
            "CreateDBSnapshot", asked["DBSnapshotIdentifier"], asked, None, lambda: self._account.moment()
        )

    def copy_db_snapshot(self, asked: Parameters) -> Parameters:
        source = asked["SourceDBSnapshotIdentifier"]
        home = self._account.regions[source.split(":")[3]].snapshots[source.rpartition(":")[2]]
        return self._keep("CopyDBSnapshot", asked["TargetDBSnapshotIdentifier"], asked, source, lambda: home.time)

    def _keep(
        self, operation: str, name: str, asked: Parameters, source: str | None, time: Callable[[], datetime]
    ) -> Parameters:
        self._account.changing(operation, self._name, f"snapshot {name}", None)
        if name in self._region.snapshots:
            raise refuse("DBSnapshotAlreadyExists", operation)
        if self._troubles.over_quota:
            raise refuse("SnapshotQuotaExceeded", operation)
        made = Snapshot(
            name=name,
            arn=f"arn:aws:rds:{self._name}:{NUMBER}:snapshot:{name}",
            maker=self._account.run,
            tags={tag["Key"]: tag["Value"] for tag in asked["Tags"]},
            time=time(),
            statuses=self._troubles.life_of_a_snapshot(self._account.now, "copying" if source else "creating"),
            source_arn=source,
            key=key_arn(self._name, asked["KmsKeyId"]) if "KmsKeyId" in asked else None,
        )
        self._region.snapshots[name] = made
        return {"DBSnapshot": self._pictured(made)}

    def describe_account_attributes(self, _: Parameters) -> Parameters:
        used = {"DBInstances": len(self._region.instances), "ManualSnapshots": len(self._region.snapshots)}
        shown = [{"AccountQuotaName": name, "Used": count, "Max": 100} for name, count in used.items()]
        return {"AccountQuotas": shown}

    def describe_db_subnet_groups(self, asked: Parameters) -> Parameters:
        return {"DBSubnetGroups": [{"DBSubnetGroupName": asked["DBSubnetGroupName"]}]}

    def describe_db_parameter_groups(self, asked: Parameters) -> Parameters:
        named = asked["DBParameterGroupName"]
        return {"DBParameterGroups": [{"DBParameterGroupName": named, "DBParameterGroupFamily": "postgres15"}]}

    def describe_db_parameters(self, _: Parameters) -> Parameters:
        return {"Parameters": [{"ParameterName": "rds.force_ssl", "ParameterValue": "1"}]}

    def describe_events(self, asked: Parameters) -> Parameters:
        now = self._account.moment()
        found = [one for one in self._region.events if one[0] == asked["SourceIdentifier"] and one[1] <= now]
        return {"Events": [{"Date": at, "Message": text} for _, at, text in found if at >= asked["StartTime"]]}

    def _shown(self, one: Instance) -> Parameters:
        now = self._account.now
        return {
            "DBInstanceIdentifier": one.name,
            "DBInstanceArn": f"arn:aws:rds:{self._name}:{NUMBER}:db:{one.name}",
            "DbiResourceId": one.resource_id,
            "DBInstanceStatus": one.status(now),
            "Engine": "postgres",
            "EngineVersion": "15.8",
            "DBInstanceClass": "db.t4g.medium",
            "Endpoint": {"Address": f"{one.name}.{self._name}.simulated", "Port": 5432},
            "MasterUsername": "owner",
            "DBName": "receipts",
            "StorageEncrypted": True,
            "PubliclyAccessible": one.public,
            "BackupRetentionPeriod": 7,
            "PendingModifiedValues": {"MasterUserPassword": "****"} if one.passwords else {},
            "TagList": [{"Key": key, "Value": value} for key, value in one.tags.items()],
            **one.asked,
        }

    def _pictured(self, one: Snapshot) -> Parameters:
        status = one.status(self._account.now)
        return {
            "DBSnapshotIdentifier": one.name,
            "DBSnapshotArn": one.arn,
            "DBInstanceIdentifier": "receipts",
            "DbiResourceId": "db-SOURCE",
            "Status": status,
            "Encrypted": True,
            "KmsKeyId": one.key,
            "SourceDBSnapshotIdentifier": one.source_arn,
            "PercentProgress": 100 if status == "available" else 40,
            "SnapshotDatabaseTime": None if status == "creating" else one.time,
            "TagList": [{"Key": key, "Value": value} for key, value in one.tags.items()],
        }


def data_at(moment: datetime) -> dict[str, int]:
    """What the source held at a moment: one table that stands still, and one that changes every second."""
    return {"public.accounts": 11, "public.ledger": int(moment.timestamp())}


def replicated(source: str, region: str) -> Parameters:
    return {
        "DBInstanceArn": source,
        "DBInstanceAutomatedBackupsArn": f"arn:aws:rds:{region}:{NUMBER}:auto-backup:ab-1",
        "DbiResourceId": "db-SOURCE",
        "Status": "replicating",
        "Encrypted": True,
        "KmsKeyId": key_arn(region, "alias/receipts"),
        "BackupRetentionPeriod": 7,
    }
