"""What in a database would reach out of its copy, planted by tests: a subscription, a foreign server, jobs, a trigger.

PostgreSQL lets only superusers own subscriptions (until 16) and event triggers; on RDS the master may. Here a role of
its own has them (it may log in, or no subscription of its would start), and the master is a member of that role: this
makes it their owner, and no superuser.
"""

import socket
import threading
from collections.abc import Callable
from types import TracebackType

import psycopg
from psycopg import sql

DATABASE = "outlets"
CANARY = "canary-of-a-remote-b81d"
OWNER = "outlets_owner"

PLANTED = """
create extension postgres_fdw;
create extension dblink;
create server "the archive" foreign data wrapper postgres_fdw options (host '127.0.0.1', port '{port}', dbname 'far');
alter server "the archive" owner to {master};
create user mapping for {master} server "the archive" options (user 'far', password '{canary}');
create user mapping for public server "the archive" options (user 'far', password '{canary}');
create schema cron authorization {master};
create table cron.job (jobid bigint generated always as identity primary key, schedule text not null,
    command text not null, nodename text not null default 'localhost', nodeport int not null default 5432,
    database text not null default current_database(), username text not null default current_user,
    active boolean not null default true, jobname text);
alter table cron.job owner to {master};
insert into cron.job (schedule, command, jobname, active)
  select '* * * * *', 'select ''{canary}''', 'job ' || i, i <> 3 from generate_series(1, 3) i;
create function cron.not_loaded() returns trigger language plpgsql as
  $$ begin raise exception 'pg_cron can only be loaded via shared_preload_libraries'; end $$;
create trigger cron_job_cache_invalidate after insert or update or delete on cron.job
  for each statement execute function cron.not_loaded();
create subscription "the ""feed"" here" connection 'host=127.0.0.1 port={port} dbname=far user=far password={canary}'
  publication far with (connect = false, slot_name = 'feed');
alter subscription "the ""feed"" here" owner to {owner};
create function public.refuse() returns event_trigger language plpgsql as
  $$ begin raise exception 'no DDL today: {canary}'; end $$;
set role {owner};
create event trigger "stop everything" on ddl_command_start execute function public.refuse();
"""
TO_THE_MASTER = "grant set on parameter session_replication_role to {master}"
"""RDS lets its master set it; on a server of one's own that has to be said, and can be since PostgreSQL 15."""
ENABLED = 'alter subscription "the ""feed"" here" enable'
DISABLED = 'alter subscription "the ""feed"" here" disable'
FORGOTTEN = 'alter subscription "the ""feed"" here" set (slot_name = none)'
DROPPED = 'drop subscription "the ""feed"" here"'
FROM_THE_MASTER = "revoke set on parameter session_replication_role from {master}"
TRIGGER_OFF = 'alter event trigger "stop everything" disable'
TRIGGER_ON = 'alter event trigger "stop everything" enable'


def plant(enter: Callable[[str], psycopg.Connection], master: str, port: int) -> None:
    """Make a database full of outlets, the subscription not enabled yet. `enter` logs in as a superuser."""
    with enter("postgres") as session:
        session.execute(sql.SQL("create role {} superuser login").format(sql.Identifier(OWNER)))
        session.execute(sql.SQL("grant {} to {}").format(sql.Identifier(OWNER), sql.Identifier(master)))
        session.execute(TO_THE_MASTER.format(master=master).encode())
        session.execute(sql.SQL("create database {} owner {}").format(sql.Identifier(DATABASE), sql.Identifier(master)))
    with enter(DATABASE) as session:
        for statement in PLANTED.format(port=port, master=master, owner=OWNER, canary=CANARY).split(";\n"):
            if statement.strip():
                session.execute(statement.encode())


def uproot(enter: Callable[[str], psycopg.Connection], master: str) -> None:
    """Take all of it away again."""
    with enter(DATABASE) as session:
        for statement in (TRIGGER_OFF, DISABLED, FORGOTTEN, DROPPED):
            session.execute(statement.encode())
    with enter("postgres") as session:
        session.execute(sql.SQL("drop database {} with (force)").format(sql.Identifier(DATABASE)))
        session.execute(FROM_THE_MASTER.format(master=master).encode())
        session.execute(sql.SQL("drop role {}").format(sql.Identifier(OWNER)))


class Listener:
    """Counts who comes, and hangs up: the remote that nobody must contact."""

    def __init__(self) -> None:
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        self.came = 0
        self._thread = threading.Thread(target=self._count, daemon=True)

    def __enter__(self) -> "Listener":
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, value: BaseException | None, at: TracebackType | None) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._socket.close()
        self._thread.join()

    def _count(self) -> None:
        while True:
            try:
                guest, _ = self._socket.accept()
            except OSError:
                return  # it was closed
            self.came += 1
            guest.close()
