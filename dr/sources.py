"""How to reach a source database, and a restored one: names and secrets in, a login out."""

from pathlib import Path

from pydantic import SecretStr

from dr.aws import rds, secrets
from dr.connection import Connection
from dr.context import Context
from dr.errors import Unable
from dr.estate import Estate, SiteName
from dr.postgres import Login


def source_login(context: Context, asset: str, dbname: str | None = None) -> Login:
    """The owner's login to the source in the primary site: to one database, or to the one it was created with."""
    database = context.database(asset)
    region = context.region("primary")
    instance = rds.instance(context.aws, region, database.instance)
    if instance is None:
        raise Unable(f"instance {database.instance} is not in {region}", hint="is the estate's instance name right?")
    secret = secrets.read(context.aws, region, database.owner_secret)
    main = database.database or instance.database or "postgres"
    return login_to(context.connection, context.estate, instance, secret.username, secret.password, dbname or main)


def reading_login(context: Context, asset: str, dbname: str | None = None) -> Login:
    """The owner's login to whatever the estate says a baseline is read from: the source, or a replica of it.

    A replica has the roles and passwords of its source. Raises Unable for an instance that is no replica of it.
    """
    login = source_login(context, asset, dbname)
    database = context.database(asset)
    named = database.reading.replica
    if named is None:
        return login
    region = context.region("primary")
    replica = rds.instance(context.aws, region, named)
    if replica is None:
        raise Unable(f"replica {named} of {database.instance} is not in {region}", hint="see `reading:` in the estate")
    if replica.replica_of != database.instance:
        raise Unable(
            f"instance {named} in {region} is no replica of {database.instance}",
            hint="a baseline of anything else says nothing; see `reading:` in the estate",
        )
    return login_to(context.connection, context.estate, replica, login.user, login.password, login.dbname)


def restored_login(context: Context, asset: str, identifier: str, site: SiteName, dbname: str | None = None) -> Login:
    """The owner's login to a scratch instance, by the one-time password that this run gave it."""
    instance = rds.instance(context.aws, context.region(site), identifier, role="scratch")
    if instance is None:
        raise Unable(f"scratch instance {identifier} is gone", hint="did somebody sweep it? look at its events")
    password = context.passwords.get(asset)
    if password is None:
        raise Unable(f"the one-time password of {identifier} died with the process that set it", hint="restore again")
    main = context.database(asset).database or instance.database or "postgres"
    return login_to(context.connection, context.estate, instance, instance.master_username, password, dbname or main)


def application_login(context: Context, asset: str, identifier: str, site: SiteName) -> Login:
    """The application's own login to a scratch instance, with the secret that the site holds."""
    instance = rds.instance(context.aws, context.region(site), identifier, role="scratch")
    if instance is None:
        raise Unable(f"scratch instance {identifier} is gone", hint="did somebody sweep it? look at its events")
    secret = secrets.read(context.aws, context.region(site), context.database(asset).app_secret)
    dbname = context.database(asset).database or instance.database or "postgres"
    return login_to(context.connection, context.estate, instance, secret.username, secret.password, dbname)


def login_to(
    connection: Connection, estate: Estate, instance: rds.Instance, user: str, password: SecretStr, dbname: str
) -> Login:
    """A login to an instance as RDS describes it now. Raises Unable while it has no endpoint."""
    if instance.endpoint is None:
        raise Unable(f"instance {instance.identifier} has no endpoint: it is {instance.status}")
    return Login(
        host=instance.endpoint.host,
        port=instance.endpoint.port,
        user=user,
        password=password,
        dbname=dbname,
        ca=authority(connection, estate),
        address=connection.address(instance.endpoint.host),
    )


def authority(connection: Connection, estate: Estate) -> Path | None:
    """The file of certificates to trust: the connection file's, else the estate's."""
    named = Path(estate.certificate_authority) if estate.certificate_authority else None
    return connection.certificate_authority or named
