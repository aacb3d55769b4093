"""How to reach a source for its heartbeat: names and secrets of the estate in, logins out."""

from dataclasses import dataclass

from dr.aws import rds, secrets
from dr.aws.clients import Role
from dr.drill import House
from dr.errors import Refused, Unable
from dr.estate import Bucket, Database
from dr.postgres import Login
from dr.sources import login_to


@dataclass(frozen=True)
class Source:
    """One database of the estate, where its application runs."""

    application: str
    asset: str
    database: Database

    @property
    def secret(self) -> str:
        """The writer's secret. Raises Refused where the estate names none."""
        if self.database.heartbeat_secret is None:
            raise Refused(
                f"{self.asset}: the estate names no `heartbeat_secret:`",
                hint='a secret in the primary site that holds {"username": "firedrill_heartbeat", "password": ...}',
            )
        return self.database.heartbeat_secret


def sources(house: House, names: tuple[str, ...]) -> list[Source]:
    """The databases of some assets and applications; without names, those that have a heartbeat's secret.

    Raises Refused for a name that stands for no database.
    """
    every = [
        Source(name, asset, database)
        for name, application in house.estate.applications.items()
        for asset, database in application.databases.items()
    ]
    if not names:
        found = [source for source in every if source.database.heartbeat_secret is not None]
        if not found:
            raise Refused(
                "no database of the estate names a `heartbeat_secret:`",
                hint="`dr heartbeat install --help` explains it",
            )
        return found
    for name in names:
        if not any(name in (source.application, source.asset) for source in every):
            known = ", ".join(source.asset for source in every)
            raise Refused(f"the estate knows no database {name!r}", hint=f"it knows {known}")
    return [source for source in every if source.application in names or source.asset in names]


def buckets_of(house: House, application: str) -> list[Bucket]:
    return list(house.estate.applications[application].buckets.values())


def instance_of(house: House, source: Source, role: Role) -> rds.Instance:
    """The source as RDS describes it now. Raises Unable when it is not there."""
    region = house.estate.sites.primary.region
    found = rds.instance(house.aws, region, source.database.instance, role=role)
    if found is None:
        raise Unable(
            f"instance {source.database.instance} is not in {region}", hint="is the estate's instance name right?"
        )
    return found


def owner_login(house: House, source: Source, instance: rds.Instance) -> Login:
    secret = secrets.read(house.aws, instance.region, source.database.owner_secret)
    return _login(house, source, instance, secret)


def writer_login(house: House, source: Source, instance: rds.Instance) -> Login:
    secret = secrets.read(house.aws, instance.region, source.secret, role="heartbeat")
    return _login(house, source, instance, secret)


def writer(house: House, source: Source) -> Login:
    """The writer's login to wherever the source is now."""
    return writer_login(house, source, instance_of(house, source, "heartbeat"))


def assert_own(house: House, source: Source, writer: Login) -> None:
    """The writer's user is nobody else's: installing gives it another password, and three connections.

    Compared with what the secrets of every database on this instance hold, in each site that the estate lets them be
    read in. Raises Refused, and Unable where a secret cannot be read.
    """
    sites = house.estate.sites
    asked = [
        pair
        for application in house.estate.applications.values()
        for database in application.databases.values()
        if database.instance == source.database.instance
        for pair in (
            (sites.primary.region, database.owner_secret),
            *((site.region, database.app_secret) for site in (sites.primary, sites.recovery) if site.scratch),
        )
    ]
    for region, name in dict.fromkeys(asked):
        if secrets.read(house.aws, region, name).username == writer.user:
            raise Refused(
                f"{source.asset}: {writer.user} is the user of secret {name} in {region}",
                hint=f"put another user into secret {source.secret}; installing creates it",
            )


def _login(house: House, source: Source, instance: rds.Instance, secret: secrets.Secret) -> Login:
    dbname = source.database.database or instance.database or "postgres"
    return login_to(house.connection, house.estate, instance, secret.username, secret.password, dbname)
