"""A name that is taken, or an answer that got lost: look at what is there, and take it over only when it is ours.

RDS knows no idempotency tokens: names, which the plan fixed, stand in for them. A creation that meets its own name, or
hears nothing, may have taken effect in an earlier attempt, or in a process of the same run that died. What is there is
then compared with everything that was asked for. Anything else that bears the name ends the attempt.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from dr.aws.errors import already
from dr.claims import TAG_ASSET, TAG_PURPOSE, TAG_RUN, TAG_SOURCE
from dr.errors import AwsError, Refused

Found = TypeVar("Found")
_OURS = (TAG_RUN, TAG_ASSET, TAG_PURPOSE, TAG_SOURCE)


def taken_over(
    problem: AwsError, shown: str, look: Callable[[], Found | None], differences: Callable[[Found], Iterable[str]]
) -> Found:
    """The thing that a creation was for, although the creation itself was refused or went unanswered.

    Raises the problem again when it says nothing of the kind or when nothing is there, and Refused when what is there
    is not what was asked for.
    """
    if not (already(problem) or problem.transient):
        raise problem
    found = look()
    if found is None:
        raise problem
    insist(shown, differences(found))
    return found


def insist(shown: str, differences: Iterable[str]) -> None:
    """Raises Refused when a thing differs from what this run asks for."""
    if other := list(differences):
        raise Refused(
            f"{shown} exists already, and is not what this run asks for: {'; '.join(other)}",
            hint="it was left alone: find out who made it, and remove or rename it",
        )


def other_settings(found: Mapping[str, object], asked: Mapping[str, object]) -> list[str]:
    """What of a thing is not as it was asked for, in words."""
    return [
        f"its {name.replace('_', ' ')} is {found.get(name)!r}, not {wanted!r}"
        for name, wanted in asked.items()
        if found.get(name) != wanted
    ]


def other_tags(found: Mapping[str, str], given: Mapping[str, str]) -> list[str]:
    """Which of the tags that say whose a thing is are missing, or say something else."""
    return [
        f"its tag {key} is {found.get(key)!r}, not {given[key]!r}"
        for key in _OURS
        if key in given and found.get(key) != given[key]
    ]
