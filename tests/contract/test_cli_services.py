"""S3's API and the services around a database through the `aws` command: tables of commands and what each shows.

They are forty processes for what stock boto3 proves in a second or two elsewhere, so they are left to the soak.
"""

import base64
import hashlib

import pytest

from tests.contract.cloud import Cloud
from tests.contract.command_line import CommandLine, Row

pytestmark = pytest.mark.soak(60)

BODY = b"swept"
OBJECTS = (
    Row("s3api create-bucket --bucket {bucket} --create-bucket-configuration LocationConstraint=eu-west-1"),
    Row("s3api put-bucket-tagging --bucket {bucket} --tagging TagSet=[{{Key=firedrill-contract,Value={run}}}]"),
    Row("s3api get-bucket-tagging --bucket {bucket}", {"TagSet[].Value": ["{run}"]}),
    Row("s3api put-bucket-versioning --bucket {bucket} --versioning-configuration Status=Enabled"),
    Row("s3api get-bucket-versioning --bucket {bucket}", {"Status": "Enabled"}),
    Row("s3api get-bucket-location --bucket {bucket}", {"LocationConstraint": "eu-west-1"}),
    Row(
        "s3api put-object --bucket {bucket} --key k --body {body} --checksum-algorithm SHA256 --metadata a=b "
        "--tagging c=d",
        {"ChecksumSHA256": "{sha256}"},
        {"first": "VersionId"},
    ),
    Row("s3api head-object --bucket {bucket} --key k", {"Metadata": {"a": "b"}, "VersionId": "{first}"}),
    Row("s3api get-object-tagging --bucket {bucket} --key k", {"TagSet": [{"Key": "c", "Value": "d"}]}),
    Row(
        "s3api copy-object --bucket {bucket} --key copy --copy-source {bucket}/k?versionId={first}",
        {"CopySourceVersionId": "{first}"},
    ),
    Row("s3api delete-object --bucket {bucket} --key k", {"DeleteMarker": True}, {"marker": "VersionId"}),
    Row("s3api get-object --bucket {bucket} --key k --version-id {first} got", {"ContentLength": 5}),
    Row(
        "s3api list-object-versions --bucket {bucket} --prefix k",
        {"DeleteMarkers[].[VersionId, IsLatest]": [["{marker}", True]], "Versions[].VersionId": ["{first}"]},
    ),
    Row("s3api list-objects-v2 --bucket {bucket}", {"Contents[].Key": ["copy"]}),
    Row(
        "s3api create-multipart-upload --bucket {bucket} --key parts --checksum-algorithm CRC32",
        {"ChecksumAlgorithm": "CRC32"},
        {"upload": "UploadId"},
    ),
    Row("s3api list-multipart-uploads --bucket {bucket}", {"Uploads[].Key": ["parts"]}),
    Row(
        "s3api upload-part --bucket {bucket} --key parts --upload-id {upload} --part-number 1 --body {body} "
        "--checksum-algorithm CRC32",
        keeps={"etag": "ETag", "crc": "ChecksumCRC32"},
    ),
    Row("s3api list-parts --bucket {bucket} --key parts --upload-id {upload}", {"Parts[].PartNumber": [1]}),
    Row(
        "s3api complete-multipart-upload --bucket {bucket} --key parts --upload-id {upload} --multipart-upload "
        "'Parts=[{{ETag={etag},PartNumber=1,ChecksumCRC32={crc}}}]'",
        {"Bucket": "{bucket}"},
    ),
    Row("s3 rm s3://{bucket} --recursive"),
)
AROUND = (
    Row("sts get-caller-identity", keeps={"account": "Account"}),
    Row(
        "kms create-key --description swept --tags TagKey=firedrill-contract,TagValue={run}",
        {"KeyMetadata.KeyState": "Enabled"},
        {"key": "KeyMetadata.KeyId", "key_arn": "KeyMetadata.Arn"},
    ),
    Row("kms create-alias --alias-name alias/{alias} --target-key-id {key}"),
    Row("kms describe-key --key-id alias/{alias}", {"KeyMetadata.Arn": "{key_arn}"}),
    Row("kms encrypt --key-id {key} --plaintext fileb://{body}", keeps={"cipher": "CiphertextBlob"}),
    Row(
        "secretsmanager create-secret --name {secret} --secret-string hush --kms-key-id {key} "
        "--tags Key=firedrill-contract,Value={run}",
        {"Name": "{secret}"},
        {"secret_arn": "ARN"},
    ),
    Row("secretsmanager get-secret-value --secret-id {secret}", {"SecretString": "hush", "ARN": "{secret_arn}"}),
    Row("secretsmanager put-secret-value --secret-id {secret} --secret-string hush-hush"),
    Row("secretsmanager list-secret-version-ids --secret-id {secret}", {"length(Versions)": 2}),
    Row(
        "resourcegroupstaggingapi get-resources --tag-filters Key=firedrill-contract,Values={run} "
        "--resource-type-filters secretsmanager:secret",
        {"ResourceTagMappingList[].ResourceARN": ["{secret_arn}"]},
    ),
    Row("secretsmanager delete-secret --secret-id {secret} --force-delete-without-recovery"),
    Row("kms delete-alias --alias-name alias/{alias}"),
    Row("kms schedule-key-deletion --key-id {key} --pending-window-in-days 7", {"DeletionDate != null": True}),
    Row(
        "route53 create-hosted-zone --name {zone}.test --caller-reference {zone}",
        {"HostedZone.Name": "{zone}.test."},
        {"zone_id": "HostedZone.Id"},
    ),
    Row(
        "route53 change-resource-record-sets --hosted-zone-id {zone_id} --change-batch "
        "Changes=[{{Action=CREATE,ResourceRecordSet={{Name=db.{zone}.test,Type=CNAME,TTL=5,"
        "ResourceRecords=[{{Value=primary.test}}]}}}}]",
        keeps={"change": "ChangeInfo.Id"},
    ),
    Row("route53 wait resource-record-sets-changed --id {change}"),
    Row(
        "route53 list-resource-record-sets --hosted-zone-id {zone_id}",
        {"ResourceRecordSets[?Type=='CNAME'].[Name, TTL]": [["db.{zone}.test.", 5]]},
    ),
    Row(
        "route53 change-resource-record-sets --hosted-zone-id {zone_id} --change-batch "
        "Changes=[{{Action=DELETE,ResourceRecordSet={{Name=db.{zone}.test,Type=CNAME,TTL=5,"
        "ResourceRecords=[{{Value=primary.test}}]}}}}]"
    ),
    Row("route53 delete-hosted-zone --id {zone_id}"),
)


@pytest.fixture(scope="module")
def aws(cloud: Cloud, tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    command_line = CommandLine(cloud, tmp_path_factory.mktemp("aws"))
    body = command_line.folder / "body"
    body.write_bytes(BODY)
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    command_line.names |= {"run": cloud.run, "body": str(body), "sha256": digest}
    command_line.names |= {stem: cloud.name(stem) for stem in ("bucket", "alias", "secret", "zone")}
    return command_line


@pytest.mark.behaviour("S3-CLI-ROUND-TRIP")
def test_objects_and_their_versions_by_the_command_line(aws: CommandLine) -> None:
    for row in OBJECTS:
        aws.plays(row)
    assert (aws.folder / "got").read_bytes() == BODY
    aws.refused("404", "s3api head-object --bucket {bucket} --key k")
    aws.refused("BucketNotEmpty", "s3api delete-bucket --bucket {bucket}")


@pytest.mark.behaviour("CLI-AROUND-A-DATABASE")
def test_the_services_around_a_database_by_the_command_line(aws: CommandLine) -> None:
    for row in AROUND:
        aws.plays(row)
