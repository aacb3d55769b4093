"""A role's credentials are renewed before they expire and when AWS says so; whose they are is asserted each time."""

from datetime import UTC, datetime, timedelta

import pytest

from dr.aws.clients import Aws
from dr.aws.errors import refused_credentials
from dr.errors import AwsError, Refused
from dr.estate import Roles

from .conftest import ACCOUNT
from .scripted import REGION, Server, refusal, server

ROLE = f"arn:aws:iam::{ACCOUNT}:role/firedrill-scratch"


def _session(number: int, minutes: int) -> tuple[int, str, str]:
    until = (datetime.now(UTC) + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%SZ")
    return (
        200,
        "text/xml",
        f"<AssumeRoleResponse><AssumeRoleResult><Credentials><AccessKeyId>ASIA{number}</AccessKeyId>"
        f"<SecretAccessKey>s</SecretAccessKey><SessionToken>t</SessionToken><Expiration>{until}</Expiration>"
        "</Credentials></AssumeRoleResult></AssumeRoleResponse>",
    )


def test_a_roles_credentials_are_renewed_and_the_account_asserted_again() -> None:
    # A session of five minutes is due for renewal as soon as it is used.
    with server(_session(1, 5), _session(2, 60)) as made:
        aws = made.aws(roles=Roles(scratch=ROLE))
        for _ in range(4):
            aws.assert_account(REGION, "scratch")
        asked = [one.get("Action") for one in made.asked]
    assert asked.count("AssumeRole") == 2
    assert asked.count("GetCallerIdentity") <= 2


DELETED = (
    200,
    "text/xml",
    "<DeleteDBInstanceResponse><DeleteDBInstanceResult/></DeleteDBInstanceResponse>",
)


def delete(aws: Aws) -> None:
    aws.change("rds", REGION, "DeleteDBInstance", "x", role="scratch", DBInstanceIdentifier="x")


def test_credentials_that_turn_into_another_accounts_change_nothing() -> None:
    # A session of five minutes is due for renewal at each use: the key that was asserted is not the key that signs.
    with server(_session(1, 5), _session(2, 60), DELETED) as made:
        made.accounts["ASIA2"] = "999999999999"
        with pytest.raises(Refused, match="credentials for scratch belong to account 999999999999"):
            delete(made.aws(roles=Roles(scratch=ROLE)))
        assert [one for one in made.asked if one.get("Action") == "DeleteDBInstance"] == []


def test_credentials_swapped_between_two_attempts_of_one_call_change_nothing() -> None:
    with server(_session(1, 60), refusal("Throttling"), _session(2, 60), DELETED) as made:
        made.accounts["ASIA2"] = "999999999999"
        aws = made.aws(roles=Roles(scratch=ROLE))

        def expire(**_: object) -> None:
            # What the first session's end would do, without an hour's wait.
            for session in aws._sessions.values():
                credentials = session.get_credentials()
                if credentials is not None and hasattr(credentials, "_expiry_time"):
                    credentials._expiry_time = datetime.now(UTC)

        aws.client("rds", REGION, "scratch").meta.events.register("needs-retry.rds.DeleteDBInstance", expire)
        with pytest.raises(Refused, match="belong to account 999999999999"):
            delete(aws)
        assert len([one for one in made.asked if one.get("Action") == "DeleteDBInstance"]) == 1


def test_renewed_credentials_of_the_same_account_go_on() -> None:
    with server(_session(1, 5), _session(2, 60), DELETED) as made:
        aws = made.aws(roles=Roles(scratch=ROLE))
        delete(aws)
        delete(aws)
        asked = [one.get("Action") for one in made.asked]
    assert asked.count("DeleteDBInstance") == 2
    assert asked.count("GetCallerIdentity") == 2


def _actions(made: Server) -> list[str | None]:
    return [one.get("Action") for one in made.asked]


def test_a_session_that_aws_says_has_expired_is_renewed_and_asserted_anew() -> None:
    """Its own end was an hour away: it was revoked, or the clocks differ."""
    with server(_session(1, 60), refusal("ExpiredToken", 403), _session(2, 60), DELETED) as made:
        aws = made.aws(roles=Roles(scratch=ROLE))
        delete(aws)
        delete(aws)
        actions = _actions(made)
    assert actions.count("AssumeRole") == 2
    assert actions.count("DeleteDBInstance") == 3
    # Whose the second key is was asked before anything was signed with it.
    assert actions[-5:] == [
        "DeleteDBInstance",
        "AssumeRole",
        "GetCallerIdentity",
        "DeleteDBInstance",
        "DeleteDBInstance",
    ]


def test_an_expired_session_that_turns_into_another_accounts_changes_nothing() -> None:
    with server(_session(1, 60), refusal("ExpiredToken", 403), _session(2, 60), DELETED) as made:
        made.accounts["ASIA2"] = "999999999999"
        with pytest.raises(Refused, match="credentials for scratch belong to account 999999999999"):
            delete(made.aws(roles=Roles(scratch=ROLE)))
        assert _actions(made).count("DeleteDBInstance") == 1


def test_what_has_expired_and_stays_so_is_told_at_once() -> None:
    expired = refusal("ExpiredToken", 403, "The security token included in the request is expired")
    with server(_session(1, 60), expired, _session(2, 60), expired, _session(3, 60), expired) as made:
        with pytest.raises(AwsError, match="ExpiredToken") as caught:
            delete(made.aws(roles=Roles(scratch=ROLE)))
        assert _actions(made).count("DeleteDBInstance") == 2
    with server(expired) as made:
        with pytest.raises(AwsError, match="ExpiredToken") as caught:
            delete(made.aws())
        assert _actions(made).count("DeleteDBInstance") == 1
    assert refused_credentials(caught.value)
    assert not caught.value.transient
    assert "sign in again" in (caught.value.hint or "")


def test_a_role_whose_caller_has_expired_is_not_asked_for_again_and_again() -> None:
    expired = refusal("ExpiredToken", 403, "The security token included in the request is expired")
    with server(_session(1, 60), expired) as made:
        with pytest.raises(AwsError, match="AssumeRole: ExpiredToken") as caught:
            delete(made.aws(roles=Roles(scratch=ROLE)))
        assert _actions(made) == ["AssumeRole", "GetCallerIdentity", "DeleteDBInstance", "AssumeRole"]
    assert "sign in again" in (caught.value.hint or "")
