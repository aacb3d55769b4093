"""A database and its backups in the lab's RDS, through every verb that a backup and a restore test use."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from pydantic import SecretStr

from dr import claims
from dr.aws import backups, changes, ec2, kms, rds, restores, secrets, snapshots, tagging
from dr.aws.clients import Aws
from dr.aws.errors import missing
from dr.aws.rds import Instance
from dr.aws.restores import RestoreRequest
from dr.claims import Creation, ScratchClaim, claim_scratch
from dr.errors import AwsError, Refused, Unable
from dr.estate import SiteName
from dr.recovery import RecoveryWindow

from .conftest import GROUP, KEY, PRIMARY, RECOVERY, Raw, eventually, lost_answer

HERE, THERE = PRIMARY, RECOVERY
OWNER, PASSWORD = "orders_owner", "production-s-own"
RUN = "20261120T021500Z-test-receipts-7f3a"
EXPIRES = datetime(2026, 11, 20, 9, tzinfo=UTC)


@pytest.fixture(scope="module", autouse=True)
def production(aws: Aws, raw: Raw) -> Instance:
    """The database that everything here is about: `orders`, available, with backups and tags of its own."""
    key = kms.key(aws, HERE, KEY)
    assert key
    raw("rds", HERE).create_db_instance(
        DBInstanceIdentifier="Orders",
        DBInstanceClass="db.t4g.medium",
        Engine="postgres",
        AllocatedStorage=20,
        DBName="orders",
        MasterUsername=OWNER,
        MasterUserPassword=PASSWORD,
        DBSubnetGroupName=GROUP,
        VpcSecurityGroupIds=[ec2.security_group(aws, HERE, GROUP)],
        DBParameterGroupName=GROUP,
        BackupRetentionPeriod=7,
        StorageEncrypted=True,
        KmsKeyId=key.arn,
        PubliclyAccessible=False,
        DeletionProtection=True,
        CopyTagsToSnapshot=True,
        Tags=[{"Key": "environment", "Value": "production"}],
    )
    return settled(aws, HERE, "orders")


def ask(aws: Aws, instance: Instance, password: str, *statements: str) -> list[tuple[Any, ...]]:
    """Run statements in the instance's database, and return the rows of the last one."""
    assert instance.endpoint
    with psycopg.connect(
        host=instance.endpoint.host,
        hostaddr=aws.connection.address(instance.endpoint.host) or "",
        port=instance.endpoint.port,
        dbname="orders",
        user=OWNER,
        password=password,
        sslmode="verify-full",
        sslrootcert=str(aws.connection.certificate_authority),
    ) as database:
        cursors = [database.execute(statement) for statement in statements]
        return cursors[-1].fetchall()


def beat(aws: Aws, production: Instance) -> None:
    """One committed row, so that the log has something to end at."""
    ask(
        aws,
        production,
        PASSWORD,
        "create table if not exists beats (at timestamptz)",
        "insert into beats values (clock_timestamp()) returning 1",
    )


def request(aws: Aws, region: str, source: Instance, asset: str) -> RestoreRequest:
    return RestoreRequest(
        name=claims.scratch_name(RUN, asset),
        instance_class="db.t4g.medium",
        subnet_group=GROUP,
        security_group_id=ec2.security_group(aws, region, GROUP),
        parameter_group=GROUP,
        tags=claims.tags(RUN, asset, "scratch", EXPIRES),
        source=source.facts(),
    )


def claim(instance: Instance) -> ScratchClaim:
    creation = Creation("instance", instance.identifier, instance.region, RUN, instance.resource_id)
    return claim_scratch(instance.description(), creation, frozenset())


def settled(aws: Aws, region: str, identifier: str) -> Instance:
    def look() -> Instance | None:
        found = rds.instance(aws, region, identifier)
        assert found
        assert found.standing != "fatal", found.status
        return found if found.standing == "ok" and not found.pending else None

    done: Instance = eventually(look)
    return done


def removed(aws: Aws, instance: Instance) -> None:
    proof = claim(instance)
    eventually(lambda: not changes.delete_instance(aws, proof))
    assert rds.instance(aws, instance.region, instance.identifier) is None


@pytest.fixture
def scratch(aws: Aws) -> Iterator[list[Instance]]:
    made: list[Instance] = []
    yield made
    for instance in made:
        removed(aws, settled(aws, instance.region, instance.identifier))


def test_an_instance_and_what_is_around_it(aws: Aws, production: Instance) -> None:
    found = production
    assert found.identifier == "orders"
    assert found.resource_id.startswith("db-")
    assert found.standing == "ok"
    assert found.endpoint
    assert found.endpoint.host.endswith(f".{HERE}.rds.amazonaws.com")
    assert (found.retention_days, found.deletion_protection, found.encrypted) == (7, True, True)
    assert found.tags["environment"] == "production"
    assert rds.instance(aws, THERE, "orders") is None
    assert [one.identifier for one in rds.instances(aws, HERE, "ord")] == ["orders"]
    assert rds.instances(aws, HERE, "firedrill-") == []
    assert found.description().resource_id == found.resource_id


def test_events_tell_what_happened_and_when(aws: Aws) -> None:
    found = rds.events(aws, HERE, "orders", datetime.now(UTC) - timedelta(hours=1))
    assert found
    assert found == sorted(found, key=lambda event: event.at)
    assert all(event.at.tzinfo == UTC for event in found)
    assert "creation" in {category for event in found for category in event.categories}


def test_groups_and_keys_of_a_site(aws: Aws) -> None:
    group = rds.subnet_group(aws, THERE, GROUP)
    assert group
    assert len(group.zones) >= 2
    assert rds.subnet_group(aws, THERE, "nothing") is None
    parameters = rds.parameter_group(aws, THERE, GROUP)
    assert parameters
    assert parameters.family.startswith("postgres")
    assert rds.parameter_group(aws, THERE, "nothing") is None
    assert ec2.describe(aws, THERE, GROUP).egress == 0
    with pytest.raises(Refused, match="no security group nothing in eu-central-1"):
        ec2.security_group(aws, THERE, "nothing")
    key = kms.key(aws, THERE, KEY)
    assert key
    assert key.enabled
    assert kms.key(aws, THERE, "alias/nothing") is None


def test_a_secret_is_read_and_not_shown(aws: Aws, raw: Raw) -> None:
    held = '{"username": "orders_owner", "password": "hunter2", "engine": "postgres"}'
    raw("secretsmanager", THERE).create_secret(Name="orders/owner", SecretString=held)
    secret = secrets.read(aws, THERE, "orders/owner")
    assert (secret.username, secret.password.get_secret_value()) == ("orders_owner", "hunter2")
    assert "hunter2" not in repr(secret) + str(secret)
    with pytest.raises(AwsError) as caught:
        secrets.read(aws, THERE, "orders/nobody")
    assert missing(caught.value)


def test_a_secret_that_holds_something_else_is_told_without_showing_it(aws: Aws, raw: Raw) -> None:
    for name, text in (("odd/text", "hunter2"), ("odd/list", '["hunter2"]'), ("odd/half", '{"username": "hunter2"}')):
        raw("secretsmanager", HERE).create_secret(Name=name, SecretString=text)
        with pytest.raises(Unable, match=f"secret {name} in {HERE} does not hold") as caught:
            secrets.read(aws, HERE, name)
        assert "hunter2" not in str(caught.value)
        assert caught.value.__cause__ is None
        assert caught.value.__context__ is None


def test_a_snapshot_its_copy_and_a_restore_from_it(
    aws: Aws, production: Instance, scratch: list[Instance], lab: Path
) -> None:
    name, tags = claims.backup_name(RUN, "receipts-db"), claims.tags(RUN, "receipts-db", "backup", None)
    first = snapshots.create_snapshot(aws, HERE, "orders", name, tags)
    assert snapshots.create_snapshot(aws, HERE, "orders", name, tags).arn == first.arn  # met again, and adopted
    with pytest.raises(Refused, match="is not what this run asks for: its tag firedrill:run"):
        snapshots.create_snapshot(aws, HERE, "orders", name, tags | {claims.TAG_RUN: "another"})
    with pytest.raises(Refused, match="its resource id is"):
        snapshots.create_snapshot(aws, HERE, "orders", name, tags, resource_id="db-ANOTHER")
    if first.standing == "pending":
        with pytest.raises(Refused, match="only an available one"):
            snapshots.copy_snapshot(aws, THERE, first, name, KEY, tags)

    def available(region: str) -> snapshots.Snapshot | None:
        found = snapshots.snapshot(aws, region, name)
        assert found
        return found if found.standing == "ok" else None

    taken = eventually(lambda: available(HERE))
    assert (taken.resource_id, taken.encrypted, taken.kind) == (production.resource_id, True, "snapshot")
    with pytest.raises(Refused, match="needs a key of that region"):
        snapshots.copy_snapshot(aws, THERE, taken, name, None, tags)
    started = snapshots.copy_snapshot(aws, THERE, taken, name, KEY, tags)
    assert snapshots.copy_snapshot(aws, THERE, taken, name, KEY, tags).arn == started.arn
    copied = eventually(lambda: available(THERE))
    assert (copied.kind, copied.source_arn, copied.percent) == ("copy", taken.arn, 100)
    assert copied.tags == tags
    (point,) = snapshots.recovery_points(aws, THERE, "recovery", "receipts-db", "orders")
    assert (point.kind, point.identifier, point.status) == ("copy", name, "available")
    assert point.time == taken.time
    assert snapshots.recovery_points(aws, THERE, "recovery", "a", "orders", resource_id="db-ANOTHER") == []
    assert name in {one.identifier for one in snapshots.recovery_points(aws, HERE, "primary", "a", "orders")}
    assert snapshots.snapshot(aws, THERE, "nothing") is None

    asked = request(aws, THERE, production, "from-copy")
    # Asked for twice on the wire, because nobody heard the first answer.
    with lost_answer(lab, THERE, "rds", "RestoreDBInstanceFromDBSnapshot"):
        made = restores.restore_from_snapshot(aws, THERE, asked, point)
    scratch.append(made)
    assert restores.restore_from_snapshot(aws, THERE, asked, copied).resource_id == made.resource_id
    done = settled(aws, THERE, made.identifier)
    _is_scratch(done, asked)
    assert tagging.tagged(aws, THERE, RUN)
    assert (done.arn, dict(done.tags)) in tagging.tagged(aws, THERE)


def _is_scratch(done: Instance, asked: RestoreRequest) -> None:
    """None of the dangerous defaults, and nothing inherited."""
    assert {key: value for key, value in done.tags.items() if key != claims.TAG_SOURCE} == asked.tags
    assert (done.retention_days, done.deletion_protection, done.multi_az, done.public) == (0, False, False, False)
    assert (done.copies_tags_to_snapshots, done.iam_authentication, done.minor_upgrades) == (False, False, False)
    assert (done.subnet_group, done.parameter_group) == (asked.subnet_group, asked.parameter_group)
    assert done.security_groups == (asked.security_group_id,)
    assert done.storage_type == asked.source.storage_type


def test_restores_to_a_time_in_both_regions(aws: Aws, production: Instance, scratch: list[Instance]) -> None:
    key = kms.key(aws, THERE, KEY)
    assert key
    arn = backups.start_backup_replication(aws, THERE, production.arn, key.arn, 7)
    assert arn.startswith(f"arn:aws:rds:{THERE}:")
    assert backups.start_backup_replication(aws, THERE, production.arn, key.arn, 7) == arn
    beat(aws, production)
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=1)

    def window(region: str) -> RecoveryWindow | None:
        beat(aws, production)
        site: SiteName = "primary" if region == HERE else "recovery"
        found = backups.recovery_windows(
            aws, region, site, "receipts-db", resource_id=production.resource_id, source_instance="ORDERS"
        )
        assert len(found) <= 1
        return found[0] if found and found[0].holds(moment) else None

    for region in (HERE, THERE):
        held = eventually(partial(window, region))
        assert held.backup_arn == (arn if region == THERE else None)
        assert held.resource_id == production.resource_id
        with pytest.raises(Refused, match="outside of the recovery window"):
            restores.restore_to_time(
                aws, region, request(aws, region, production, "late"), held, moment + timedelta(days=1)
            )
        asked = request(aws, region, production, "to-time")
        made = restores.restore_to_time(aws, region, asked, held, moment)
        scratch.append(made)
        _is_scratch(settled(aws, region, made.identifier), asked)
    assert backups.recovery_windows(aws, THERE, "recovery", "a", resource_id="db-NOTHING") == []

    here = next(one for one in scratch if one.region == HERE)
    changes.set_master_password(aws, claim(here), SecretStr("a-new-password-of-ours"))
    done = settled(aws, HERE, here.identifier)
    assert done.resource_id == here.resource_id
    ((until,),) = ask(aws, done, "a-new-password-of-ours", "select max(at) from beats")
    assert until <= moment
    with pytest.raises(Refused, match="the claim is for db-ANOTHER"):
        changes.delete_instance(aws, ScratchClaim("instance", here.identifier, HERE, RUN, "db-ANOTHER"))
    with pytest.raises(Refused, match="tags no longer say"):
        changes.delete_instance(aws, ScratchClaim("instance", here.identifier, HERE, "another", here.resource_id))


def test_production_is_never_deleted(aws: Aws, production: Instance) -> None:
    found = production
    with pytest.raises(Refused):
        changes.delete_instance(aws, ScratchClaim("instance", found.identifier, HERE, RUN, found.resource_id))
    with pytest.raises(Refused):
        changes.delete_instance(aws, ScratchClaim("objects", found.identifier, HERE, RUN, found.resource_id))
    with pytest.raises(Refused):
        changes.delete_instance(aws, ScratchClaim("instance", found.identifier, HERE, RUN, None))
    assert rds.instance(aws, HERE, "orders")


def test_what_is_gone_is_gone(aws: Aws) -> None:
    assert not changes.delete_instance(aws, ScratchClaim("instance", "firedrill-gone", HERE, RUN, "db-GONE"))


def test_protection_is_set_on_the_very_instance(aws: Aws, production: Instance) -> None:
    found = production
    with pytest.raises(Refused, match="is not db-ANOTHER"):
        changes.set_deletion_protection(aws, HERE, "orders", "db-ANOTHER", False)
    changes.set_deletion_protection(aws, HERE, "orders", found.resource_id, False)
    eventually(lambda: not settled(aws, HERE, "orders").deletion_protection)
    changes.set_deletion_protection(aws, HERE, "orders", found.resource_id, True)
    eventually(lambda: settled(aws, HERE, "orders").deletion_protection)
