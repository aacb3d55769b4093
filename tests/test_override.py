"""`dr resume` and `dr abort` under an override: a run on this machine, and a control store that may not answer."""

import json
import os
import re
import socket
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from stories import HandClock, backup_plan

from dr import approval, cli, journal
from dr.documents import load_estate
from dr.drill import House, enter
from dr.errors import ExitCode, Refused
from dr.events import Closed, Opened, Overridden, Resumed
from dr.journal import FILE, Journal
from dr.ledger import Ledger
from dr.plan import Plan
from dr.resuming import UNGUARDED, deliver, look
from dr.store import FolderStore
from dr.sweep import sweep
from tests.aws.scripted import SERVICES, server
from tests.conftest import ESTATE

EMPTY = (200, "application/xml", "<ListBucketResult><IsTruncated>false</IsTruncated></ListBucketResult>")
REGIONS = ("eu-west-1", "eu-central-1")


class Incident:
    """A killed backup on this machine, people who may sign, and a control store in a bucket."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder = folder
        self.plan = backup_plan()
        monkeypatch.chdir(folder)
        self.key = folder / "alice.pem"
        public = approval.make_key(self.key)
        text = re.sub(r"(?m)^control: .*$", "control: s3://firedrill-control/prefix", ESTATE.read_text())
        assert "people: {}" in text
        self.text = text.replace("people: {}", f'people: {{alice: {{key: "{public}"}}}}')
        self.estate = folder / "estate.yaml"
        self.estate.write_text(self.text)
        monkeypatch.setenv("DR_ESTATE", str(self.estate))
        monkeypatch.setenv("DR_CONNECTION", str(folder / "connection.json"))
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            monkeypatch.delenv(name)
        self.killed(self.plan)

    def killed(self, plan: Plan) -> None:
        """A run that was opened, and no more."""
        folder = self.folder / ".firedrill" / "runs" / plan.run
        folder.mkdir(parents=True)
        with Journal(folder / FILE, HandClock()) as book:
            opened = plan.model_dump(mode="json", by_alias=True)
            host = socket.gethostname()
            book.append(Opened(run=plan.run, tool="test", host=host, pid=2**22, plan=opened, estate=self.text))

    def reach(self, url: str) -> None:
        """The connection file leads there for everything."""
        endpoints = {region: dict.fromkeys(SERVICES, url) for region in REGIONS}
        keys = {"access_key_id": "AK", "secret_access_key": "SK"}
        written = {"endpoints": endpoints, "credentials": keys}
        (self.folder / "connection.json").write_text(json.dumps(written))

    def sign(self, run: str = "", **more: Any) -> Path:
        out = self.folder / f"{len(list(self.folder.glob('*.json')))}.json"
        given = {"person": "alice", "key": self.key, "reason": "INC-4711: S3 is down", "out": out} | more
        options = [part for name, value in given.items() for part in (f"--{name}", str(value))]
        assert cli.run(["override", "sign", run or self.plan.run, *options]) == ExitCode.PASSED
        return out

    def events(self) -> list[Any]:
        return list(journal.read(self.folder / ".firedrill" / "runs" / self.plan.run / FILE).events)


@pytest.fixture
def incident(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Incident:
    return Incident(tmp_path, monkeypatch)


@pytest.fixture
def silent(incident: Incident) -> Iterator[Incident]:
    """Its control store does not answer."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: nobody answers, and nobody else gets the port
        incident.reach(f"http://127.0.0.1:{taken.getsockname()[1]}")
        yield incident


def test_an_override_ends_a_run_whose_control_store_is_gone_and_is_never_forgotten(
    silent: Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    """The kill had cut the last line of its journal short: that is dropped, and said."""
    run = silent.plan.run
    override = silent.sign()
    with (silent.folder / ".firedrill" / "runs" / run / FILE).open("ab") as file:
        file.write(b'{"n":2,"at":"2026-')
    assert cli.run(["abort", run, "--override", str(override)]) == ExitCode.PASSED
    said = capsys.readouterr().err
    assert f"WARNING: alice lets {run} go on without its control store: INC-4711" in said
    assert "WARNING: no lease" in said
    assert f"the journal of {run} stands on this machine alone" in said
    assert "cut the journal's last line short: it is dropped" in said
    assert [event.torn for event in silent.events() if isinstance(event, Resumed)] == [True]
    (event,) = [event for event in silent.events() if isinstance(event, Overridden)]
    assert (event.person, event.reason, len(event.unguarded)) == ("alice", "INC-4711: S3 is down", 3)
    assert "no answer" in event.silence
    assert isinstance(silent.events()[-1], Closed)
    assert cli.run(["report", run, "--format", "json"]) in (ExitCode.PASSED, ExitCode.INCONCLUSIVE)
    report = json.loads(capsys.readouterr().out)
    assert any("alice let it go on without its control store (INC-4711" in one for one in report["reasons"])


def test_whatever_is_wrong_with_an_override_is_refused_before_anything_is_touched(
    silent: Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    before = silent.events()
    mallory = silent.folder / "mallory.pem"
    approval.make_key(mallory)
    good = json.loads(silent.sign().read_text())
    other = silent.sign(silent.plan.run[:-4] + "ffff")
    late = approval.sign(
        silent.key,
        load_estate(silent.estate)[0],
        run=silent.plan.run,
        application=silent.plan.application,
        person="alice",
        reason="yesterday",
        moment=datetime.now(UTC),
        minutes=1,
    )
    wrong: tuple[tuple[dict[str, Any], str], ...] = (
        (good | {"reason": "because I say so"}, "is not signed by alice"),
        (good | {"person": "mallory"}, "mallory is not among the estate's people"),
        (json.loads(other.read_text()), "the override is for run"),
        (good | {"application": "ledger"}, "is not signed by alice"),
        (late.model_dump(mode="json", by_alias=True) | {"expires": good["issued"]}, "is not signed by alice"),
        ({"schema": "firedrill.override/1"}, "account: Field required"),
    )
    path = silent.folder / "wrong.override"
    for content, why in wrong:
        path.write_text(json.dumps(content))
        for verb in ("abort", "resume"):
            capsys.readouterr()
            assert cli.run([verb, silent.plan.run, "--override", str(path)]) == ExitCode.REFUSED, why
            assert why in capsys.readouterr().err
    signing = ["override", "sign", silent.plan.run, "--person", "alice", "--key", str(mallory), "--reason", "x"]
    assert cli.run(signing) == ExitCode.REFUSED
    assert silent.events() == before


def test_an_override_is_good_once(silent: Incident, capsys: pytest.CaptureFixture[str]) -> None:
    """Also where the process that took it died before it closed the journal."""
    override = silent.sign()
    content = approval.read(override)
    path = silent.folder / ".firedrill" / "runs" / silent.plan.run / FILE
    with Journal(path, HandClock(), take_up=True) as book:
        book.append(
            Overridden(
                person="alice",
                reason=content.reason,
                nonce=content.nonce,
                expires=content.expires,
                silence="no answer",
                unguarded=(),
            )
        )
    before = silent.events()
    assert cli.run(["resume", silent.plan.run, "--override", str(override)]) == ExitCode.REFUSED
    assert "was used already" in capsys.readouterr().err
    assert silent.events() == before


def test_while_the_control_store_answers_there_is_nothing_to_override(
    incident: Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    before = incident.events()
    denied = (403, "application/xml", "<Error><Code>AccessDenied</Code><Message>no</Message></Error>")
    for verb, answer in (("resume", EMPTY), ("abort", denied)):
        with server(answer) as made:
            incident.reach(made.url)
            assert cli.run([verb, incident.plan.run, "--override", str(incident.sign())]) == ExitCode.REFUSED
            assert "answers (" in capsys.readouterr().err
    assert incident.events() == before


@pytest.mark.soak(60)
def test_a_control_store_that_is_asked_too_much_is_not_gone(
    incident: Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    with server((503, "application/xml", "<Error><Code>SlowDown</Code><Message>too fast</Message></Error>")) as made:
        incident.reach(made.url)
        assert cli.run(["abort", incident.plan.run, "--override", str(incident.sign())]) == ExitCode.REFUSED
    assert "answers (" in capsys.readouterr().err


def test_a_folder_is_no_control_store_that_could_be_overridden(
    incident: Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    incident.reach("http://127.0.0.1:9")
    incident.estate.write_text(incident.text.replace("s3://firedrill-control/prefix", ".firedrill/runs"))
    assert cli.run(["abort", incident.plan.run, "--override", str(incident.sign())]) == ExitCode.REFUSED
    assert "the control store is the folder" in capsys.readouterr().err


def test_keys_are_made_once_and_signatures_go_into_new_files(
    incident: Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["override", "key", "bob"]) == ExitCode.PASSED
    line = capsys.readouterr().out
    assert re.fullmatch(r' {2}bob: \{key: "ed25519:[A-Za-z0-9+/]{43}="\}\n', line)
    assert cli.run(["override", "key", "bob"]) == ExitCode.REFUSED
    out = incident.sign()
    again = ["override", "sign", incident.plan.run, "--person", "alice", "--key", "alice.pem", "--reason", "x"]
    assert cli.run([*again, "--out", str(out)]) == ExitCode.REFUSED
    assert cli.run([*again, "--minutes", "0"]) == ExitCode.USAGE


class Returned(FolderStore):
    """A control store that other machines reach as well, and that answers again."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.regions = frozenset({"eu-central-1"})


def overridden(incident: Incident) -> tuple[House, Path, bytes]:
    """A run that went on under an override and ended, as this machine has it; and what the store knew before."""
    path = incident.folder / ".firedrill" / "runs" / incident.plan.run / FILE
    known = path.read_bytes()
    content = approval.read(incident.sign())
    with Journal(path, HandClock(), take_up=True) as book:
        given = content.model_dump(include={"person", "reason", "nonce", "expires"})
        book.append(Overridden(**given, silence="no answer", unguarded=UNGUARDED))
        book.append(Closed(regions_called={}))
    house = enter(incident.estate, alone=True)
    return replace(house, store=Returned(incident.folder / "bucket"), alone=False), path, known


def test_what_was_done_meanwhile_is_brought_to_the_control_store_by_the_next_sweep(incident: Incident) -> None:
    with server((200, "application/x-amz-json-1.1", '{"ResourceTagMappingList": []}')) as made:
        made.without_instances = True
        incident.reach(made.url)
        house, path, known = overridden(incident)
        house.store.create(f"{incident.plan.run}/journal/000001.jsonl", known)
        said: list[str] = []
        assert sweep(house, dry_run=True, say=said.append) == []
        assert said == []
        assert sweep(house, dry_run=False, say=said.append) == []
        assert said == [f"the control store answers: 2 events of {incident.plan.run} were brought there"]
        assert Ledger(house.store, incident.plan.run).read() == path.read_bytes()
        said.clear()
        assert sweep(house, dry_run=False, say=said.append) == []
        assert said == []


def test_where_somebody_took_the_run_up_meanwhile_both_journals_are_kept(incident: Incident) -> None:
    incident.reach("http://127.0.0.1:9")
    house, path, known = overridden(incident)
    theirs = incident.folder / "elsewhere.jsonl"
    theirs.write_bytes(known)
    with Journal(theirs, HandClock(), Ledger(house.store, incident.plan.run), take_up=True) as book:
        book.append(Resumed(tool="test", host="elsewhere", pid=1))
    ours, before = path.read_bytes(), Ledger(house.store, incident.plan.run).read()
    assert "was left as it is" in deliver(house, incident.plan.run)
    with pytest.raises(Refused, match="went on here under an override, and elsewhere as well"):
        look(house, incident.plan.run, take_over=True)
    assert (path.read_bytes(), Ledger(house.store, incident.plan.run).read()) == (ours, before)


LISTED = """<ListBucketResult><IsTruncated>false</IsTruncated>
<Contents><Key>prefix/{0}/journal/000001.jsonl</Key></Contents>
<Contents><Key>prefix/{0}/journal/000002.jsonl</Key></Contents>
<Contents><Key>prefix/{0}/journal.jsonl</Key></Contents>
<Contents><Key>prefix/2026/journal/000001.jsonl</Key></Contents></ListBucketResult>"""


def test_the_runs_of_other_machines_are_listed_from_the_bucket(
    incident: Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    away = "20261121T021500Z-test-receipts-beef"
    with server((200, "application/xml", LISTED.format(away))) as made:
        incident.reach(made.url)
        assert cli.run(["runs", "--json"]) == ExitCode.PASSED
        assert cli.run(["runs", "--kind", "backup"]) == ExitCode.PASSED
        assert all("prefix=prefix%2F2" in one["path"] for one in made.asked if "list-type" in one["path"])
    said = capsys.readouterr()
    document, lines = said.out[: said.out.rindex("}") + 1], said.out[said.out.rindex("}") + 1 :]
    there, here = json.loads(document)["runs"]
    assert (there["run"], there["state"]) == (away, "in the control store only: begun on another machine")
    assert (here["run"], here["state"]) == (incident.plan.run, "unfinished (journal only)")
    assert incident.plan.run in lines
    assert away not in lines


def test_where_the_bucket_does_not_answer_the_runs_of_this_machine_are_listed(
    silent: Incident, capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.run(["runs"]) == ExitCode.PASSED
    said = capsys.readouterr()
    assert silent.plan.run in said.out
    assert "only runs made from this machine" in said.err
