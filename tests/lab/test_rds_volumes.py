"""What a cluster's volume still does when its last instance goes."""

import threading
import time
from datetime import UTC, datetime

from tests.lab.rds_fixtures import PASSWORD, PRIMARY, RdsLab


def test_a_volume_that_comes_to_rest_can_be_restored_to_its_last_second(rds_lab: RdsLab) -> None:
    """Aurora's log lies with the volume: no instance takes any of it along, however seldom the time was looked up."""
    client = rds_lab.client()
    own_account = {"MasterUsername": "owner", "MasterUserPassword": PASSWORD, "DatabaseName": "app"}
    client.create_db_cluster(DBClusterIdentifier="resting", Engine="aurora-postgresql", **own_account)
    clusters = rds_lab.rds.world.regions[PRIMARY].clusters.live
    rds_lab.until(lambda: clusters["resting"].status == "available", "the cluster available")
    client.create_db_instance(
        DBInstanceIdentifier="member",
        DBClusterIdentifier="resting",
        Engine="aurora-postgresql",
        DBInstanceClass="db.r6g.large",
    )
    rds_lab.await_instance("member")
    own = clusters["resting"].backup
    # Nobody looks any more, as if the next look was a long way off.
    own.stop.set()
    looking = [thread for thread in threading.enumerate() if thread.name == "restorable resting"]
    assert looking
    for thread in looking:
        thread.join()
    own.stop = threading.Event()
    written = datetime.now(UTC)
    assert own.latest is not None
    assert own.latest < written
    time.sleep(1.0)  # a restorable time is a whole second, so the one after has to begin
    rds_lab.delete("member")
    assert own.latest > written
    client.delete_db_cluster(DBClusterIdentifier="resting", SkipFinalSnapshot=True)
    rds_lab.until(lambda: "resting" not in clusters, "the cluster gone")
