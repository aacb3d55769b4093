"""What RDS tells about itself: events, engine versions, source regions, quotas."""

from datetime import timedelta
from typing import Any

from dr.lab.rds import describe, paging
from dr.lab.rds.clusters.requests import CLUSTERS_PER_REGION
from dr.lab.rds.faults import Fault
from dr.lab.rds.records import Occurrence, Region
from dr.lab.rds.world import World

Answer = dict[str, Any]
KEPT = timedelta(days=14)
DEFAULT_MINUTES = 60
SOURCES = {
    "db-instance",
    "db-parameter-group",
    "db-security-group",
    "db-snapshot",
    "db-cluster",
    "db-cluster-snapshot",
    "custom-engine-version",
    "db-proxy",
    "blue-green-deployment",
    "db-shard-group",
    "zero-etl",
}


def events(world: World, region: Region, request: dict[str, Any]) -> Answer:
    kind, identifier = request.get("SourceType"), request.get("SourceIdentifier")
    if kind and kind not in SOURCES:
        raise Fault("InvalidParameterValue", f"Invalid source type: {kind[:50]}")
    if identifier and not kind:
        raise Fault("InvalidParameterCombination", "Cannot specify source identifier without providing source type")
    begin, end, minutes = request.get("StartTime"), request.get("EndTime"), request.get("Duration")
    if minutes is not None and (begin or end):
        raise Fault("InvalidParameterCombination", "Duration cannot be given together with StartTime or EndTime.")
    if minutes is not None and not 1 <= minutes <= 20160:
        raise Fault("InvalidParameterValue", f"Invalid duration: {minutes}")
    oldest = world.now - KEPT
    until = max(end or world.now, oldest)
    since = begin or until - timedelta(minutes=DEFAULT_MINUTES if minutes is None else minutes)
    if begin and begin > (end or until):
        raise Fault("InvalidParameterCombination", "The start time must be before the end time.")
    since = max(since, world.calendar.moment(world.calendar.now - KEPT))
    categories = set(request.get("EventCategories") or [])
    found = [
        (f"{number:09d}", one)
        for number, one in enumerate(region.events)
        if since <= one.at <= until
        and (not kind or one.kind == kind)
        and (not identifier or one.identifier == identifier.lower())
        and (not categories or categories & set(one.categories))
    ]
    return paging.page(request, found, "Events", _event)


def _event(shown: Occurrence) -> dict[str, Any]:
    return {
        "SourceIdentifier": shown.identifier,
        "SourceType": shown.kind,
        "Message": shown.message,
        "EventCategories": list(shown.categories),
        "Date": shown.at,
        "SourceArn": shown.arn,
    }


def engine_versions(world: World, region: Region, request: dict[str, Any]) -> Answer:  # noqa: ARG001
    served, major = world.machine.tree.version, str(world.machine.tree.major)
    found = [
        (f"{engine}{served}", _version(engine, name, served, major))
        for engine, name in ((describe.ENGINE, "PostgreSQL"), (describe.AURORA, "Aurora PostgreSQL"))
        if request.get("Engine") in (None, engine)
        and request.get("EngineVersion") in (None, served, major)
        and request.get("DBParameterGroupFamily") in (None, f"{engine}{major}")
    ]
    return paging.page(request, found, "DBEngineVersions", lambda shown: shown)


def _version(engine: str, name: str, served: str, major: str) -> dict[str, Any]:
    return {
        "Engine": engine,
        "EngineVersion": served,
        "MajorEngineVersion": major,
        "DBParameterGroupFamily": f"{engine}{major}",
        "DBEngineDescription": name,
        "DBEngineVersionDescription": f"{name} {served}",
        "ValidUpgradeTarget": [],
        "SupportedEngineModes": ["provisioned"] if engine == describe.AURORA else None,
        "SupportsReadReplica": True,
        "SupportsLogExportsToCloudwatchLogs": False,
        "SupportsGlobalDatabases": False,
        "Status": "available",
        "SupportedCACertificateIdentifiers": ["rds-ca-rsa2048-g1"],
    }


def source_regions(world: World, region: Region, request: dict[str, Any]) -> Answer:
    name = request.get("RegionName")
    if name and name not in world.regions:
        raise Fault("InvalidParameterValue", f"Invalid region: {name[:50]}")
    found = [
        (
            other,
            {
                "RegionName": other,
                "Endpoint": f"https://rds.{other}.amazonaws.com",
                "Status": "available",
                "SupportsDBInstanceAutomatedBackupsReplication": True,
            },
        )
        for other in world.regions
        if other != region.name and name in (None, other)
    ]
    return paging.page(request, found, "SourceRegions", lambda shown: shown)


def account_attributes(world: World, region: Region, request: dict[str, Any]) -> Answer:  # noqa: ARG001
    manual = sum(one.kind == "manual" for one in region.snapshots.values())
    storage, most = sum(one.traits.storage for one in region.instances.values()), region.quotas
    quotas = {
        "DBInstances": (len(region.instances), most.instances),
        "ManualSnapshots": (manual, most.manual_snapshots),
        "AllocatedStorage": (storage, most.storage),
        "DBSubnetGroups": (len(region.subnet_groups), most.subnet_groups),
        "DBParameterGroups": (len(region.parameter_groups), most.parameter_groups),
        "DBClusters": (len(region.clusters.live), CLUSTERS_PER_REGION),
        "DBClusterParameterGroups": (len(region.clusters.parameter_groups), 50),
    }
    shown = [{"AccountQuotaName": name, "Used": used, "Max": limit} for name, (used, limit) in quotas.items()]
    return {"AccountQuotas": shown}
