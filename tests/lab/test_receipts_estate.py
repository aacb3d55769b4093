"""The estate that ships with the product describes exactly what `dr lab seed` creates."""

from pathlib import Path

from dr.documents import load_estate
from dr.lab.receipts import names

ESTATE = Path(__file__).parents[2] / "runbooks" / "estate.yaml"


def test_the_estate_is_valid_and_names_what_is_seeded() -> None:
    estate, _ = load_estate(ESTATE)
    receipts = estate.applications["receipts"]
    database = receipts.databases["receipts-db"]
    bucket = receipts.buckets["receipts-documents"]

    assert estate.sites.primary.region == names.PRIMARY
    assert estate.sites.recovery.region == names.RECOVERY
    assert (database.instance, database.owner_secret, database.app_secret) == (
        names.INSTANCE,
        names.OWNER_SECRET,
        names.APP_SECRET,
    )
    assert database.heartbeat_secret == names.HEARTBEAT_SECRET
    assert bucket.bucket == names.documents_bucket(names.PRIMARY)
    assert bucket.copy_ == names.documents_bucket(names.RECOVERY)
    assert bucket.heartbeat == names.HEARTBEAT_KEY
    for site in (estate.sites.primary, estate.sites.recovery):
        assert site.scratch is not None
        assert site.scratch.bucket == names.scratch_bucket(site.region)
        assert site.scratch.subnet_group == site.scratch.security_group == names.SCRATCH
        assert site.scratch.parameter_group == names.SCRATCH_PARAMETER_GROUP
        assert site.scratch.kms_key == names.DRILL_KEY
    lasting = estate.sites.recovery.recovery
    assert lasting is not None
    assert lasting.subnet_group == names.SUBNET_GROUP
    assert lasting.security_group == names.SECURITY_GROUP
    assert lasting.parameter_group == names.PARAMETER_GROUP
    assert lasting.kms_key == names.APP_KEY
