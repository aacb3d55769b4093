"""What the application encrypted is tried with a program of its own, and nothing of it is kept."""

import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from dr.checks import decryption
from dr.errors import Unable
from dr.estate import Decryption
from dr.verification import Finding
from tests.checks.conftest import Source, as_owner

PLAIN = "DE02120300000000202051"
PROGRAM = """
import base64, os, sys
from pathlib import Path
from cryptography.fernet import Fernet, InvalidToken

try:
    key = Path(__file__).with_name(os.environ["AWS_REGION"] + ".key").read_bytes()
except OSError:
    sys.exit(3)
done = bad = 0
for line in sys.stdin.buffer:
    try:
        print(Fernet(key).decrypt(base64.b64decode(line)), file=sys.stderr)
        done += 1
    except InvalidToken:
        bad += 1
print(done)
sys.exit(1 if bad else 0)
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    """Knows the key of one region."""
    path = tmp_path / "decrypts.py"
    path.write_text(PROGRAM)
    (tmp_path / "eu-central-1.key").write_bytes(Fernet.generate_key())
    return [sys.executable, str(path)]


@pytest.fixture
def encrypted(source: Source, program: list[str]) -> Iterator[Source]:
    fernet = Fernet(Path(program[1]).with_name("eu-central-1.key").read_bytes())
    with as_owner(source.cluster) as owner:
        owner.execute("create table payers (id int primary key, iban bytea, note text)")
        for number in range(3):
            owner.execute("insert into payers values (%s, %s, %s)", (number, fernet.encrypt(PLAIN.encode()), PLAIN))
        owner.execute("insert into payers values (9, null, null)")
    yield source
    with as_owner(source.cluster) as owner:
        owner.execute("drop table payers")


def tried(
    source: Source, command: list[str], sql: str = "select iban from payers", region: str = "eu-central-1"
) -> Finding:
    probe = Decryption(name="accounts", database="receipts-db", sql=sql, command=tuple(command), seconds=2)
    return decryption.check(source.login("app"), probe, subject="receipts-db", region=region, pause=lambda: None)


def test_what_decrypts_here_passes_and_what_was_tampered_with_does_not(encrypted: Source, program: list[str]) -> None:
    found = tried(encrypted, program)
    assert (found.outcome, found.observed) == ("passed", "3 decrypted")
    assert found.expected == "3 values decrypt in eu-central-1"
    with as_owner(encrypted.cluster) as owner:
        owner.execute("update payers set iban = set_byte(iban, 20, get_byte(iban, 20) # 1) where id = 1")
    found = tried(encrypted, program)
    assert (found.outcome, found.observed) == ("failed", "2 decrypted")
    assert PLAIN not in found.model_dump_json()


def test_a_region_without_the_key_cannot_tell(encrypted: Source, program: list[str]) -> None:
    assert tried(encrypted, program, region="eu-west-1").outcome == "errored"


def test_nothing_to_try_is_no_pass(encrypted: Source, program: list[str]) -> None:
    assert tried(encrypted, program, "select iban from payers where iban is null").outcome == "errored"


@pytest.mark.parametrize(
    "body",
    ["pass", "print('all of them')", "print(2)", "import sys; sys.exit(1)", "import os; os.kill(os.getpid(), 9)"],
    ids=["silent", "words", "other-number", "no-number", "killed"],
)
def test_a_program_that_does_not_say_what_it_did_proves_nothing(encrypted: Source, body: str) -> None:
    found = tried(encrypted, [sys.executable, "-c", textwrap.dedent(body)])
    assert found.outcome == "errored", found


@pytest.mark.parametrize(
    ("command", "sql", "complaint"),
    [
        (["/nowhere/decrypts"], "select iban from payers", "No such file"),
        ([sys.executable, "-c", "import time; time.sleep(60)"], "select iban from payers", "longer than 2 s"),
        (["true"], "select id, iban from payers", "one column"),
        (["true"], "select nothing from payers", "nothing"),
        (["true"], f"select '{PLAIN}'::int", "InvalidTextRepresentation"),
        (["true"], "delete from payers", "syntax error"),
    ],
)
def test_what_cannot_be_tried_is_said_without_a_value(
    encrypted: Source, command: list[str], sql: str, complaint: str
) -> None:
    with pytest.raises(Unable, match=complaint) as caught:
        tried(encrypted, command, sql)
    assert PLAIN not in str(caught.value)


def test_a_request_to_stop_ends_the_program(encrypted: Source) -> None:
    def stop() -> None:
        raise KeyboardInterrupt

    probe = Decryption(
        name="accounts", database="receipts-db", sql="select iban from payers", command=("sleep", "60"), seconds=100
    )
    with pytest.raises(KeyboardInterrupt):
        decryption.check(encrypted.login("app"), probe, subject="x", region="eu-central-1", pause=stop)
