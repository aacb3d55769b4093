"""Timeline, findings and objectives -> verdict, with every reason. Pure.

`passed` is earned: every expected check answered, every table and object expected was compared, none of them zero.
Whatever is missing makes a run inconclusive; whatever is wrong makes it failed; wrong outranks missing.
"""

from typing import Literal

from dr import facts
from dr.isolation import PROOFS
from dr.plan import LEVEL_OF
from dr.timeline import Timeline

Verdict = Literal["passed", "failed", "inconclusive"]


def judge(timeline: Timeline) -> tuple[Verdict, tuple[str, ...]]:
    """The verdict on a run, and the reasons for it in plain sentences, the gravest first."""
    wrong = [*_wrong_findings(timeline), *_missed_objectives(timeline), *_escaped(timeline)]
    missing = [
        *_unfinished(timeline),
        *_unisolated(timeline),
        *_unanswered(timeline),
        *_uncompared(timeline),
        *_unchallenged(timeline),
    ]
    # Whatever the verdict: a run that nobody could have stopped is not one like any other.
    alone = [*timeline.overridden]
    if wrong:
        return "failed", tuple(wrong + missing + alone)
    if missing:
        return "inconclusive", tuple(missing + alone)
    return "passed", (_praise(timeline), *alone)


def _wrong_findings(timeline: Timeline) -> list[str]:
    return [
        f"{finding.check} of {finding.subject}: expected {finding.expected or 'as recorded'}, "
        f"found {finding.observed or 'otherwise'}" + (f" ({finding.detail})" if finding.detail else "")
        for findings in timeline.findings.values()
        for finding in findings
        if finding.outcome == "failed"
    ]


def _missed_objectives(timeline: Timeline) -> list[str]:
    missed = []
    promised = timeline.plan.objectives
    if timeline.rta_seconds is not None and timeline.rta_seconds > promised.rto_seconds:
        missed.append(f"recovery took {timeline.rta_seconds:.1f} s; {promised.rto_seconds:.0f} s were promised (RTO)")
    if timeline.rpa_seconds is not None and timeline.rpa_seconds > promised.rpo_seconds:
        missed.append(
            f"{timeline.rpa_seconds:.1f} s of work would be lost; {promised.rpo_seconds:.0f} s were promised (RPO)"
        )
    return missed


def _escaped(timeline: Timeline) -> list[str]:
    """Damage that was planted on purpose, and that nobody found: then what was found good proves nothing."""
    one = timeline.challenged
    if one is None or one.found:
        return []
    return [f"challenge: {one.kind} in {one.subject} (seed {one.seed}) was planted, and no check found it"]


def _unchallenged(timeline: Timeline) -> list[str]:
    """A plan that holds a challenge needs its answer."""
    planned = any(step.action == "challenge" for step in timeline.plan.steps)
    return ["challenge: nothing was planted, or nobody looked for it"] if planned and not timeline.challenged else []


def _unfinished(timeline: Timeline) -> list[str]:
    reasons = [f"the run was stopped: {timeline.aborted}"] if timeline.aborted else []
    if not timeline.closed:
        reasons.append("the journal ends before the run does: it was killed, or is still at work")
    for span in timeline.spans:
        if span.outcome == "errored":
            reasons.append(f"step {span.step.name!r} could not be done: {span.detail}")
        elif span.outcome == "interrupted":
            reasons.append(f"step {span.step.name!r} was interrupted")
    skipped = [span.step.name for span in timeline.spans if span.outcome == "not_reached"]
    if skipped:
        reasons.append(f"never reached: {', '.join(skipped)}")
    return reasons


def _unisolated(timeline: Timeline) -> list[str]:
    """Scratch instances that nobody has proven to reach nothing: a test that might have acted is no proof."""
    if timeline.plan.kind != "test":
        return []
    reasons = []
    for asset in timeline.plan.databases:
        proof = timeline.isolated.get(asset)
        restored = timeline.learned.get(facts.restored(asset))
        if proof is None:
            reasons.append(f"isolation of {asset}: nothing proves that its scratch instance could not reach out")
        elif restored is not None and restored != proof.resource_id:
            reasons.append(f"isolation of {asset}: proven of {proof.resource_id}, and tested was {restored}")
        elif unproven := [name for name in PROOFS if name not in proof.proven]:
            reasons.append(f"isolation of {asset}: not proven: {', '.join(unproven)}")
    return reasons


def _unanswered(timeline: Timeline) -> list[str]:
    plan = timeline.plan
    reasons = [
        f"{check} of {asset}: did not run"
        for asset, checks in plan.expected_checks.items()
        for check in checks
        if check not in _answered(timeline, asset)
    ]
    # Whoever could not tell counts, whether or not it was expected to answer.
    reasons += [
        f"{finding.check} of {finding.subject}: could not tell: {finding.detail or 'no reason given'}"
        for findings in timeline.findings.values()
        for finding in findings
        if finding.outcome == "errored"
    ]
    reasons += _demanded(timeline)
    if plan.kind == "test":
        reasons += [
            f"nothing was expected of {asset}: no check that would prove it"
            for asset in (*plan.databases, *plan.buckets)
            if not plan.expected_checks.get(asset)
        ]
        if timeline.instant is None:
            reasons.append("no instant was chosen")
        if timeline.rta_seconds is None:
            reasons.append("recovery time could not be measured: not every verification finished")
        if timeline.rpa_seconds is None and _has_heartbeats(timeline):
            reasons.append(f"recovery point could not be measured: {timeline.rpa_explained}")
    return reasons


def _has_heartbeats(timeline: Timeline) -> bool:
    """Whether some database keeps a heartbeat. Where none does, the RPA is only claimed, and the report says so."""
    answers = [one for found in timeline.findings.values() for one in found if one.check == "heartbeat"]
    return _expects(timeline, "heartbeat") and not (answers and all(one.outcome == "not_available" for one in answers))


def _demanded(timeline: Timeline) -> list[str]:
    """What the estate demands of an asset, within the depth that was asked for: there, even `not_available` is none."""
    plan = timeline.plan
    reasons = []
    for asset, checks in plan.required_checks.items():
        # What spans assets answers under the application's own name.
        found = (*timeline.findings.get(asset, ()), *timeline.findings.get(plan.application, ()))
        for check in checks:
            answers = [finding for finding in found if finding.check == check]
            reasons += [
                f"{check} of {finding.subject}: required, but not available: {finding.detail}"
                for finding in answers
                # Tables that no backup promises to hold (unlogged, foreign) say so; the coverage counts the others.
                if finding.outcome == "not_available" and check != "content"
            ]
            expected = (*plan.expected_checks.get(asset, ()), *plan.expected_checks.get(plan.application, ()))
            if not answers and check not in expected and LEVEL_OF[check] <= plan.depth:
                reasons.append(f"{check} of {asset}: required, but this run has no such check")
    return reasons


def _answered(timeline: Timeline, asset: str) -> set[str]:
    return {finding.check for finding in timeline.findings.get(asset, ())}


def _uncompared(timeline: Timeline) -> list[str]:
    reasons = []
    for asset, checks in timeline.plan.expected_checks.items():
        seen = timeline.coverage.get(asset)
        if "content" in checks:
            if seen is None or seen.tables_expected == 0 or seen.tables_compared == 0:
                reasons.append(f"content of {asset}: not one table was compared")
            elif seen.tables_compared != seen.tables_expected:
                reasons.append(f"content of {asset}: {seen.tables_compared} of {seen.tables_expected} tables compared")
            elif (told := _told(timeline, asset, "content")) < seen.tables_compared:
                reasons.append(f"content of {asset}: {seen.tables_compared} tables compared, but only {told} answers")
        if "objects" in checks:
            if seen is None or seen.objects_expected == 0 or seen.objects_compared == 0:
                reasons.append(f"objects of {asset}: not one object was compared")
            elif seen.objects_compared != seen.objects_expected:
                reasons.append(
                    f"objects of {asset}: {seen.objects_compared} of {seen.objects_expected} objects compared"
                )
    return reasons


def _told(timeline: Timeline, asset: str, check: str) -> int:
    """How many subjects a check has an answer for."""
    found = timeline.findings.get(asset, ())
    return sum(finding.check == check and finding.outcome != "not_available" for finding in found)


def _expects(timeline: Timeline, check: str) -> bool:
    return any(check in checks for checks in timeline.plan.expected_checks.values())


def _praise(timeline: Timeline) -> str:
    if timeline.plan.kind == "backup":
        return "every step was done, and the copies were seen in the recovery site"
    answers = sum(len(findings) for findings in timeline.findings.values())
    deaths = "its process died" if timeline.resumed == 1 else f"{timeline.resumed} of its processes died"
    again = f"; gone on with after {deaths}" if timeline.resumed else ""
    return f"every expected check answered: {answers} findings, none of them bad{again}"
