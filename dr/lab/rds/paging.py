"""Lists, as RDS hands them out: filtered, sorted by name, in pages of 20 to 100."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from dr.lab.rds.faults import Fault

T = TypeVar("T")
Request = Mapping[str, Any]


def page(
    request: Request, found: Iterable[tuple[str, T]], member: str, show: Callable[[T], dict[str, Any]]
) -> dict[str, Any]:
    """One page. The marker is the last name of the page before: changes in between neither hide nor repeat."""
    most = request.get("MaxRecords", 100)
    if not 20 <= most <= 100:
        raise Fault("InvalidParameterValue", f"Invalid value {most} for MaxRecords. Must be between 20 and 100")
    marker = request.get("Marker") or ""
    rest = sorted(((name, item) for name, item in found if name > marker), key=lambda pair: pair[0])
    answer: dict[str, Any] = {member: [show(item) for _, item in rest[:most]]}
    if len(rest) > most:
        answer["Marker"] = rest[most - 1][0]
    return answer


def filters(request: Request, known: Iterable[str]) -> dict[str, set[str]]:
    """Filters by name. Raises Fault for one that the operation does not have."""
    found: dict[str, set[str]] = {}
    for given in request.get("Filters") or []:
        name = given.get("Name", "")
        if name not in set(known):
            raise Fault("InvalidParameterValue", f"Unrecognized filter name: {name[:100]}")
        if not given.get("Values"):
            raise Fault("InvalidParameterCombination", f"Filter {name} has no values.")
        found[name] = {str(value).lower() for value in given["Values"]}
    return found


def admits(chosen: Mapping[str, set[str]], **facts: Iterable[str]) -> bool:
    """Whether a resource passes all filters; facts are given with underscores for hyphens."""
    for name, wanted in chosen.items():
        values = {str(value).lower() for value in facts[name.replace("-", "_")]}
        if not values & wanted:
            return False
    return True
