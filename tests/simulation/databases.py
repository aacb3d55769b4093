"""The answers that PostgreSQL would give, where a check would connect. What they mean is judged by the product's code.

Whoever asks must have the right password; a database may be deaf; and what it holds follows from how it was made.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random

from dr import comparison
from dr.beats import bounded_by, bracketed
from dr.challenge import FOUND_BY, Kind
from dr.checks.heartbeat import judge
from dr.clock import Clock, Deadline
from dr.errors import Unable
from dr.estate import Assertion, Decryption, Reference
from dr.hashing import Hashing, Tier
from dr.held import HeldKey
from dr.isolation import INSIDE, Before, Outlet
from dr.joint_recovery import Joint
from dr.plan import LEVEL_OF
from dr.postgres import Login, LoginRefused
from dr.questions import Questions
from dr.verification import (
    Chunk,
    Coverage,
    DatabaseBaseline,
    Finding,
    Heartbeat,
    HeartbeatWindow,
    InstanceBaseline,
    ObservedDatabase,
    Outcome,
    SchemaFingerprint,
    TableBaseline,
    TableSide,
)
from tests.simulation.baton import Baton
from tests.simulation.cloud.account import ESTATE, Account, Instance
from tests.simulation.cloud.rds import data_at
from tests.simulation.troubles import Troubles

DATABASE = "receipts"
SHAPE = SchemaFingerprint(objects={}, extensions={}, roles={}, sequences={}, settings={})
ROWS = 100


class SimulatedDatabases(Questions):
    """Every instance of the account, as its PostgreSQL."""

    def __init__(self, account: Account, baton: Baton, troubles: Troubles) -> None:
        self._account, self._baton, self._troubles = account, baton, troubles

    def _enter(self, login: Login, *, first_session: bool = False) -> Instance:
        """The instance behind a login. Raises Unable."""
        self._baton.effect(f"before connecting to {login}")
        self._baton.note(f"connect   {login}")
        name, region = login.host.split(".")[:2]
        there = self._account.regions[region].instances.get(name)
        now = self._account.now
        if (
            there is None
            or there.status(now) != "available"
            or self._troubles.chance.random() < self._troubles.deaf_databases
        ):
            raise Unable(f"connecting to {login}: connection refused")
        there.settle(now)
        # The application's own password came along with production's data.
        if login.password.get_secret_value() != ("production's" if login.user == "app" else there.password):
            raise LoginRefused(f"connecting to {login}: password authentication failed")
        if there.maker != ESTATE and not first_session and not there.quiet:
            self._account.wrongs.append(f"{login} was entered before its first session was over")
        there.entered = there.entered or not first_session
        return there

    def outlets(
        self,
        login_for: Callable[[str], Login],
        *,
        first: str,
        hashing: Callable[[], Hashing | None],
        deadline: Deadline | None = None,
    ) -> list[Before]:
        del hashing, deadline
        there = self._enter(login_for(first), first_session=True)
        feed = Outlet(kind="subscription", name=f"{DATABASE}.feed", live=not there.quiet)
        return [Before(database=DATABASE, outlets=(feed,))]

    def disable(self, login_for: Callable[[str], Login], *, first: str) -> None:
        self._enter(login_for(first), first_session=True).quiet = True

    def isolated(self, login_for: Callable[[str], Login], *, first: str) -> dict[str, str]:
        there = self._enter(login_for(first), first_session=True)
        if not there.quiet:
            raise Unable("1 subscriptions are enabled")
        return dict.fromkeys(INSIDE, "simulated")

    def opens(self, login: Login, *, server_version: int | None, subject: str) -> list[Finding]:
        self._enter(login)
        return [Finding(check="opens", level="L1", outcome="passed", subject=subject, detail=str(server_version))]

    def heartbeat(
        self,
        login: Login,
        moment: datetime,
        baseline: InstanceBaseline | None,
        *,
        subject: str,
        told: Heartbeat | None = None,
    ) -> tuple[Finding, HeartbeatWindow]:
        there = self._enter(login)
        seen = beats(moment, there.beats_until)
        expected = bracketed(None, baseline.heartbeat) if baseline else None
        if expected is None and told is not None:
            expected = bounded_by(told, moment, "the heartbeat object")
        return judge(seen, moment, expected, subject=subject), seen

    def content(
        self,
        login_for: Callable[[str], Login],
        baseline: InstanceBaseline,
        *,
        first: str,
        pause: Callable[[], None],
        before: Mapping[str, Before],
        seen: Callable[[ObservedDatabase], None] = lambda _: None,
        only: str | None = None,
    ) -> tuple[list[Finding], Coverage]:
        del only
        _noted(before)
        if missing := comparison.whole(baseline):
            raise Unable(missing)
        there = self._enter(login_for(first))
        pause()
        planted = int("content" in there.planted)
        tables = {key: side(digest + planted) for key, digest in there.data.items()}
        found = ObservedDatabase(name=DATABASE, tables=tables)
        seen(found)
        return comparison.compare_content(baseline.databases[DATABASE], found, {}, begun_at=baseline.begun_at)

    def schema(
        self, login_for: Callable[[str], Login], baseline: InstanceBaseline, *, first: str, before: Mapping[str, Before]
    ) -> list[Finding]:
        del baseline
        _noted(before)
        planted = self._enter(login_for(first)).planted
        checks = ("schema", "extensions", "roles", "sequences")
        bad = [
            Finding(check=check, level="L5", outcome="failed", subject=planted[check])
            for check in checks
            if check in planted
        ]
        return [*(Finding(check=check, level="L5", outcome="passed", subject=DATABASE) for check in checks), *bad]

    def plant(
        self,
        login_for: Callable[[str], Login],
        baseline: InstanceBaseline,
        kind: Kind,
        chance: Random,
        announce: Callable[[str], None],
        *,
        first: str,
        spared: Iterable[str] = (),
    ) -> str:
        del baseline, spared
        there = self._enter(login_for(first))
        subject = f"{DATABASE}.{chance.choice(sorted(there.data))}"
        announce(subject)
        self._baton.effect(f"before planting damage in {there.name}")
        if there.maker == ESTATE:
            self._account.wrongs.append(f"damage was planted in {there.name}, which is the estate's")
        there.planted[FOUND_BY[kind]] = subject
        return subject

    def assertions(
        self, login: Login, assertion: Assertion, *, subject: str, recorded: object, hashing: object
    ) -> Finding:
        del recorded, hashing
        self._enter(login)
        return Finding(check="assertions", level="L8", outcome="passed", subject=f"{subject}: {assertion.name}")

    def decryption(
        self, login: Login, probe: Decryption, *, subject: str, region: str, pause: Callable[[], None]
    ) -> Finding:
        del region
        self._enter(login)
        pause()
        return Finding(check="decryption", level="L8", outcome="passed", subject=f"{subject}: {probe.name}")

    def structure(self, login_for: Callable[[str], Login], *, first: str, pause: Callable[[], None]) -> list[Finding]:
        return self._surveyed("structure", login_for(first), pause, "not_available")

    def visibility(self, login_for: Callable[[str], Login], *, first: str, pause: Callable[[], None]) -> list[Finding]:
        return self._surveyed("visibility", login_for(first), pause, "not_available")

    def readable(self, login_for: Callable[[str], Login], *, first: str, pause: Callable[[], None]) -> list[Finding]:
        return self._surveyed("readable", login_for(first), pause)

    def index_answers(
        self,
        login_for: Callable[[str], Login],
        baseline: InstanceBaseline | None,
        *,
        first: str,
        seed: int,
        pause: Callable[[], None],
    ) -> list[Finding]:
        del baseline, seed
        return self._surveyed("index_answers", login_for(first), pause)

    def constraints(
        self,
        login_for: Callable[[str], Login],
        baseline: InstanceBaseline | None,
        *,
        first: str,
        pause: Callable[[], None],
    ) -> list[Finding]:
        del baseline
        return self._surveyed("constraints", login_for(first), pause)

    def collations(
        self,
        login_for: Callable[[str], Login],
        baseline: InstanceBaseline | None,
        *,
        first: str,
        pause: Callable[[], None],
    ) -> list[Finding]:
        del baseline
        return self._surveyed("collations", login_for(first), pause)

    def _surveyed(
        self, check: str, login: Login, pause: Callable[[], None], outcome: Outcome = "passed"
    ) -> list[Finding]:
        self._enter(login)
        pause()
        return [Finding(check=check, level=LEVEL_OF[check], outcome=outcome, subject=DATABASE)]

    def references(
        self,
        asked: Sequence[tuple[Login, Reference]],
        held: Iterable[HeldKey],
        instant: datetime,
        *,
        bucket: str,
        heartbeat: str,
        whole: bool,
    ) -> tuple[list[Finding], Joint]:
        del heartbeat, whole
        for login, _ in asked:
            self._enter(login)
        there = any(entry.sha256 for line in held for entry in line.entries)
        found = Finding(check="references", level="L7", outcome="passed" if there else "failed", subject=bucket)
        return [found], Joint(instant=instant, rows=1, agrees=there)

    def capture(
        self,
        asset: str,
        resource_id: str,
        login_for: Callable[[str], Login],
        clock: Clock,
        *,
        seed: int,
        first: str,
        say: Callable[[str], None],
        around: Callable[[], datetime] | None = None,
        tier: Tier,
        workers: int,
        rate: int | None,
        asking: Sequence[Assertion],
    ) -> InstanceBaseline:
        del say, tier, workers, rate, asking
        there = self._enter(login_for(first))
        if there.maker != ESTATE:
            raise AssertionError(f"a baseline of {there.name}, which is no source")
        before = self._account.moment()
        if around is None:
            instant = before.replace(microsecond=0) + timedelta(seconds=1)
            clock.sleep((instant - before).total_seconds() + 0.1)
        else:
            instant = around()
        self._enter(login_for(first))
        return recorded(asset, resource_id, instant, before, self._account.moment(), seed, snapshot=around is not None)


def _noted(before: Mapping[str, Before]) -> None:
    """What was noted before anything was changed must have outlived every kill since."""
    if not before[DATABASE].outlets[0].live:
        raise AssertionError("the checks compare what the first session made, not what was restored")


def recorded(
    asset: str, resource_id: str, instant: datetime, before: datetime, after: datetime, seed: int, *, snapshot: bool
) -> InstanceBaseline:
    """The baseline of the source around an instant."""
    tables = {key: TableBaseline(before=side(digest), after=side(digest)) for key, digest in data_at(instant).items()}
    return InstanceBaseline(
        asset=asset,
        resource_id=resource_id,
        server_version=150008,
        seed=seed,
        instant=instant,
        opened_before=before,
        opened_after=after,
        in_progress=(),
        around_snapshot=snapshot,
        databases={DATABASE: DatabaseBaseline(name=DATABASE, tables=tables, before=SHAPE, after=SHAPE)},
        held={DATABASE: len(tables)},
        heartbeat=beats(instant, int(instant.timestamp())),
        heartbeat_database=DATABASE,
    )


def side(digest: int) -> TableSide:
    return TableSide(filenode=1, rows=ROWS, bytes=8192, chunks={0: Chunk(count=ROWS, digest=digest)})


def beats(moment: datetime, until: int) -> HeartbeatWindow:
    """The heartbeat around a moment, in a database whose newest beat is of a given second's first half."""

    def beat(second: int) -> Heartbeat:
        at = datetime.fromtimestamp(second, UTC) - timedelta(milliseconds=500)
        return Heartbeat(seq=second, at=at, lineage="a")

    second = int(moment.timestamp())
    return HeartbeatWindow(
        present=True,
        newest_until=beat(min(until, second)),
        first_after=beat(second + 1) if until > second else None,
        lineages=("a",),
    )
