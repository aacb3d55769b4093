"""What things may be called, and what is made of a name."""

from typing import Any

import pytest

from tests.contract.cloud import RECOVERY, Cloud
from tests.contract.small_instances import Shown, code, look, order


@pytest.mark.behaviour("RDS-NAME-LOWERED")
def test_names_are_kept_in_lower_case_and_found_in_any(cloud: Cloud, rds: Any, source: Shown) -> None:
    name = source["DBInstanceIdentifier"]
    assert name == name.lower()
    assert "-source-" in name  # it was created as `Source`
    assert look(cloud, name.upper())["DbiResourceId"] == source["DbiResourceId"]
    assert code(rds.create_db_instance, **order(name.upper(), Tags=cloud.tags)) == "DBInstanceAlreadyExists"


@pytest.mark.behaviour("RDS-NAME-RULES")
@pytest.mark.parametrize("wrong", ["9lives", "two--hyphens", "ends-", "under_score", "dot.ted", "l" * 64])
def test_names_of_instances_follow_rules(cloud: Cloud, rds: Any, wrong: str) -> None:
    assert code(rds.create_db_instance, **order(wrong, Tags=cloud.tags)) == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-SNAPSHOT-NAME-RULES")
@pytest.mark.parametrize("wrong", ["9lives", "two--hyphens", "ends-", "under_score", "l" * 256])
def test_names_of_snapshots_follow_rules(cloud: Cloud, rds: Any, source: Shown, wrong: str) -> None:
    of = {"DBInstanceIdentifier": source["DBInstanceIdentifier"], "Tags": cloud.tags}
    assert code(rds.create_db_snapshot, **of, DBSnapshotIdentifier=wrong) == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-SNAPSHOT-PREFIXES")
@pytest.mark.parametrize("prefix", ["rds:", "awsbackup:"])
def test_prefixes_of_aws_are_not_to_be_had(
    rds: Any, there: Any, source: Shown, snapshot: Shown, keys: dict[str, str], prefix: str
) -> None:
    name = f"{prefix}mine"
    of = {"DBInstanceIdentifier": source["DBInstanceIdentifier"]}
    assert code(rds.create_db_snapshot, **of, DBSnapshotIdentifier=name) == "InvalidParameterValue"
    copied = code(
        there.copy_db_snapshot,
        SourceDBSnapshotIdentifier=snapshot["DBSnapshotArn"],
        TargetDBSnapshotIdentifier=name,
        KmsKeyId=keys[RECOVERY],
    )
    assert copied == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-PASSWORD-RULES")
@pytest.mark.parametrize(
    "wrong", ["short", "l" * 129, "with/slash", 'with"quote', "with@sign", "with space", "ümlauts"]
)
def test_passwords_follow_rules(cloud: Cloud, rds: Any, wrong: str) -> None:
    asked = order(cloud.name("never"), Tags=cloud.tags, MasterUserPassword=wrong)
    assert code(rds.create_db_instance, **asked) == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-TAG-RULES")
@pytest.mark.parametrize("key", ["aws:mine", "rds:mine"])
def test_tags_of_aws_cannot_be_given(rds: Any, source: Shown, key: str) -> None:
    tags = [{"Key": key, "Value": "x"}]
    assert code(rds.add_tags_to_resource, ResourceName=source["DBInstanceArn"], Tags=tags) == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-REGIONS-APART")
def test_a_name_belongs_to_one_region(there: Any, source: Shown) -> None:
    name = source["DBInstanceIdentifier"]
    assert code(there.describe_db_instances, DBInstanceIdentifier=name) == "DBInstanceNotFound"
    assert code(there.describe_db_instances, DBInstanceIdentifier=source["DBInstanceArn"]) == "DBInstanceNotFound"
    assert there.meta.region_name == RECOVERY


@pytest.mark.behaviour("RDS-ERROR-CODES")
def test_codes_are_not_the_names_of_the_exceptions(rds: Any, source: Shown) -> None:
    groups = rds.describe_db_subnet_groups
    assert code(rds.describe_db_instances, DBInstanceIdentifier="drc-none") == "DBInstanceNotFound"
    assert code(rds.describe_db_snapshots, DBSnapshotIdentifier="drc-none") == "DBSnapshotNotFound"
    assert code(groups, DBSubnetGroupName="drc-none") == "DBSubnetGroupNotFoundFault"
    assert code(rds.describe_db_parameter_groups, DBParameterGroupName="drc-none") == "DBParameterGroupNotFound"
    with pytest.raises(rds.exceptions.DBInstanceNotFoundFault):
        rds.describe_db_instances(DBInstanceIdentifier="drc-none")
    assert source["DBInstanceArn"].split(":")[5:] == ["db", source["DBInstanceIdentifier"]]


@pytest.mark.behaviour("RDS-PAGES")
def test_lists_come_in_pages_of_twenty_at_least(rds: Any) -> None:
    assert code(rds.describe_db_instances, MaxRecords=19) == "InvalidParameterValue"
    assert code(rds.describe_db_instances, MaxRecords=101) == "InvalidParameterValue"
    pages = rds.get_paginator("describe_db_parameter_groups").paginate(PaginationConfig={"PageSize": 20})
    names = [group["DBParameterGroupName"] for page in pages for group in page["DBParameterGroups"]]
    assert len(names) == len(set(names))


@pytest.mark.behaviour("RDS-FILTERS")
def test_an_unknown_filter_is_refused_and_not_ignored(rds: Any, source: Shown) -> None:
    unknown = [{"Name": "colour", "Values": ["red"]}]
    assert code(rds.describe_db_instances, Filters=unknown) == "InvalidParameterValue"
    by_resource = [{"Name": "dbi-resource-id", "Values": [source["DbiResourceId"]]}]
    found = rds.describe_db_instances(Filters=by_resource)["DBInstances"]
    assert [one["DBInstanceIdentifier"] for one in found] == [source["DBInstanceIdentifier"]]


@pytest.mark.behaviour("RDS-EVENTS-NEED-A-TYPE")
def test_events_of_one_thing_need_its_type(rds: Any, source: Shown) -> None:
    name = source["DBInstanceIdentifier"]
    assert code(rds.describe_events, SourceIdentifier=name) == "InvalidParameterCombination"
    told = rds.describe_events(SourceIdentifier=name, SourceType="db-instance")["Events"]
    assert [event["Date"] for event in told] == sorted(event["Date"] for event in told)
    assert "DB instance created" in [event["Message"] for event in told]
