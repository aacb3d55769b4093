"""A signed override: what makes it good, and everything that makes it worthless."""

import base64
import json
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from stories import START, estate, test_plan

from dr import approval
from dr.approval import Override
from dr.errors import ExitCode, Refused
from dr.estate import Estate, Person

PLAN = test_plan()
NOBODY: frozenset[str] = frozenset()


@pytest.fixture
def alice(tmp_path: Path) -> tuple[Path, Estate]:
    """Her private key, and an estate that knows her public one."""
    path = tmp_path / "alice.pem"
    public = approval.make_key(path)
    return path, estate().model_copy(update={"people": {"alice": Person(key=public)}})


def signed(alice: tuple[Path, Estate], **more: Any) -> Override:
    key, there = alice
    given: dict[str, Any] = {
        "run": PLAN.run,
        "application": PLAN.application,
        "person": "alice",
        "reason": "S3 of eu-central-1 is down",
        "moment": START,
        "minutes": 60,
    }
    return approval.sign(key, there, **(given | more))


def refused(override: Override, there: Estate, why: str, *, later: timedelta = timedelta(0), **more: Any) -> None:
    with pytest.raises(Refused, match=why) as caught:
        approval.check(override, there, more.get("plan", PLAN), START + later, more.get("used", NOBODY))
    assert caught.value.exit_code == ExitCode.REFUSED


def test_one_that_is_good(alice: tuple[Path, Estate], tmp_path: Path) -> None:
    override = signed(alice)
    approval.check(override, alice[1], PLAN, START + timedelta(minutes=59), NOBODY)
    path = tmp_path / "override.json"
    path.write_text(override.model_dump_json(by_alias=True, indent=2))
    assert approval.read(path) == override
    assert json.loads(path.read_text())["schema"] == "firedrill.override/1"


@pytest.mark.parametrize("field", sorted(Override.model_fields))
def test_whatever_is_changed_afterwards_makes_it_worthless(alice: tuple[Path, Estate], field: str) -> None:
    override = signed(alice)
    if field == "schema_":
        with pytest.raises(ValueError, match="schema"):
            Override.model_validate(override.model_dump(by_alias=True) | {"schema": "firedrill.override/2"})
        return
    value = getattr(override, field)
    other = value + timedelta(seconds=1) if field in ("issued", "expires") else f"x{value[1:]}"
    changed = override.model_copy(update={field: other})
    why = "is not among the estate's people" if field == "person" else "is not signed by alice"
    refused(changed, alice[1], why)


def test_one_of_somebody_else(alice: tuple[Path, Estate], tmp_path: Path) -> None:
    mallory = approval.make_key(tmp_path / "mallory.pem")
    with pytest.raises(Refused, match="not signed by alice"):
        signed((tmp_path / "mallory.pem", alice[1]))
    there = alice[1].model_copy(update={"people": alice[1].people | {"mallory": Person(key=mallory)}})
    hers = signed((tmp_path / "mallory.pem", there), person="mallory")
    refused(hers.model_copy(update={"person": "alice"}), there, "not signed by alice")
    refused(hers, alice[1], "mallory is not among the estate's people")


def test_one_for_something_else(alice: tuple[Path, Estate]) -> None:
    refused(
        signed(alice, run="20261120T021500Z-test-receipts-0000"), alice[1], "for run 20261120T021500Z-test-receipts"
    )
    refused(signed(alice, application="ledger"), alice[1], "for application ledger, not for receipts")
    key, there = alice
    elsewhere = there.model_copy(update={"account": "999999999999"})
    refused(signed((key, elsewhere)), there, "for account 999999999999, not for 123456789012")


def test_one_that_is_over_or_used_or_yet_to_come(alice: tuple[Path, Estate]) -> None:
    override = signed(alice, minutes=5)
    refused(override, alice[1], "expired at 2026-11-20T02:20:00", later=timedelta(minutes=5, seconds=1))
    refused(override, alice[1], "yet to come", later=-timedelta(hours=1))
    refused(override, alice[1], "was used already", used=frozenset({override.nonce}))
    with pytest.raises(Refused, match="at most for 24 hours"):
        signed(alice, minutes=1441)


def test_a_signature_of_the_same_key_under_something_else_is_none(alice: tuple[Path, Estate]) -> None:
    override = signed(alice)
    raw = alice[0].read_bytes()
    key = load_pem_private_key(raw, None)
    assert isinstance(key, Ed25519PrivateKey)
    content = override.signed().removeprefix(b"firedrill.override/1\n")
    assert content.startswith(b"{")
    assert content != override.signed()
    other = base64.b64encode(key.sign(content)).decode()
    refused(override.model_copy(update={"signature": other}), alice[1], "not signed by alice")


@pytest.mark.parametrize("key", ["ed25519:...", "ed25519:", "x", f"ed25519:{base64.b64encode(b'short').decode()}"])
def test_an_estate_whose_key_is_none(alice: tuple[Path, Estate], key: str) -> None:
    there = alice[1].model_copy(update={"people": {"alice": Person(key=key)}})
    refused(signed(alice), there, "the estate's key of alice is no public key")


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[]", b"\xff\xfe", b"{" * 5000, b'{"schema": "firedrill.override/1"}', b" " * 70_000]
)
def test_what_is_no_override_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "override.json"
    path.write_bytes(content)
    with pytest.raises(Refused, match=r"override .*override\.json: "):
        approval.read(path)
    with pytest.raises(Refused, match="No such file"):
        approval.read(tmp_path / "nothing")


def test_a_private_key_is_its_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "key.pem"
    approval.make_key(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    with pytest.raises(Refused, match="exists already"):
        approval.make_key(path)
    assert path.read_bytes() == before
    path.write_text("-----BEGIN PRIVATE KEY-----\nnonsense\n")
    with pytest.raises(Refused, match="is no private key"):
        signed((path, estate()))
