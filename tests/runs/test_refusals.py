"""Mistakes of a person: one clear message each, with file and line where there is one, and nothing is created."""

import json
import re
import socket
from pathlib import Path

import pytest

from dr.errors import ExitCode
from tests.conftest import ESTATE, write_estate
from tests.runs.conftest import Runner


def _line(text: str, needle: str) -> int:
    return next(number for number, line in enumerate(text.splitlines(), start=1) if needle in line)


@pytest.mark.parametrize(
    ("find", "replace", "says"),
    [
        ("objectives:", "objektives:", "unknown key 'objektives'"),
        ("rto: 30m", "rto: 30", "is not a duration"),
        ("instance: receipts", "instance: nobody-here", "instance nobody-here is not in eu-west-1"),
        ("bucket: receipts-documents-eu-west-1", "bucket: receipts-nowhere", "bucket receipts-nowhere does not exist"),
        ("app_secret: receipts/app", "app_secret: receipts/gone", "secret receipts/gone"),
        ("kms_key: alias/receipts", "kms_key: alias/missing", "KMS key alias/missing is not in eu-central-1"),
        (
            "control: .firedrill/control",
            "control: s3://receipts-documents-eu-west-1/control",
            "not in the recovery region",
        ),
        ('account: "123456789012"', 'account: "123456789013"', "account"),
        ("people: {}", "people: {}\npeople: {}", "duplicate key 'people'"),
    ],
    ids=["key", "type", "database", "bucket", "secret", "kms", "control", "account", "duplicate"],
)
def test_a_broken_estate(backed_up: Runner, tmp_path: Path, find: str, replace: str, says: str) -> None:
    text = ESTATE.read_text()
    assert find in text
    # Whoever may only look at what the estate names is denied what it names by mistake: here the owner looks.
    estate = write_estate(tmp_path, text.replace(find, replace, 1), roles=False)
    verb = ("test", "receipts") if "app_secret" in find else ("backup", "receipts")
    done = backed_up.lab.owners.dr(*verb, "--estate", str(estate))
    assert done.returncode == ExitCode.REFUSED, done.stderr
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    if "account" not in find:
        assert re.search(rf"estate\.yaml:\d+: ", done.stderr), done.stderr  # noqa: F541
    assert not list(tmp_path.glob("control/2*")), "a run began"


@pytest.mark.parametrize(
    ("at", "says", "code"),
    [
        ("2020-01-01T00:00:00Z", "outside the window", ExitCode.REFUSED),
        ("2099-01-01T00:00:00Z", "outside the window", ExitCode.REFUSED),
        ("2026-11-20T02:15:00", "zone", ExitCode.USAGE),
        ("no-such-snapshot", "no-such-snapshot", ExitCode.REFUSED),
    ],
)
def test_an_impossible_target(backed_up: Runner, at: str, says: str, code: ExitCode) -> None:
    done = backed_up.lab.dr("test", "receipts", "--at", at)
    assert done.returncode == code, done.stderr
    assert says in done.stderr
    assert backed_up.leftovers() == []


@pytest.mark.parametrize(
    "wrong",
    [
        {"AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE", "AWS_SECRET_ACCESS_KEY": "x" * 40},
        {"AWS_ACCESS_KEY_ID": "the lab's own", "AWS_SECRET_ACCESS_KEY": "x" * 40},
    ],
    ids=["key", "secret"],
)
def test_wrong_credentials(backed_up: Runner, wrong: dict[str, str]) -> None:
    given = dict(wrong)
    if given["AWS_ACCESS_KEY_ID"] == "the lab's own":
        given["AWS_ACCESS_KEY_ID"] = json.loads(backed_up.lab.connection.read_text())["credentials"]["access_key_id"]
    done = backed_up.lab.dr("test", "receipts", **given)
    assert done.returncode in (ExitCode.REFUSED, ExitCode.INCONCLUSIVE), done.stderr
    assert "security token" in done.stderr or "signature" in done.stderr
    assert "hint: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "x" * 40 not in done.stderr


def test_a_region_that_does_not_answer(backed_up: Runner, tmp_path: Path) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        connection = json.loads(backed_up.lab.connection.read_text())
        connection["endpoints"]["eu-central-1"] = dict.fromkeys(
            connection["endpoints"]["eu-central-1"], f"http://127.0.0.1:{port}"
        )
        path = tmp_path / "connection.json"
        path.write_text(json.dumps(connection))
        done = backed_up.lab.dr("test", "receipts", DR_CONNECTION=str(path), timeout=120)
    assert done.returncode == ExitCode.INCONCLUSIVE, done.stderr
    assert "eu-central-1" in done.stderr
    assert "(nothing was begun)" in done.stderr
    assert "Traceback" not in done.stderr


def test_an_unknown_application(backed_up: Runner) -> None:
    done = backed_up.lab.dr("test", "invoices")
    assert done.returncode == ExitCode.REFUSED
    assert "knows no application or asset 'invoices'" in done.stderr


def test_json_errors_are_one_document(backed_up: Runner) -> None:
    done = backed_up.lab.dr("test", "invoices", "--json")
    assert done.returncode == ExitCode.REFUSED
    assert "invoices" in json.dumps(json.loads(done.stdout))


def test_wrong_usage(backed_up: Runner) -> None:
    assert backed_up.lab.dr("test", "--depth", "L99").returncode == ExitCode.USAGE
    assert backed_up.lab.dr("nonsense").returncode == ExitCode.USAGE
