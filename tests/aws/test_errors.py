"""What the wire says, and what a caller gets to read."""

import socket

import pytest

from dr.aws import rds, s3, sts
from dr.aws.errors import Elsewhere, missing, refused_credentials
from dr.aws.patience import ATTEMPTS
from dr.errors import AwsError, Refused, Unreachable

from .scripted import REGION, Server, refusal, server


def failing(made: Server) -> AwsError:
    with pytest.raises(AwsError) as caught:
        rds.instances(made.aws(), REGION, "firedrill-")
    return caught.value


def test_an_error_names_operation_object_region_and_the_action_to_allow() -> None:
    with server(refusal("AccessDenied", 403, "User: someone is not authorized")) as made:
        problem = failing(made)
    assert problem.operation == "DescribeDBInstances"
    assert (problem.code, problem.region) == ("AccessDenied", REGION)
    assert "DescribeDBInstances of instances firedrill-* in eu-central-1: AccessDenied: User: someone" in str(problem)
    assert "hint: allow rds:DescribeDBInstances" in str(problem)


@pytest.mark.parametrize(
    "code",
    ["InvalidClientTokenId", "SignatureDoesNotMatch", "ExpiredToken", "UnrecognizedClientException", "AuthFailure"],
)
def test_unknown_credentials_are_told_apart(code: str) -> None:
    with server(refusal(code, 403)) as made:
        problem = failing(made)
    assert refused_credentials(problem)
    assert "AWS_ACCESS_KEY_ID" in str(problem)


def test_a_page_of_html_is_a_passing_trouble_and_no_botocore_exception() -> None:
    with server((200, "text/html", "<html><body>Please log in<br></body></html>")) as made:
        problem = failing(made)
    assert problem.code == "ResponseParserError"
    assert problem.transient


def test_whatever_a_failing_server_says_is_passing() -> None:
    with server(refusal("DatabaseDown", 500, "sorry")) as made:
        problem = failing(made)
    assert problem.transient
    assert "DatabaseDown: sorry" in str(problem)


def test_throttling_is_tried_again_and_every_attempt_counts() -> None:
    good = "<R><DescribeDBInstancesResult><DBInstances/></DescribeDBInstancesResult></R>"
    with server(refusal("Throttling"), (200, "text/xml", good)) as made:
        aws = made.aws()
        assert rds.instances(aws, REGION) == []
        assert aws.calls == {REGION: 3}  # the first asks whose credentials these are


def test_a_region_that_refuses_connections_is_unreachable() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound but not listening: nobody answers, and nobody else gets the port
        aws = Server(f"http://127.0.0.1:{taken.getsockname()[1]}").aws()
        with pytest.raises(Unreachable, match=r"GetCallerIdentity of .* in eu-central-1: no answer") as caught:
            sts.identity(aws, REGION)
    assert caught.value.transient
    assert aws.calls == {REGION: ATTEMPTS}


def test_a_bucket_elsewhere_is_not_followed() -> None:
    moved = (
        301,
        "application/xml",
        "<Error><Code>PermanentRedirect</Code><Message>go there</Message><Bucket>b</Bucket></Error>",
    )
    with server(moved) as made, pytest.raises(AwsError) as caught:
        s3.versioning(made.aws(), REGION, "some-bucket")
    assert caught.value.code == "PermanentRedirect"
    assert len([one for one in made.asked if one.get("Action") != "GetCallerIdentity"]) == 1


def test_elsewhere_tells_where() -> None:
    problem = Elsewhere("bucket b", operation="HeadBucket", region=REGION, place="us-west-2")
    assert problem.place == "us-west-2"
    assert str(problem).startswith("HeadBucket: bucket b is in us-west-2, not in eu-central-1")


def test_no_credentials_at_all() -> None:
    with server(refusal("X")) as made, pytest.raises(Refused, match="no credentials"):
        sts.identity(made.aws(credentials=None), REGION)


def test_what_is_missing_is_none_and_what_is_denied_is_not() -> None:
    with server(refusal("DBInstanceNotFound", 404)) as made:
        assert rds.instance(made.aws(), REGION, "orders") is None
    with server(refusal("AccessDenied", 403)) as made, pytest.raises(AwsError) as caught:
        rds.instance(made.aws(), REGION, "orders")
    assert not missing(caught.value)
