"""Signed approvals: make, check. The one there is lets a run go on although the control store does not answer.

Whoever signs is a person of the estate, which holds the public key; the private one stays with the person. What is
signed names account, application and run, and ends: it is worth nothing for anything else, and nothing later.
"""

import base64
import json
import os
import secrets
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final, Literal

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import Field, ValidationError

from dr.errors import Refused
from dr.estate import Estate
from dr.plan import Plan
from dr.recovery import Fact, Moment, stamp

KEY: Final = "ed25519:"
LONGEST: Final = timedelta(hours=24)
SKEW: Final = timedelta(minutes=5)
"""By how much the clocks of who signs and who checks may differ."""
_CONTEXT: Final = b"firedrill.override/1\n"
"""Stands before what is signed: a signature of this key under anything else is none of an override."""
_LARGEST: Final = 64 * 1024


class Override(Fact):
    """A person's word that one run may go on without its control store."""

    schema_: Literal["firedrill.override/1"] = Field(default="firedrill.override/1", alias="schema")
    account: str
    application: str
    run: str
    person: str
    reason: str = Field(min_length=1, max_length=1000)
    issued: Moment
    expires: Moment
    nonce: str = Field(min_length=16, max_length=64)
    signature: str = ""
    """Ed25519 over all the others, as canonical JSON, in base64."""

    def signed(self) -> bytes:
        """What is signed."""
        content = self.model_dump(mode="json", by_alias=True, exclude={"signature"})
        return _CONTEXT + json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def make_key(path: Path) -> str:
    """Write a new private key to a file that only its owner can read: its public half, as the estate holds it.

    Raises Refused where a file stands already.
    """
    key = Ed25519PrivateKey.generate()
    raw = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError as problem:
        raise Refused(f"{path} exists already", hint="a key is never written over: choose another --key") from problem
    except OSError as problem:
        raise Refused(f"{path}: {problem.strerror}") from problem
    with os.fdopen(handle, "wb") as file:
        file.write(raw)
    public = key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
    return KEY + base64.b64encode(public).decode()


def sign(
    private: Path,
    estate: Estate,
    *,
    run: str,
    application: str,
    person: str,
    reason: str,
    moment: datetime,
    minutes: int,
) -> Override:
    """An override, signed. Raises Refused where nobody would accept it: this is when there is time to put it right."""
    override = Override(
        account=estate.account,
        application=application,
        run=run,
        person=person,
        reason=reason,
        issued=moment,
        expires=moment + timedelta(minutes=minutes),
        nonce=secrets.token_hex(16),
    )
    signature = base64.b64encode(_private(private).sign(override.signed())).decode()
    made = override.model_copy(update={"signature": signature})
    _assert_signed(made, estate)
    _assert_in_time(made, moment)
    return made


def read(path: Path) -> Override:
    """An override from a file. Raises Refused for anything else."""
    try:
        with path.open("rb") as file:
            raw = file.read(_LARGEST + 1)
    except OSError as problem:
        raise Refused(f"override {path}: {problem.strerror}") from problem
    if len(raw) > _LARGEST:
        raise Refused(f"override {path}: longer than {_LARGEST} bytes", hint="`dr override sign` makes one")
    try:
        return Override.model_validate_json(raw)
    except ValidationError as problem:
        first = problem.errors(include_url=False, include_input=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "the document"
        raise Refused(f"override {path}: {place}: {first['msg']}", hint="`dr override sign` makes one") from problem


def check(override: Override, estate: Estate, plan: Plan, now: datetime, used: frozenset[str]) -> None:
    """Raises Refused unless this override is meant for this run, now, by a person of the estate, for the first time.

    `used`: the nonces that the run's journal knows.
    """
    _assert_signed(override, estate)
    for what, meant, here in (
        ("run", override.run, plan.run),
        ("application", override.application, plan.application),
        ("account", override.account, plan.account),
        ("account", override.account, estate.account),
    ):
        if meant != here:
            raise Refused(f"the override is for {what} {meant}, not for {here}", hint="each run needs one of its own")
    _assert_in_time(override, now)
    if override.nonce in used:
        raise Refused(
            f"the override of {stamp(override.issued)} was used already: {plan.run} has it in its journal",
            hint="one override is for one process; sign another one",
        )


def _assert_signed(override: Override, estate: Estate) -> None:
    person = estate.people.get(override.person)
    if person is None:
        raise Refused(
            f"{override.person} is not among the estate's people, and cannot sign for them",
            hint="`people:` in the estate holds each person's public key: `dr override key NAME` makes a pair",
        )
    public = _public(person.key, override.person)
    try:
        public.verify(base64.b64decode(override.signature, validate=True), override.signed())
    except (InvalidSignature, ValueError) as problem:
        raise Refused(
            f"the override is not signed by {override.person}, whose key the estate holds, or was changed afterwards",
            hint="was it signed with the private key that belongs to the estate's public one?",
        ) from problem


def _assert_in_time(override: Override, now: datetime) -> None:
    if not timedelta(0) < override.expires - override.issued <= LONGEST:
        raise Refused(f"the override is good until {stamp(override.expires)}", hint="at most for 24 hours: --minutes")
    if now > override.expires:
        raise Refused(f"the override expired at {stamp(override.expires)}", hint="sign another one")
    if now < override.issued - SKEW:
        raise Refused(
            f"the override is of {stamp(override.issued)}, which is yet to come", hint="compare the machines' clocks"
        )


def _public(text: str, person: str) -> Ed25519PublicKey:
    try:
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text.removeprefix(KEY), validate=True))
    except ValueError as problem:
        raise Refused(
            f"the estate's key of {person} is no public key",
            hint=f"`dr override key {person}` prints the line: {KEY} and 44 characters",
        ) from problem


def _private(path: Path) -> Ed25519PrivateKey:
    try:
        key = serialization.load_pem_private_key(path.read_bytes(), password=None)
    except OSError as problem:
        raise Refused(f"key {path}: {problem.strerror}") from problem
    except (ValueError, TypeError, UnsupportedAlgorithm) as problem:
        raise Refused(f"{path} is no private key that can be read", hint="`dr override key` makes one") from problem
    if not isinstance(key, Ed25519PrivateKey):
        raise Refused(f"{path} is no ed25519 key", hint="`dr override key` makes one")
    return key
