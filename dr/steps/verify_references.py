"""Follow every row that names an object to the object that it names, in the restore."""

from dr.context import Context
from dr.runbook import RestoreDatabase, VerifyReferences
from dr.sources import restored_login
from dr.verification import RestoredObject


def verify_references(step: VerifyReferences, context: Context) -> None:
    """One finding per declared reference; rows whose object is missing, hidden or other are told apart."""
    plan = context.plan
    for reference in context.application.references:
        if reference.database not in plan.databases or reference.bucket not in plan.buckets:
            continue
        identifier = next(
            other.instance
            for other in plan.steps
            if isinstance(other, RestoreDatabase) and other.asset == reference.database
        )
        held = context.kept(f"digests-{reference.bucket}")
        found = context.ask.references(
            restored_login(context, reference.database, identifier, step.site),
            reference,
            [RestoredObject.model_validate(one) for one in held],
        )
        for finding in found:
            context.find(plan.application, finding)
