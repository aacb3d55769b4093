"""Objects damaged in the copy, and rows that no longer find theirs: whole runs, in which each damage is told apart."""

from typing import Any

import pytest

from dr.report.model import Report
from dr.verification import Finding
from tests.runs.conftest import Runner, soon

HOME, COPY = "receipts-documents-eu-west-1", "receipts-documents-eu-central-1"
PREFIX = "faults"
PLAIN = ("good", "hidden", "stale", "bytes", "stripped", "orphan", "bent row", "lost", "cold/object")
WRITTEN = {
    "Body": b"the bytes as they were written",
    "ContentType": "application/pdf",
    "Metadata": {"owner": "Ada"},
    "Tagging": "class=invoice",
}


def rule(number: int, prefix: str, **destination: Any) -> dict[str, Any]:
    return {
        "ID": f"rule-{number}",
        "Priority": number,
        "Status": "Enabled",
        "Filter": {"Prefix": prefix},
        "DeleteMarkerReplication": {"Status": "Enabled"},
        "SourceSelectionCriteria": {"SseKmsEncryptedObjects": {"Status": "Enabled"}},
        "Destination": {"Bucket": f"arn:aws:s3:::{COPY}", **destination},
    }


def replicate(runner: Runner, key: str) -> None:
    """Objects under a key are replicated too, to another one; those below `faults/cold` into an archive."""
    client = runner.s3("eu-west-1")
    before = client.get_bucket_replication(Bucket=HOME)["ReplicationConfiguration"]
    seal = {"EncryptionConfiguration": {"ReplicaKmsKeyID": key}}
    rules = [rule(1, "", **seal), rule(2, f"{PREFIX}/cold", **seal, StorageClass="GLACIER")]
    client.put_bucket_replication(Bucket=HOME, ReplicationConfiguration={"Role": before["Role"], "Rules": rules})


def put(runner: Runner, name: str, **more: Any) -> str:
    made = runner.s3("eu-west-1").put_object(Bucket=HOME, Key=f"{PREFIX}/{name}", **(WRITTEN | more))
    return str(made["VersionId"])


def arrived(runner: Runner, names: dict[str, str]) -> bool:
    listed = runner.s3().list_object_versions(Bucket=COPY, Prefix=f"{PREFIX}/").get("Versions", ())
    return {one["VersionId"] for one in listed} >= set(names.values())


def fault(runner: Runner, name: str, *given: str) -> None:
    done = runner.lab.dr("lab", "fault", "inject", name, *given)
    assert done.returncode == 0, done.stderr


def told(report: Report, check: str) -> dict[str, Finding]:
    """What a check says of each single object or row of this file, by the object's name."""
    found = {one for asset in report.assets for one in asset.findings if one.check == check}
    return {one.subject.rpartition(f"{PREFIX}/")[2]: one for one in found if f"{PREFIX}/" in one.subject}


@pytest.mark.soak(120)
def test_each_damage_in_the_copy_is_found_and_told_apart(fresh: Runner) -> None:
    """S02, S03, S04, S06, S09, S11, S12 and S17, and each way in which a row can miss its object, in one run.

    `tests/steps/test_buckets.py` finds the same without a database.
    """
    runner, client = fresh, fresh.s3()
    assert runner.backup().verdict == "passed"
    kms = runner.lab.client("kms", "eu-west-1"), runner.lab.client("kms", "eu-central-1")
    here, there = (one.create_key()["KeyMetadata"]["Arn"] for one in kms)
    replicate(runner, there)
    names = {name: put(runner, name) for name in PLAIN}
    names["asleep"] = put(runner, "asleep", StorageClass="GLACIER")
    names["key/sealed"] = put(runner, "key/sealed", ServerSideEncryption="aws:kms", SSEKMSKeyId=here)
    soon(lambda: arrived(runner, names))
    client.delete_object(Bucket=COPY, Key=f"{PREFIX}/hidden")
    client.put_object(Bucket=COPY, Key=f"{PREFIX}/stale", Body=b"older")
    client.delete_object_tagging(Bucket=COPY, Key=f"{PREFIX}/stripped", VersionId=names["stripped"])
    fault(runner, "s3-wrong-bytes", "--bucket", COPY, "--key", f"{PREFIX}/bytes")
    backup = runner.backup()
    assert backup.verdict == "passed", backup.reasons
    assert [one for one in backup.not_tested if one.endswith(f"archived and were not read, first '{PREFIX}/asleep'")]
    fault(runner, "s3-version-missing", "--bucket", COPY, "--key", f"{PREFIX}/lost", "--version", names["lost"])
    kms[1].disable_key(KeyId=there.rpartition("/")[2])
    rows = [name for name in names if name != "orphan"]
    report = runner.test(before={"verify references": lambda: name_in_scratch(runner, names, rows)})
    assert report.verdict == "failed"
    untold = [one for one in report.not_tested if "archived" in one and "home" in one]
    assert [one.partition(" ")[0] for one in untold] == ["replica", "objects", "references"]
    assert {name: one.observed.split(":")[0] for name, one in told(report, "replica").items()} == {
        "hidden": "hidden",
        "stale": "another version stands on top",
        "lost": "missing",
        "key/sealed": "undecryptable",
        "cold/object": "archived",
    }
    assert set(told(report, "objects")) == {"hidden", "stale", "lost", "bytes", "key/sealed", "cold/object"}
    assert {name: one.observed for name, one in told(report, "object_metadata").items()} == {
        "stripped": "tag class gone"
    }
    assert {name: one.observed for name, one in told(report, "references").items()} == {
        "hidden": "hidden",
        "lost": "missing",
        "bytes": "wrong bytes",
        "bent row": "another version",
        "key/sealed": "undecryptable",
        "cold/object": "archived",
    }
    agreed = next(one for one in report.assets[0].findings if one.subject == "receipts-documents")
    assert "no row names" in agreed.observed
    assert "joint recovery time" in agreed.detail
    assert "dr test --at" in agreed.detail
    assert set(report.regions_called) == {"eu-central-1"}


def name_in_scratch(runner: Runner, names: dict[str, str], rows: list[str]) -> None:
    """Rows of the restored database come to name the objects of this file."""
    digest = "encode(sha256('the bytes as they were written'), 'hex')"
    for row in rows:
        version = "0" * 32 if row == "bent row" else names[row]
        runner.in_scratch(
            "insert into documents (account_id, title, amount, period, object_key, object_version, sha256, size) select"
            f" min(id), 'x', 1, 'empty', '{PREFIX}/{row}', '{version}', {digest}, 30 from accounts"
        )
