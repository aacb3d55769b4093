"""What a run may do is what it does: the table of permissions and the calls in the source are one and the same."""

import ast
import json
import re
from functools import cache
from pathlib import Path
from typing import Any, get_args

import botocore.session
import pytest
from botocore import xform_name
from calls_in_source import CLIENTS, ROOT, Source, product
from click.testing import CliRunner
from stories import ESTATE

from dr.cli.iam_policy import command
from dr.errors import Refused
from dr.estate import Estate
from dr.lab.iam.conditions import filled
from dr.lab.iam.guard import TABLE
from dr.permissions import NEEDS, NOT_CALLED_YET, Row, Work
from dr.policy import LIMIT, documents, size

WORKS: tuple[Work, ...] = get_args(Work)
ASSUMED: Row = ("sts", "AssumeRole", "caller")
"""Made by `dr.aws.sessions`, before there is a role to make it under."""


def disagreements(source: Source) -> list[str]:
    """Where the source and the table differ."""
    found = list(source.found())
    live = {one.row for one in found if one.reached} | {ASSUMED}
    idle = {one.row for one in found} - live
    where = {one.row: one.where for one in found}
    return [
        *(f"{where[row]}: {row} has no row in dr.permissions.NEEDS" for row in sorted(live - set(NEEDS))),
        *(f"{row} has a row in dr.permissions.NEEDS, and nobody makes the call" for row in sorted(set(NEEDS) - live)),
        *(f"{where[row]}: {row}: add it to NOT_CALLED_YET, or call it" for row in sorted(idle - NOT_CALLED_YET)),
        *(f"{row} is called, or gone: take it out of NOT_CALLED_YET" for row in sorted(NOT_CALLED_YET - idle)),
    ]


def test_no_call_without_a_declaration_and_no_declaration_without_a_call() -> None:
    assert disagreements(Source(product())) == []


@pytest.mark.parametrize(
    ("module", "old", "new", "complaint"),
    [
        ("dr.aws.kms", '"DescribeKey"', '"GetKeyPolicy"', "('kms', 'GetKeyPolicy', 'observe') has no row"),
        ("dr.aws.kms", '"DescribeKey"', '"GetKeyPolicy"', "('kms', 'DescribeKey', 'observe') has a row"),
        ("dr.aws.snapshots", 'role="recover"', 'role="observe"', "('rds', 'CreateDBSnapshot', 'observe') has no"),
        ("dr.scratch", 'role="scratch")\n        return', 'role="recover")\n        return', "'recover') is called"),
        ("dr.aws.rds", 'role: Role = "observe") -> Instance', 'role: Role = "recover") -> Instance', "is called"),
        (
            "dr.control_plane",
            "rds.quotas(context.aws",
            "rds.lock(context.aws",
            "('rds', 'DescribeAccountAttributes', 'observe') has a row",
        ),
    ],
)
def test_a_call_that_changes_is_noticed(module: str, old: str, new: str, complaint: str) -> None:
    text = (ROOT / (module.replace(".", "/") + ".py")).read_text()
    assert old in text
    changed = Source({**product(), module: ast.parse(text.replace(old, new))})
    assert any(complaint in one for one in disagreements(changed))


def test_every_call_goes_through_the_three_verbs() -> None:
    """Nobody takes a client and calls it: that call would stand in no table, and assert no account."""
    operations = {name for service, _, _ in NEEDS for name in _operations(service)}
    # Pydantic's secret strings have a method of this name too.
    methods = {xform_name(name) for name in operations} - {"get_secret_value"} | {"get_paginator", "get_waiter"}
    direct = []
    for module, tree in product().items():
        ours = {name for name, _ in _names(tree)}
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
                continue
            receiver = node.func.value
            is_ours = isinstance(receiver, ast.Name) and receiver.id in ours
            # So have the keys of people: KMS is asked for neither.
            is_ours |= module == "dr.approval" and node.func.attr in ("sign", "verify")
            if (node.func.attr in methods and not is_ours) or (node.func.attr == "client" and module != CLIENTS):
                direct.append((module, node.func.attr))
    assert direct == [(CLIENTS, "get_paginator"), ("dr.aws.sessions", "assume_role")]


@cache
def _operations(service: str) -> frozenset[str]:
    return frozenset(botocore.session.get_session().get_service_model(service).operation_names)


def _names(tree: ast.Module) -> list[tuple[str, str]]:
    found = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return [(alias.asname or alias.name, node.module or "") for node in found for alias in node.names]


def test_operations_and_actions_are_aws_own() -> None:
    for service, operation, work in NEEDS:
        assert operation in _operations(service), (service, operation, work)


def test_the_labs_own_table_asks_for_nothing_else() -> None:
    """Two tables, written apart after the same reference: what the lab demands of an operation is declared here."""
    for (service, operation, work), needs in NEEDS.items():
        if service == "s3" or work == "caller":
            continue
        name = {"resourcegroupstaggingapi": "tagging"}.get(service, service)
        rows = TABLE[name][operation]
        demanded = {row.action or f"{ {'tagging': 'tag'}.get(name, name) }:{operation}" for row in rows}
        declared = {need.action for need in needs}
        extra = {"rds:AddTagsToResource", "kms:DescribeKey", "kms:CreateGrant"} if service == "rds" else set()
        assert demanded <= declared <= demanded | extra, (service, operation, work)


def estate(**changes: Any) -> Estate:
    return Estate.model_validate(ESTATE | changes)


def applications(count: int) -> dict[str, Any]:
    return {
        f"application-{n}": {
            "objectives": {"rto": "30m", "rpo": "5m", "retention": "30d"},
            "databases": {
                f"database-{n}": {
                    "instance": f"instance-{n}",
                    "owner_secret": f"{n}/owner",
                    "app_secret": f"{n}/application",
                }
            },
            "buckets": {f"bucket-{n}": {"bucket": f"documents-{n}-here", "copy": f"documents-{n}-there"}},
        }
        for n in range(count)
    }


@pytest.mark.parametrize(("work", "count"), [*((work, 1) for work in WORKS), ("scratch", 60), ("caller", 30)])
def test_policies_are_documents_of_a_size_that_aws_takes(work: Work, count: int) -> None:
    found = documents(estate(applications=applications(count)), work)
    assert 1 <= len(found) <= 10
    for document in found:
        assert size(document) <= LIMIT
        assert len(json.dumps(document, separators=(",", ":"))) <= LIMIT
        assert document["Version"] == "2012-10-17"
        names = [one["Sid"] for one in document["Statement"] if "Sid" in one]
        assert len(names) == len(set(names))
        for one in document["Statement"]:
            assert set(one) <= {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}
            for keys in one.get("Condition", {}).values():
                assert all(filled(key.lower()) for key in keys)


def test_an_estate_too_large_for_a_role_is_refused() -> None:
    with pytest.raises(Refused, match="a role takes 10"):
        documents(estate(applications=applications(400)), "scratch")


def test_nothing_is_allowed_everywhere_but_looking() -> None:
    for work in WORKS:
        for document in documents(estate(control="s3://control/here"), work):
            for one in document["Statement"]:
                if one["Effect"] == "Allow" and one["Resource"] == "*":
                    assert one["Condition"]["StringEquals"]["aws:RequestedRegion"] == ["eu-central-1", "eu-west-1"]
                    assert all(re.match(r"\w+:(Describe|GetResources)", action) for action in one["Action"])
                assert one["Effect"] == "Deny" or not any("*" in action for action in one["Action"])


def test_keys_are_used_through_s3_and_for_the_estates_buckets_alone() -> None:
    """No role may decrypt by itself, and none for a bucket that is not its own."""
    own = {"receipts-documents-eu-west-1", "receipts-documents-eu-central-1"}
    scratch = {"firedrill-scratch-eu-central-1"}
    expected: dict[tuple[Work, str], set[str]] = {
        ("observe", "kms:Decrypt"): own | {"control"},
        ("scratch", "kms:Decrypt"): own | scratch,
        ("scratch", "kms:GenerateDataKey"): scratch | {"control"},
    }
    found: dict[tuple[Work, str], set[str]] = {}
    for work in ("observe", "scratch", "recover"):
        for document in documents(estate(control="s3://control/here"), work):
            for one in document["Statement"]:
                for action in set(one.get("Action", ())) & {"kms:Decrypt", "kms:GenerateDataKey"}:
                    condition = one["Condition"]
                    assert condition["StringEquals"]["kms:ViaService"] == [
                        "s3.eu-central-1.amazonaws.com",
                        "s3.eu-west-1.amazonaws.com",
                    ]
                    arns = condition["StringLike"]["kms:EncryptionContext:aws:s3:arn"]
                    names = {arn.removeprefix("arn:aws:s3:::").partition("/")[0] for arn in arns}
                    found.setdefault((work, action), set()).update(names)
    assert found == expected


def _statement(found: list[dict[str, Any]], name: str) -> Any:
    return next(one for document in found for one in document["Statement"] if one.get("Sid") == name)


def test_scratch_is_denied_what_is_the_estates_and_what_no_run_tagged() -> None:
    found = documents(estate(), "scratch")
    untagged = _statement(found, "NothingWithoutTheTagOfARun")
    assert untagged["Condition"] == {"Null": {"aws:ResourceTag/firedrill:run": "true"}}
    assert {"rds:Delete*", "rds:Modify*"} <= set(untagged["Action"])
    assert set(_statement(found, "NoInstanceOfTheEstate")["Resource"]) == {
        f"arn:aws:rds:eu-west-1:123456789012:db:{name}" for name in ("receipts", "north", "south")
    }
    assert "arn:aws:s3:::receipts-documents-eu-west-1/*" in _statement(found, "NoBucketOfTheEstate")["Resource"]
    assert _statement(found, "NoObjectButScratch")["NotResource"] == ["arn:aws:s3:::firedrill-scratch-eu-central-1/*"]


def test_the_caller_does_itself_what_no_role_is_named_for() -> None:
    role = "arn:aws:iam::123456789012:role/{}".format
    every = estate(roles={name: role(name) for name in ("observe", "scratch", "recover", "heartbeat")})
    (document,) = documents(every, "caller")
    (only,) = document["Statement"]
    assert only["Action"] == ["sts:AssumeRole"]
    assert only["Resource"] == [role("heartbeat"), role("observe"), role("recover"), role("scratch")]
    alone = documents(estate(roles={"observe": role("observe")}), "caller")
    actions = {action for document in alone for one in document["Statement"] for action in one.get("Action", ())}
    assert {"sts:AssumeRole", "rds:DeleteDBInstance", "rds:CreateDBSnapshot"} <= actions
    assert "secretsmanager:GetSecretValue" not in actions
    assert _statement(alone, "NoInstanceOfTheEstate")


def test_other_parts_of_aws_have_arns_of_their_own() -> None:
    there = {"primary": {"region": "cn-north-1"}, "recovery": {"region": "cn-northwest-1"}}
    text = json.dumps([documents(estate(sites=there), work) for work in ("observe", "recover")])
    assert "arn:aws-cn:rds:cn-north-1:123456789012:db:receipts" in text
    assert "arn:aws:" not in text


def test_it_is_printed_without_a_call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DR_CONNECTION", str(tmp_path / "nowhere.json"))
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    runner = CliRunner()
    path = str(ROOT / "runbooks" / "estate.yaml")
    every = runner.invoke(command, ["--estate", path, "--json"])
    assert every.exit_code == 0, every.output
    assert set(json.loads(every.stdout)) == set(WORKS)
    assert every.stderr == ""
    one = runner.invoke(command, ["--estate", path, "--role", "scratch"])
    assert json.loads(one.stdout) == json.loads(every.stdout)["scratch"][0]
    assert "of the 6144 characters" in one.stderr
    for wrong in (["--role", "scratch", "--part", "2"], ["--part", "2"]):
        assert runner.invoke(command, ["--estate", path, *wrong]).exit_code != 0
    shown = runner.invoke(command, ["--help"]).stdout
    assert "attach-role-policy" in shown
