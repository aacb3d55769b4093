"""Parameter groups and tags: small things that are easily lost."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.contract.cloud import Cloud
from tests.contract.small_instances import Shown, code


@pytest.fixture(scope="module")
def group(cloud: Cloud, rds: Any) -> Iterator[Shown]:
    """A parameter group of our own."""
    family = rds.describe_db_engine_versions(Engine="postgres")["DBEngineVersions"][0]["DBParameterGroupFamily"]
    name = cloud.name("tuned")
    made = rds.create_db_parameter_group(
        DBParameterGroupName=name, DBParameterGroupFamily=family, Description="contract", Tags=cloud.tags
    )
    yield made["DBParameterGroup"]
    rds.delete_db_parameter_group(DBParameterGroupName=name)


@pytest.mark.behaviour("RDS-STATIC-PARAMETERS")
def test_a_static_parameter_is_not_applied_at_once(rds: Any, group: Shown) -> None:
    name = {"DBParameterGroupName": group["DBParameterGroupName"]}
    static = {"ParameterName": "max_connections", "ParameterValue": "57"}
    now = code(rds.modify_db_parameter_group, **name, Parameters=[{**static, "ApplyMethod": "immediate"}])
    assert now == "InvalidParameterCombination"
    rds.modify_db_parameter_group(**name, Parameters=[{**static, "ApplyMethod": "pending-reboot"}])
    (found,) = rds.describe_db_parameters(**name, Source="user")["Parameters"]
    assert (found["ParameterName"], found["ParameterValue"]) == ("max_connections", "57")


@pytest.mark.behaviour("RDS-DEFAULT-GROUP-FIXED")
def test_a_default_parameter_group_cannot_be_changed(rds: Any, group: Shown) -> None:
    default = {"DBParameterGroupName": f"default.{group['DBParameterGroupFamily']}"}
    change = [{"ParameterName": "work_mem", "ParameterValue": "4096", "ApplyMethod": "immediate"}]
    assert code(rds.modify_db_parameter_group, **default, Parameters=change) == "InvalidDBParameterGroupState"
    assert code(rds.delete_db_parameter_group, **default) == "InvalidDBParameterGroupState"


@pytest.mark.behaviour("RDS-TAGS-BY-ARN")
def test_tags_are_added_and_removed_by_arn(cloud: Cloud, rds: Any, group: Shown) -> None:
    arn = {"ResourceName": group["DBParameterGroupArn"]}
    rds.add_tags_to_resource(**arn, Tags=[{"Key": "more", "Value": "1"}])
    rds.remove_tags_from_resource(**arn, TagKeys=["more", "never-there"])
    assert rds.list_tags_for_resource(**arn)["TagList"] == cloud.tags
    assert code(rds.list_tags_for_resource, ResourceName=group["DBParameterGroupName"]) == "InvalidParameterValue"


@pytest.mark.behaviour("RDS-GROUPS-STAY-AT-HOME")
def test_a_parameter_group_exists_in_one_region(there: Any, group: Shown) -> None:
    name = {"DBParameterGroupName": group["DBParameterGroupName"]}
    assert code(there.describe_db_parameter_groups, **name) == "DBParameterGroupNotFound"
