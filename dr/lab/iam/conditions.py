"""Every condition operator that IAM has, on the keys that this lab fills.

A key that a request lacks makes a positive operator false and a negated one true; `...IfExists` makes it true either
way; over several values, `ForAllValues:` is true of none and `ForAnyValue:` is not. (IAM user guide, "IAM JSON policy
elements: Condition operators" and "Creating a condition with multiple keys or values".)
"""

import base64
import binascii
import ipaddress
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

Keys = Mapping[str, tuple[str, ...]]
"""condition key in lower case -> its values in this request."""

FILLED = {
    *("aws:currenttime", "aws:epochtime", "aws:principalaccount", "aws:principalarn", "aws:principaltype"),
    *("aws:requestedregion", "aws:securetransport", "aws:sourceip", "aws:tagkeys", "aws:userid", "aws:username"),
    *("aws:viaawsservice", "kms:calleraccount", "kms:grantisforawsresource", "kms:viaservice"),
    "kms:encryptioncontext:aws:s3:arn",
    *("s3:delimiter", "s3:max-keys", "s3:prefix", "s3:versionid", "sts:externalid", "sts:rolesessionname"),
}
"""Every key without a name of its own behind a slash that a request here carries where AWS's would."""
FILLED_BY_TAG = (
    *("aws:principaltag/", "aws:requesttag/", "aws:resourcetag/", "ec2:resourcetag/", "kms:resourcetag/"),
    *("rds:cluster-snapshot-tag/", "rds:cluster-tag/", "rds:db-tag/", "rds:pg-tag/", "rds:req-tag/"),
    *("rds:snapshot-tag/", "rds:subgrp-tag/", "s3:existingobjecttag/", "s3:requestobjecttag/"),
    "secretsmanager:resourcetag/",
)


@dataclass(frozen=True)
class Operator:
    """One comparison, its sense, and what it makes of a value that is no value of its kind."""

    matches: Callable[[str, str], bool]
    """(the request's value, the policy's value)"""
    negated: bool
    parse: Callable[[str], Any]
    """Raises ValueError for a policy value that cannot be compared with."""


@dataclass(frozen=True)
class Condition:
    """One key under one operator."""

    name: str
    quantifier: str
    if_exists: bool
    key: str
    values: tuple[str, ...]


def filled(key: str) -> bool:
    """Whether a request here carries this key wherever AWS's would."""
    return key in FILLED or key.startswith(FILLED_BY_TAG)


def condition(operator: str, key: str, values: tuple[str, ...]) -> Condition:
    """Raises ValueError for an operator that IAM does not have, and for values that it cannot compare with."""
    quantifier, _, rest = operator.rpartition(":")
    name = rest.removesuffix("IfExists")
    if quantifier not in ("", "ForAllValues", "ForAnyValue") or name not in (*OPERATORS, "Null"):
        raise ValueError(f"{operator[:100]} is no condition operator")
    if ":" not in key:
        raise ValueError(f"{key[:100]} is no condition key")
    if name == "Null":
        if rest != name or quantifier:
            raise ValueError("Null takes neither a quantifier nor IfExists")
        if not all(value.lower() in ("true", "false") for value in values):
            raise ValueError("Null compares with true or false")
    else:
        for value in values:
            if "${" not in value:
                OPERATORS[name].parse(value)
    # What follows the slash is a tag's key. Its case is compared as IAM compares condition keys: not at all.
    return Condition(name, quantifier, rest != name, key.lower(), values)


def holds(wanted: Condition, keys: Keys) -> bool | None:
    """Whether the request satisfies the condition; None where this lab cannot tell."""
    if not filled(wanted.key) or any("${" in value for value in wanted.values):
        return None
    given = keys.get(wanted.key)
    if wanted.name == "Null":
        return any((value.lower() == "true") == (given is None) for value in wanted.values)
    operator = OPERATORS[wanted.name]
    if given is None and wanted.if_exists:
        return True

    def one(value: str) -> bool:
        return any(operator.matches(value, each) for each in wanted.values) != operator.negated

    present = given or ()
    if wanted.quantifier == "ForAllValues":
        return all(one(value) for value in present)
    if wanted.quantifier == "ForAnyValue":
        return any(one(value) for value in present)
    if operator.negated:
        return all(one(value) for value in present)
    return any(one(value) for value in present)


@lru_cache(maxsize=10_000)
def _expression(pattern: str) -> re.Pattern[str]:
    parts = (".*" if sign == "*" else "." if sign == "?" else re.escape(sign) for sign in pattern)
    return re.compile("".join(parts), re.DOTALL)


def like(value: str, pattern: str) -> bool:
    """`*` is any text, also none; `?` is one sign; everything else is itself."""
    return bool(_expression(pattern).fullmatch(value))


def arn_like(value: str, pattern: str) -> bool:
    """The six parts of an ARN, each by itself: a wildcard never reaches over a colon, except within the last part."""
    if pattern == "*":
        return True
    values, patterns = value.split(":", 5), pattern.split(":", 5)
    return len(values) == len(patterns) and all(like(*pair) for pair in zip(values, patterns, strict=True))


def _compared(parse: Callable[[str], Any], compare: Callable[[Any, Any], bool]) -> Callable[[str, str], bool]:
    def matches(value: str, wanted: str) -> bool:
        try:
            found = parse(value)
        except ValueError:
            return False
        return compare(found, parse(wanted))

    return matches


def _number(text: str) -> float:
    return float(text)


def _moment(text: str) -> datetime:
    """A date as W3C writes it, or seconds since 1970."""
    if re.fullmatch(r"\d{1,11}(\.\d+)?", text) and len(text) != 4:
        return datetime.fromtimestamp(float(text), UTC)
    if re.fullmatch(r"\d{4}(-\d{2})?", text):
        text += "-01" * (2 - text.count("-"))
    moment = datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment


def _truth(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(f"{text[:50]!r} is neither true nor false")
    return text.lower() == "true"


def _network(text: str) -> "ipaddress.IPv4Network | ipaddress.IPv6Network":
    return ipaddress.ip_network(text, strict=False)


def _arn(text: str) -> str:
    if text != "*" and text.count(":") < 5:
        raise ValueError(f"{text[:100]!r} is no ARN")
    return text


def _bytes(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except binascii.Error as problem:
        raise ValueError(f"{text[:50]!r} is not base64") from problem


def _inside(value: "ipaddress.IPv4Network | ipaddress.IPv6Network", wanted: Any) -> bool:
    return value.version == wanted.version and bool(value.subnet_of(wanted))


def _both(name: str, matches: Callable[[str, str], bool], parse: Callable[[str], Any]) -> dict[str, Operator]:
    """A positive operator and its opposite, which has `Not` before the verb."""
    verb = next(verb for verb in ("Equals", "Like") if verb in name)
    return {
        name: Operator(matches, False, parse),
        name.replace(verb, f"Not{verb}"): Operator(matches, True, parse),
    }


def _ordered(family: str, parse: Callable[[str], Any]) -> dict[str, Operator]:
    found = _both(f"{family}Equals", _compared(parse, lambda a, b: bool(a == b)), parse)
    for name, compare in (
        ("LessThan", lambda a, b: a < b),
        ("LessThanEquals", lambda a, b: a <= b),
        ("GreaterThan", lambda a, b: a > b),
        ("GreaterThanEquals", lambda a, b: a >= b),
    ):
        found[family + name] = Operator(_compared(parse, compare), False, parse)
    return found


OPERATORS: dict[str, Operator] = {
    **_both("StringEquals", lambda value, wanted: value == wanted, str),
    **_both("StringEqualsIgnoreCase", lambda value, wanted: value.lower() == wanted.lower(), str),
    **_both("StringLike", like, str),
    **_ordered("Numeric", _number),
    **_ordered("Date", _moment),
    "Bool": Operator(_compared(_truth, lambda a, b: bool(a == b)), False, _truth),
    "BinaryEquals": Operator(_compared(_bytes, lambda a, b: bool(a == b)), False, _bytes),
    "IpAddress": Operator(_compared(_network, _inside), False, _network),
    "NotIpAddress": Operator(_compared(_network, _inside), True, _network),
    **_both("ArnEquals", arn_like, _arn),
    **_both("ArnLike", arn_like, _arn),
}
