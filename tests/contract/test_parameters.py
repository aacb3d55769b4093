"""Parameter groups: what may be changed, when it reaches a server, and what keeps one down."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import psycopg
import pytest

from tests.contract import databases
from tests.contract.cloud import PRIMARY, RECOVERY, Cloud

PENDING, IMMEDIATE = "pending-reboot", "immediate"


@dataclass(frozen=True)
class Tuned:
    """An instance with a parameter group of its own."""

    cloud: Cloud
    secret: str
    group: str
    family: str
    name: str

    @property
    def rds(self) -> Any:
        return self.cloud.client("rds")

    def change(self, name: str, value: str, method: str) -> None:
        self.rds.modify_db_parameter_group(DBParameterGroupName=self.group, Parameters=[_change(name, value, method)])

    def refused(self, code: str, name: str, value: str, method: str = IMMEDIATE) -> str:
        problem = self.cloud.refused(
            code,
            self.rds.modify_db_parameter_group,
            DBParameterGroupName=self.group,
            Parameters=[_change(name, value, method)],
        )
        return str(problem.response["Error"]["Message"])

    def apply_status(self) -> str:
        return str(databases.look(self.cloud, self.name)["DBParameterGroups"][0]["ParameterApplyStatus"])

    def until(self, status: str) -> None:
        self.cloud.until(lambda: self.apply_status() == status, f"parameters {status}")

    def shows(self, name: str) -> str:
        with databases.enter(self.cloud, databases.look(self.cloud, self.name), self.secret) as connection:
            return str(databases.ask(connection, f"show {name}"))

    def reboot(self) -> None:
        self.rds.reboot_db_instance(DBInstanceIdentifier=self.name)
        databases.available(self.cloud, self.name)

    def described(self, name: str, **more: Any) -> dict[str, Any]:
        (found,) = self.rds.describe_db_parameters(
            DBParameterGroupName=self.group, Filters=[{"Name": "parameter-name", "Values": [name]}], **more
        )["Parameters"]
        return dict(found)


def _change(name: str, value: str, method: str) -> dict[str, str]:
    return {"ParameterName": name, "ParameterValue": value, "ApplyMethod": method}


@pytest.fixture(scope="module")
def tuned(cloud: Cloud) -> Iterator[Tuned]:
    rds, secret, group = cloud.client("rds"), databases.password(), cloud.name("tuned")
    version = rds.describe_db_engine_versions(Engine="postgres", DefaultOnly=True)["DBEngineVersions"][0]
    family = version["DBParameterGroupFamily"]
    rds.create_db_parameter_group(
        DBParameterGroupName=group, DBParameterGroupFamily=family, Description="of the suite", Tags=cloud.tags
    )
    name = databases.create(cloud, "tuned", MasterUserPassword=secret, DBParameterGroupName=group)
    try:
        databases.available(cloud, name)
        yield Tuned(cloud, secret, group, family, name)
    finally:
        databases.delete(cloud, name)
        rds.delete_db_parameter_group(DBParameterGroupName=group)


@pytest.mark.behaviour("RDS-PARAMETER-IMMEDIATE")
def test_a_dynamic_parameter_reaches_the_server_without_a_reboot(tuned: Tuned) -> None:
    tuned.change("work_mem", "8192", IMMEDIATE)
    tuned.until("in-sync")
    assert tuned.shows("work_mem") == "8MB"
    found = tuned.described("work_mem", Source="user")
    assert (found["ParameterValue"], found["ApplyType"], found["IsModifiable"]) == ("8192", "dynamic", True)


@pytest.mark.behaviour("RDS-PARAMETER-STATIC-NOT-IMMEDIATE")
def test_a_static_parameter_cannot_be_changed_at_once(tuned: Tuned) -> None:
    tuned.refused("InvalidParameterCombination", "max_connections", "60")
    assert tuned.described("max_connections")["ApplyType"] == "static"


@pytest.mark.behaviour("RDS-PARAMETER-PENDING-REBOOT")
def test_a_static_parameter_waits_for_a_reboot_and_holds_nothing_else_up(tuned: Tuned) -> None:
    tuned.change("max_connections", "60", PENDING)
    tuned.until(PENDING)
    assert tuned.shows("max_connections") != "60"
    tuned.change("work_mem", "16384", IMMEDIATE)
    tuned.until(PENDING)
    tuned.cloud.until(lambda: tuned.shows("work_mem") == "16MB", "the dynamic one applied")
    tuned.reboot()
    assert tuned.apply_status() == "in-sync"
    assert tuned.shows("max_connections") == "60"


@pytest.mark.behaviour("RDS-PARAMETER-BAD-VALUE")
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("work_mem", "64MB"),
        ("work_mem", "1"),
        ("log_statement", "some"),
        ("random_page_cost", "cheap"),
        ("no_such", "1"),
    ],
)
def test_a_value_that_the_server_would_not_take_is_refused(tuned: Tuned, name: str, value: str) -> None:
    assert name in tuned.refused("InvalidParameterValue", name, value)


@pytest.mark.behaviour("RDS-PARAMETER-NOT-MODIFIABLE")
def test_what_rds_keeps_to_itself_cannot_be_modified(tuned: Tuned) -> None:
    for name, value in (("archive_command", "true"), ("listen_addresses", "*"), ("fsync", "0")):
        tuned.refused("InvalidParameterValue", name, value, PENDING)
        assert tuned.described(name)["IsModifiable"] is False


@pytest.mark.behaviour("RDS-PARAMETER-DEFAULT-GROUP")
def test_a_default_group_cannot_be_changed_or_deleted(tuned: Tuned) -> None:
    default = f"default.{tuned.family}"
    code, rds = "InvalidDBParameterGroupState", tuned.rds
    tuned.cloud.refused(
        code,
        rds.modify_db_parameter_group,
        DBParameterGroupName=default,
        Parameters=[_change("work_mem", "8192", IMMEDIATE)],
    )
    tuned.cloud.refused(code, rds.reset_db_parameter_group, DBParameterGroupName=default, ResetAllParameters=True)
    tuned.cloud.refused(code, rds.delete_db_parameter_group, DBParameterGroupName=default)


@pytest.mark.behaviour("RDS-PARAMETER-GROUP-IN-USE")
def test_a_group_in_use_cannot_be_deleted(tuned: Tuned) -> None:
    tuned.cloud.refused(
        "InvalidDBParameterGroupState", tuned.rds.delete_db_parameter_group, DBParameterGroupName=tuned.group
    )


@pytest.mark.behaviour("RDS-PARAMETER-GROUP-REGIONAL")
def test_a_group_does_not_exist_in_another_region(tuned: Tuned) -> None:
    rds = tuned.cloud.client("rds", RECOVERY)
    tuned.cloud.refused("DBParameterGroupNotFound", rds.describe_db_parameter_groups, DBParameterGroupName=tuned.group)
    arn = tuned.rds.describe_db_parameter_groups(DBParameterGroupName=tuned.group)["DBParameterGroups"][0]
    tuned.cloud.refused(
        "DBParameterGroupNotFound",
        rds.copy_db_parameter_group,
        SourceDBParameterGroupIdentifier=arn["DBParameterGroupArn"],
        TargetDBParameterGroupIdentifier=tuned.cloud.name("never"),
        TargetDBParameterGroupDescription="never",
    )


@pytest.mark.behaviour("RDS-PARAMETER-TWENTY")
def test_twenty_parameters_at_a_time(tuned: Tuned) -> None:
    pages = tuned.rds.get_paginator("describe_db_parameters").paginate(DBParameterGroupName=tuned.group)
    everything = [one for page in pages for one in page["Parameters"]]
    assert len(everything) > 200
    family = tuned.rds.describe_db_parameter_groups(DBParameterGroupName=tuned.group)["DBParameterGroups"][0]
    defaults = tuned.rds.describe_engine_default_parameters(DBParameterGroupFamily=family["DBParameterGroupFamily"])
    assert defaults["EngineDefaults"]["Parameters"][0]["ParameterName"] == everything[0]["ParameterName"]
    booleans = [one["ParameterName"] for one in everything if one["DataType"] == "boolean" and one["IsModifiable"]]
    tuned.cloud.refused(
        "InvalidParameterValue",
        tuned.rds.modify_db_parameter_group,
        DBParameterGroupName=tuned.group,
        Parameters=[_change(name, "1", PENDING) for name in booleans[:21]],
    )


@pytest.mark.behaviour("RDS-PARAMETER-RESET")
def test_a_reset_takes_dynamic_values_away_at_once_and_static_ones_later(tuned: Tuned) -> None:
    tuned.change("statement_timeout", "70000", IMMEDIATE)
    tuned.change("max_connections", "61", PENDING)
    tuned.reboot()
    assert (tuned.shows("statement_timeout"), tuned.shows("max_connections")) == ("70s", "61")
    tuned.rds.reset_db_parameter_group(DBParameterGroupName=tuned.group, ResetAllParameters=True)
    tuned.cloud.until(lambda: tuned.shows("statement_timeout") == "0", "the dynamic one is gone")
    tuned.until(PENDING)
    assert tuned.shows("max_connections") == "61"
    assert not tuned.rds.describe_db_parameters(DBParameterGroupName=tuned.group, Source="user")["Parameters"]
    tuned.reboot()
    assert tuned.shows("max_connections") != "61"


@pytest.mark.behaviour("RDS-FORCE-SSL")
def test_clients_without_tls_are_turned_away_unless_the_group_lets_them_in(tuned: Tuned) -> None:
    def plain() -> bool:
        instance = databases.look(tuned.cloud, tuned.name)
        with databases.enter(tuned.cloud, instance, tuned.secret, sslmode="disable") as connection:
            return databases.ask(connection, "select ssl from pg_stat_ssl where pid = pg_backend_pid()") is False

    with pytest.raises(psycopg.OperationalError):
        plain()
    tuned.change("rds.force_ssl", "0", IMMEDIATE)
    tuned.until("in-sync")
    assert plain()
    tuned.change("rds.force_ssl", "1", IMMEDIATE)
    tuned.until("in-sync")
    with pytest.raises(psycopg.OperationalError):
        plain()


@pytest.mark.behaviour("RDS-PARAMETER-INCOMPATIBLE")
def test_parameters_that_contradict_each_other_keep_the_server_down(tuned: Tuned) -> None:
    # Each value is good alone; the server refuses the pair when it starts.
    tuned.change("max_connections", "50", PENDING)
    tuned.change("superuser_reserved_connections", "60", PENDING)
    tuned.rds.reboot_db_instance(DBInstanceIdentifier=tuned.name)
    databases.until(
        tuned.cloud,
        tuned.name,
        PRIMARY,
        lambda one: one["DBInstanceStatus"] == "incompatible-parameters",
        "incompatible-parameters",
    )
    tuned.rds.reset_db_parameter_group(DBParameterGroupName=tuned.group, ResetAllParameters=True)
    tuned.reboot()
    assert tuned.shows("superuser_reserved_connections") == "3"
