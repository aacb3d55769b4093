"""The estate: what loads, and what is refused with the line of the name that is wrong."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
import stories
from pydantic import ValidationError

from dr.dangling import dangling
from dr.documents import load_estate
from dr.errors import Refused
from dr.estate import CHECKS, Database, Estate, Roles
from dr.plan import LEVEL_OF
from dr.quantities import duration

PRINTED = Path(__file__).parent / "estates" / "interface.yaml"
SHIPPED = Path(__file__).parent.parent / "runbooks" / "estate.yaml"
TEXT = PRINTED.read_text()

Broken = Callable[[str, str], list[str]]


@pytest.fixture
def broken(tmp_path: Path) -> Broken:
    """Change one thing in the printed estate, and get the complaints."""

    def complaints(old: str, new: str) -> list[str]:
        assert TEXT.count(old) == 1, f"{old!r} stands {TEXT.count(old)} times in the estate"
        path = tmp_path / "estate.yaml"
        path.write_text(TEXT.replace(old, new))
        with pytest.raises(Refused) as caught:
            load_estate(path)
        return [line.removeprefix(f"{path}:") for line in caught.value.message.splitlines()]

    return complaints


def line_of(text: str) -> int:
    return next(number for number, line in enumerate(TEXT.splitlines(), start=1) if text in line)


def test_the_printed_estate_loads() -> None:
    estate, _ = load_estate(PRINTED)
    assert estate.account == "123456789012"
    assert estate.roles == Roles(observe=None, scratch=None, recover=None)
    assert estate.people["incident-commander"].key.startswith("ed25519:")
    receipts = estate.applications["receipts"]
    assert receipts.objectives.rto == timedelta(minutes=30)
    assert receipts.databases["receipts-db"].required_checks == ("content", "schema", "structure", "heartbeat")
    assert receipts.buckets["receipts-documents"].copy_ == "receipts-documents-eu-central-1"
    assert receipts.references[0].sha256 == "sha256"
    assert receipts.assertions[0].expect == "0"
    assert estate.site("recovery").scratch is not None
    assert estate.site("primary").scratch is None
    assert dangling(estate) == []


def test_the_shipped_estate_loads() -> None:
    estate, document = load_estate(SHIPPED)
    assert estate.applications
    assert document.where("applications") != str(SHIPPED)


@pytest.mark.parametrize(
    ("old", "new", "place", "complaint"),
    [
        (
            "database: receipts-db, table",
            "database: receipt-db, table",
            "references.0.database",
            "unknown database 'receipt-db'",
        ),
        ("bucket: receipts-documents}", "bucket: documents}", "references.0.bucket", "unknown bucket 'documents'"),
        (
            "database: receipts-db, sql",
            "database: audit-db, sql",
            "assertions.0.database",
            "unknown database 'audit-db'",
        ),
        (
            "copy: receipts-documents-eu-central-1",
            "copy: receipts-documents-eu-west-1",
            "buckets.receipts-documents.copy",
            "the copy is the bucket itself",
        ),
        ("receipts-db: {", "receipts: {", "databases.receipts", "'receipts' is the name of an application too"),
    ],
)
def test_names_that_point_at_nothing_have_their_line(
    broken: Broken, old: str, new: str, place: str, complaint: str
) -> None:
    assert f"{line_of(old)}: applications.receipts.{place}: {complaint}" in broken(old, new)


def test_production_cannot_be_scratch(broken: Broken) -> None:
    (complaint,) = broken("bucket: firedrill-scratch-eu-central-1", "bucket: receipts-documents-eu-central-1")
    where = f"{line_of(' scratch: ')}: sites.recovery.scratch.bucket"
    assert complaint == f"{where}: 'receipts-documents-eu-central-1' is protected: it cannot be scratch too"


@pytest.mark.parametrize("store", ["control", "evidence"])
def test_a_store_cannot_be_scratch(broken: Broken, store: str) -> None:
    (complaint,) = broken(f"{store}: .firedrill/{store}", f"{store}: s3://firedrill-scratch-eu-central-1/a/b")
    where = f"{line_of(' scratch: ')}: sites.recovery.scratch.bucket"
    assert complaint == f"{where}: 'firedrill-scratch-eu-central-1' holds {store}: it cannot be scratch too"


def test_questions_have_a_database_and_a_name_of_their_own() -> None:
    probe = {"name": "cards", "database": "nowhere", "sql": "select 1", "command": ["true"]}
    receipts = stories.ESTATE["applications"]["receipts"] | {"decryptions": [probe, probe]}
    estate = Estate.model_validate(stories.ESTATE | {"applications": {"receipts": receipts}})
    here = ("applications", "receipts", "decryptions")
    assert dangling(estate) == [
        ((*here, 0, "database"), "unknown database 'nowhere'"),
        ((*here, 1, "database"), "unknown database 'nowhere'"),
        ((*here, 1, "name"), "another of the decryptions is called 'cards' already"),
    ]


def test_an_asset_belongs_to_one_application() -> None:
    twice = {"first": stories.ESTATE["applications"]["ledgers"], "second": stories.ESTATE["applications"]["ledgers"]}
    estate = Estate.model_validate(stories.ESTATE | {"applications": twice})
    assert {what for _, what in dangling(estate)} == {
        "'north' already belongs to application 'first'",
        "'south' already belongs to application 'first'",
    }


def test_two_sites_in_one_region_protect_from_nothing(broken: Broken) -> None:
    (complaint,) = broken("region: eu-west-1", "region: eu-central-1")
    assert complaint.startswith(f"{line_of('sites:')}: sites: primary and recovery are both in eu-central-1")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('account: "123456789012"', "account: 123456789012", "account: 123456789012 is not text; quote it"),
        ('account: "123456789012"', 'account: "12345678901"', "account: string should match"),
        ('account: "123456789012"', 'account: "١٢٣٤٥٦٧٨٩٠١٢"', "account: string should match"),
        ("region: eu-west-1", "region: europe", "sites.primary.region: string should match"),
        ("evidence: ", "evidences: ", "the document: unknown key 'evidences'"),
        ("instance: receipts,", "instanse: receipts,", "unknown key 'instanse'"),
        ("rto: 30m", "rto: 30", "objectives.rto: 30 is not a duration"),
        ("rpo: 5m", "rpo: five minutes", "objectives.rpo: 'five minutes' is not a duration"),
        ("heartbeat]", "heartbeats]", "required_checks.3: input should be 'recovery_point'"),
        ("instance: receipts,", 'instance: "receipts--",', "instance: string should match"),
        ("bucket: receipts-documents-eu-west-1", "bucket: Receipts", "bucket: string should match"),
        ("classes: [db.t4g.medium, db.m6g.large]", "classes: []", "classes: tuple should have at least 1 item"),
        ("receipts-db: {", "Receipts_DB: {", "string should match"),
        ("receipts-db: {", "receipts--db: {", "string should match"),
        ("receipts-db: {", "receipts-: {", "string should match"),
        ('expect: "0"', "expect: 0", "expect: 0 is not text; quote it"),
        ("{observe: null, ", "{observer: null, ", "roles: unknown key 'observer'"),
    ],
)
def test_every_mistake_has_its_line(broken: Broken, old: str, new: str, complaint: str) -> None:
    line = line_of(old)
    assert any(told.startswith(f"{line}: ") and complaint in told for told in broken(old, new))


def test_an_instance_is_named_as_rds_stores_it() -> None:
    typed = {"instance": "Receipts-DB", "owner_secret": "o", "app_secret": "a"}
    assert Database.model_validate(typed).instance == "receipts-db"


def test_nothing_changes_after_loading() -> None:
    estate, _ = load_estate(PRINTED)
    with pytest.raises(ValidationError, match="frozen"):
        estate.account = "210987654321"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("30s", 30), ("5m", 300), ("4h", 14400), ("30d", 2592000), ("2w", 1209600), ("1h30m", 5400), ("1d12h", 129600)],
)
def test_durations_as_people_write_them(text: str, seconds: int) -> None:
    assert duration(text) == timedelta(seconds=seconds)
    assert duration(timedelta(seconds=seconds)) == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    "text",
    [
        *("", "5", "m", "5 m", "5M", "-5m", "5m ", "1.5h", "٥m", "5m\n"),
        *("0s", "0h0m", "4000d", "9" * 12 + "s", "9" * 5000 + "w"),
        *(5, 5.0, None, True, ["5m"]),
    ],
)
def test_what_is_no_duration(text: object) -> None:
    with pytest.raises(ValueError, match=r"not a duration|longer than nothing"):
        duration(text)


def test_every_check_that_can_be_required_has_a_level() -> None:
    assert set(CHECKS) == set(LEVEL_OF)
