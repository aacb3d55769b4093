"""A request is admitted, or refused in AWS's words: who asks, what it needs, and what the policies say of each part."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from urllib.parse import unquote

from dr.lab.front.exchange import Request
from dr.lab.front.refusals import Refusal, Trouble
from dr.lab.iam import calls, needs, table_other, table_rds, table_s3
from dr.lab.iam.calls import Call
from dr.lab.iam.conditions import Keys
from dr.lab.iam.evaluation import Ask, Verdict, decide
from dr.lab.iam.needs import PREFIXES, Rows, Wanted
from dr.lab.iam.principals import Principal
from dr.lab.iam.state import State

TABLE: dict[str, Rows] = {
    "rds": table_rds.ROWS,
    "kms": table_other.KMS,
    "secretsmanager": table_other.SECRETS,
    "ec2": table_other.EC2,
    "sns": table_other.SNS,
    "route53": table_other.ROUTE53,
    "iam": table_other.IAM,
    "sts": table_other.STS,
    "tagging": table_other.TAGGING,
}
"""S3 has a table of its own."""

_RDS_TAGS = {
    "db": "rds:db-tag",
    "snapshot": "rds:snapshot-tag",
    "pg": "rds:pg-tag",
    "subgrp": "rds:subgrp-tag",
    "cluster": "rds:cluster-tag",
    "cluster-snapshot": "rds:cluster-snapshot-tag",
}
_OWN_TAGS = {"kms": "kms:resourcetag", "ec2": "ec2:resourcetag", "secretsmanager": "secretsmanager:resourcetag"}
_KEY_ACTIONS = ("kms:DescribeKey", "kms:CreateGrant")
"""What RDS does with a key in the caller's name before it goes on by the grant that it then has."""


class Guard:
    """Evaluates every request of everybody but the lab's own administrator."""

    def __init__(self, state: State, now: Callable[[], datetime]) -> None:
        self._state = state
        self._now = now

    def admit(self, principal: Principal, account: str, region: str, service: str, request: Request) -> None:
        """Raises Refusal unless the principal may do every part of what the request asks for."""
        if principal.unrestricted:
            return
        if service == "s3":
            self._admit_s3(principal, region, request)
            return
        call = calls.read(account, region, service, request)
        rows = TABLE.get(service, {}).get(call.operation)
        if rows is None:
            raise _not_in_the_table(principal, service, call.operation or f"{request.method} {request.path}")
        tags = call.tags
        asked: dict[str, tuple[str, ...]] = {f"aws:requesttag/{key.lower()}": (value,) for key, value in tags.items()}
        if service == "rds":
            asked |= {f"rds:req-tag/{key.lower()}": (value,) for key, value in tags.items()}
        if call.tag_keys:
            asked["aws:tagkeys"] = call.tag_keys
        for wanted in self._wanted(call, rows):
            self.demand(principal, region, service, wanted, asked)
            home = wanted.resource.split(":")[3:4] or [region]
            if service == "rds" and home not in ([region], [""]):
                # RDS calls the source's region in the caller's name: conditions see that second call too.
                self.demand(principal, home[0], service, wanted, {**asked, "aws:viaawsservice": ("true",)})
        if service == "rds":
            self._admit_key(principal, call)

    def _wanted(self, call: Call, rows: tuple[needs.Need, ...]) -> Iterator[Wanted]:
        for wanted in needs.wanted(call, rows):
            resource = wanted.resource
            if call.service == "kms" and ":alias/" in resource and not call.operation.endswith("Alias"):
                resource = self._state.key(call.region, resource)
            elif call.service == "secretsmanager" and call.text("SecretId"):
                resource = self._state.secret(call.region, call.text("SecretId"))
            yield Wanted(wanted.action, resource)
            if wanted.made and call.tags and call.service == "rds":
                yield Wanted("rds:AddTagsToResource", resource)
            elif wanted.made and call.tags and call.service == "secretsmanager":
                yield Wanted("secretsmanager:TagResource", resource)

    def _admit_key(self, principal: Principal, call: Call) -> None:
        """RDS uses the key that it is given with the caller's permissions, and says only that it could not."""
        if not call.text("KmsKeyId"):
            return
        key = self._state.key(call.region, call.text("KmsKeyId"))
        through: Keys = {
            "kms:viaservice": (f"rds.{call.region}.amazonaws.com",),
            "kms:grantisforawsresource": ("true",),
        }
        for action in _KEY_ACTIONS:
            try:
                self.demand(principal, call.region, "kms", Wanted(action, key, through), {})
            except Refusal as problem:
                raise Refusal(
                    Trouble.KEY_DENIED,
                    f"The specified KMS key [{key}] does not exist, is not enabled or you do not have permissions to "
                    f"access it. (In the lab: {problem.message})",
                ) from problem

    def _admit_s3(self, principal: Principal, region: str, request: Request) -> None:
        for wanted in self.s3_wants(principal, request):
            self.demand(principal, region, "s3", wanted, {})

    def s3_wants(self, principal: Principal, request: Request) -> Iterator[Wanted]:
        """What an S3 request needs, with what only a look at the store can tell: the tags that a copy takes along."""
        try:
            yield from table_s3.wanted(request)
        except table_s3.UnknownOperation as problem:
            raise _not_in_the_table(principal, "s3", str(problem)) from problem
        copied = table_s3.source(request)
        replaced = request.headers.get("x-amz-tagging-directive").upper() == "REPLACE"
        if copied and not replaced and "uploadId" not in request.parameters:
            bucket, key, version = copied
            if self._state.object_tags(bucket, key, version):
                action = "s3:GetObjectVersionTagging" if version else "s3:GetObjectTagging"
                yield Wanted(action, f"arn:aws:s3:::{bucket}/{key}")
                yield Wanted("s3:PutObjectTagging", f"arn:aws:s3:::{unquote(request.path.lstrip('/'))}")
        yield from self._keys_of_objects(request, copied)

    def _keys_of_objects(self, request: Request, copied: tuple[str, str, str] | None) -> Iterator[Wanted]:
        """S3 asks KMS in the caller's name. (S3 API, GetObject, HeadObject, CopyObject and CreateMultipartUpload.)"""
        bucket, _, name = unquote(request.path.lstrip("/")).partition("/")
        asked = request.parameters
        told = request.headers.get("x-amz-checksum-mode").upper() == "ENABLED"
        if table_s3.reads_content(request, checksum=told):
            copied = bucket, name, asked.get("versionId", "")
        if copied:
            yield from _of_key("kms:Decrypt", self._state.sealed_by(*copied), *copied[:2])
        if name and table_s3.makes_object(request):
            key = self._state.would_seal(bucket, request.headers)
            yield from _of_key("kms:GenerateDataKey", key, bucket, name)
            if "uploads" in asked:
                yield from _of_key("kms:Decrypt", key, bucket, name)

    def demand(self, principal: Principal, region: str, service: str, wanted: Wanted, asked: Keys) -> None:
        """Raises Refusal unless the principal is allowed this one action on this one resource."""
        verdict = self.verdict(principal, region, wanted, asked)
        if verdict.allowed:
            return
        shown = f'"{wanted.resource}"' if service == "s3" else wanted.resource
        message = f"User: {principal.arn} is not authorized to perform: {wanted.action} on resource: {shown} "
        if service == "ec2":
            message = "You are not authorized to perform this operation. " + message
        raise Refusal(Trouble.DENIED, message + verdict.reason)

    def verdict(self, principal: Principal, region: str, wanted: Wanted, asked: Keys) -> Verdict:
        """What the policies say of one action on one resource."""
        keys = self.keys(principal, region, wanted.resource, {**asked, **wanted.keys})
        return decide(principal.holdings, Ask(wanted.action, wanted.resource, keys))

    def keys(self, principal: Principal, region: str, resource: str, asked: Keys) -> Keys:
        """The condition keys of one part of a request: of the caller, of the resource, and those `asked` for."""
        (version,) = asked.get("s3:versionid", ("",))
        return {**self._common(principal, region), **self._of_resource(resource, version), **asked}

    def _common(self, principal: Principal, region: str) -> dict[str, tuple[str, ...]]:
        """The keys that every request has."""
        now = self._now().astimezone(UTC)
        found: dict[str, tuple[str, ...]] = {
            "aws:currenttime": (now.isoformat(timespec="seconds"),),
            "aws:epochtime": (str(int(now.timestamp())),),
            "aws:principalaccount": (principal.account,),
            "aws:principalarn": (principal.identity,),
            "aws:principaltype": (principal.kind,),
            "aws:requestedregion": (region,),
            # The lab's ports speak plain HTTP on loopback in place of AWS's TLS, and a policy is about the latter.
            "aws:securetransport": ("true",),
            "aws:sourceip": ("127.0.0.1",),
            "aws:userid": (principal.id,),
            "aws:viaawsservice": ("false",),
            "kms:calleraccount": (principal.account,),
        }
        if principal.name:
            found["aws:username"] = (principal.name,)
        return found | {f"aws:principaltag/{key.lower()}": (value,) for key, value in principal.tags.items()}

    def _of_resource(self, resource: str, version: str) -> dict[str, tuple[str, ...]]:
        """The keys that come from what stands in the lab now."""
        parts = resource.split(":", 5)
        if len(parts) < 6:
            return {}
        service, rest = parts[2], parts[5]
        if service == "s3" and "/" in rest:
            bucket, _, key = rest.partition("/")
            tags = self._state.object_tags(bucket, key, version)
            return {f"s3:existingobjecttag/{name.lower()}": (value,) for name, value in tags.items()}
        own = _RDS_TAGS.get(rest.partition(":")[0]) if service == "rds" else _OWN_TAGS.get(service)
        found: dict[str, tuple[str, ...]] = {}
        for name, value in self._state.tags(resource).items():
            for prefix in ("aws:resourcetag", own):
                if prefix:
                    found[f"{prefix}/{name.lower()}"] = (value,)
        return found


def _of_key(action: str, key: str, bucket: str, name: str) -> Iterator[Wanted]:
    if key:
        through = {
            "kms:viaservice": (f"s3.{key.split(':')[3]}.amazonaws.com",),
            "kms:encryptioncontext:aws:s3:arn": (f"arn:aws:s3:::{bucket}/{name}",),
        }
        yield Wanted(action, key, through)


def _not_in_the_table(principal: Principal, service: str, operation: str) -> Refusal:
    prefix = PREFIXES.get(service, service)
    return Refusal(
        Trouble.DENIED,
        f"User: {principal.arn} is not authorized to perform: {prefix}:{operation} on resource: * because the lab does "
        "not know what this operation needs, and so allows it to its administrator alone",
    )
