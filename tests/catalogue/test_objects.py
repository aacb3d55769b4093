"""Objects that are wrong in the copy that a test restores from."""

from typing import Any

import pytest

from dr.lab.faults.entries import Entry
from tests.catalogue.conftest import TAGGED
from tests.catalogue.expecting import of, parameter
from tests.catalogue.outcome import assert_caught, assert_needed
from tests.catalogue.told import tell
from tests.catalogue.whole import COPY, injected, settled, whole_test
from tests.runs.conftest import Runner

pytestmark = pytest.mark.timeout(1200)
"""Each waits for a server that stops and starts several times."""


def tags(runner: Runner, key: str) -> list[Any]:
    return list(runner.s3().get_object_tagging(Bucket=COPY, Key=key)["TagSet"])


@pytest.mark.parametrize("entry", [parameter(entry) for entry in of("objects") if entry.caught_by != "backup"])
def test_damage_to_an_object_is_caught(runner: Runner, entry: Entry) -> None:
    keys = settled(runner)
    if entry.name == "s3-tags-lost":
        keys = [key for key in keys[:TAGGED] if tags(runner, key)]
    given: dict[str, Any] = {"bucket": COPY, "key": keys[0]}
    more = {
        "s3-older-bytes": {"other": keys[-1]},
        "s3-object-added": {"new": f"{keys[0]}.orphan"},
        "s3-key-changed": {"new": keys[0].upper()},
    }
    with injected(runner, entry.name, **given, **more.get(entry.name, {})):
        outcome = whole_test(runner, None, "receipts-documents")
    tell(entry, "", outcome)
    assert_caught(entry, outcome)
    assert_needed(entry, outcome)
