"""What was promised of a database's backups, held against what the site says before anything is restored. Pure.

Only the site that is restored in is asked: the source's region may be lost. What was promised of the source itself
(Multi-AZ, deletion protection, its own retention) is judged when it is backed up, and by what that backup recorded.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta

from dr.estate import Promises
from dr.recovery import Fact, Moment, RecoveryPoint, RecoveryWindow, SourceFacts, stamp
from dr.verification import Finding, Outcome

CHECK = "control_plane"
LONGEST_AUTOMATED = 35
"""Days that automated backups are kept at the most (RDS user guide, "Backup retention period")."""


class KeyState(Fact):
    """A key as the region says that was asked for it; both None where it has none of that name."""

    arn: str | None
    state: str | None


class SiteSays(Fact):
    """What a site holds of one database, and when it said so."""

    region: str
    asked_at: Moment
    told_at: Moment
    """The window is of some moment between these two: a slow answer leaves in doubt how old it is."""
    resource_id: str
    """Of the source, as the newest committed backup recorded it."""
    window: RecoveryWindow
    points: tuple[RecoveryPoint, ...]
    """Every snapshot and copy that bears the instance's name, also those of an earlier bearer of it."""


def of_the_site(
    asset: str,
    says: SiteSays,
    source: RecoveryPoint | RecoveryWindow,
    committed: Mapping[str, datetime],
    *,
    rpo: timedelta,
    retention: timedelta,
) -> Iterator[Finding]:
    """`source`: what will be restored from. `committed`: the snapshots that backups of this very source promise here,
    and when each was committed.
    """
    yield _identity(asset, says, source)
    yield _age(asset, says, rpo)
    yield _kept(asset, says, committed, retention)


def _identity(asset: str, says: SiteSays, source: RecoveryPoint | RecoveryWindow) -> Finding:
    """R01: a name can be given to another instance; its resource id never is."""
    found = source.resource_id
    outcome: Outcome = "not_available" if found is None else "passed" if found == says.resource_id else "failed"
    return _finding(
        asset,
        outcome,
        expected=f"a recovery point of {says.resource_id}",
        observed=f"one of {found or 'nobody knows which instance'}",
        detail="" if found else "RDS does not tell which instance this snapshot is of",
    )


def _age(asset: str, says: SiteSays, rpo: timedelta) -> Finding:
    """R02, R11: a copy that stopped growing is noticed by its age, whatever its status says."""
    window, ours = says.window, [one for one in says.points if one.resource_id in (None, says.resource_id)]
    newest = max((one.time for one in ours if one.status == "available"), default=None)
    latest = max((moment for moment in (window.latest, newest) if moment), default=None)
    behind = (says.told_at - latest).total_seconds() if latest else None
    wrong = []
    if not window.grows:
        wrong.append(f"automated backups are {window.status}: nothing is added to them any more")
    if latest is None or says.asked_at - latest > rpo:
        wrong.append("what is newest is older than may be lost")
    slow = ""
    if not wrong and latest is not None and says.told_at - latest > rpo:
        slow = f"the answer took {(says.told_at - says.asked_at).total_seconds():.0f} s: it may be as old, or that late"
    return _finding(
        asset,
        "failed" if wrong else "errored" if slow else "passed",
        expected=f"automated backups that grow, at most {rpo.total_seconds():.0f} s behind (RPO)",
        observed=f"{window.status}, {f'{behind:.1f} s behind' if behind is not None else 'nothing to restore'}",
        detail="; ".join(wrong) or slow,
    )


def _kept(asset: str, says: SiteSays, committed: Mapping[str, datetime], retention: timedelta) -> Finding:
    """R10: what covers the promise? Automated backups as far as they are kept, beyond that a copy of every backup."""
    days = says.window.retention_days
    expected = f"recovery points of the last {_days(retention)}"
    if days is None:
        return _finding(asset, "not_available", expected=expected, detail="RDS does not say how long they are kept")
    kept = timedelta(days=days)
    automated = f"automated backups are kept for {_days(kept)}"
    if kept >= retention:
        return _finding(asset, "passed", expected=expected, observed=automated)
    here = {one.identifier for one in says.points if one.resource_id in (None, says.resource_id)}
    promised = {name for name, moment in committed.items() if moment >= says.asked_at - retention}
    gone, copies = sorted(promised - here), promised & here
    since = min((committed[name] for name in copies), default=None)
    rest = f", {len(copies)} copies since {stamp(since)} cover the rest" if since else ", and no copy covers the rest"
    detail = ""
    if gone:
        detail = f"{len(gone)} of {len(promised)} committed recovery points are not here, the first is {gone[0]}"
    elif not copies:
        detail = f"automated backups can be kept for {LONGEST_AUTOMATED} d at the most; `dr backup` makes copies"
    outcome: Outcome = "failed" if gone or not copies else "passed"
    return _finding(asset, outcome, expected=expected, observed=automated + rest, detail=detail)


def of_the_key(asset: str, source: RecoveryPoint | RecoveryWindow, region: str, key: KeyState) -> Finding:
    """R03: keys belong to a region. That one is described proves little: that it works, the restore itself proves."""
    expected = f"an enabled key of {region}"
    if source.kms_key is None:
        return _finding(asset, "not_available", expected=expected, detail="RDS does not name the key of these backups")
    if key.arn is None:
        return _finding(asset, "failed", expected=expected, observed=f"{source.kms_key}, which {region} does not have")
    good = key.state == "Enabled" and f":{region}:" in key.arn
    return _finding(
        asset, "passed" if good else "failed", expected=expected, observed=f"{key.arn}, {key.state or 'no state'}"
    )


def of_the_place(asset: str, region: str, missing: Sequence[str], forced_tls: str | None, group: str) -> Finding:
    """R06, R14: the groups that a failover would use are regional, and no copy brings them along.

    `forced_tls`: `rds.force_ssl` of the parameter group; None where the group is not there or does not say.
    """
    wrong = [f"{one} is not in {region}" for one in missing]
    if forced_tls == "0":
        wrong.append(f"parameter group {group} lets clients in without TLS")
    return _finding(
        asset,
        "failed" if wrong else "passed",
        expected=f"the recovery section's groups and key in {region}, and TLS forced",
        observed="; ".join(wrong) or f"all of them; rds.force_ssl is {forced_tls or 'as the engine has it'}",
    )


def of_the_quota(asset: str, region: str, quotas: Mapping[str, tuple[int, int]], needed: Mapping[str, int]) -> Finding:
    """R08: `quotas` maps a name to (used, most); `needed` to how many more a recovery takes."""
    told = {name: quotas[name] for name in needed if name in quotas}
    expected = ", ".join(f"room for {count} more {name}" for name, count in needed.items())
    if len(told) < len(needed):
        lost = ", ".join(sorted(needed.keys() - told.keys()))
        return _finding(asset, "not_available", expected=expected, detail=f"{region} does not tell its quota of {lost}")
    full = [name for name, (used, most) in told.items() if used + needed[name] > most]
    return _finding(
        asset,
        "failed" if full else "passed",
        expected=expected,
        observed=", ".join(f"{used} of {most} {name}" for name, (used, most) in told.items()),
        detail=f"no room in {region}: {', '.join(full)}" if full else "",
    )


def of_the_source(asset: str, promises: Promises, facts: SourceFacts, seen: str) -> Iterator[Finding]:
    """What the estate promises of the source, as somebody saw it: `seen` says when."""
    pairs: tuple[tuple[str, object, object], ...] = (
        ("Multi-AZ", promises.multi_az, facts.multi_az),
        ("deletion protection", promises.deletion_protection, facts.deletion_protection),
        ("encryption", promises.encrypted, facts.encrypted),
        ("public access", promises.public, facts.public),
    )
    for name, promised, found in pairs:
        if promised is not None:
            yield _held(asset, name, promised, found, good=found == promised, seen=seen)
    if promises.automated_retention is not None:
        days = facts.retention_days
        kept = timedelta(days=days) if days is not None else None
        good = kept is not None and kept >= promises.automated_retention
        found = _days(kept) if kept is not None else None
        wanted = f"at least {_days(promises.automated_retention)}"
        yield _held(asset, "automated backups' retention", wanted, found, good=good, seen=seen)


def _held(asset: str, name: str, promised: object, found: object, *, good: bool, seen: str) -> Finding:
    if found is None:
        why = f"{name} was not looked at: seen {seen}, by an earlier version; take a new backup"
        return _finding(asset, "not_available", expected=f"{name}: {_word(promised)}", detail=why)
    return _finding(
        asset,
        "passed" if good else "failed",
        expected=f"{name}: {_word(promised)}",
        observed=f"{_word(found)}, seen {seen}",
    )


def _word(value: object) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _days(span: timedelta) -> str:
    return f"{span.total_seconds() / 86400:g} d"


def _finding(asset: str, outcome: Outcome, *, expected: str, observed: str = "", detail: str = "") -> Finding:
    return Finding(
        check=CHECK,
        level="L0",
        outcome=outcome,
        subject=asset,
        expected=expected,
        observed=observed,
        detail=detail,
    )
