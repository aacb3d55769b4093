"""Quotas and the request rate, in a lab that gives little of each."""

from collections.abc import Iterator
from typing import Any

import pytest

from dr.lab.rds.quotas import Quotas
from tests.contract import model
from tests.contract.small_instances import code, order
from tests.lab.rds_fixtures import PRIMARY, RECOVERY, RdsLab, an_rds_lab

FEW = Quotas(instances=1, storage=60, manual_snapshots=2, copies=1, subnet_groups=1, parameter_groups=3)


@pytest.fixture(scope="module")
def tight() -> Iterator[RdsLab]:
    """A lab where one instance, two snapshots and one copy at a time are all there is, and things take a while."""
    with an_rds_lab(60, FEW) as lab:
        for region in (PRIMARY, RECOVERY):
            model.hold(lab.client(region))
        yield lab


@pytest.fixture(scope="module")
def only(tight: RdsLab) -> str:
    """The one instance of the primary region."""
    tight.create("only")
    return "only"


@pytest.mark.lab_only
@pytest.mark.behaviour("RDS-QUOTA-INSTANCES")
def test_one_instance_too_many(tight: RdsLab, only: str) -> None:
    del only
    assert code(tight.client().create_db_instance, **order("another")) == "InstanceQuotaExceeded"


@pytest.mark.lab_only
@pytest.mark.behaviour("RDS-QUOTA-STORAGE")
def test_too_much_storage(tight: RdsLab, only: str) -> None:
    large = order("large", AllocatedStorage=61)
    assert code(tight.client(RECOVERY).create_db_instance, **large) == "StorageQuotaExceeded"
    grown = code(tight.client().modify_db_instance, DBInstanceIdentifier=only, AllocatedStorage=61)
    assert grown == "StorageQuotaExceeded"


@pytest.mark.lab_only
@pytest.mark.behaviour("RDS-QUOTA-SNAPSHOTS")
@pytest.mark.behaviour("RDS-QUOTA-COPIES")
def test_one_snapshot_and_one_copy_too_many(tight: RdsLab, only: str) -> None:
    here, there = tight.client(), tight.client(RECOVERY)
    for name in ("one", "two"):
        here.create_db_snapshot(DBInstanceIdentifier=only, DBSnapshotIdentifier=name)
        taken = tight.await_snapshot(name)
        tight.await_instance(only)
    third = {"DBInstanceIdentifier": only, "DBSnapshotIdentifier": "three"}
    assert code(here.create_db_snapshot, **third) == "SnapshotQuotaExceeded"
    final = code(here.delete_db_instance, DBInstanceIdentifier=only, FinalDBSnapshotIdentifier="three")
    assert final == "SnapshotQuotaExceeded"
    quotas = {one["AccountQuotaName"]: one for one in here.describe_account_attributes()["AccountQuotas"]}
    assert (quotas["ManualSnapshots"]["Used"], quotas["ManualSnapshots"]["Max"]) == (2, 2)
    # Half a second of copying: the second one is asked for while the first goes on.
    copy = {"SourceDBSnapshotIdentifier": taken["DBSnapshotArn"]}
    there.copy_db_snapshot(**copy, TargetDBSnapshotIdentifier="first")
    assert code(there.copy_db_snapshot, **copy, TargetDBSnapshotIdentifier="second") == "SnapshotQuotaExceeded"
    tight.await_snapshot("first", RECOVERY)


@pytest.mark.lab_only
@pytest.mark.behaviour("RDS-QUOTA-GROUPS")
def test_one_group_too_many(tight: RdsLab, only: str) -> None:
    client, family = tight.client(), _family(tight.client())
    group = {"DBParameterGroupFamily": family, "Description": "d"}
    client.create_db_parameter_group(DBParameterGroupName="one", **group)
    refused = code(client.create_db_parameter_group, DBParameterGroupName="two", **group)
    assert refused == "DBParameterGroupQuotaExceeded"
    subnets = tight.instance(only)["DBSubnetGroup"]["Subnets"]
    refused = code(
        client.create_db_subnet_group,
        DBSubnetGroupName="two",
        DBSubnetGroupDescription="d",
        SubnetIds=[subnet["SubnetIdentifier"] for subnet in subnets],
    )
    assert refused == "DBSubnetGroupQuotaExceeded"


@pytest.mark.lab_only
@pytest.mark.behaviour("RDS-THROTTLING")
def test_whoever_asks_too_often_is_told_so(tight: RdsLab) -> None:
    region = tight.rds.world.regions[RECOVERY]
    region.quotas = Quotas(requests=2, burst=5)
    client = tight.client(RECOVERY)
    said = [code(client.describe_source_regions) for _ in range(12)]
    assert set(said) == {"accepted", "Throttling"}
    assert said[0] == "accepted"
    # The other region has a bucket of its own, and this one fills again.
    assert code(tight.client().describe_source_regions) == "accepted"
    tight.until(lambda: code(client.describe_source_regions) == "accepted", "served again")
    region.quotas = FEW


def _family(client: Any) -> str:
    return str(client.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"][0]["DBParameterGroupFamily"])
