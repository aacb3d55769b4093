"""States of an instance that pass: seen on the calm cloud."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.cloud import Cloud
from tests.contract.small_instances import Shown, code, delete, look, order, settled
from tests.contract.unhurried import cloud, rds

__all__ = ["cloud", "rds"]


@pytest.fixture(scope="module")
def born(cloud: Cloud, rds: Any) -> Iterator[list[Shown]]:
    """Every state that an instance with backups went through until it was available: one look for each."""
    name = cloud.name("born")
    looks = [rds.create_db_instance(**order(name, Tags=cloud.tags, BackupRetentionPeriod=1))["DBInstance"]]

    def up() -> bool:
        seen = look(cloud, name)
        if seen["DBInstanceStatus"] != looks[-1]["DBInstanceStatus"]:
            looks.append(seen)
        return bool(seen["DBInstanceStatus"] == "available")

    cloud.until(up, f"{name} available")
    yield looks
    delete(cloud, name)


@pytest.mark.behaviour("RDS-NO-ENDPOINT-YET")
def test_while_it_is_created_an_instance_has_no_endpoint(born: list[Shown]) -> None:
    assert born[0]["DBInstanceStatus"] == "creating"
    assert "Endpoint" not in born[0]
    assert "InstanceCreateTime" not in born[0]
    assert born[-1]["Endpoint"]["Address"].startswith(born[0]["DBInstanceIdentifier"] + ".")


@pytest.mark.behaviour("RDS-FIRST-BACKUP")
def test_the_first_backup_comes_before_available(born: list[Shown]) -> None:
    assert [seen["DBInstanceStatus"] for seen in born] == ["creating", "backing-up", "available"]


@pytest.mark.behaviour("RDS-EXTENDED-SUPPORT")
def test_extended_support_is_what_one_gets_unasked(born: list[Shown]) -> None:
    assert born[0]["EngineLifecycleSupport"] == "open-source-rds-extended-support"


@pytest.mark.behaviour("RDS-RESOURCE-ID-AT-ONCE")
def test_every_instance_has_a_resource_id_from_its_beginning(born: list[Shown]) -> None:
    (identity,) = {seen["DbiResourceId"] for seen in born}
    assert identity.startswith("db-")


@pytest.mark.behaviour("RDS-BUSY")
def test_what_is_busy_refuses_other_work(cloud: Cloud, rds: Any, born: list[Shown]) -> None:
    name = born[0]["DBInstanceIdentifier"]
    settled(cloud, name)
    rds.reboot_db_instance(DBInstanceIdentifier=name)
    assert code(rds.reboot_db_instance, DBInstanceIdentifier=name) == "InvalidDBInstanceState"
    assert code(rds.stop_db_instance, DBInstanceIdentifier=name) == "InvalidDBInstanceState"
    settled(cloud, name)
