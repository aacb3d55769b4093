"""What the tests of clusters share: making, waiting, entering, cleaning up."""

from typing import Any

import psycopg
from botocore.exceptions import ClientError

from dr import connection as connections
from tests.contract.cloud import PRIMARY, Cloud

ENGINE = "aurora-postgresql"
CLASS = "db.t4g.medium"
PASSWORD = "correct-horse-battery"


class Aurora:
    """Clusters of one module of tests, in one region; `close` deletes whatever was made here and is still there."""

    def __init__(self, cloud: Cloud, region: str = PRIMARY) -> None:
        self.cloud = cloud
        self.rds = cloud.client("rds", region)
        self._clusters: list[str] = []
        self._snapshots: list[str] = []

    def create(self, stem: str, **more: Any) -> dict[str, Any]:
        """A cluster that is available, without any instance."""
        name = self.cloud.name(stem)
        self.rds.create_db_cluster(
            **{
                "DBClusterIdentifier": name,
                "Engine": ENGINE,
                "MasterUsername": "owner",
                "MasterUserPassword": PASSWORD,
                "DatabaseName": "app",
                "Tags": self.cloud.tags,
                **more,
            }
        )
        return self.adopt(name)

    def adopt(self, name: str) -> dict[str, Any]:
        """A cluster that a test asked for, once it is available; it will be cleaned up."""
        self._clusters.append(name)
        return self.available(name)

    def available(self, name: str) -> dict[str, Any]:
        def look() -> dict[str, Any] | None:
            seen = self.cluster(name)
            assert seen["Status"] not in ("failed", "incompatible-restore"), seen
            return seen if seen["Status"] == "available" else None

        return self.cloud.until(look, f"{name} available")

    def cluster(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = self.rds.describe_db_clusters(DBClusterIdentifier=name)["DBClusters"][0]
        return found

    def instance(self, cluster: str, *, wait: bool = True, **more: Any) -> str:
        """One more member of a cluster."""
        name = self.cloud.name("member")
        self.rds.create_db_instance(
            **{
                "DBInstanceIdentifier": name,
                "DBClusterIdentifier": cluster,
                "Engine": ENGINE,
                "DBInstanceClass": CLASS,
                "Tags": self.cloud.tags,
                **more,
            }
        )
        if wait:
            self.member(name)
        return name

    def member(self, name: str, status: str = "available") -> dict[str, Any]:
        """A member, once it has this status."""

        def look() -> dict[str, Any] | None:
            seen: dict[str, Any] = self.rds.describe_db_instances(DBInstanceIdentifier=name)["DBInstances"][0]
            return seen if seen["DBInstanceStatus"] == status else None

        return self.cloud.until(look, f"{name} {status}")

    def snapshot(self, cluster: str, stem: str = "snap", **more: Any) -> dict[str, Any]:
        """A cluster snapshot that is available."""
        name = self.cloud.name(stem)
        self.rds.create_db_cluster_snapshot(
            **{
                "DBClusterIdentifier": cluster,
                "DBClusterSnapshotIdentifier": name,
                "Tags": self.cloud.tags,
                **more,
            }
        )
        return self.adopt_snapshot(name)

    def adopt_snapshot(self, name: str) -> dict[str, Any]:
        self._snapshots.append(name)

        def look() -> dict[str, Any] | None:
            answer = self.rds.describe_db_cluster_snapshots(DBClusterSnapshotIdentifier=name)
            seen: dict[str, Any] = answer["DBClusterSnapshots"][0]
            return seen if seen["Status"] == "available" else None

        return self.cloud.until(look, f"{name} available")

    def restorable(self, name: str, moment: Any) -> dict[str, Any]:
        """A cluster, once it says that it can be restored to a moment."""

        def look() -> dict[str, Any] | None:
            seen = self.cluster(name)
            latest = seen.get("LatestRestorableTime")
            return seen if latest and latest >= moment else None

        return self.cloud.until(look, f"{name} restorable to {moment}")

    def enter(self, cluster: dict[str, Any], endpoint: str = "Endpoint", **more: Any) -> psycopg.Connection:
        """As the master, over TLS that is verified fully."""
        settings: dict[str, Any] = {
            "host": cluster[endpoint],
            "port": cluster["Port"],
            "dbname": "app",
            "user": "owner",
            "password": PASSWORD,
            "sslmode": "verify-full",
            "sslrootcert": "system",
            "autocommit": True,
            "connect_timeout": 10,
        }
        if self.cloud.home is not None:
            lab = connections.read({connections.VARIABLE: str(self.cloud.home.connection)})
            settings |= {"hostaddr": "127.0.0.1", "sslrootcert": str(lab.certificate_authority)}
        return psycopg.connect(**{**settings, **more})

    def remove(self, name: str, **more: Any) -> None:
        """A cluster with all of its instances, gone."""
        for member in self.cluster(name)["DBClusterMembers"]:
            self.rds.delete_db_instance(DBInstanceIdentifier=member["DBInstanceIdentifier"])
        self.rds.delete_db_cluster(**{"DBClusterIdentifier": name, "SkipFinalSnapshot": True, **more})
        self.cloud.until(lambda: not self._there(name), f"{name} gone")

    def close(self) -> None:
        for name in self._snapshots:
            try:
                self.rds.delete_db_cluster_snapshot(DBClusterSnapshotIdentifier=name)
            except ClientError as problem:
                if problem.response["Error"]["Code"] != "DBClusterSnapshotNotFoundFault":
                    raise
        for name in self._clusters:
            if self._there(name):
                self.rds.modify_db_cluster(DBClusterIdentifier=name, DeletionProtection=False)
                self.remove(name)

    def _there(self, name: str) -> bool:
        return any(one["DBClusterIdentifier"] == name for one in self.rds.describe_db_clusters()["DBClusters"])


def count(connection: psycopg.Connection) -> int:
    row = connection.execute("select count(*) from seen").fetchone()
    assert row is not None
    return int(row[0])
