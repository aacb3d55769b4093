"""The self-challenge in whole runs: what was planted is found, and a death in it changes nothing but the time."""

import pytest

from tests.runs.conftest import Runner
from tests.runs.test_resume import lived


def test_what_a_run_plants_it_finds_and_its_own_findings_stay_good(backed_up: Runner) -> None:
    report = backed_up.test(challenge=True)
    assert report.verdict == "passed", report.reasons
    assert report.challenge is not None
    assert report.challenge.found
    assert report.challenge.subject
    assert not any(finding.outcome == "failed" for asset in report.assets for finding in asset.findings)
    assert not any("challenge" in text for text in report.not_tested)


@pytest.mark.soak(40)
def test_a_run_that_dies_in_its_challenge_mistakes_nothing_for_real_damage(backed_up: Runner) -> None:
    deaths = (("after", "intended:PlantDamage"), ("before", "observed:PlantDamage"), ("before", "challenged"))
    _, report = lived(backed_up, deaths, "test", "receipts-db")
    assert report["verdict"] == "passed", report["reasons"]
    assert report["challenge"]["found"]
    assert all(one["outcome"] != "failed" for asset in report["assets"] for one in asset["findings"])
