"""The instant rule: to which moment a run restores, and which moments it refuses."""

from datetime import UTC, datetime, timedelta

import pytest

from dr.errors import Refused, UsageError
from dr.records import BackupRecord, BucketRecord, Chosen, DatabaseRecord, Document, Limits, choose_instant
from dr.recovery import (
    AtPoint,
    AtTime,
    Latest,
    RecoveryPoint,
    RecoveryWindow,
    SourceFacts,
    choose_point,
    parse_target,
    stamp,
)

T = datetime(2026, 11, 20, 2, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DOCUMENT = Document(name="baselines/x", sha256="0" * 64)
DB = {"receipts-db": "db-1"}


def source(resource_id: str) -> SourceFacts:
    return SourceFacts(
        identifier="receipts",
        arn="arn:aws:rds:eu-west-1:123456789012:db:receipts",
        resource_id=resource_id,
        engine="postgres",
        engine_version="15.8",
        instance_class="db.t4g.medium",
        storage_type="gp3",
        allocated_gib=20,
        iops=None,
        throughput=None,
        port=5432,
        master_username="receipts_owner",
        database="receipts",
        encrypted=True,
        kms_key="alias/receipts",
        lifecycle_support=None,
    )


def record(
    run: str, instant: datetime, databases: dict[str, str] | None = None, buckets: tuple[str, ...] = ("documents",)
) -> BackupRecord:
    return BackupRecord(
        run=run,
        application="receipts",
        instant=instant,
        committed_at=instant + MINUTE,
        databases={
            asset: DatabaseRecord(
                source=source(resource_id),
                database="receipts",
                instant=instant,
                baseline=DOCUMENT,
                snapshot=f"snapshot-of-{asset}-{run}",
                snapshot_baseline=DOCUMENT,
            )
            for asset, resource_id in (DB if databases is None else databases).items()
        },
        buckets={
            asset: BucketRecord(bucket=asset, copy_=f"{asset}-copy", manifests={stamp(instant): DOCUMENT})
            for asset in buckets
        },
    )


def limits(
    earliest: datetime | None = T - 60 * MINUTE,
    latest: datetime | None = T + 60 * MINUTE,
    arrived: datetime | None = T + 60 * MINUTE,
) -> Limits:
    window = RecoveryWindow(
        asset="receipts-db",
        site="recovery",
        backup_arn="arn:aws:rds:eu-central-1:123456789012:auto-backup:ab-1",
        resource_id="db-1",
        earliest=earliest,
        latest=latest,
        encrypted=True,
        status="replicating",
    )
    return Limits(windows={"receipts-db": window}, objects={"documents": arrived})


class TestLatest:
    def test_goes_to_the_newest_baseline(self) -> None:
        known = [record("b1", T), record("b3", T + 2 * MINUTE), record("b2", T + MINUTE)]
        chosen = choose_instant(Latest(), known, limits(), DB, {})
        assert (chosen.instant, chosen.record) == (T + 2 * MINUTE, "b3")
        assert "b3" in chosen.reason

    def test_does_not_wait_for_the_window_to_be_asked(self) -> None:
        assert choose_instant(Latest(), [record("b1", T)], limits(latest=T - MINUTE), DB, {}).instant == T

    def test_passes_over_baselines_of_another_instance_of_that_name(self) -> None:
        known = [record("old", T), record("new", T + MINUTE, {"receipts-db": "db-RECREATED"})]
        assert choose_instant(Latest(), known, limits(), DB, {}).record == "old"

    def test_passes_over_backups_of_a_part(self) -> None:
        known = [record("whole", T), record("database alone", T + MINUTE, buckets=())]
        assert choose_instant(Latest(), known, limits(), DB, {}).record == "whole"
        only_database = limits().model_copy(update={"objects": {}})
        assert choose_instant(Latest(), known, only_database, DB, {}).record == "database alone"

    def test_passes_over_baselines_before_the_window(self) -> None:
        with pytest.raises(Refused, match="no committed backup") as caught:
            choose_instant(Latest(), [record("b1", T)], limits(earliest=T + MINUTE), DB, {})
        assert caught.value.hint
        assert choose_instant(Latest(), [record("b1", T)], limits(earliest=T), DB, {}).record == "b1"

    def test_without_a_backup_is_refused(self) -> None:
        with pytest.raises(Refused, match="no committed backup"):
            choose_instant(Latest(), [], limits(), DB, {})


class TestTime:
    @pytest.mark.parametrize("minutes", [-60, -1, 0, 60])
    def test_inside_is_taken_as_asked(self, minutes: int) -> None:
        time = T + minutes * MINUTE
        assert choose_instant(AtTime(time), [], limits(), DB, {}) == Chosen(
            instant=time, reason="asked for", record=None
        )

    @pytest.mark.parametrize("seconds", [-3601, 3601, 10**7])
    def test_outside_is_refused_with_the_window(self, seconds: int) -> None:
        with pytest.raises(Refused, match="outside the window of receipts-db") as caught:
            choose_instant(AtTime(T + timedelta(seconds=seconds)), [record("b1", T)], limits(), DB, {})
        assert "2026-11-20T01:00:00Z to 2026-11-20T03:00:00Z" in caught.value.message

    @pytest.mark.parametrize("empty", [{"earliest": None}, {"latest": None}, {"earliest": None, "latest": None}])
    def test_an_empty_window_holds_nothing(self, empty: dict[str, None]) -> None:
        with pytest.raises(Refused, match="empty"):
            choose_instant(AtTime(T), [record("b1", T)], limits(**empty), DB, {})

    @pytest.mark.parametrize("arrived", [None, T - timedelta(seconds=1)])
    def test_later_than_the_objects_is_refused(self, arrived: datetime | None) -> None:
        with pytest.raises(Refused, match="arrived of documents"):
            choose_instant(AtTime(T), [record("b1", T)], limits(arrived=arrived), DB, {})

    def test_of_a_baseline_is_proven_by_it(self) -> None:
        assert choose_instant(AtTime(T), [record("b1", T)], limits(), DB, {}).record == "b1"
        assert choose_instant(AtTime(T + timedelta(seconds=1)), [record("b1", T)], limits(), DB, {}).record is None


class TestRecoveryPoint:
    NAME = "snapshot-of-receipts-db-b1"

    def test_is_restored_to_its_newest_transaction(self) -> None:
        times = {self.NAME: T + timedelta(seconds=7, milliseconds=800)}
        chosen = choose_instant(AtPoint(self.NAME), [record("b1", T)], limits(), DB, times)
        assert chosen.instant == T + timedelta(seconds=7)
        assert chosen.snapshots == {"receipts-db": self.NAME}
        assert chosen.record == "b1"

    def test_unknown_is_refused(self) -> None:
        with pytest.raises(Refused, match="knows a recovery point x"):
            choose_instant(AtPoint("x"), [record("b1", T)], limits(), DB, {"x": T})

    def test_elsewhere_is_refused(self) -> None:
        with pytest.raises(Refused, match="not in this site"):
            choose_instant(AtPoint(self.NAME), [record("b1", T)], limits(), DB, {})

    def test_one_of_several_is_not_one_instant(self) -> None:
        two = {"receipts-db": "db-1", "audit-db": "db-2"}
        with pytest.raises(Refused, match="not one instant"):
            choose_instant(AtPoint(self.NAME), [record("b1", T, two)], limits(), two, {self.NAME: T})


class TestLimits:
    def test_latest_is_the_least_whole_second(self) -> None:
        assert limits(latest=T + timedelta(milliseconds=900)).latest() == T
        assert limits(arrived=T - MINUTE).latest() == T - MINUTE

    @pytest.mark.parametrize("missing", [{"latest": None}, {"arrived": None}])
    def test_latest_is_unknown_when_anything_is(self, missing: dict[str, None]) -> None:
        assert limits(**missing).latest() is None

    def test_nothing_has_no_latest(self) -> None:
        assert Limits(windows={}, objects={}).latest() is None


class TestTarget:
    def test_what_people_write(self) -> None:
        assert parse_target("latest") == Latest()
        assert parse_target("2026-11-20T03:00:00+01:00") == AtTime(T)
        assert parse_target("20261120T020000Z") == AtTime(T)
        assert parse_target("firedrill-x") == AtPoint("firedrill-x")
        assert parse_target(str(AtTime(T))) == AtTime(T)

    @pytest.mark.parametrize(
        "text",
        [
            *("", "2026-11-20T02:00:00", "2026-11-20", "2026-11-20T02:00:00.5Z", "2026-13-40T00:00:00Z", "20261"),
            *("0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00"),
        ],
    )
    def test_what_would_have_to_be_guessed_at(self, text: str) -> None:
        with pytest.raises(UsageError) as caught:
            parse_target(text)
        assert caught.value.hint


class TestChoosingAPoint:
    POINTS = tuple(
        RecoveryPoint(
            asset="receipts-db",
            site="recovery",
            kind="copy",
            identifier=f"copy-{minute}",
            arn=f"arn:{minute}",
            time=T + minute * MINUTE,
            status="creating" if minute == 9 else "available",
            encrypted=True,
        )
        for minute in range(10)
    )

    def test_by_name(self) -> None:
        assert choose_point(self.POINTS, "copy-3", "recovery").identifier == "copy-3"

    def test_not_before_it_is_available(self) -> None:
        with pytest.raises(Refused, match="creating"):
            choose_point(self.POINTS, "copy-9", "recovery")

    @pytest.mark.parametrize(("name", "site"), [("copy-99", "recovery"), ("copy-3", "primary")])
    def test_not_there(self, name: str, site: str) -> None:
        with pytest.raises(Refused, match=f"no recovery point {name} in the {site} site") as caught:
            choose_point(self.POINTS, name, site)  # type: ignore[arg-type]
        assert ("copy-9" in (caught.value.hint or "")) == (site == "recovery")
