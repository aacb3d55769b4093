"""One run from estate file to report: what the command line and the flows share.

Everything before `carry_out` only looks. From there on the journal is open, and whatever happens ends in a report.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Flag

from dr import __version__, catalog, connection, preflight
from dr.aws.clients import Aws
from dr.chain import Reading, parse, whole_lines
from dr.clock import Clock
from dr.connection import Connection
from dr.context import Context
from dr.documents import Document, load_estate
from dr.errors import ExitCode, Interrupted, Refused
from dr.estate import Estate, SiteName
from dr.events import Opened
from dr.holding import check, holding, names_of
from dr.journal import FILE, Journal
from dr.lease import Lease, this_process
from dr.ledger import Ledger
from dr.machine import Machine
from dr.plan import Plan
from dr.planning import Choice, plan_backup, plan_test
from dr.recovery import RestoreTarget
from dr.replay import replay
from dr.report.model import Report
from dr.report.rebuild import report_of
from dr.run import Watch, run
from dr.scratch import protected_by
from dr.store import Store, open_store
from dr.verification import Level

TOOL = f"firedrill {__version__}"


@dataclass(frozen=True)
class House:
    """An estate, and the way to everything that it names."""

    estate: Estate
    document: Document
    connection: Connection
    aws: Aws
    store: Store
    runs: Path
    """Where the folders of runs stand on this machine."""
    machine: Machine = field(default_factory=Machine)
    alone: bool = False
    """A run goes on without the control store, by a signed override: what stands there is neither read nor written."""

    def ledger(self, run: str) -> Ledger | None:
        """A run's journal in the control store. None where that is a folder: the run's own one stands in it."""
        return Ledger(self.store, run) if self.store.regions and not self.alone else None

    def reading(self, run: str) -> Reading:
        """A run's journal, from this machine and from a control store that others share. Raises Refused for damage."""
        path = self.runs / run / FILE
        try:
            here = raw = path.read_bytes() if path.exists() else b""
        except OSError as problem:
            raise Refused(f"journal {path}: {problem.strerror}") from problem
        local = whole_lines(here)
        if ledger := self.ledger(run):
            raw = ledger.settle(local)
            if not raw.startswith(local) and replay(parse(local, str(path)).events).overrides:
                raise Refused(
                    f"{run} went on here under an override, and elsewhere as well: {path} and {ledger.shown} differ",
                    hint="look at what each of them made; move this machine's folder away to go by the other alone",
                )
        return parse(raw, str(path)).model_copy(update={"torn": here != local})


def enter(estate_file: Path, environment: Mapping[str, str] = os.environ, *, alone: bool = False) -> House:
    """Read the estate and find the way to AWS and to the control store. Raises Refused; touches nothing.

    `alone`: without asking for the control store, which may not answer.
    """
    estate, document = load_estate(estate_file)
    reached = connection.read(environment)
    regions = frozenset({estate.sites.primary.region, estate.sites.recovery.region})
    aws = Aws(reached, estate.account, estate.roles, environment=environment, regions=regions)
    if not alone:
        preflight.check_control_store(aws, estate, document)
    store, runs = open_store(estate.control, aws, estate.sites.recovery.region)
    return House(estate, document, reached, aws, store, runs, alone=alone)


def prepare_backup(house: House, choice: Choice) -> Plan:
    """Bind a backup. Raises Refused when something that it needs is not there."""
    plan = plan_backup(house.estate, choice, house.machine.clock(Flag()).now())
    preflight.check_certificates(house.connection, house.estate, house.document)
    preflight.check_backup(house.aws, house.estate, house.document, plan)
    return plan


def prepare_test(
    house: House, choice: Choice, *, site: SiteName, target: RestoreTarget, depth: Level, challenge: bool = True
) -> Plan:
    """Bind a restore test. Raises Refused when its target cannot be restored in that site."""
    plan = plan_test(
        house.estate,
        choice,
        house.machine.clock(Flag()).now(),
        site=site,
        target=target,
        depth=depth,
        challenge=challenge,
    )
    if plan.databases:
        preflight.check_certificates(house.connection, house.estate, house.document)
    records = catalog.records(house.store, choice.application)
    preflight.check_test(house.aws, house.estate, house.document, plan, records)
    return plan


def held(
    house: House, plan: Plan, stopping: Flag, say: Callable[[str], None]
) -> AbstractContextManager[Sequence[Lease]]:
    """Hold what a run has to hold. Entering it raises Refused when another run holds it."""
    if house.alone:
        return nullcontext(())
    here = house.machine
    holder = this_process(plan.run, here)
    return holding(house.store, here.clock(stopping), names_of(plan), holder, say, threads=here.threads)


@contextmanager
def permitted(house: House, leases: Sequence[Lease], journal: Journal) -> Iterator[None]:
    """Have each call that changes something ask whether everything is still held, and whether the run is still ours."""

    def ask() -> None:
        check(leases)
        journal.assert_ours()

    house.aws.permit(ask)
    try:
        yield
    finally:
        house.aws.permit(None)


def carry_out(
    house: House, plan: Plan, *, stopping: Flag, say: Callable[[str], None], watch: Watch | None = None
) -> Report:
    """Perform a plan, tear its scratch down, and judge it by its journal alone.

    A run that was asked to stop has a report too. A bug is not caught: its traceback shows, after the teardown. Raises
    Refused, and leaves nothing behind, when another run holds what this one has to hold.
    """
    with held(house, plan, stopping, say) as leases:
        return _performed(house, plan, leases, stopping, say, watch)


def _performed(
    house: House,
    plan: Plan,
    leases: Sequence[Lease],
    stopping: Flag,
    say: Callable[[str], None],
    watch: Watch | None,
) -> Report:
    folder = run_folder(house, plan, exist_ok=False)
    here = house.machine
    clock = here.clock(stopping)
    with here.journal(folder / FILE, clock, house.ledger(plan.run), threads=here.threads) as journal:
        context = surroundings(house, plan, clock, journal, say)
        journal.append(
            Opened(
                run=plan.run,
                tool=TOOL,
                host=here.host,
                pid=here.pid,
                plan=plan.model_dump(mode="json", by_alias=True),
                estate=house.document.text,
            )
        )
        with permitted(house, leases, journal), suppress(Interrupted):
            # The journal has it: the verdict, the reasons and the exit code all follow from there.
            run(context, stopping, watch)
        return concluded(house, journal, folder)


def surroundings(house: House, plan: Plan, clock: Clock, journal: Journal, say: Callable[[str], None]) -> Context:
    """What the steps of a plan may touch; from here on, no region may be called that the plan has no business in."""
    # Whatever a step may try: a test calls the region that it restores in, and that of the control store.
    regions = {plan.region(plan.site)} if plan.kind == "test" else set(plan.regions.values())
    house.aws.allow(frozenset(regions | house.store.regions))
    return Context(
        estate=house.estate,
        plan=plan,
        connection=house.connection,
        aws=house.aws,
        clock=clock,
        journal=journal,
        store=house.store,
        say=say,
        protected=untouchable(house, house.estate, plan.application, say),
        threads=house.machine.threads,
        chance=house.machine.chance,
        ask=house.machine.ask,
    )


def untouchable(
    house: House, estate: Estate, application: str, say: Callable[[str], None] = lambda _: None
) -> frozenset[str]:
    """Names and resource ids that nothing may delete or change: of all that the estate protects.

    Raises Refused when a backup record of the application itself cannot be read; another one's is said, and is no
    reason to leave this one untested.
    """
    protected = protected_by(estate, [] if house.alone else catalog.records(house.store, application))
    for other in () if house.alone else set(estate.applications) - {application}:
        try:
            protected |= protected_by(estate, catalog.records(house.store, other))
        except Refused as problem:
            say(f"the resource ids of {other} are not known: {problem.message}")
    return frozenset(protected)


def concluded(house: House, journal: Journal, folder: Path) -> Report:
    """Judge a run by its journal, and write its report beside it."""
    house.aws.allow(None)
    report = report_of(journal.reading())
    house.machine.report(report, folder)
    return report


def run_folder(house: House, plan: Plan, *, exist_ok: bool) -> Path:
    """The folder of a run on this machine, with its plan in it. Raises Refused where it cannot be made."""
    folder = house.runs / plan.run
    try:
        folder.mkdir(parents=True, exist_ok=exist_ok)
        (folder / "plan.json").write_text(plan.model_dump_json(by_alias=True, indent=2), encoding="utf-8")
    except OSError as problem:
        raise Refused(
            f"control store: cannot create {folder}: {problem.strerror}",
            hint="`control:` in the estate names the place",
        ) from problem
    return folder


def exit_code(report: Report, interrupted: bool) -> ExitCode:
    """What the shell sees. The verdict outranks leftover scratch."""
    if interrupted:
        return ExitCode.INTERRUPTED
    if report.verdict == "failed":
        return ExitCode.FAILED
    if report.verdict == "inconclusive":
        return ExitCode.INCONCLUSIVE
    return ExitCode.SCRATCH_REMAINS if report.scratch.remaining else ExitCode.PASSED
