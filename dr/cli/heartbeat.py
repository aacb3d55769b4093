"""`dr heartbeat`: install the heartbeat in a database, and write it."""

import sys
from dataclasses import asdict
from pathlib import Path

import click

from dr.cli.options import estate_option, json_option


@click.group()
def command() -> None:
    """Install and write the heartbeat: a numbered row a second, which shows how recent a restore really is.

    \b
      dr heartbeat install receipts-db --dry-run      every statement, and nothing done
      dr heartbeat install receipts-db                the table, its functions, and a role to call one
      dr heartbeat run                                the writer, where pg_cron is not
    """


@command.command()
@click.argument("asset")
@click.option("--dry-run", is_flag=True, help="Show every statement, and execute none.")
@click.option("--change-production", is_flag=True, help="Yes: execute them on the production database.")
@click.option(
    "--writer",
    type=click.Choice(["auto", "cron", "process"]),
    default="auto",
    show_default=True,
    help="Who is to write: pg_cron inside the instance, or `dr heartbeat run`. auto: pg_cron where it is to be had.",
)
@click.option("--keep", default="6h", show_default=True, help="How long beats are kept: 20m, 6h, 2d.")
@estate_option
@json_option
def install(
    asset: str, dry_run: bool, change_production: bool, writer: str, keep: str, estate_file: Path, as_json: bool
) -> None:
    """Make the heartbeat's table in ASSET's database, and a role that is granted one function: to write a beat.

    \b
    Before: put the role's name and password into a secret of the primary site, and name it in the estate:
      aws secretsmanager create-secret --name receipts/heartbeat \\
          --secret-string '{"username": "firedrill_heartbeat", "password": "..."}'
      receipts-db: {..., heartbeat_secret: receipts/heartbeat}

    This changes production, so it asks: by typing the asset's name on a terminal, or by --change-production. It is one
    transaction as the owner; a lock is waited for ten seconds at most. Doing it again changes nothing, but for the
    role's password, which becomes the secret's. What was done stands in the control store, below `heartbeats/`.

    The role logs in, three times at once, and is granted one function. What everybody may do it may do as well: connect
    to other databases, make temporary tables, before PostgreSQL 15 create things in schema public, and use what is
    granted to PUBLIC. How many tables of this database that are, and functions that run by their owner's right, is
    told. A schema firedrill that others have a part in is refused, and nobody else may put a trigger on its tables.

    \b
    Example:
      dr heartbeat install receipts-db --dry-run
    """
    from dr.cli.progress import Progress
    from dr.drill import enter
    from dr.errors import Refused, UsageError
    from dr.harmless import ascii_json
    from dr.heartbeat.install import install as perform
    from dr.heartbeat.install import prepare, record
    from dr.heartbeat.reach import assert_own, instance_of, owner_login, sources, writer_login
    from dr.preflight import check_certificates
    from dr.quantities import duration

    try:
        kept = duration(keep)
    except ValueError as problem:
        raise UsageError(f"--keep: {problem}") from problem
    house = enter(estate_file)
    check_certificates(house.connection, house.estate, house.document)
    (source, *more) = sources(house, (asset,))
    if more:
        raise UsageError(f"{asset} has several databases", hint=f"one of {source.asset}, {more[0].asset}, ...")
    cron = {"auto": None, "cron": True, "process": False}[writer]
    instance = instance_of(house, source, "observe")
    owner, role = owner_login(house, source, instance), writer_login(house, source, instance)
    assert_own(house, source, role)
    prepared = prepare(source.asset, owner, role, source.secret, keep=kept, cron=cron)
    shown = prepared.shown()
    if not as_json:
        for one in shown:
            click.echo(f"-- in {one['database']}\n{one['statement']};\n")
    if dry_run:
        if as_json:
            click.echo(ascii_json({"executed": False, "writer": _who(prepared.cron), "statements": shown}))
        return
    if not change_production:
        if as_json or not sys.stdin.isatty():
            raise Refused(
                f"{source.asset} is production: nothing was executed",
                hint="look at the statements with --dry-run, then say --change-production",
            )
        typed = click.prompt(f"this changes production; type {source.asset} to execute it", default="", err=True)
        if typed != source.asset:
            raise Refused("nothing was executed")
    progress = Progress()
    record(house, prepared, instance, "intended")
    everybodys = perform(prepared)
    record(house, prepared, instance, "done")
    if as_json:
        done = {"executed": True, "writer": _who(prepared.cron), "usable_by_everybody": asdict(everybodys)}
        click.echo(ascii_json(done | {"statements": shown}))
    progress(f"{source.asset}: installed; {prepared.writer.user} logged in and called firedrill.beat()")
    if everybodys.tables or everybodys.functions:
        progress(
            f"{everybodys.tables} tables, and {everybodys.functions} functions that run by their owner's right, are "
            f"granted to PUBLIC, and so to {prepared.writer.user} as well"
        )
    progress(
        f"pg_cron writes from now on, scheduled in database {prepared.cron}"
        if prepared.cron
        else f"no pg_cron is to write here: keep `dr heartbeat run {source.asset}` running"
    )


@command.command()
@click.argument("assets", nargs=-1, metavar="[ASSET...]")
@click.option("--once", is_flag=True, help="One beat of each and the object, to see whether it can be written.")
@estate_option
@json_option
def run(assets: tuple[str, ...], once: bool, estate_file: Path, as_json: bool) -> None:
    """Write the heartbeat of ASSETs (or applications) until stopped; without any, of all that have a heartbeat_secret.

    Survives restarts, failovers and lost networks: it connects again, after pauses of up to half a minute. Of several
    started for one database one writes and the others wait to take over. Once a minute the newest beat is stored as an
    object in each of the application's buckets, for replication to carry to the recovery site.

    Ctrl-C or SIGTERM ends it. The exit code is 0 when every database was beating then, and 2 when one was not. With
    --once it is 2 when another session writes.

    \b
    Example:
      dr heartbeat run receipts-db
    """
    from threading import Event

    from dr.cli.progress import Progress, stoppable
    from dr.drill import enter
    from dr.errors import ExitCode
    from dr.harmless import ascii_json
    from dr.heartbeat.reach import sources
    from dr.heartbeat.running import Running
    from dr.preflight import check_certificates

    house = enter(estate_file)
    check_certificates(house.connection, house.estate, house.document)
    chosen = sources(house, assets)
    progress = Progress()
    progress(f"writing as the users of {', '.join(source.secret for source in chosen)}")
    beating = True
    if once:
        running = Running(house, chosen, Event(), progress)
        running.once()
    else:
        with stoppable("stopping", "stopping: a few seconds at most") as stopping:
            running = Running(house, chosen, stopping, progress)
            beating = running.run()
    progress(running.health())
    if as_json:
        click.echo(
            ascii_json(
                {
                    "heartbeats": [
                        {
                            "asset": one.asset,
                            "written": one.written,
                            "sessions": one.sessions,
                            "state": one.state,
                            "newest": one.newest.model_dump(mode="json") if one.newest else None,
                        }
                        for one in running.writers
                    ],
                    "objects": running.objects,
                }
            )
        )
    if not beating:
        sys.exit(ExitCode.INCONCLUSIVE)


def _who(cron: str | None) -> str:
    return "cron" if cron else "process"
