"""The cloud that the suite runs against: one lab for each worker, or with `--aws` a real account."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.contract.cloud import PRIMARY, RECOVERY, Cloud, a_lab
from tests.contract.small_instances import Shown, delete, order, settled, snapshot_settled
from tests.contract.sweeper import sweep

SPEED = 600.0
CALM = 30.0


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """What only a lab can be told to do is left out on AWS, and said so."""
    if config.getoption("--aws"):
        for item in items:
            if item.get_closest_marker("lab_only"):
                item.add_marker(pytest.mark.skip(reason="needs the lab: AWS cannot be told to do this"))


@contextmanager
def _a_cloud(config: pytest.Config, speed: float) -> Iterator[Cloud]:
    if config.getoption("--aws"):
        account = Cloud(None, 1.0)
        try:
            yield account
        finally:
            sweep(account, account.run)
        return
    with a_lab(speed) as one:
        yield one


@pytest.fixture(scope="package")
def cloud(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    with _a_cloud(request.config, SPEED) as one:
        yield one


@pytest.fixture(scope="package")
def calm(request: pytest.FixtureRequest) -> Iterator[Cloud]:
    """A cloud whose passing states last long enough to be looked at, however busy the machine is."""
    with _a_cloud(request.config, CALM) as one:
        yield one


@pytest.fixture(scope="package")
def rds(cloud: Cloud) -> Any:
    """RDS of the primary region."""
    return cloud.client("rds", PRIMARY)


@pytest.fixture(scope="package")
def there(cloud: Cloud) -> Any:
    """RDS of the recovery region."""
    return cloud.client("rds", RECOVERY)


@pytest.fixture(scope="package")
def keys(cloud: Cloud) -> Iterator[dict[str, str]]:
    """A KMS key of our own in each region: its ARN."""
    made: dict[str, str] = {}
    tags = [{"TagKey": tag["Key"], "TagValue": tag["Value"]} for tag in cloud.tags]
    for region in (PRIMARY, RECOVERY):
        made[region] = cloud.client("kms", region).create_key(Tags=tags)["KeyMetadata"]["Arn"]
    yield made
    for region, arn in made.items():
        cloud.client("kms", region).schedule_key_deletion(KeyId=arn.rpartition("/")[2], PendingWindowInDays=7)


@pytest.fixture(scope="package")
def source(cloud: Cloud, rds: Any, keys: dict[str, str]) -> Iterator[Shown]:
    """An encrypted instance that backs itself up, for tests that do not change it. Created under a name in capitals."""
    name = cloud.name("Source")
    rds.create_db_instance(
        **order(
            name,
            BackupRetentionPeriod=7,
            StorageEncrypted=True,
            KmsKeyId=keys[PRIMARY],
            CopyTagsToSnapshot=True,
            DeletionProtection=True,
            PreferredBackupWindow="23:00-23:45",
            Tags=[*cloud.tags, {"Key": "env", "Value": "production"}],
        )
    )
    yield settled(cloud, name)
    rds.modify_db_instance(DBInstanceIdentifier=name, DeletionProtection=False)
    delete(cloud, name)


@pytest.fixture(scope="package")
def snapshot(cloud: Cloud, rds: Any, source: Shown) -> Iterator[Shown]:
    """A manual snapshot of the source."""
    name = cloud.name("shot")
    rds.create_db_snapshot(DBInstanceIdentifier=source["DBInstanceIdentifier"], DBSnapshotIdentifier=name)
    yield snapshot_settled(cloud, name)
    rds.delete_db_snapshot(DBSnapshotIdentifier=name)
