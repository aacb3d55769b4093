"""From a request to the service that answers it: who signed it, for which region and service, and may they?"""

import sys
import traceback
from typing import Protocol

from dr.lab.front import refusals, sigv4
from dr.lab.front.buckets import Buckets
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.keys import KeyRing
from dr.lab.front.operations import service_of
from dr.lab.front.refusals import GLOBAL, REGIONAL, Refusal, Trouble
from dr.lab.front.route53 import Route53
from dr.lab.front.secrets import Secrets
from dr.lab.front.simulated import Simulated
from dr.lab.front.tagging import Tagging
from dr.lab.iam.admission import Admission

REGIONS = ("eu-west-1", "eu-central-1")
GLOBAL_REGION = "us-east-1"
"""AWS's global services are signed for this region; a client that was given an endpoint signs for its own instead."""


class Rds(Protocol):
    """What the front door needs of the RDS server."""

    def handle(self, region: str, body: bytes, request_id: str) -> tuple[int, dict[str, str], bytes]: ...

    def tagged(self, region: str) -> dict[str, dict[str, str]]: ...

    def resolves(self, host: str) -> bool: ...


class Desk:
    """Answers the requests of one region: checks each signature and what its owner may do, then hands over."""

    def __init__(
        self,
        region: str,
        keys: KeyRing,
        admission: Admission,
        simulated: Simulated,
        buckets: Buckets,
        secrets: Secrets,
        route53: Route53,
        rds: Rds,
    ) -> None:
        self.region = region
        self._services = GLOBAL if region == GLOBAL_REGION else REGIONAL
        self._signed_for = (GLOBAL_REGION, *REGIONS) if region == GLOBAL_REGION else (region,)
        self._keys = keys
        self._admission = admission
        self._simulated = simulated
        self._buckets = buckets
        self._secrets = secrets
        self._route53 = route53
        self._rds = rds
        self._tagging = Tagging(simulated, rds)

    def answer(self, request: Request) -> Answer:
        service = service_of(request)
        try:
            claim = sigv4.claim_of(request)
            service = claim.service
            secret = self._keys.secret(claim.access_key, claim.token)
            self._check_region(claim)
            sigv4.prove(request, claim, secret)
            self._check_service(service)

            def serve(admitted: Request) -> Answer:
                return self._hand_over(claim.service, admitted, claim, secret)

            return self._admission.answer(self.region, service, request, claim, secret, serve)
        except Refusal as refusal:
            return refusals.refuse(service, refusal, request.id)
        except Exception:  # noqa: BLE001 - the last line: whatever breaks, the client gets an error it can read
            traceback.print_exc(file=sys.stderr)
            return refusals.refuse(service, Refusal(Trouble.BROKEN, "the lab failed; see its log"), request.id)

    def _hand_over(self, service: str, request: Request, claim: sigv4.Claim, secret: str) -> Answer:
        if service == "s3":
            return self._buckets.answer(self.region, request, claim, secret)
        if service == "rds":
            body = request.body or request.query.encode()
            status, headers, content = self._rds.handle(self.region, body, request.id)
            return Answer(status, Headers(headers.items()), content)
        if service == "secretsmanager":
            return self._secrets.answer(self.region, request)
        if service == "route53":
            return self._route53.answer(request)
        if service == "tagging":
            return self._tagging.answer(self.region, request)
        return self._simulated.answer(service, request)

    def _check_service(self, service: str) -> None:
        if service not in self._services:
            raise Refusal(Trouble.UNKNOWN_ACTION, f"there is no service {service!r} at this endpoint of the lab")

    def _check_region(self, claim: sigv4.Claim) -> None:
        if claim.region in self._signed_for:
            return
        if claim.service == "s3":
            raise Refusal(
                Trouble.WRONG_REGION,
                f"the authorization header is malformed; the region '{claim.region}' is wrong; "
                f"expecting '{self.region}'",
                (("Region", self.region),),
            )
        raise Refusal(Trouble.WRONG_REGION, f"credential should be scoped to a valid region, not '{claim.region}'")
