"""Who calls, where to, and what is refused before anything is sent."""

import json
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from dr.aws import kms, rds, s3, sts
from dr.aws.clients import Aws
from dr.aws.errors import refused_credentials
from dr.connection import Connection, Credentials
from dr.errors import AwsError, Refused
from dr.estate import Roles

from .conftest import ACCOUNT, PRIMARY, Raw
from .scripted import OTHER, REGION, refusal, server
from .test_sessions import DELETED, ROLE, delete


def test_the_lab_tells_who_we_are(aws: Aws) -> None:
    assert sts.identity(aws, "eu-central-1").account == ACCOUNT
    aws.assert_account("eu-central-1", "scratch")


def test_another_account_than_the_estates_is_refused(aws: Aws) -> None:
    stranger = Aws(aws.connection.model_copy(update={"account": None}), "999999999999", environment={})
    bucket = "orders-scratch-eu-central-1"
    with pytest.raises(Refused, match="belong to account 123456789012, the estate is account 999999999999"):
        stranger.change("s3", "eu-central-1", "PutObject", "x", role="scratch", Bucket=bucket, Key="never/written")
    assert list(s3.list_keys(aws, "eu-central-1", bucket, "never/")) == []


def test_a_connection_to_another_account_is_refused() -> None:
    with pytest.raises(Refused, match="leads to account 111111111111"):
        Aws(Connection(account="111111111111"), ACCOUNT)


def test_a_region_that_the_connection_file_does_not_name_is_refused(aws: Aws) -> None:
    with pytest.raises(Refused, match="no endpoint for s3 in us-east-1"):
        aws.client("s3", "us-east-1")


def test_a_key_pair_in_the_environment_wins(aws: Aws) -> None:
    given = {"AWS_ACCESS_KEY_ID": "AKIAUNKNOWNUNKNOWN22", "AWS_SECRET_ACCESS_KEY": "secret"}
    with pytest.raises(AwsError) as caught:
        sts.identity(Aws(aws.connection, ACCOUNT, environment=given), "eu-west-1")
    assert refused_credentials(caught.value)


@pytest.mark.parametrize("name", ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"])
def test_half_a_key_pair_is_refused(aws: Aws, name: str) -> None:
    with pytest.raises(Refused, match=f"{name} is set, but"):
        sts.identity(Aws(aws.connection, ACCOUNT, environment={name: "x"}), "eu-west-1")


def test_a_wrong_secret_is_told(aws: Aws) -> None:
    keys = aws.connection.credentials
    assert keys
    wrong = Credentials(access_key_id=keys.access_key_id, secret_access_key="wrong")
    with pytest.raises(AwsError) as caught:
        kms.key(Aws(aws.connection.model_copy(update={"credentials": wrong}), ACCOUNT), "eu-west-1", "alias/firedrill")
    assert refused_credentials(caught.value)


def test_a_profile_that_does_not_exist_and_no_credentials_at_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/dev/null")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    for environment, code in (({"AWS_PROFILE": "nowhere"}, "ProfileNotFound"), ({}, "NoCredentialsError")):
        aws = Aws(Connection(), ACCOUNT, environment=environment)
        for call in (lambda aws=aws: kms.key(aws, REGION, "k"), lambda aws=aws: aws.assert_account(REGION)):
            with pytest.raises(AwsError) as caught:
                call()
            assert (caught.value.code, refused_credentials(caught.value)) == (code, True)
        assert aws.calls.get(REGION, 0) == 0


def test_nothing_in_the_environment_leads_elsewhere(aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_STS", "HTTP_PROXY", "HTTPS_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("AWS_PROFILE", "nowhere")
    assert sts.identity(Aws(aws.connection, ACCOUNT, environment={}), "eu-west-1").account == ACCOUNT
    real = Aws(Connection(), ACCOUNT, environment={"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "y"})
    monkeypatch.delenv("AWS_PROFILE")
    assert real.client("sts", "eu-west-1").meta.endpoint_url == "https://sts.eu-west-1.amazonaws.com"


def test_a_barred_region_is_not_called_even_by_a_client_made_before(aws: Aws) -> None:
    mine = Aws(aws.connection, ACCOUNT, environment={})
    client = mine.client("sts", "eu-west-1")
    mine.allow(frozenset({"eu-central-1"}))
    with pytest.raises(Refused, match="eu-west-1 may not be called now"):
        sts.identity(mine, "eu-west-1")
    with pytest.raises(Refused):
        client.get_caller_identity()
    with pytest.raises(Refused, match="global may not"):
        mine.client("route53", "eu-central-1")
    sts.identity(mine, "eu-central-1")
    assert mine.calls == {"eu-central-1": 1}
    mine.allow(None)
    sts.identity(mine, "eu-west-1")
    assert mine.calls == {"eu-central-1": 1, "eu-west-1": 1}


def test_global_services_are_counted_apart(aws: Aws) -> None:
    mine = Aws(aws.connection, ACCOUNT, environment={})
    mine.look("route53", "eu-central-1", "ListHostedZones", "zones")
    mine.look("route53", "eu-central-1", "ListHostedZones", "zones")
    assert mine.calls == {"global": 2, "eu-central-1": 1}  # the one: whose credentials are these?


def test_sixteen_threads_share_one_client(aws: Aws) -> None:
    mine = Aws(aws.connection, ACCOUNT, environment={})
    seen: list[str] = []

    def ask() -> None:
        seen.append(sts.identity(mine, "eu-central-1").account)

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert seen == [ACCOUNT] * 16
    assert mine.calls == {"eu-central-1": 16}


def test_the_identity_is_asked_once_for_a_key_pair(aws: Aws) -> None:
    mine = Aws(aws.connection, ACCOUNT, environment={})
    for _ in range(3):
        mine.assert_account("eu-central-1", "scratch")
        mine.assert_account("eu-central-1", "observe")
    assert mine.calls == {"eu-central-1": 1}


@pytest.fixture
def role(raw: Raw) -> Iterator[str]:
    """A role that everybody in the account may assume, and that may do nothing else."""
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}}
    document = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    name = "firedrill-scratch"
    raw("iam", PRIMARY).create_role(RoleName=name, AssumeRolePolicyDocument=document)
    yield ROLE
    raw("iam", PRIMARY).delete_role(RoleName=name)


def test_a_role_is_assumed_in_the_region_of_the_call(aws: Aws, role: str) -> None:
    mine = Aws(aws.connection, ACCOUNT, Roles(scratch=role), environment={})
    assert sts.identity(mine, "eu-central-1", "scratch").arn.endswith(
        "assumed-role/firedrill-scratch/firedrill-scratch"
    )
    assert "assumed-role" not in sts.identity(mine, "eu-central-1").arn
    assert set(mine.calls) == {"eu-central-1"}


def test_nothing_that_another_account_says_is_believed() -> None:
    """An account that has no such instance would say that scratch is gone."""
    with server(refusal("DBInstanceNotFound", 404)) as made:
        made.accounts["AK"] = "999999999999"
        with pytest.raises(Refused, match="belong to account 999999999999"):
            rds.instance(made.aws(), REGION, "firedrill-x", role="scratch")
        assert {one.get("Action") for one in made.asked} == {"GetCallerIdentity"}


def test_a_request_that_is_signed_for_another_region_is_not_sent() -> None:
    with server(DELETED) as made:
        aws = made.aws()

        def stray(request: Any, **_: object) -> None:
            request.context["signing"] = {"region": OTHER}

        aws.client("rds", REGION, "scratch").meta.events.register("before-sign.rds", stray)
        with pytest.raises(Refused, match=f"DeleteDBInstance in {REGION} is signed for {OTHER}: it was not sent"):
            delete(aws)
        assert {one.get("Action") for one in made.asked} == {"GetCallerIdentity"}


def test_nothing_is_changed_outside_of_the_estates_regions() -> None:
    with server(DELETED) as made:
        keys = made.aws()
        aws = Aws(keys.connection, ACCOUNT, environment={}, regions=frozenset({OTHER}))
        with pytest.raises(Refused, match=f"DeleteDBInstance of x: {REGION} is no region of the estate"):
            delete(aws)
        assert made.asked == []


def test_a_role_that_may_not_be_assumed_is_named() -> None:
    with server(refusal("AccessDenied", 403, "not authorized to perform sts:AssumeRole")) as made:
        with pytest.raises(AwsError) as caught:
            made.aws(roles=Roles(observe=ROLE)).look("kms", OTHER, "ListKeys", "keys")
        assert caught.value.operation == "AssumeRole"
        assert "sts:AssumeRole" in (caught.value.hint or "")
