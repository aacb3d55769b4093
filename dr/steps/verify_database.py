"""Ask every check that looks at one restored instance, and journal each answer."""

from collections.abc import Callable, Sequence
from functools import cache, partial

from dr import facts
from dr.agreeing import agreed
from dr.baselines import NoBaseline, baseline_for
from dr.context import Context
from dr.estate import Assertion, Decryption
from dr.isolating import before_first_session
from dr.plan import LEVEL_OF
from dr.recovery import stamp
from dr.runbook import RestoreDatabase, VerifyDatabase
from dr.sources import application_login, restored_login
from dr.verification import Finding, Heartbeat, InstanceBaseline, ObservedDatabase, asked


def verify_database(step: VerifyDatabase, context: Context) -> None:
    """Every expected check answers: with what it found, or with why it could not look."""
    asset = step.asset
    expected = context.plan.expected_checks[asset]
    identifier = next(
        other.instance for other in context.plan.steps if isinstance(other, RestoreDatabase) and other.asset == asset
    )
    owner = restored_login(context, asset, identifier, step.site)
    before = before_first_session(context, asset)
    seed = context.chance.getrandbits(31)

    def pause() -> None:
        """Where a request to stop ends what reads for long."""
        context.clock.sleep(0)

    def ask(checks: Sequence[str], look: Callable[[], Sequence[Finding]]) -> None:
        wanted = [check for check in checks if check in expected]
        if not wanted:
            return
        context.say(f"{asset}: {', '.join(wanted)} …")
        for finding in asked(wanted[0], LEVEL_OF[wanted[0]], asset, look):
            context.find(asset, finding)

    @cache
    def recorded() -> InstanceBaseline | None:
        """The baseline where there is one: some checks can answer without, and say what they then could not compare."""
        try:
            return baseline_for(context, asset)
        except NoBaseline:
            return None

    def with_baseline(look: Callable[[InstanceBaseline], Sequence[Finding]]) -> Callable[[], Sequence[Finding]]:
        return lambda: look(baseline_for(context, asset))

    observed: list[ObservedDatabase] = []

    def compared(baseline: InstanceBaseline) -> Sequence[Finding]:
        findings, coverage = context.ask.content(
            owner.to,
            baseline,
            first=owner.dbname,
            pause=pause,
            before=before,
            seen=observed.append,
        )
        context.cover(asset, coverage)
        return findings

    def beating() -> Sequence[Finding]:
        known = facts.told_heartbeat_of(asset)
        finding, seen = context.ask.heartbeat(
            owner,
            context.moment(facts.INSTANT),
            recorded(),
            subject=asset,
            told=Heartbeat.model_validate(context.fact(known)) if context.knows(known) else None,
        )
        if seen.newest_until:
            context.learn(facts.newest_heartbeat_of(asset), stamp(seen.newest_until.at))
        return [finding]

    def opening() -> Sequence[Finding]:
        known = recorded()
        application = application_login(context, asset, identifier, step.site)
        return context.ask.opens(application, server_version=known.server_version if known else None, subject=asset)

    def asserted() -> Sequence[Finding]:
        mine = [one for one in context.application.assertions if one.database == asset]
        # Each on its own: one that cannot be put must not take the answers of the others with it.
        return [finding for one in mine for finding in asked("assertions", "L8", asset, partial(answer, one))]

    def answer(assertion: Assertion) -> Sequence[Finding]:
        known = recorded() if assertion.expect is None else None
        answered = known.answers.get(assertion.name) if known else None
        hashing = known.hashing if known else None
        return [context.ask.assertions(owner, assertion, subject=asset, recorded=answered, hashing=hashing)]

    def decrypted() -> Sequence[Finding]:
        mine = [one for one in context.application.decryptions if one.database == asset]
        return [finding for one in mine for finding in asked("decryption", "L8", asset, partial(tried, one))]

    def tried(probe: Decryption) -> Sequence[Finding]:
        region = context.region(step.site)
        return [context.ask.decryption(owner, probe, subject=asset, region=region, pause=pause)]

    ask(["opens"], opening)
    ask(["heartbeat"], beating)
    # Content before structure: it reads every row, and so wakes storage that is still being loaded from S3.
    ask(["content"], with_baseline(compared))
    ask(["agreement"], with_baseline(lambda baseline: agreed(context, asset, step.site, baseline, observed)))
    ask(
        ["schema", "extensions", "roles", "sequences"],
        with_baseline(lambda baseline: context.ask.schema(owner.to, baseline, first=owner.dbname, before=before)),
    )
    ask(["assertions"], asserted)
    ask(["decryption"], decrypted)
    ask(["structure"], lambda: context.ask.structure(owner.to, first=owner.dbname, pause=pause))
    ask(["visibility"], lambda: context.ask.visibility(owner.to, first=owner.dbname, pause=pause))
    ask(["readable"], lambda: context.ask.readable(owner.to, first=owner.dbname, pause=pause))
    ask(
        ["index_answers"],
        lambda: context.ask.index_answers(owner.to, recorded(), first=owner.dbname, seed=seed, pause=pause),
    )
    ask(["constraints"], lambda: context.ask.constraints(owner.to, recorded(), first=owner.dbname, pause=pause))
    ask(["collations"], lambda: context.ask.collations(owner.to, recorded(), first=owner.dbname, pause=pause))
