"""What goes with an object: lost, changed, and what a restore changes on purpose."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from dr.checks import object_metadata
from dr.manifest import BucketBaseline, ObjectVersion, RestoredObject, Told, mark
from dr.verification import Finding

T = datetime(2026, 11, 20, 2, 15, 0, tzinfo=UTC)
SEED = "5eed"
WAS = Told(
    content_type="application/pdf",
    headers={"cache_control": mark(SEED, "cache_control", "private"), "website_redirect": "r"},
    metadata={"owner": mark(SEED, "owner", "Ada")},
    tags={"class": mark(SEED, "class", "invoice")},
    storage_class="STANDARD_IA",
    encryption="aws:kms",
    kms_key="arn:aws:kms:eu-west-1:123456789012:key/one",
    checksum_type="COMPOSITE",
)
IN_SCRATCH = WAS.model_copy(
    update={
        "headers": {"cache_control": WAS.headers["cache_control"]},
        "storage_class": "STANDARD",
        "encryption": "AES256",
        "kms_key": "",
        "checksum_type": "FULL_OBJECT",
        "replication": "REPLICA",
    }
)


def manifest(*tolds: Told | None, **more: Any) -> BucketBaseline:
    objects = {
        f"k{n}": ObjectVersion(key=f"k{n}", version="v", size=1, sha256="x", modified=T, told=told)
        for n, told in enumerate(tolds)
    }
    return BucketBaseline(asset="docs", bucket="bucket", instant=T, objects=objects, seed=SEED, **more)


def restored(*tolds: Told) -> list[RestoredObject]:
    return [
        RestoredObject(key=f"k{n}", source_version="v", size=1, sha256="x", told=told) for n, told in enumerate(tolds)
    ]


def compared(expected: Told, found: Told) -> list[Finding]:
    return object_metadata.compare(manifest(expected), restored(found))


def test_what_a_restore_changes_on_purpose_is_no_difference() -> None:
    (finding,) = compared(WAS, IN_SCRATCH)
    assert (finding.outcome, finding.observed) == ("passed", "1 compared, 0 differ")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"content_type": "binary/octet-stream"}, "content type binary/octet-stream, not application/pdf"),
        ({"headers": {}}, "header cache_control gone"),
        ({"headers": {**IN_SCRATCH.headers, "expires": "e"}}, "header expires too many"),
        ({"metadata": {}}, "metadata owner gone"),
        ({"metadata": {"owner": mark(SEED, "owner", "Eve")}}, "metadata owner changed"),
        ({"tags": {}}, "tag class gone"),
    ],
)
def test_whatever_is_lost_is_named_by_its_name(change: dict[str, Any], said: str) -> None:
    summary, finding = compared(WAS, IN_SCRATCH.model_copy(update=change))
    assert (summary.outcome, summary.observed) == ("failed", "1 compared, 1 differ")
    assert (finding.subject, finding.observed) == ("bucket/k0", said)


def test_tags_have_no_versions_so_a_changed_or_added_one_is_only_counted() -> None:
    other = IN_SCRATCH.model_copy(update={"tags": {"class": "other", "scanned": "yes"}})
    (finding,) = compared(WAS, other)
    assert finding.outcome == "passed"
    assert finding.detail == "1 have other tags than at the backup: tags have no versions"


def test_an_earlier_manifest_recorded_none_of_it() -> None:
    """It is read as it was written, and what it does not say is never passed."""
    first = json.loads(manifest(None).model_dump_json())
    for new in ("markers", "seed"):
        del first[new]
    del first["objects"]["k0"]["told"]
    first["schema_"] = "firedrill.objects/1"
    (finding,) = object_metadata.compare(BucketBaseline.model_validate_json(json.dumps(first)), restored(WAS))
    assert finding.outcome == "not_available"
    assert "firedrill.objects/1" in finding.detail


def test_nothing_compared_is_no_pass() -> None:
    assert object_metadata.compare(manifest(WAS), [])[0].outcome == "errored"
    assert object_metadata.compare(manifest(), [])[0].outcome == "errored"
    assert object_metadata.compare(manifest(empty=True), [])[0].outcome == "passed"
    (part,) = object_metadata.compare(manifest(WAS, None), restored(IN_SCRATCH, IN_SCRATCH))
    assert part.detail == "1 of 2 objects were not compared"


def test_many_are_counted() -> None:
    stripped = IN_SCRATCH.model_copy(update={"metadata": {}})
    found = object_metadata.compare(manifest(*[WAS] * 60), restored(*[stripped] * 60))
    assert len(found) == 1 + object_metadata.SHOWN + 1
    assert found[-1].observed == "10 more objects"


def test_a_manifest_says_nothing_of_what_people_wrote() -> None:
    written = manifest(WAS).model_dump_json()
    for value in ("Ada", "invoice", "private"):
        assert value not in written
    assert BucketBaseline.model_validate_json(written) == manifest(WAS)
    assert mark("other seed", "owner", "Ada") != mark(SEED, "owner", "Ada") != mark(SEED, "editor", "Ada")
