"""Names, tags and answers that somebody chose in order to be read by a terminal, a spreadsheet or a hurried person."""

import json
import re
from pathlib import Path

import pytest

from dr import connection
from dr.cli import run
from dr.cli.progress import Progress
from dr.errors import AwsError, ExitCode, Refused, Unable
from dr.events import Intended, Thing
from dr.journal import FILE, Journal
from dr.plan import Plan
from dr.preview import preview
from tests import stories

from .scripted import OTHER, REGION, SERVICES, Server, refusal, server

HOSTILE = (
    "a\nremoved: instance production in eu-west-1",
    "\x1b[2J\x1b]0;owned\x07\x9b31m\x7f",
    "evil\u202egnp.exe\u2066\u200b",
    "<script>alert(1)</script>",
    "=cmd()|'/c calc'!A0",
    "o" + "\u0301" * 200,
    "x" * 10_000,
    "\x00",
    "\udcff",
)
UNSAFE = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")
FORGED = re.compile("^(removed|hint|error): .*production", re.MULTILINE)
TAGGED = "application/x-amz-json-1.1"


def harmless(text: str) -> None:
    assert not UNSAFE.search(text), text[:400]
    assert not FORGED.search(text), text[:400]
    assert "\u0301" * 20 not in text
    assert max(map(len, text.splitlines()), default=0) < 1200


@pytest.fixture
def estate(tmp_path: Path) -> Path:
    path = tmp_path / "estate.yaml"
    path.write_text(json.dumps(stories.ESTATE | {"control": str(tmp_path / "control")}))
    (tmp_path / "control").mkdir()
    return path


def swept(*arguments: str) -> int:
    """The exit code of a sweep."""
    try:
        return run(["sweep", *arguments])
    except SystemExit as end:
        return int(str(end.code))


def reached(cloud: Server, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is called, this server answers."""
    endpoints = {region: dict.fromkeys(SERVICES, cloud.url) for region in (REGION, OTHER)}
    keys = {"access_key_id": "AK", "secret_access_key": "SK"}
    path = folder / "connection.json"
    path.write_text(json.dumps({"endpoints": endpoints, "credentials": keys}))
    monkeypatch.setenv(connection.VARIABLE, str(path))


@pytest.mark.parametrize("name", HOSTILE)
def test_an_error_is_harmless_whoever_prints_it(name: str) -> None:
    problem = Unable(f"instance {name} is stopped", hint=f"look at {name}")
    harmless(str(problem))
    harmless("\n".join(map(str, problem.args)))
    harmless(str(AwsError(name, operation="x", code="y", region="z")))


def test_a_message_has_an_end() -> None:
    for problem in (Refused("\n".join(["line"] * 10_000)), Refused(*["complaint"] * 10_000)):
        assert problem.message.count("\n") == 50
        assert problem.message.endswith("… and more")


@pytest.mark.parametrize("name", HOSTILE[:7])
def test_what_aws_says_in_a_refusal_is_only_text(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    del tmp_path
    spelt = "".join(f"&#{ord(one)};" if ord(one) >= 32 or one == "\n" else "?" for one in name)
    with server(refusal("AccessDenied", 403, spelt)) as cloud, pytest.raises(AwsError) as caught:
        cloud.aws().look("rds", REGION, "DescribeDBInstances", f"instance {name}")
    harmless(str(caught.value))
    Progress()(f"restore {name}: {caught.value}\nhint: {name}")
    harmless(capfd.readouterr().err)


@pytest.mark.parametrize("name", HOSTILE[:8])
@pytest.mark.parametrize("how", [[], ["--json"]])
def test_a_refused_estate_is_told_harmlessly(
    estate: Path, name: str, how: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    estate.write_text(json.dumps(json.loads(estate.read_text()) | {name: 1, "account": name, "people": {name: name}}))
    assert run(["plan", "--estate", str(estate), *how]) == ExitCode.REFUSED
    told = capsys.readouterr()
    harmless(told.err)
    assert told.out.isascii()
    harmless(told.out if not how else "\n".join(json.dumps(line) for line in told.out.splitlines())[:1000])


def test_a_preview_shows_names_as_text() -> None:
    plan = stories.test_plan()
    steps = tuple(step.model_copy(update={"name": name}) for step, name in zip(plan.steps, HOSTILE, strict=False))
    hostile: Plan = plan.model_copy(
        update={"steps": steps, "target": HOSTILE[0], "application": HOSTILE[1], "left_out": HOSTILE}
    )
    text = preview(hostile)
    harmless(text)
    assert len(text.splitlines()) < 40


def test_a_sweep_shows_strange_tags_as_text(
    estate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody in the account may tag anything: what they wrote is a line of the table and no more."""
    things = [
        {
            "ResourceARN": f"arn:aws:rds:eu-west-1:123456789012:db:{name}",
            "Tags": [{"Key": "firedrill:run", "Value": name}, {"Key": "firedrill:purpose", "Value": "scratch"}],
        }
        for name in HOSTILE
    ]
    with server((200, TAGGED, json.dumps({"ResourceTagMappingList": things}))) as cloud:
        cloud.without_instances = True
        reached(cloud, tmp_path, monkeypatch)
        assert swept("--estate", str(estate)) == ExitCode.PASSED
        told = capsys.readouterr()
        assert swept("--estate", str(estate), "--json") == ExitCode.PASSED
    harmless(told.out)
    harmless(told.err)
    assert len(told.out.splitlines()) == 2 * len(HOSTILE)
    document = capsys.readouterr().out
    assert document.isascii()
    assert not UNSAFE.search(document)
    assert json.loads(document)["swept"][0]["run"] == HOSTILE[0]


@pytest.mark.parametrize(
    ("changes", "folder", "says"),
    [
        ({"account": "999999999999"}, None, "is of account 999999999999, and this estate is of account 123456789012"),
        ({"application": "invoices"}, None, "of another estate: this one has no application invoices"),
        ({}, "20261120T021500Z-test-receipts-ffff", "is that of run"),
        ({"steps": "none"}, None, "its plan cannot be read"),
    ],
)
def test_a_sweep_leaves_the_scratch_of_others_alone(
    estate: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    changes: dict[str, str],
    folder: str | None,
    says: str,
) -> None:
    plan = stories.test_plan()
    begun = stories.opened(plan)
    begun = begun.model_copy(update={"plan": begun.plan | changes})
    home = tmp_path / "control" / (folder or plan.run)
    home.mkdir()
    with Journal(home / FILE, stories.HandClock()) as journal:
        journal.append(begun)
        thing = Thing(kind="instance", name="firedrill-20261120t021500z-7f3a-receipts-db", region=REGION)
        journal.append(Intended(operation="RestoreDBInstance", thing=thing))
    with server((200, TAGGED, json.dumps({"ResourceTagMappingList": []}))) as cloud:
        cloud.without_instances = True
        reached(cloud, tmp_path, monkeypatch)
        code = swept("--estate", str(estate))
        asked = cloud.asked
    told = capsys.readouterr()
    assert says in told.out
    assert not any("DBInstanceIdentifier" in one for one in asked)
    assert "DeleteDBInstance" not in [one.get("Action") for one in asked]
    ours = folder is not None or "steps" in changes
    assert code == (ExitCode.SCRATCH_REMAINS if ours else ExitCode.PASSED)


@pytest.mark.parametrize("verb", ["resume", "abort"])
def test_a_strange_journal_is_shown_as_text_to_whoever_takes_it_up(
    verb: str, estate: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Anybody who may write to a shared control store may name a step or a thing as they like."""
    plan = stories.test_plan()
    names = dict(zip((step.name for step in plan.steps), HOSTILE[:8], strict=False))
    renamed = tuple(
        step.model_copy(update={"name": names[step.name], "needs": tuple(names[need] for need in step.needs)})
        for step in plan.steps
    )
    begun = stories.opened(plan.model_copy(update={"steps": renamed}))
    home = tmp_path / "control" / plan.run
    home.mkdir()
    with Journal(home / FILE, stories.HandClock()) as journal:
        journal.append(begun.model_copy(update={"estate": estate.read_text(), "host": "elsewhere"}))
        for kind, name in (("instance", "a"), ("snapshot", "b")):
            for hostile in HOSTILE[:8]:
                thing = Thing.model_validate({"kind": kind, "name": name + hostile, "region": REGION})
                journal.append(Intended(operation="Create" + hostile, thing=thing))
    with server((200, TAGGED, "{}")) as cloud:
        reached(cloud, tmp_path, monkeypatch)
        asked = [verb, plan.run, "--take-over", "--dry-run", "--estate", str(estate)]
        assert run(asked) == ExitCode.PASSED
        told = capsys.readouterr()
        assert run([*asked, "--json"]) == ExitCode.PASSED
    harmless(told.out)
    harmless(told.err)
    assert len(told.out.splitlines()) == 1 + (16 if verb == "abort" else len(plan.steps) + 16 + 1)
    document = capsys.readouterr().out
    assert document.isascii()
    assert not UNSAFE.search(document)
    assert repr(HOSTILE[1])[1:-1] in str(json.loads(document))
