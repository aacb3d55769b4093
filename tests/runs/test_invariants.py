"""What always holds, tried from outside: the lost region is not called, and nothing secret is written."""

import base64
import json
import socket
import sys
from dataclasses import replace
from pathlib import Path

import psycopg

from dr.errors import ExitCode
from tests.conftest import ESTATE, write_estate
from tests.runs.conftest import Runner

CANARY = "canary-7f3a91"
TITLES = "select title from documents where title like 'canary-%'"
REPEATS = "import sys; said = sys.stdin.read(); print(said); print(said, file=sys.stderr); sys.exit(1)"
ASKING = f"""
    decryptions:
      - {{name: titles, database: receipts-db, sql: "{TITLES}", command: [{sys.executable}, -c, "{REPEATS}"]}}
    assertions:
      - {{name: a line, database: receipts-db, sql: "select line from import_log where line like 'canary-%'"}}
"""
"""Rows are asked for their values, and handed to a program that repeats them wherever it can and understands none."""


def test_a_test_in_the_recovery_site_needs_nothing_of_the_primary(backed_up: Runner, tmp_path: Path) -> None:
    """The primary region's services refuse every connection: the run does not even notice."""
    accepted = backed_up.lab.status()["connections_accepted"]["eu-west-1"]
    connection = json.loads(backed_up.lab.connection.read_text())
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        nowhere = f"http://127.0.0.1:{closed.getsockname()[1]}"
        for place in ("eu-west-1", "global"):
            connection["endpoints"][place] = dict.fromkeys(connection["endpoints"][place], nowhere)
        path = tmp_path / "connection.json"
        path.write_text(json.dumps(connection))
        done = backed_up.lab.dr("test", "receipts", "--json", DR_CONNECTION=str(path))
    assert done.returncode == ExitCode.PASSED, done.stderr
    assert set(json.loads(done.stdout)["regions_called"]) == {"eu-central-1"}
    assert accepted  # the backup did call it: the count is a count


def test_no_secret_and_no_value_of_a_row_is_written_anywhere(backed_up: Runner, tmp_path: Path) -> None:
    write_estate(tmp_path, ESTATE.read_text().replace("\n    assertions:\n", ASKING, 1))
    told = Runner(replace(backed_up.lab, folder=tmp_path))
    (source,) = [
        one for one in backed_up.lab.status()["regions"]["eu-west-1"]["instances"] if one["identifier"] == "receipts"
    ]
    with psycopg.connect(source["dsn"], autocommit=True) as session:
        session.execute("update documents set title = %s where id = (select max(id) from documents)", (CANARY,))
        session.execute("insert into import_log (source, line) values (%s, %s)", (CANARY, CANARY))
    backed_up.s3("eu-west-1").put_object(
        Bucket="receipts-documents-eu-west-1",
        Key="odd/of nobody.pdf",
        Body=CANARY.encode(),
        ContentDisposition=f"attachment; filename={CANARY}.pdf",
        Metadata={"owner": CANARY},
        Tagging=f"owner={CANARY}",
    )
    assert told.backup().verdict == "passed"
    harm = "; ".join(
        f"update {table} set {column} = '{CANARY}-harmed' where {column} = '{CANARY}'"
        for table, column in (("documents", "title"), ("import_log", "line"))
    )
    report = told.test(None, "receipts-db", before={"verify receipts-db": lambda: told.in_scratch(harm)})
    assert report.verdict == "failed"
    outcomes = {(one.check, one.outcome) for one in report.assets[0].findings}
    told_apart = {("content", "failed"), ("assertions", "failed"), ("decryption", "errored")}
    assert outcomes >= told_apart, report.assets[0].findings
    secrets = [psycopg.conninfo.conninfo_to_dict(source[name])["password"] for name in ("dsn", "admin_dsn")]
    credentials = json.loads(backed_up.lab.connection.read_text())["credentials"]
    coded = base64.b64encode(CANARY.encode()).decode()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in written} >= {"journal.jsonl", "report.json", "report.html"}
    for path in written:
        content = path.read_bytes()
        for canary in (CANARY, coded[:-4], *map(str, secrets), credentials["secret_access_key"]):
            assert canary.encode() not in content, path


def test_a_scratch_network_that_lets_traffic_out_is_refused(backed_up: Runner, tmp_path: Path) -> None:
    text = ESTATE.read_text().replace("security_group: firedrill-scratch ", "security_group: receipts-db ")
    text = text.replace("security_group: firedrill-scratch\n", "security_group: receipts-db\n")
    estate = write_estate(tmp_path, text.replace(".firedrill/control", str(backed_up.lab.folder / "control")))
    done = backed_up.lab.dr("test", "receipts", "--estate", str(estate))
    assert done.returncode == ExitCode.REFUSED, done.stderr
    assert "lets traffic out" in done.stderr
    assert backed_up.leftovers() == []
