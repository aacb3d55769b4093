"""The tagging API over the whole lab: what the simulated services know, and our own RDS beside it."""

import json
from typing import Any, Protocol

from dr.lab.front import refusals
from dr.lab.front.exchange import Answer, Request
from dr.lab.front.simulated import Simulated

_SERVICE = "tagging"
_PAGE = 100


class _Tagged(Protocol):
    def tagged(self, region: str) -> dict[str, dict[str, str]]: ...


class Tagging:
    """GetResources over both worlds, in one order and with one page token; the rest is the simulated service's."""

    def __init__(self, simulated: Simulated, rds: _Tagged) -> None:
        self._simulated = simulated
        self._rds = rds

    def answer(self, region: str, request: Request) -> Answer:
        action = request.headers.get("X-Amz-Target").rpartition(".")[2]
        if action != "GetResources":
            return self._simulated.answer(_SERVICE, request)
        asked: dict[str, Any] = json.loads(request.body or b"{}")
        others, refused = self._simulated_resources(request, asked)
        if refused is not None:
            return refused
        own = {arn: tags for arn, tags in self._rds.tagged(region).items() if _wanted(arn, tags, asked)}
        found = sorted({**others, **own}.items(), key=lambda entry: entry[0])
        after = asked.get("PaginationToken") or ""
        page = [(arn, tags) for arn, tags in found if arn > after][: int(asked.get("ResourcesPerPage") or _PAGE)]
        more = bool(page) and page[-1][0] != found[-1][0]
        body = {
            "PaginationToken": page[-1][0] if more else "",
            "ResourceTagMappingList": [
                {"ResourceARN": arn, "Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}
                for arn, tags in page
            ],
        }
        return Answer(200, refusals.json_headers(request.id), json.dumps(body).encode())

    def _simulated_resources(
        self, request: Request, asked: dict[str, Any]
    ) -> tuple[dict[str, dict[str, str]], Answer | None]:
        """Everything that the simulated services have for this question, over all of its pages; or their refusal."""
        question = {key: value for key, value in asked.items() if key in ("TagFilters", "ResourceTypeFilters")}
        question["ResourcesPerPage"] = _PAGE
        found: dict[str, dict[str, str]] = {}
        while True:
            body = json.dumps(question).encode()
            answer = self._simulated.answer(
                _SERVICE, Request(request.method, request.target, request.headers, body, request.id)
            )
            if answer.status != 200:
                return {}, answer
            page = json.loads(answer.body)
            for entry in page.get("ResourceTagMappingList", []):
                found[entry["ResourceARN"]] = {tag["Key"]: tag["Value"] for tag in entry["Tags"]}
            token = page.get("PaginationToken")
            if not token:
                return found, None
            question["PaginationToken"] = token


def _wanted(arn: str, tags: dict[str, str], asked: dict[str, Any]) -> bool:
    """The API's own rules: every tag filter must hold (any of its values), and one of the resource types."""
    for wanted in asked.get("TagFilters") or []:
        values = wanted.get("Values") or []
        if wanted["Key"] not in tags or (values and tags[wanted["Key"]] not in values):
            return False
    types = asked.get("ResourceTypeFilters") or []
    service, _, rest = arn.split(":", 2)[2].partition(":")
    kind = rest.split(":")[2] if rest.count(":") >= 2 else ""
    return bool(tags) and (not types or any(wanted in (service, f"{service}:{kind}") for wanted in types))
