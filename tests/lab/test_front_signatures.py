"""Who may come in: keys, signatures, regions and sessions, refused in the words of the service that was asked."""

import base64
import contextlib
import hashlib
import hmac
import http.client
import json
import socket
import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import pytest
import urllib3
from botocore.auth import S3SigV4Auth, SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from dr.lab.home import Home
from tests.lab.front_fixtures import ACCOUNT, PRIMARY, RECOVERY, client, code, lab

CALLS = {
    "rds": ("describe_db_instances", {}),
    "sts": ("get_caller_identity", {}),
    "sns": ("list_topics", {}),
    "ec2": ("describe_security_groups", {}),
    "kms": ("list_keys", {}),
    "secretsmanager": ("list_secrets", {}),
    "resourcegroupstaggingapi": ("get_resources", {}),
    "s3": ("list_buckets", {}),
    "route53": ("list_hosted_zones", {}),
    "iam": ("list_users", {}),
}


@pytest.fixture(scope="module")
def home() -> Iterator[Home]:
    with lab() as home:
        yield home


def call(home: Home, service: str, region: str = PRIMARY, **changes: Any) -> Any:
    operation, arguments = CALLS[service]
    return getattr(client(home, service, region, **changes), operation)(**arguments)


def refused(home: Home, service: str, region: str = PRIMARY, **changes: Any) -> tuple[int, str]:
    with pytest.raises(ClientError) as caught:
        call(home, service, region, **changes)
    return caught.value.response["ResponseMetadata"]["HTTPStatusCode"], code(caught.value)


@pytest.mark.parametrize("service", CALLS)
def test_every_service_answers_in_both_regions(home: Home, service: str) -> None:
    for region in (PRIMARY, RECOVERY):
        assert call(home, service, region)["ResponseMetadata"]["HTTPStatusCode"] == 200


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("rds", (403, "SignatureDoesNotMatch")),
        ("sts", (403, "SignatureDoesNotMatch")),
        ("iam", (403, "SignatureDoesNotMatch")),
        ("route53", (403, "SignatureDoesNotMatch")),
        ("ec2", (401, "AuthFailure")),
        ("kms", (403, "InvalidSignatureException")),
        ("resourcegroupstaggingapi", (403, "InvalidSignatureException")),
        ("s3", (403, "SignatureDoesNotMatch")),
    ],
)
def test_a_wrong_secret_is_refused(home: Home, service: str, expected: tuple[int, str]) -> None:
    assert refused(home, service, aws_secret_access_key="not-the-secret") == expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("rds", (403, "InvalidClientTokenId")),
        ("sts", (403, "InvalidClientTokenId")),
        ("ec2", (401, "AuthFailure")),
        ("secretsmanager", (403, "UnrecognizedClientException")),
        ("s3", (403, "InvalidAccessKeyId")),
    ],
)
def test_a_key_that_nobody_issued_is_refused(home: Home, service: str, expected: tuple[int, str]) -> None:
    assert refused(home, service, aws_access_key_id="AKIAAAAAAAAAAAAAAAAA") == expected


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ("rds", (403, "SignatureDoesNotMatch")),
        ("kms", (403, "InvalidSignatureException")),
    ],
)
def test_a_signature_for_another_region_is_refused(home: Home, service: str, expected: tuple[int, str]) -> None:
    elsewhere = client(home, service, PRIMARY).meta.endpoint_url
    assert refused(home, service, RECOVERY, endpoint_url=elsewhere) == expected


def test_s3_names_the_region_that_it_expects(home: Home) -> None:
    elsewhere = client(home, "s3", PRIMARY).meta.endpoint_url
    with pytest.raises(ClientError) as caught:
        call(home, "s3", RECOVERY, endpoint_url=elsewhere)
    assert caught.value.response["Error"]["Code"] == "AuthorizationHeaderMalformed"
    assert caught.value.response["Error"]["Region"] == PRIMARY


def test_keys_of_an_assumed_role_work_with_their_token_only(home: Home) -> None:
    role = {"RoleArn": f"arn:aws:iam::{ACCOUNT}:role/scratch", "RoleSessionName": "drill"}
    iam = client(home, "iam")
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": ACCOUNT}}
    iam.create_role(
        RoleName="scratch", AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    )
    reads = {"Effect": "Allow", "Action": ["s3:List*", "rds:Describe*", "kms:List*", "route53:List*"], "Resource": "*"}
    iam.put_role_policy(
        RoleName="scratch",
        PolicyName="reads",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [reads]}),
    )
    issued = client(home, "sts").assume_role(**role)["Credentials"]
    session = {
        "aws_access_key_id": issued["AccessKeyId"],
        "aws_secret_access_key": issued["SecretAccessKey"],
        "aws_session_token": issued["SessionToken"],
    }
    for service in ("s3", "rds", "kms", "route53"):
        assert call(home, service, **session)["ResponseMetadata"]["HTTPStatusCode"] == 200
    assert call(home, "sts", RECOVERY, **session)["Arn"].endswith("assumed-role/scratch/drill")
    assert refused(home, "rds", **{**session, "aws_session_token": "another"}) == (403, "InvalidClientTokenId")
    assert refused(home, "s3", **{**session, "aws_session_token": None}) == (400, "InvalidToken")


def test_keys_of_an_iam_user_work(home: Home) -> None:
    iam = client(home, "iam")
    iam.create_user(UserName="responder")
    key = iam.create_access_key(UserName="responder")["AccessKey"]
    mine = {"aws_access_key_id": key["AccessKeyId"], "aws_secret_access_key": key["SecretAccessKey"]}
    assert call(home, "sts", **mine)["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/responder"


def signed(home: Home, **changes: Any) -> AWSRequest:
    """A signed GetCallerIdentity request, to be spoiled by a test."""
    sts = client(home, "sts")
    request = AWSRequest(
        method="POST",
        url=sts.meta.endpoint_url + "/",
        data=changes.get("data", "Action=GetCallerIdentity&Version=2011-06-15"),
        headers={"Content-Type": "application/x-www-form-urlencoded"},
    )
    keys = sts._request_signer._credentials
    SigV4Auth(Credentials(keys.access_key, keys.secret_key), "sts", PRIMARY).add_auth(request)
    return request


def send(request: AWSRequest, *, body: str | None = None) -> tuple[int, str]:
    prepared = request.prepare()
    answer = urllib3.request(
        prepared.method, prepared.url, body=body or prepared.body, headers=dict(prepared.headers), retries=False
    )
    return answer.status, answer.data.decode()


def test_a_body_changed_after_signing_is_refused(home: Home) -> None:
    assert send(signed(home))[0] == 200
    status, text = send(signed(home), body="Action=GetCallerIdentity&Version=2011-06-16")
    assert (status, "SignatureDoesNotMatch" in text) == (403, True)


def test_an_old_signature_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ago = datetime.now(UTC) - timedelta(minutes=20)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda *_, **__: long_ago.replace(tzinfo=None))
    status, text = send(signed(home))
    assert (status, "was signed at" in text) == (403, True)


@pytest.mark.parametrize(
    ("headers", "body", "expected"),
    [
        ({"Content-Type": "application/x-www-form-urlencoded"}, "Action=ListTopics", "MissingAuthenticationToken<"),
        ({"X-Amz-Target": "TrentService.ListKeys"}, "{}", "MissingAuthenticationTokenException"),
        ({}, "", "AccessDenied<"),
        ({"Authorization": "AWS4-HMAC-SHA256 Credential=x"}, "", "AuthorizationHeaderMalformed<"),
        ({"Authorization": "AWS AKIA:signature"}, "", "AuthorizationHeaderMalformed<"),
        ({"Authorization": "Basic eDp5"}, "Action=x", "AuthorizationHeaderMalformed<"),
    ],
)
def test_a_request_without_a_good_claim_is_refused(
    home: Home, headers: dict[str, str], body: str, expected: str
) -> None:
    url = client(home, "sts").meta.endpoint_url
    answer = urllib3.request("POST", url + "/", headers=headers, body=body, retries=False)
    assert answer.status in (400, 403)
    assert expected in answer.data.decode()


def test_a_service_that_is_not_in_the_lab_is_refused_cleanly(home: Home) -> None:
    url = client(home, "sts").meta.endpoint_url
    with pytest.raises(ClientError) as caught:
        client(home, "sqs", endpoint_url=url).list_queues()
    assert "sqs" in caught.value.response["Error"]["Message"]
    with pytest.raises(ClientError):
        client(home, "cloudwatch", endpoint_url=url).list_metrics()
    with pytest.raises(ClientError):
        client(home, "iam", endpoint_url=url).list_users()


def test_an_operation_that_is_not_simulated_is_refused_cleanly(home: Home) -> None:
    with pytest.raises(ClientError) as caught:
        client(home, "route53").list_cidr_collections()
    assert caught.value.response["Error"]["Code"] == "InvalidAction"
    with pytest.raises(ClientError) as caught:
        client(home, "kms").describe_custom_key_stores()
    assert caught.value.response["Error"]["Code"] == "UnknownOperationException"
    with pytest.raises(ClientError) as caught:
        client(home, "sns").list_origination_numbers()
    assert caught.value.response["Error"]["Code"] == "InvalidAction"


def test_presigned_addresses_work_and_expire(home: Home) -> None:
    s3 = client(home, "s3", config=Config(signature_version="s3v4"))
    s3.create_bucket(Bucket="presigned", CreateBucketConfiguration={"LocationConstraint": PRIMARY})
    where = {"Bucket": "presigned", "Key": "a b/ü?&="}
    put = s3.generate_presigned_url("put_object", where, ExpiresIn=60)
    assert urllib3.request("PUT", put, body=b"content").status == 200
    get = s3.generate_presigned_url("get_object", where, ExpiresIn=60)
    assert urllib3.request("GET", get).data == b"content"
    assert urllib3.request("GET", get.replace("X-Amz-Expires=60", "X-Amz-Expires=61")).status == 403
    assert urllib3.request("GET", get.replace("X-Amz-Expires=60", "X-Amz-Expires=0")).status == 400
    assert urllib3.request("PUT", get, body=b"content").status == 403


def test_garbage_never_kills_the_server(home: Home) -> None:
    url = urlsplit(client(home, "sts").meta.endpoint_url)
    pieces = [
        b"\x00\xff\x16\x03\x01 garbage\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET\r\n\r\n",
        b"FROB / HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: minus\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nnothex\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nabc",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"".join(b"h%d: x\r\n" % n for n in range(200)) + b"\r\n",
        b"GET /%ff%fe%00?%zz&&&=== HTTP/1.1\r\nHost: x\r\nAuthorization: AWS4-HMAC-SHA256 ,,,=\r\n\r\n",
    ]
    for piece in pieces:
        # a server that has read enough may hang up while the rest is still being sent
        with socket.create_connection((url.hostname, url.port), timeout=5) as raw, contextlib.suppress(OSError):
            raw.sendall(piece)
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65536):
                pass
    assert call(home, "sts")["Account"] == ACCOUNT


def test_one_connection_serves_many_requests(home: Home) -> None:
    url = urlsplit(client(home, "sts").meta.endpoint_url)
    connection = http.client.HTTPConnection(url.hostname or "", url.port, timeout=5)
    before = None
    for _ in range(3):
        prepared = signed(home).prepare()
        connection.request("POST", "/", body=prepared.body, headers=dict(prepared.headers))
        assert connection.getresponse().read()
        assert before in (None, connection.sock)
        before = connection.sock
    connection.close()


def chunked(home: Home, body: bytes, *, sign_chunks: bool, spoil: bool = False) -> AWSRequest:
    """A PutObject whose body travels in aws-chunks with its checksum in a trailer, as clients send a stream."""
    s3 = client(home, "s3")
    keys = s3._request_signer._credentials
    crc = base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    kind = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER" if sign_chunks else "STREAMING-UNSIGNED-PAYLOAD-TRAILER"
    request = AWSRequest(
        method="PUT",
        url=s3.meta.endpoint_url + "/chunked/key",
        headers={
            "Content-Encoding": "gzip,aws-chunked",
            "X-Amz-Content-SHA256": kind,
            "X-Amz-Decoded-Content-Length": str(len(body)),
            "X-Amz-Trailer": "x-amz-checksum-crc32",
        },
    )
    auth = S3SigV4Auth(Credentials(keys.access_key, keys.secret_key), "s3", PRIMARY)
    auth.payload = lambda _: kind  # type: ignore[method-assign]
    auth.add_auth(request)
    at = request.headers["X-Amz-Date"]
    scope = f"{at[:8]}/{PRIMARY}/s3/aws4_request"
    previous = request.headers["Authorization"].rpartition("=")[2]
    key = b"AWS4" + keys.secret_key.encode()
    for part in scope.split("/"):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()

    def signature(label: str, covered: str) -> str:
        nonlocal previous
        text = f"AWS4-HMAC-SHA256-{label}\n{at}\n{scope}\n{previous}\n{covered}"
        previous = hmac.new(key, text.encode(), hashlib.sha256).hexdigest()
        return previous

    parts = [body[start : start + 8192] for start in range(0, len(body), 8192)] + [b""]
    empty = hashlib.sha256(b"").hexdigest()
    wire = b""
    for part in parts:
        signed_as = signature("PAYLOAD", f"{empty}\n{hashlib.sha256(part).hexdigest()}") if sign_chunks else ""
        head = f"{len(part):x};chunk-signature={signed_as}" if sign_chunks else f"{len(part):x}"
        wire += head.encode() + b"\r\n" + part + (b"\r\n" if part else b"")
    wire += f"x-amz-checksum-crc32:{crc}\r\n".encode()
    if sign_chunks:
        covered = hashlib.sha256(f"x-amz-checksum-crc32:{crc}\n".encode()).hexdigest()
        wire += f"x-amz-trailer-signature:{signature('TRAILER', covered)}\r\n".encode()
    wire += b"\r\n"
    request.data = wire.replace(b"row 1 ", b"row X ", 1) if spoil else wire
    request.headers["Content-Length"] = str(len(wire))
    return request


@pytest.mark.parametrize("sign_chunks", [True, False])
def test_bodies_in_chunks_arrive_whole_and_proven(home: Home, sign_chunks: bool) -> None:
    s3 = client(home, "s3")
    with contextlib.suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(Bucket="chunked", CreateBucketConfiguration={"LocationConstraint": PRIMARY})
    body = b"".join(b"row %d of the chunked body\n" % number for number in range(2000))
    assert send(chunked(home, body, sign_chunks=sign_chunks))[0] == 200
    stored = s3.get_object(Bucket="chunked", Key="key", ChecksumMode="ENABLED")
    assert stored["Body"].read() == body
    assert stored["ContentEncoding"] == "gzip"
    assert stored["ChecksumCRC32"]
    status, text = send(chunked(home, body, sign_chunks=sign_chunks, spoil=True))
    expected = "SignatureDoesNotMatch" if sign_chunks else "BadDigest"
    assert (status, expected in text) == (403 if sign_chunks else 400, True)
