"""The plan as a person reads it: what the dry run prints."""

from dr.harmless import LINE_LENGTH, shortened
from dr.plan import Plan
from dr.recovery import stamp
from dr.runbook import CopySnapshot, RestoreBucket, RestoreDatabase, TakeSnapshot


def preview(plan: Plan) -> str:
    """The plan as a person reads it: one paragraph on what and where, one line per step."""
    where = f"{plan.site} site ({plan.region(plan.site)})"
    lines = [
        f"{plan.run}",
        f"  {plan.kind} of {plan.application}: {', '.join((*plan.databases, *plan.buckets))}",
        f"  in the {where}, account {plan.account}; target: {plan.target}",
    ]
    if plan.kind == "test":
        lines.append(f"  scratch expires {stamp(plan.expires_at)}; it is torn down at the end whatever happens")
    for number, step in enumerate(plan.steps, start=1):
        after = f"  after {', '.join(step.needs)}" if step.needs else ""
        lines.append(f"  {number:>2}. {step.name}  [{step.action}, {plan.region(step.site)}]{after}")
        if isinstance(step, RestoreDatabase):
            lines.append(f"        creates instance {step.instance}")
        elif isinstance(step, RestoreBucket):
            lines.append(f"        writes below s3://{step.bucket}/{step.prefix}")
        elif isinstance(step, TakeSnapshot | CopySnapshot):
            lines.append(f"        creates snapshot {step.snapshot}")
    lines += [f"  not tested: {text}" for text in plan.left_out]
    return "\n".join(shortened(line, LINE_LENGTH) for line in lines)
