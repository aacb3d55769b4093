"""STS: who somebody is, and roles assumed by those whom they trust.

Both sides have to agree: the role's trust policy names the caller or the caller's account, and where it names only the
account, the caller's own policies must allow `sts:AssumeRole` on the role. (botocore's model of AssumeRole.)
"""

import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta

from dr.lab.front import refusals, xml
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.refusals import Refusal, Trouble
from dr.lab.front.simulated import Simulated
from dr.lab.iam import calls, documents
from dr.lab.iam.calls import Call
from dr.lab.iam.documents import Malformed
from dr.lab.iam.evaluation import Ask, decide, trusts
from dr.lab.iam.guard import Guard
from dr.lab.iam.principals import Principal, Principals, Session

_SHORTEST, _LONGEST, _USUAL = 900, 43200, 3600
_EVERYTHING = documents.read(
    '{"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}'
)
_NAMESPACE = "https://sts.amazonaws.com/doc/2011-06-15/"


class _Invalid(Exception):  # noqa: N818 - an answer on its way
    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Sts:
    """Answers STS of every region."""

    def __init__(self, principals: Principals, guard: Guard, simulated: Simulated, now: Callable[[], datetime]) -> None:
        self._principals = principals
        self._guard = guard
        self._simulated = simulated
        self._now = now

    def answer(self, region: str, request: Request, caller: Principal) -> Answer:
        call = calls.read(self._principals.account, region, "sts", request)
        if call.operation == "GetCallerIdentity":
            return _identity(caller, request)
        if call.operation != "AssumeRole":
            return self._simulated.answer("sts", request)
        try:
            return self._assume(call, request, caller)
        except _Invalid as problem:
            return refusals.error("sts", 400, problem.code, str(problem), request.id)

    def _assume(self, call: Call, request: Request, caller: Principal) -> Answer:
        arn, name = call.text("RoleArn"), call.text("RoleSessionName")
        if not re.fullmatch(r"[\w+=,.@-]{2,64}", name, re.ASCII):
            raise _Invalid("ValidationError", f"{name[:100]!r} at 'roleSessionName' does not match [\\w+=,.@-]{{2,64}}")
        self._admit(call, caller, arn, name)
        duration = self._duration(call, caller, arn)
        session = Session(self._session_policies(call), call.tags)
        answer = self._simulated.answer("sts", request)
        if answer.status == 200:
            made = xml.read(answer.body)["AssumeRoleResponse"]["AssumeRoleResult"]["Credentials"]["AccessKeyId"]
            self._principals.began(str(made).strip(), session, self._now() + timedelta(seconds=duration))
        return answer

    def _admit(self, call: Call, caller: Principal, arn: str, name: str) -> None:
        role = self._principals.role(arn)
        if role is None:
            # As on AWS: a role that does not exist looks like one that does not trust the caller.
            raise _denied(caller, "sts:AssumeRole", arn, "because no resource-based policy allows the action")
        external = call.text("ExternalId")
        own: dict[str, tuple[str, ...]] = {"sts:rolesessionname": (name,)}
        if external:
            own["sts:externalid"] = (external,)
        own |= {f"aws:requesttag/{key.lower()}": (value,) for key, value in call.tags.items()}
        if call.tag_keys:
            own["aws:tagkeys"] = call.tag_keys
        trust = documents.read(str(role.assume_role_policy_document), "trust")
        named = {caller.arn, caller.identity}
        whole_account = {caller.account, f"arn:aws:iam::{caller.account}:root", "*"}
        for action in ("sts:AssumeRole", *(["sts:TagSession"] if call.tags else [])):
            ask = Ask(action, arn, self._guard.keys(caller, call.region, arn, own))
            by_name, _ = trusts(trust, named, ask)
            trusted, denied = trusts(trust, named | whole_account, ask)
            if denied:
                raise _denied(caller, action, arn, "with an explicit deny in a resource-based policy")
            if not trusted:
                raise _denied(caller, action, arn, f"because no resource-based policy allows the {action} action")
            holdings = caller.holdings
            if by_name or caller.unrestricted:
                holdings = replace(holdings, identity=(*holdings.identity, _EVERYTHING))
            verdict = decide(holdings, ask)
            if not verdict.allowed:
                raise _denied(caller, action, arn, verdict.reason)

    def _duration(self, call: Call, caller: Principal, arn: str) -> int:
        given = call.text("DurationSeconds") or str(_USUAL)
        if not given.isascii() or not given.isdecimal() or not _SHORTEST <= int(given[:9]) <= _LONGEST:
            raise _Invalid(
                "ValidationError", f"{given[:20]!r} at 'durationSeconds' must be from {_SHORTEST} to {_LONGEST}"
            )
        role = self._principals.role(arn)
        if caller.is_session and int(given) > _USUAL:
            raise _Invalid(
                "ValidationError",
                "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
            )
        if role is not None and int(given) > int(role.max_session_duration or _USUAL):
            raise _Invalid(
                "ValidationError", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
            )
        return int(given)

    def _session_policies(self, call: Call) -> tuple[str, ...] | None:
        texts = tuple(self._policy_texts(call))
        for text in texts:
            try:
                complaints = documents.strange(documents.read(text))
            except Malformed as problem:
                raise _Invalid("MalformedPolicyDocument", str(problem)) from problem
            if complaints:
                raise _Invalid("MalformedPolicyDocument", "; ".join(complaints))
        return texts or None

    def _policy_texts(self, call: Call) -> Iterator[str]:
        if call.text("Policy"):
            yield call.text("Policy")
        for parameter in call.parameters:
            if re.fullmatch(r"PolicyArns\.member\.\d+\.arn", parameter):
                text = self._principals.managed(call.text(parameter))
                if text is None:
                    raise _Invalid("ValidationError", f"{call.text(parameter)[:200]} is no managed policy here")
                yield text


def _denied(caller: Principal, action: str, role: str, reason: str) -> Refusal:
    message = f"User: {caller.arn} is not authorized to perform: {action} on resource: {role} {reason}"
    return Refusal(Trouble.DENIED, message)


def _identity(caller: Principal, request: Request) -> Answer:
    body = xml.write(
        {
            "GetCallerIdentityResponse": {
                "@xmlns": _NAMESPACE,
                "GetCallerIdentityResult": {"Arn": caller.arn, "UserId": caller.id, "Account": caller.account},
                "ResponseMetadata": {"RequestId": request.id},
            }
        }
    )
    return Answer(200, Headers([("Content-Type", "text/xml"), ("x-amzn-RequestId", request.id)]), body)
