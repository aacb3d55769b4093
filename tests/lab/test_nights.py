"""Nights, retention and restores over real PostgreSQL, with the data of every night looked at."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from dr.lab.outages import Outage
from dr.lab.passing import Passing
from tests.lab.rds_fixtures import PRIMARY, RECOVERY, RdsLab, an_rds_lab
from tests.lab.test_rds_backups import insert, replica, rows, wait_for, whole_second_after
from tests.lab.test_rds_instances import refused

DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def lab() -> Iterator[RdsLab]:
    """A lab of its own: nobody else's calendar leaps."""
    with an_rds_lab() as lab:
        yield lab


@pytest.fixture(scope="module")
def passing(lab: RdsLab) -> Passing:
    return Passing(lab.rds.world.calendar, lab.rds.duties(), lab.rds.catch_up)


def advance(passing: Passing, by: timedelta) -> list[dict[str, str]]:
    events: list[dict[str, str]] = []
    while by > timedelta(0):
        step = passing.step(by)
        by -= timedelta(seconds=step["advanced_seconds"])
        events += step["events"]
    return events


def window(lab: RdsLab, resource_id: str, region: str = PRIMARY) -> tuple[datetime, datetime]:
    answer = lab.client(region).describe_db_instance_automated_backups(DbiResourceId=resource_id)
    found = answer["DBInstanceAutomatedBackups"][0]["RestoreWindow"]
    return found["EarliestTime"], found["LatestTime"]


def bases(lab: RdsLab, region: str = PRIMARY) -> list[Path]:
    found = (lab.home / "regions" / region / "backups").glob("*/base/*")
    return sorted(found, key=lambda path: int(path.name))


def segments(lab: RdsLab, region: str = PRIMARY) -> list[str]:
    found = (lab.home / "regions" / region / "backups").glob("*/wal/*")
    return sorted(path.name for path in found if len(path.name) == 24)


def test_three_nights(lab: RdsLab, passing: Passing) -> None:
    made = lab.create("books", BackupRetentionPeriod=2, PreferredBackupWindow="03:00-03:30")
    with lab.enter(made) as master:
        master.execute("create table seen (id int primary key, at timestamptz not null default clock_timestamp())")
        master.execute("create table still as select generate_series(1, 10000) as id")
    lab.client(RECOVERY).start_db_instance_automated_backups_replication(
        SourceDBInstanceArn=made["DBInstanceArn"], BackupRetentionPeriod=1
    )
    lab.until(lambda: replica(lab, made["DBInstanceArn"]), "replicating")
    oldest = segments(lab)[0]

    # A row, a whole second and a row in every night: which of the seconds can be restored, and is it exact?
    instants: list[tuple[datetime, list[int]]] = []
    events = []
    for _ in range(3):
        insert(lab, made)
        instant = whole_second_after(datetime.now(UTC))
        instants.append((instant, rows(lab, made)))
        wait_for(instant + timedelta(milliseconds=20))
        insert(lab, made)
        events += advance(passing, DAY)
    kinds = [event["kind"] for event in events]
    assert (kinds.count("snapshot taken"), kinds.count("snapshot lapsed")) == (3, 2)
    taken = [event for event in events if event["kind"] == "snapshot taken"]
    assert all("T03:00:" in event["at"] and event["subject"].endswith("-03-00") for event in taken)

    # Two snapshots are left, one more base below them, and no WAL that no base needs.
    listed = lab.client().describe_db_snapshots(DBInstanceIdentifier="books", SnapshotType="automated")["DBSnapshots"]
    assert [one["DBSnapshotIdentifier"] for one in listed] == [event["subject"].split()[1] for event in taken[-2:]]
    assert [path.name for path in bases(lab)] == ["2", "3", "4"]
    assert oldest not in segments(lab)
    here, there = window(lab, made["DbiResourceId"]), window(lab, made["DbiResourceId"], RECOVERY)
    assert here[0] < there[0] <= there[1] <= here[1]
    assert segments(lab, RECOVERY)[0] > segments(lab)[0]
    assert len(bases(lab, RECOVERY)) == 2

    restore = lab.client().restore_db_instance_to_point_in_time
    given = {"SourceDBInstanceIdentifier": "books", "BackupRetentionPeriod": 0}
    inside = [(instant, expected) for instant, expected in instants if instant >= here[0]]
    assert 1 <= len(inside) <= 3
    for instant, _ in instants[: -len(inside)]:
        assert refused(restore, **given, TargetDBInstanceIdentifier="never", RestoreTime=instant) == (
            "InvalidParameterValue"
        )
    for number, (instant, expected) in enumerate(inside):
        restore(**given, TargetDBInstanceIdentifier=f"night-{number}", RestoreTime=instant)
        restored = lab.await_instance(f"night-{number}")
        assert rows(lab, restored) == expected
        lab.delete(f"night-{number}", wait=False)


def test_nights_share_what_did_not_change(lab: RdsLab) -> None:
    older, newer = ({path.relative_to(base): path for path in base.rglob("*")} for base in bases(lab)[:2])
    common = [name for name in newer if name in older and newer[name].is_file()]
    shared = [name for name in common if newer[name].samefile(older[name])]
    assert len(shared) > 0.8 * len(common)
    # How much WAL a base backup holds depends on how long it took.
    alone = (path.stat() for path in newer.values() if path.is_file() and "pg_wal" not in path.parts)
    assert sum(found.st_size for found in alone if found.st_nlink == 1) < 6_000_000


def test_a_page_is_damaged_in_the_one_night_that_was_meant(lab: RdsLab) -> None:
    snapshot = max(lab.rds.world.regions[PRIMARY].snapshots)
    before = {path: path.read_bytes() for base in bases(lab)[-2:] for path in base.glob("data/base/*/*")}
    done = lab.rds.injectors()["corrupt-page"]({"region": PRIMARY, "snapshot": snapshot})
    (damaged,) = (path for path in before if path.read_bytes() != before[path])
    assert bases(lab)[-1] in damaged.parents
    assert done.undo is not None
    done.undo()
    assert all(path.read_bytes() == held for path, held in before.items())


def test_a_night_does_not_arrive_where_replication_was_stopped(lab: RdsLab, passing: Passing) -> None:
    done = lab.rds.injectors()["backup-replication-stopped"]({"region": RECOVERY, "instance": "books"})
    advance(passing, DAY)
    night = bases(lab)[-1].name
    assert night not in [path.name for path in bases(lab, RECOVERY)]
    assert done.undo is not None
    done.undo()
    lab.until(lambda: night in [path.name for path in bases(lab, RECOVERY)], "the night arrived")


def test_a_night_does_not_arrive_in_a_lost_region(lab: RdsLab, passing: Passing) -> None:
    lab.rds.lose(RECOVERY, Outage("refuse"))
    advance(passing, DAY)
    night = bases(lab)[-1].name
    assert night not in [path.name for path in bases(lab, RECOVERY)]
    lab.rds.lose(RECOVERY, None)
    lab.until(lambda: night in [path.name for path in bases(lab, RECOVERY)], "the night arrived")


def test_while_a_restore_reads_nothing_lapses(lab: RdsLab, passing: Passing) -> None:
    backup = lab.rds.world.regions[PRIMARY].instances["books"].backup
    assert backup is not None
    backup.readers += 1
    before = bases(lab)
    advance(passing, DAY)
    assert bases(lab)[:-1] == before
    backup.readers -= 1
    advance(passing, timedelta(minutes=1))
    assert bases(lab)[:-1] == before[1:]


def test_a_night_passes_over_a_server_that_is_gone(lab: RdsLab, passing: Passing) -> None:
    cluster = lab.rds.world.regions[PRIMARY].instances["books"].cluster
    before = bases(lab)
    cluster.stop("immediate")
    events = advance(passing, DAY)
    assert [event["kind"] for event in events if "lapsed" not in event["kind"]] == ["backup missed"]
    assert lab.instance("books")["DBInstanceStatus"] == "available"
    cluster.start()
    assert [event["kind"] for event in advance(passing, DAY)].count("snapshot taken") == 1
    assert int(bases(lab)[-1].name) == int(before[-1].name) + 1


def test_retained_backups_shrink_and_end(lab: RdsLab, passing: Passing) -> None:
    resource: Any = lab.instance("books")["DbiResourceId"]
    lab.delete("books", DeleteAutomatedBackups=False)
    events = advance(passing, DAY)
    assert window(lab, resource)
    events += advance(passing, 2 * DAY)
    assert [event["kind"] for event in events].count("retained backups expired") == 2
    for region in (PRIMARY, RECOVERY):
        assert not list((lab.home / "regions" / region / "backups").iterdir())
    missing = "DBInstanceAutomatedBackupNotFound"
    assert refused(lab.client().describe_db_instance_automated_backups, DbiResourceId=resource) == missing
