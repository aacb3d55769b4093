"""Between a proven signature and the service: who signed, and may they?"""

from collections.abc import Callable

from dr.lab.front import payload, refusals
from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Answer, Request
from dr.lab.front.keys import ACCOUNT, KeyRing
from dr.lab.front.sigv4 import Claim
from dr.lab.front.simulated import Simulated
from dr.lab.front.store import Store
from dr.lab.iam import calls, deletions, writing
from dr.lab.iam.assuming import Sts
from dr.lab.iam.guard import Guard
from dr.lab.iam.needs import Wanted
from dr.lab.iam.principals import Principal, Principals
from dr.lab.iam.state import State, Tagged

Serve = Callable[[Request], Answer]


class Admission:
    """One for all ports of a lab: IAM is global."""

    def __init__(
        self, keys: KeyRing, rds: Tagged, store: Store, simulated: Simulated, regions: tuple[str, ...]
    ) -> None:
        self._principals = Principals(ACCOUNT, keys.own.access_key_id)
        self._guard = Guard(State(ACCOUNT, rds, store, regions), keys.now)
        self._sts = Sts(self._principals, self._guard, simulated, keys.now)

    def answer(self, region: str, service: str, request: Request, claim: Claim, secret: str, serve: Serve) -> Answer:
        """The service's answer to a request that its signer may make. Raises Refusal for any other."""
        caller = self._principals.of(claim.access_key)
        if deletions.is_one(service, request) and not caller.unrestricted:
            return self._delete(caller, region, request, claim, secret, serve)
        self._guard.admit(caller, ACCOUNT, region, service, request)
        if service == "sts":
            return self._sts.answer(region, request, caller)
        if service == "ec2" and calls.read(ACCOUNT, region, service, request).text("DryRun").lower() == "true":
            message = "Request would have succeeded, but DryRun flag is set."
            return refusals.error("ec2", 412, "DryRunOperation", message, request.id)
        if service == "iam" and (malformed := writing.refused(ACCOUNT, region, request)):
            return malformed
        answer = serve(request)
        if service == "s3" and answer.status == 404 and request.method in ("GET", "HEAD"):
            self._hide(caller, region, request)
        return answer

    def _delete(
        self, caller: Principal, region: str, request: Request, claim: Claim, secret: str, serve: Serve
    ) -> Answer:
        try:
            plain = payload.meant(request, claim, secret)
        except Declined as declined:
            return declined.answer(request)

        def demand(wanted: Wanted) -> None:
            self._guard.demand(caller, region, "s3", wanted, {})

        return deletions.answer(plain, demand, serve)

    def _hide(self, caller: Principal, region: str, request: Request) -> None:
        """Whoever may not list a bucket is not told that an object is missing: to them it is denied.

        (botocore's model of GetObject and HeadObject.)
        """
        bucket, _, key = request.path.lstrip("/").partition("/")
        if key and not caller.unrestricted:
            self._guard.demand(caller, region, "s3", Wanted("s3:ListBucket", f"arn:aws:s3:::{bucket}"), {})
