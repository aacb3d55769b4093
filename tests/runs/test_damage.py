"""Damage done to the restore before it is verified: the run fails, and names what is damaged."""

from collections.abc import Callable

import pytest

from dr.report.model import Report
from dr.verification import Finding
from tests.runs.conftest import Runner

DATABASE = "verify receipts-db"
BUCKET = "verify receipts-documents"
LONG = pytest.mark.soak(15)
"""Like others here; `tests/checks` finds each kind of damage without a whole run."""


def _failed(report: Report, check: str) -> list[Finding]:
    found = {finding for asset in report.assets for finding in asset.findings}
    return [finding for finding in found if finding.check == check and finding.outcome == "failed"]


@pytest.mark.parametrize(
    ("sql", "dbname", "check", "subject"),
    [
        (
            "update documents set title = title || 'x' where id = (select min(id) from documents)",
            "receipts",
            "content",
            "receipts.public.documents",
        ),
        pytest.param(
            "set session_replication_role = replica; delete from ledger where id = (select min(id) from ledger)",
            "receipts",
            "content",
            "receipts.public.ledger",
            marks=LONG,
        ),
        pytest.param("truncate import_log", "receipts", "content", "receipts.public.import_log", marks=LONG),
        ("drop table import_log", "receipts", "content", "receipts.public.import_log"),
        (
            "update entries set actor = actor || 'x' where id = (select min(id) from entries)",
            "audit",
            "content",
            "audit.public.entries",
        ),
        pytest.param("truncate entries", "audit", "content", "audit.public.entries", marks=LONG),
        (
            "delete from firedrill.heartbeat where seq > (select max(seq) - 5 from firedrill.heartbeat)",
            "receipts",
            "heartbeat",
            "",
        ),
        pytest.param("alter role receipts_app createdb", "receipts", "roles", "", marks=LONG),
        pytest.param("drop index documents_title", "receipts", "schema", "", marks=LONG),
    ],
    ids=[
        "row",
        "lost-row",
        "truncated",
        "dropped",
        "second-db-row",
        "second-db-table",
        "late-commits",
        "role",
        "index",
    ],
)
def test_damage_in_the_database_is_found_and_named(
    backed_up: Runner, sql: str, dbname: str, check: str, subject: str
) -> None:
    report = backed_up.test(None, "receipts-db", before={DATABASE: lambda: backed_up.in_scratch(sql, dbname)})
    assert report.verdict == "failed", report.reasons
    found = _failed(report, check)
    assert found, report.reasons
    assert any(subject in finding.subject for finding in found), found
    assert report.scratch.remaining == ()


def _damage_object(runner: Runner, change: Callable[[Runner, str, str], None]) -> Callable[[], None]:
    def damage() -> None:
        listed = runner.s3().list_objects_v2(Bucket="firedrill-scratch-eu-central-1")["Contents"]
        key = sorted(one["Key"] for one in listed if "/documents/" in one["Key"])[0]
        change(runner, "firedrill-scratch-eu-central-1", key)

    return damage


def _delete(runner: Runner, bucket: str, key: str) -> None:
    for version in runner.s3().list_object_versions(Bucket=bucket, Prefix=key)["Versions"]:
        runner.s3().delete_object(Bucket=bucket, Key=key, VersionId=version["VersionId"])


def _alter(runner: Runner, bucket: str, key: str) -> None:
    body = bytearray(runner.s3().get_object(Bucket=bucket, Key=key)["Body"].read())
    body[0] ^= 1
    runner.s3().put_object(Bucket=bucket, Key=key, Body=bytes(body))


def _hide(runner: Runner, bucket: str, key: str) -> None:
    runner.s3().delete_object(Bucket=bucket, Key=key)


@pytest.mark.parametrize(
    "change", [_delete, _alter, pytest.param(_hide, marks=LONG)], ids=["deleted", "altered", "hidden"]
)
def test_damage_to_an_object_is_found_and_named(backed_up: Runner, change: Callable[[Runner, str, str], None]) -> None:
    touched: list[str] = []

    def noting(runner: Runner, bucket: str, key: str) -> None:
        touched.append(key.split("/receipts-documents/")[1])
        change(runner, bucket, key)

    report = backed_up.test(None, "receipts-documents", before={BUCKET: _damage_object(backed_up, noting)})
    assert report.verdict == "failed", report.reasons
    assert any(touched[0] in finding.subject for finding in _failed(report, "objects")), report.reasons
