"""Makes a fresh server look like one of RDS: a hidden superuser, and a master user who is none.

On RDS the master may install allow-listed extensions and call their functions. PostgreSQL lets a trusted extension be
installed by anybody, but leaves functions such as amcheck's to superusers; an event trigger grants them, in every
database made from template1, and restores carry it along.
"""

from typing import LiteralString

import psycopg
from psycopg import sql

ADMIN = "rdsadmin"
OWN_DATABASE = "rdsadmin"

ROLES: LiteralString = """
create role rds_superuser nologin;
create role rds_replication nologin replication;
create role rds_password nologin;
create role rds_iam nologin;
grant pg_monitor, pg_signal_backend to rds_superuser with admin option;
grant rds_replication, rds_password to rds_superuser with admin option;
"""

TRIGGER: LiteralString = """
create function pg_catalog.rds_grant_extension() returns event_trigger
language plpgsql security definer set search_path = pg_catalog, pg_temp as $body$
declare
    member record;
begin
    for member in
        select p.oid::regprocedure as routine
        from pg_event_trigger_ddl_commands() c
        join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = c.objid and d.deptype = 'e'
        join pg_proc p on d.classid = 'pg_proc'::regclass and p.oid = d.objid
        where c.object_type = 'extension'
    loop
        execute format('grant execute on routine %s to rds_superuser with grant option', member.routine);
    end loop;
    for member in
        select w.fdwname as wrapper
        from pg_event_trigger_ddl_commands() c
        join pg_depend d on d.refclassid = 'pg_extension'::regclass and d.refobjid = c.objid and d.deptype = 'e'
        join pg_foreign_data_wrapper w on d.classid = 'pg_foreign_data_wrapper'::regclass and w.oid = d.objid
        where c.object_type = 'extension'
    loop
        execute format('grant usage on foreign data wrapper %I to rds_superuser with grant option', member.wrapper);
    end loop;
end
$body$;
create event trigger rds_grant_extension on ddl_command_end
    when tag in ('CREATE EXTENSION', 'ALTER EXTENSION') execute function pg_catalog.rds_grant_extension();
"""


def furnish(connection: psycopg.Connection) -> None:
    """The roles, and RDS's own database. Called once, on database `postgres` of a fresh cluster."""
    connection.execute(ROLES)
    connection.execute("create database rdsadmin")
    connection.execute("revoke connect on database rdsadmin from public")


def watch_extensions(connection: psycopg.Connection) -> None:
    """Grant what extensions bring to `rds_superuser` in this database and all those made from it."""
    connection.execute(TRIGGER)


def create_master(connection: psycopg.Connection, name: str, password: str, database: str | None) -> None:
    """The master user, and the first database as its own."""
    role = sql.Identifier(name)
    connection.execute(
        sql.SQL("create role {} login createdb createrole password {}").format(role, sql.Literal(password))
    )
    connection.execute(sql.SQL("grant rds_superuser to {} with admin option").format(role))
    for shared in ("postgres", "template1"):
        connection.execute(sql.SQL("alter database {} owner to {}").format(sql.Identifier(shared), role))
    if database and database != "postgres":
        connection.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(database), role))


def repair_master(connection: psycopg.Connection, name: str, password: str) -> None:
    """A new password; as on RDS this also gives revoked privileges back."""
    role = sql.Identifier(name)
    connection.execute(
        sql.SQL("alter role {} login createdb createrole password {}").format(role, sql.Literal(password))
    )
    connection.execute(sql.SQL("grant rds_superuser to {} with admin option").format(role))
