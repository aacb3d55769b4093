"""Objects under KMS keys: S3 asks KMS in the name of whoever reads or writes; what `dr iam-policy` prints suffices."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime
from urllib.parse import quote

import pytest
import stories

from dr.lab.front.exchange import Headers, Request
from dr.lab.front.keys import ACCOUNT
from dr.lab.front.refusals import Refusal
from dr.lab.iam import documents
from dr.lab.iam.evaluation import Holdings
from dr.lab.iam.guard import Guard
from dr.lab.iam.needs import Wanted
from dr.lab.iam.principals import Principal
from dr.lab.iam.state import State
from dr.permissions import Work
from dr.policy import documents as printed
from tests.steps.in_process import PRIMARY, RECOVERY, REGIONS, S3, in_process

HOME, COPY, SCRATCH = "receipts-documents-eu-west-1", "receipts-documents-eu-central-1", stories.SCRATCH["bucket"]
KEY = "folder/an object"


class NoRds:
    def tagged(self, region: str) -> dict[str, dict[str, str]]:
        del region
        return {}


class Sealed:
    """An object under a key in each bucket; scratch puts every new one under a key by itself."""

    def __init__(self, s3: S3) -> None:
        self.guard = Guard(State(ACCOUNT, NoRds(), s3.store, REGIONS), lambda: datetime.now(UTC))
        self.keys = {region: s3.client(region, "kms").create_key()["KeyMetadata"]["Arn"] for region in REGIONS}
        self.versions = {}
        for region, bucket in ((PRIMARY, HOME), (RECOVERY, COPY), (RECOVERY, SCRATCH)):
            client = s3.client(region)
            client.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": region})
            client.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
            default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": self.keys[region]}
            rules = {"Rules": [{"ApplyServerSideEncryptionByDefault": default}]}
            client.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration=rules)
            self.versions[bucket] = client.put_object(Bucket=bucket, Key=KEY, Body=b"x")["VersionId"]
            client.put_object(Bucket=bucket, Key="open", Body=b"x", ServerSideEncryption="AES256")

    def refusal(
        self, work: Work, method: str, bucket: str, *, query: str = "", without: str = "", **headers: str
    ) -> str | None:
        """Which action a role lacks for a request; None where it has all of them."""
        region = PRIMARY if bucket == HOME else RECOVERY
        lines = Headers([(name.replace("_", "-"), value) for name, value in headers.items()])
        request = Request(method, f"/{bucket}/{quote(KEY)}{query}", lines, b"", "id")
        try:
            self.guard.admit(role(work, without), ACCOUNT, region, "s3", request)
        except Refusal as problem:
            return problem.message.partition("perform: ")[2].partition(" on resource")[0]
        return None


def role(work: Work, without: str) -> Principal:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{work}"
    policies = []
    for document in printed(stories.estate(), work):
        left = [
            one | {"Action": [action for action in one["Action"] if action != without]}
            for one in document["Statement"]
            if one["Effect"] == "Allow" and one["Action"] != [without]
        ]
        policies.append(documents.read(json.dumps(document | {"Statement": left})))
    return Principal(arn, arn, "id", "AssumedRole", ACCOUNT, Holdings(tuple(policies)))


@pytest.fixture
def sealed() -> Iterator[Sealed]:
    with in_process() as s3:
        yield Sealed(s3)


def test_whoever_reads_what_is_under_a_key_may_decrypt_it_or_is_told(sealed: Sealed) -> None:
    for work, bucket in (("observe", HOME), ("observe", COPY), ("scratch", SCRATCH)):
        named = f"?versionId={sealed.versions[bucket]}"
        for method, told in (("GET", ""), ("HEAD", "ENABLED")):
            headers = {"x_amz_checksum_mode": told} if told else {}
            assert sealed.refusal(work, method, bucket, query=named, **headers) is None
            lacking = sealed.refusal(work, method, bucket, query=named, without="kms:Decrypt", **headers)
            assert lacking == "kms:Decrypt"
        # Only its checksum is asked of KMS, and nothing else of what a HEAD tells.
        assert sealed.refusal(work, "HEAD", bucket, query=named, without="kms:Decrypt") is None


@pytest.mark.parametrize("lacking", ["kms:Decrypt", "kms:GenerateDataKey"])
def test_a_copy_into_scratch_decrypts_and_encrypts(sealed: Sealed, lacking: str) -> None:
    source = f"/{COPY}/{quote(KEY)}?versionId={sealed.versions[COPY]}"
    assert sealed.refusal("scratch", "PUT", SCRATCH, x_amz_copy_source=source) is None
    assert sealed.refusal("scratch", "PUT", SCRATCH, x_amz_copy_source=source, without=lacking) == lacking
    assert sealed.refusal("scratch", "POST", SCRATCH, query="?uploads") is None
    assert sealed.refusal("scratch", "POST", SCRATCH, query="?uploads", without=lacking) == lacking


def test_no_role_decrypts_anything_but_through_s3(sealed: Sealed) -> None:
    for work in ("observe", "scratch"):
        with pytest.raises(Refusal, match="kms:Decrypt"):
            sealed.guard.demand(role(work, ""), PRIMARY, "kms", Wanted("kms:Decrypt", sealed.keys[PRIMARY]), {})
