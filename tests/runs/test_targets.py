"""Every way to say what is to be restored: a recovery point by name, the primary site, one asset alone."""

import json

from dr import catalog
from dr.recovery import AtPoint
from tests.runs.conftest import Runner


def _newest_snapshot(runner: Runner) -> str:
    """Of those that a baseline stands around: a backup that another process went on with has none."""
    records = catalog.records(runner.house.store, "receipts")
    proven = [one for one in records if one.databases["receipts-db"].snapshot_baseline]
    return max(proven, key=lambda one: one.instant).databases["receipts-db"].snapshot


def test_a_snapshot_by_name_is_compared_with_the_baseline_around_it(backed_up: Runner) -> None:
    name = _newest_snapshot(backed_up)
    report = backed_up.test(AtPoint(name))
    answers = {finding.check: finding for asset in report.assets for finding in asset.findings}
    (database,) = [asset for asset in report.assets if asset.kind == "database"]
    assert database.recovery_point == f"snapshot {name}"
    assert answers["content"].outcome == "passed", report.reasons
    assert answers["heartbeat"].outcome == "passed", report.reasons
    assert database.coverage.exact_fraction is not None
    assert database.coverage.exact_fraction >= 0.99
    assert answers["objects"].outcome == "passed", report.reasons
    assert report.verdict == "passed", report.reasons


def test_the_primary_site_restores_from_its_own_backups_and_both_sites_agree(backed_up: Runner) -> None:
    first = backed_up.test(site="primary")
    assert first.verdict == "passed", first.reasons
    assert set(first.regions_called) == {"eu-west-1"}
    assert backed_up.leftovers() == []

    second = backed_up.test(None, "receipts-db")
    (agreement,) = [one for one in second.assets[0].findings if one.check == "agreement"]
    assert agreement.outcome == "passed", agreement
    assert f"as {first.run} restored in the primary site" in agreement.expected

    harm = "update documents set title = title || 'x' where id = (select max(id) from documents)"
    damaged = {"verify receipts-db": lambda: backed_up.in_scratch(harm, region="eu-west-1")}
    third = backed_up.test(None, "receipts-db", before=damaged, site="primary")
    found = {one.subject: one for one in third.assets[0].findings if one.check == "agreement"}
    assert found["receipts-db"].outcome == "failed"
    assert f"as in {second.run}" in found["receipts.public.documents"].expected
    # Other tests restore this instant too, and would rightly be told that a restore of the other site differs.
    (kept,) = (backed_up.lab.folder / "control" / "restores").rglob(f"*{third.run}.json")
    kept.unlink()


def test_one_asset_alone_says_what_was_left_out_and_is_looked_back_at(backed_up: Runner) -> None:
    report = backed_up.test(None, "receipts-documents")
    assert report.verdict == "passed", report.reasons
    assert any("receipts-db" in text for text in report.not_tested)
    runs = json.dumps(json.loads(backed_up.lab.dr("runs", "--json").stdout))
    assert report.run in runs
    assert json.loads(backed_up.lab.dr("report", report.run, "--format", "json").stdout)["run"] == report.run
    assert "<testsuite" in backed_up.lab.dr("report", report.run, "--format", "junit").stdout
    assert backed_up.lab.dr("report", "nonsense").returncode == 3


def test_the_plan_names_everything_and_creates_nothing(backed_up: Runner) -> None:
    before = {path.name for path in backed_up.house.runs.iterdir()}
    plan = json.loads(backed_up.lab.dr("plan", "receipts", "--json").stdout)
    assert plan["steps"][0]["name"] == "choose instant"
    assert {path.name for path in backed_up.house.runs.iterdir()} == before
    assert "creates instance firedrill-" in backed_up.lab.dr("plan", "receipts").stdout
    assert "creates snapshot firedrill-" in backed_up.lab.dr("plan", "receipts", "--kind", "backup").stdout
