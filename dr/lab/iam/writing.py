"""The IAM API: no policy is kept that would be misread later.

The simulated IAM checks the grammar. On top, what this lab cannot evaluate is refused here, where somebody looks, and
not granted or denied by accident later.
"""

from dr.lab.front import refusals
from dr.lab.front.exchange import Answer, Request
from dr.lab.iam import calls, documents
from dr.lab.iam.documents import Kind, Malformed

_TRUSTS = "UpdateAssumeRolePolicy"


def refused(account: str, region: str, request: Request) -> Answer | None:
    """IAM's refusal of a policy in this request; None where there is none, or it is a good one."""
    call = calls.read(account, region, "iam", request)
    kinds: tuple[tuple[str, Kind], ...] = (
        ("PolicyDocument", "trust" if call.operation == _TRUSTS else "identity"),
        ("AssumeRolePolicyDocument", "trust"),
    )
    for parameter, kind in kinds:
        text = call.text(parameter)
        if not text:
            continue
        try:
            complaints = documents.strange(documents.read(text, kind))
        except Malformed as problem:
            complaints = [str(problem)]
        if complaints:
            return refusals.error("iam", 400, "MalformedPolicyDocument", "; ".join(complaints), request.id)
    return None
