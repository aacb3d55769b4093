"""The least IAM policy of each kind of work, for the estate at hand. Pure: nothing is looked up, so it works offline.

What an estate names becomes ARNs here. Beside what it allows, the policy of whoever builds scratch denies: whatever
lacks a run's tag, and the estate's own instances and buckets, are out of reach even for a bug.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from dr.claims import PREFIX, TAG_RUN
from dr.errors import Refused
from dr.estate import Estate
from dr.permissions import NEEDS, Limit, Need, Place, Work

LIMIT = 6144
"""Characters of a managed policy, white space not counted (IAM user guide, "IAM and AWS STS quotas"). Fixed."""
MOST = 10
"""Managed policies that a role takes, unless its quota was raised (same page)."""

Statement = dict[str, Any]
Document = dict[str, Any]

_READING_S3 = ["s3:Get*", "s3:List*"]
_NO_HARM_TO_RDS = [
    "rds:Describe*",
    "rds:List*",
    "rds:Restore*",
    "rds:CreateDBSnapshot",
    "rds:StartDBInstanceAutomatedBackupsReplication",
]
"""What is made from an instance, and leaves it as it is."""


def documents(estate: Estate, work: Work) -> list[Document]:
    """The policy of one kind of work, in as many documents as AWS's limit takes: one, but for large estates.

    Where the estate names no role for some work the caller does it, and the caller's policy says so. Raises Refused
    when more documents would be needed than a role can have.
    """
    made = [work] if work != "caller" else ["caller", *(one for one in _ROLES if not getattr(estate.roles, one))]
    # What denies comes first: whoever attaches only the first document of several is told no, and not too much yes.
    statements = list(_denied(estate)) if "scratch" in made else []
    statements += _allowed(estate, (need for row, needs in NEEDS.items() if row[2] in made for need in needs))
    found = _packed(statements)
    if len(found) > MOST:
        raise Refused(
            f"the policy for {work} needs {len(found)} documents of {LIMIT} characters, a role takes {MOST}",
            hint="split the estate: one file, and one set of roles, per group of applications",
        )
    return found


def size(document: Document) -> int:
    """Characters as AWS counts them."""
    return sum(not sign.isspace() for sign in json.dumps(document))


_ENCRYPTED: Mapping[Limit, tuple[Place, ...]] = {
    "for estate objects": ("estate buckets", "estate objects"),
    "for scratch objects": ("scratch buckets", "scratch objects"),
    "for control objects": ("control bucket", "control objects"),
}
_CONTEXTS = 40
"""Buckets and their objects in one condition, which cannot be cut in two like a list of resources."""
_ROLES: tuple[Work, ...] = ("observe", "scratch", "recover", "heartbeat")


def _allowed(estate: Estate, needs: Iterable[Need]) -> Iterator[Statement]:
    """Actions that share their resources and their limit share a statement."""
    places = _places(estate)
    together: dict[tuple[tuple[Place, ...], Limit | None], set[str]] = {}
    scattered: dict[tuple[str, Limit | None], set[Place]] = {}
    for need in needs:
        if need.on:
            scattered.setdefault((need.action, need.limit), set()).update(need.on)
        else:
            together.setdefault(((), need.limit), set()).add(need.action)
    for (action, limit), gathered in scattered.items():
        together.setdefault((tuple(sorted(gathered)), limit), set()).add(action)
    for (on, limit), actions in sorted(together.items(), key=lambda one: sorted(one[1])):
        resources = sorted({arn for place in on for arn in places[place]})
        if on and not resources:
            # This estate has nothing of the kind: no buckets, or a control store that is a folder.
            continue
        given = {"Effect": "Allow", "Action": sorted(actions), "Resource": resources or "*"}
        anywhere = {"StringEquals": {"aws:RequestedRegion": _regions(estate)}}
        for condition in _conditions(estate, limit, places) if on else (anywhere,):
            yield given | ({"Condition": condition} if condition else {})


def _conditions(estate: Estate, limit: Limit | None, places: Mapping[Place, list[str]]) -> Iterator[dict[str, Any]]:
    """What narrows a statement; of several conditions each makes a statement of its own, and of none there is none."""
    match limit:
        case "tagged by a run":
            yield {"Null": {f"aws:RequestTag/{TAG_RUN}": "false"}}
        case "through RDS" | "a grant to RDS":
            through = _through("rds", estate)
            yield through | ({"Bool": {"kms:GrantIsForAWSResource": "true"}} if limit == "a grant to RDS" else {})
        case None:
            yield {}
        case _:
            # S3 tells KMS the ARN of the object, or, where a bucket key is in use, that of the bucket (S3 user guide,
            # "Reducing the cost of SSE-KMS with Amazon S3 Bucket Keys").
            meant = [arn for place in _ENCRYPTED[limit] for arn in places[place]]
            for first in range(0, len(meant), _CONTEXTS):
                some = meant[first : first + _CONTEXTS]
                yield _through("s3", estate) | {"StringLike": {"kms:EncryptionContext:aws:s3:arn": some}}


def _through(service: str, estate: Estate) -> dict[str, Any]:
    return {"StringEquals": {"kms:ViaService": [f"{service}.{one}.amazonaws.com" for one in _regions(estate)]}}


def _denied(estate: Estate) -> Iterator[Statement]:
    """What no mistake in a cleanup may reach: IAM's own deny wins over everything that allows."""
    places = _places(estate)
    yield {
        "Sid": "NothingWithoutTheTagOfARun",
        "Effect": "Deny",
        "Action": ["rds:Delete*", "rds:Modify*", "rds:Promote*", "rds:Reboot*", "rds:Stop*"],
        "Resource": "*",
        "Condition": {"Null": {f"aws:ResourceTag/{TAG_RUN}": "true"}},
    }
    yield {
        "Sid": "NoInstanceOfTheEstate",
        "Effect": "Deny",
        "NotAction": _NO_HARM_TO_RDS,
        "Resource": places["source instances"],
    }
    if places["estate buckets"]:
        yield {
            "Sid": "NoBucketOfTheEstate",
            "Effect": "Deny",
            "NotAction": _READING_S3,
            "Resource": [*places["estate buckets"], *places["estate objects"]],
        }
    yield {
        "Sid": "NoObjectButScratch",
        "Effect": "Deny",
        "Action": ["s3:Delete*"],
        **({"NotResource": places["scratch objects"]} if places["scratch objects"] else {"Resource": "*"}),
    }


def _packed(statements: Iterable[Statement]) -> list[Document]:
    """Statements in documents of the allowed size, in order; a long list of resources is cut in two.

    Not where a statement denies whatever is *not* in the list: two such halves would deny everything.
    """
    found: list[Document] = []
    waiting = list(statements)
    while waiting:
        one = waiting.pop(0)
        if size(_document([one])) > LIMIT:
            resources = one.get("Resource")
            if not isinstance(resources, list) or len(resources) < 2:
                raise Refused("a statement of the policy is longer than AWS takes", hint="split the estate")
            middle = len(resources) // 2
            waiting[:0] = [one | {"Resource": resources[:middle]}, one | {"Resource": resources[middle:]}]
        elif found and size(_document([*found[-1]["Statement"], one])) <= LIMIT:
            found[-1]["Statement"].append(one)
        else:
            found.append(_document([one]))
    # A statement that was cut has one name in two places: within a document names must differ.
    for document in found:
        for number, one in enumerate(document["Statement"]):
            if any(one.get("Sid") == other.get("Sid") for other in document["Statement"][:number] if "Sid" in one):
                one["Sid"] = f"{one['Sid']}{number}"
    return found


def _document(statements: list[Statement]) -> Document:
    return {"Version": "2012-10-17", "Statement": statements}


def _regions(estate: Estate) -> list[str]:
    return sorted([estate.sites.primary.region, estate.sites.recovery.region])


def _places(estate: Estate) -> Mapping[Place, list[str]]:
    """The ARNs of everything that the estate names, or that a run names after its own rule."""
    partition = _partition(estate.sites.primary.region)
    databases = [one for application in estate.applications.values() for one in application.databases.values()]
    buckets = [one for application in estate.applications.values() for one in application.buckets.values()]
    sites = (estate.sites.primary, estate.sites.recovery)
    scratch = [(site.region, site.scratch) for site in sites if site.scratch]

    def arn(service: str, region: str, rest: str) -> str:
        return rest if rest.startswith("arn:") else f"arn:{partition}:{service}:{region}:{estate.account}:{rest}"

    def rds(kind: str, names: Iterable[str], regions: Iterable[str]) -> list[str]:
        return [arn("rds", region, f"{kind}:{name}") for region in regions for name in names]

    def secret(region: str, name: str) -> str:
        # The ARN of a secret ends in a hyphen and six signs that nobody knows beforehand.
        return name if name.startswith("arn:") else arn("secretsmanager", region, f"secret:{name}-??????")

    def key(region: str, name: str) -> str:
        # A policy that names an alias grants nothing, and what the alias leads to is not known offline.
        return arn("kms", region, name if name.startswith("arn:") else f"key/{'*' if 'alias/' in name else name}")

    def s3(names: Iterable[str], below: str = "") -> list[str]:
        return [f"arn:{partition}:s3:::{name}{below}" for name in sorted(set(names))]

    own = [name for bucket in buckets for name in (bucket.bucket, bucket.copy_)]
    in_scratch = [one.bucket for _, one in scratch]
    control, evidence = (_bucket_of(location) for location in (estate.control, estate.evidence))
    return {
        "source instances": rds("db", sorted({one.instance for one in databases}), [estate.sites.primary.region]),
        "scratch instances": rds("db", [f"{PREFIX}-*"], [region for region, _ in scratch]),
        "backup snapshots": rds("snapshot", [f"{PREFIX}-*"], _regions(estate)),
        "all snapshots": rds("snapshot", ["*"], [region for region, _ in scratch]),
        "automated backups": rds("auto-backup", ["*"], _regions(estate)),
        "scratch groups": [
            arn
            for region, one in scratch
            for kind, name in (("subgrp", one.subnet_group), ("pg", one.parameter_group), ("og", "default:*"))
            for arn in rds(kind, [name], [region])
        ],
        "lasting groups": [
            arn
            for site in sites
            if site.recovery
            for kind, name in (("subgrp", site.recovery.subnet_group), ("pg", site.recovery.parameter_group))
            for arn in rds(kind, [name], [site.region])
        ],
        "estate buckets": s3(own),
        "estate objects": s3(own, "/*"),
        "scratch buckets": s3(in_scratch),
        "scratch objects": s3(in_scratch, "/*"),
        "control bucket": s3([control[0]] if control else []),
        "control objects": s3([control[0]], f"/{control[1]}*") if control else [],
        "evidence bucket": s3([evidence[0]] if evidence else []),
        "keys": sorted(
            {
                key(site.region, one.kms_key)
                for site in sites
                for one in (site.scratch, site.recovery)
                if one is not None
            }
        ),
        "object keys": [arn("kms", region, "key/*") for region in _regions(estate)],
        "secrets": sorted(
            {secret(estate.sites.primary.region, one.owner_secret) for one in databases}
            | {secret(site.region, one.app_secret) for site in sites if site.scratch for one in databases}
        ),
        "heartbeat secrets": sorted(
            {secret(estate.sites.primary.region, one.heartbeat_secret) for one in databases if one.heartbeat_secret}
        ),
        "heartbeat objects": sorted({arn for bucket in buckets for arn in s3([bucket.bucket], f"/{bucket.heartbeat}")})
        if any(one.heartbeat_secret for one in databases)
        else [],
        "roles": sorted({name for one in _ROLES if (name := getattr(estate.roles, one))}),
    }


def _bucket_of(location: str) -> tuple[str, str] | None:
    """Bucket and prefix of a store that is one, as `dr.store` reads them."""
    if not location.startswith("s3://"):
        return None
    bucket, _, prefix = location.removeprefix("s3://").partition("/")
    return bucket, f"{prefix.strip('/')}/" if prefix.strip("/") else ""


def _partition(region: str) -> str:
    """The part of AWS that a region belongs to: the rest of the world knows nothing of China's ARNs."""
    return "aws-cn" if region.startswith("cn-") else "aws-us-gov" if region.startswith("us-gov-") else "aws"
