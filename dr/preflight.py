"""What must hold before a run may begin. Everything here looks, nothing changes; every complaint has file and line."""

import shutil
from collections.abc import Iterator

from dr import catalog, isolation
from dr.aws import ec2, kms, rds, s3, secrets
from dr.aws.clients import Aws
from dr.connection import Connection
from dr.documents import Document
from dr.errors import AwsError, Refused
from dr.estate import Application, Estate, SiteName
from dr.plan import Plan
from dr.records import BackupRecord, choose_instant
from dr.recovery import AtPoint, AtTime, parse_target
from dr.sources import authority


def check_certificates(connection: Connection, estate: Estate, document: Document) -> None:
    """Somebody says which certificates to trust, and the file is there: TLS is verified in full or not used at all.

    Raises Refused.
    """
    path = authority(connection, estate)
    where = document.where("certificate_authority")
    if path is None:
        raise Refused(
            f"{where}: certificate_authority: no file is named: databases are only talked to over verified TLS",
            hint="on AWS: download RDS's global-bundle.pem and name it here",
        )
    if not path.is_file():
        raise Refused(f"{where}: certificate_authority: no file {path}", hint="databases need it for verified TLS")


def check_control_store(aws: Aws, estate: Estate, document: Document) -> None:
    """A control store in the primary region would be lost with it. Raises Refused."""
    for key, location in (("control", estate.control), ("evidence", estate.evidence)):
        if location.startswith("s3://"):
            name = location.removeprefix("s3://").partition("/")[0]
            home = s3.bucket_region(aws, estate.sites.recovery.region, name)
            if home is None:
                raise Refused(f"{document.where(key)}: {key}: bucket {name} does not exist")
            if key == "control" and home != estate.sites.recovery.region:
                raise Refused(
                    f"{document.where(key)}: {key}: bucket {name} is in {home}, not in the recovery region",
                    hint=f"the control store must outlive {estate.sites.primary.region}",
                )


def check_backup(aws: Aws, estate: Estate, document: Document, plan: Plan) -> None:
    """Everything that a backup reads or asks for exists. Raises Refused with one line per complaint."""
    for site in ("primary", "recovery"):
        aws.assert_account(plan.regions[site], "observe")
    _refuse([*_sources(aws, estate, document, plan), *_lasting(aws, estate, document)])


def check_test(aws: Aws, estate: Estate, document: Document, plan: Plan, records: list[BackupRecord]) -> None:
    """Everything that a restore test needs exists in its site, and its target can be restored there. Raises Refused."""
    aws.assert_account(plan.region(plan.site), "observe")
    _refuse([*_scratch(aws, estate, document, plan), *_copies(aws, estate, document, plan)])
    target = parse_target(plan.target)
    application = estate.applications[plan.application]
    sources = catalog.sources(aws, plan, application, records)
    limits = catalog.limits(aws, plan, application, sources)
    times = {}
    if isinstance(target, AtPoint):
        for asset in plan.databases:
            instance = application.databases[asset].instance
            region = plan.region(plan.site)
            for point in catalog.points(aws, region, plan.site, asset, instance, sources[asset]):
                times[point.identifier] = point.time
    if isinstance(target, AtTime | AtPoint) or records:
        choose_instant(target, records, limits, sources, times)
    else:
        raise Refused(
            f"no committed backup of {plan.application} in {estate.control}",
            hint=f"run `dr backup {plan.application}` first",
        )


def _sources(aws: Aws, estate: Estate, document: Document, plan: Plan) -> Iterator[str]:
    application = estate.applications[plan.application]
    home = plan.regions["primary"]
    for asset in plan.databases:
        place = ("applications", plan.application, "databases", asset)
        database = application.databases[asset]
        if rds.instance(aws, home, database.instance) is None:
            yield f"{document.where(*place, 'instance')}: instance {database.instance} is not in {home}"
        yield from _secret(aws, home, database.owner_secret, document.where(*place, "owner_secret"))
    for asset in plan.buckets:
        place = ("applications", plan.application, "buckets", asset)
        bucket = application.buckets[asset]
        yield from _bucket(aws, home, bucket.bucket, document.where(*place, "bucket"))
        yield from _bucket(aws, plan.regions["recovery"], bucket.copy_, document.where(*place, "copy"))


def _copies(aws: Aws, estate: Estate, document: Document, plan: Plan) -> Iterator[str]:
    application: Application = estate.applications[plan.application]
    region = plan.region(plan.site)
    for asset in plan.databases:
        place = ("applications", plan.application, "databases", asset)
        yield from _secret(aws, region, application.databases[asset].app_secret, document.where(*place, "app_secret"))
    for index, probe in enumerate(application.decryptions):
        if probe.database in plan.databases and shutil.which(probe.command[0]) is None:
            where = document.where("applications", plan.application, "decryptions", index, "command")
            yield f"{where}: {probe.command[0]!r} is no program that can be run from here"
    for asset in plan.buckets:
        bucket = application.buckets[asset]
        key, name = ("bucket", bucket.bucket) if plan.site == "primary" else ("copy", bucket.copy_)
        yield from _bucket(aws, region, name, document.where("applications", plan.application, "buckets", asset, key))


def _scratch(aws: Aws, estate: Estate, document: Document, plan: Plan) -> Iterator[str]:
    site: SiteName = plan.site
    scratch = estate.site(site).scratch
    place = ("sites", site, "scratch")
    if scratch is None:
        yield f"{document.where('sites', site)}: the {site} site has no scratch section"
        return
    region = plan.region(site)
    if plan.databases:
        try:
            group = ec2.describe(aws, region, scratch.security_group)
            if group.egress:
                yield (
                    f"{document.where(*place, 'security_group')}: security group {group.name} lets traffic out "
                    f"({group.egress} rules): what stands in there is a copy of production"
                )
        except Refused as problem:
            yield f"{document.where(*place, 'security_group')}: {problem.message}"
        parameters = rds.parameter_group(aws, region, scratch.parameter_group)
        for key, name, there in (
            ("subnet_group", scratch.subnet_group, rds.subnet_group(aws, region, scratch.subnet_group)),
            ("parameter_group", scratch.parameter_group, parameters),
        ):
            if there is None:
                yield f"{document.where(*place, key)}: {key.replace('_', ' ')} {name} is not in {region}"
        if parameters:
            where = f"{document.where(*place, 'parameter_group')}: parameter group {scratch.parameter_group}"
            set_to = rds.parameters(aws, region, scratch.parameter_group)
            yield from (f"{where}: {complaint}" for complaint in isolation.complaints(set_to))
        yield from _key(aws, region, scratch.kms_key, document.where(*place, "kms_key"))
    if plan.buckets:
        yield from _bucket(aws, region, scratch.bucket, document.where(*place, "bucket"))


def _lasting(aws: Aws, estate: Estate, document: Document) -> Iterator[str]:
    lasting = estate.sites.recovery.recovery
    if lasting is None:
        where = document.where("sites", "recovery")
        yield f"{where}: the recovery site has no recovery section: copies need its kms_key"
    else:
        place = document.where("sites", "recovery", "recovery", "kms_key")
        yield from _key(aws, estate.sites.recovery.region, lasting.kms_key, place)


def _bucket(aws: Aws, region: str, name: str, where: str) -> Iterator[str]:
    home = s3.bucket_region(aws, region, name)
    if home is None:
        yield f"{where}: bucket {name} does not exist"
    elif home != region:
        yield f"{where}: bucket {name} is in {home}, not in {region}"
    elif not s3.versioning(aws, region, name):
        yield f"{where}: bucket {name} keeps no versions: it cannot be restored to an instant"


def _key(aws: Aws, region: str, name: str, where: str) -> Iterator[str]:
    key = kms.key(aws, region, name)
    if key is None:
        yield f"{where}: KMS key {name} is not in {region}"
    elif not key.enabled:
        yield f"{where}: KMS key {name} in {region} is {key.state}, not enabled"


def _secret(aws: Aws, region: str, name: str, where: str) -> Iterator[str]:
    try:
        secrets.read(aws, region, name)
    except AwsError as problem:
        if problem.code != "ResourceNotFoundException":
            raise
        yield f"{where}: secret {name} is not in {region}"


def _refuse(complaints: list[str]) -> None:
    if complaints:
        raise Refused(*complaints, hint="nothing was created")
