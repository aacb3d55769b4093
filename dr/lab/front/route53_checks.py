"""Health checks that Route 53 refuses to create or to update, and what it tells of those that it has.

Source of the rules: botocore's model of CreateHealthCheck, UpdateHealthCheck and HealthCheckConfig. Assumed: the code
InvalidInput wherever the model names a constraint and no code for it, and the wording of the messages.
"""

from collections.abc import Container
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from moto.route53.models import HealthCheck

from dr.lab.dns.health import CHECKER_ADDRESS, CHECKER_REGION, ENDPOINTS, Observation
from dr.lab.front.route53_reading import Wrong, document, number, section, several, text


def creation(body: bytes, known: Container[str]) -> tuple[str, dict[str, Any]]:
    """The caller reference of a CreateHealthCheck request and its settings, as given. Raises Wrong.

    `known` holds the identifiers of the health checks that exist.
    """
    root = document(body, "CreateHealthCheckRequest")
    config = section(root, "HealthCheckConfig")
    _check_values(config, known)
    if text(config, "Type") != "CALCULATED":
        _check_endpoint(config)
    reference = text(root, "CallerReference")
    if not reference:
        raise Wrong("InvalidInput", "Invalid XML ; the element CallerReference is missing")
    return reference, config


def check_update(body: bytes, check: HealthCheck, known: Container[str]) -> None:
    """Raise Wrong unless an UpdateHealthCheck request may go ahead."""
    root = document(body, "UpdateHealthCheckRequest")
    version = text(root, "HealthCheckVersion")
    if version not in (None, str(check.health_check_version)):
        raise Wrong("HealthCheckVersionMismatch", f"The version is {check.health_check_version} by now.", 409)
    if "ResetElements" in root:
        raise Wrong("InvalidInput", "ResetElements does not exist in the lab.")
    if text(root, "IPAddress") and not check.ip_address:
        raise Wrong("InvalidInput", "Invalid parameter: a health check of a domain name takes no IPAddress later.")
    _check_values(root, known)


def _check_values(node: dict[str, Any], known: Container[str]) -> None:
    """What a new health check and an update of one may say alike."""
    for child in several(node, "ChildHealthChecks", "ChildHealthCheck"):
        if not isinstance(child, str) or child not in known:
            raise Wrong("InvalidInput", f"The child health check {str(child)[:64]} does not exist.")
    number(node, "HealthThreshold", 0, 256)
    number(node, "FailureThreshold", 1, 10)
    number(node, "Port", 1, 65535)
    address = text(node, "IPAddress")
    if address:
        try:
            ip_address(address)
        except ValueError as problem:
            raise Wrong("InvalidInput", f"Invalid parameter : {address[:45]} is not an IP address.") from problem


def _check_endpoint(config: dict[str, Any]) -> None:
    kind = text(config, "Type") or ""
    if kind not in ENDPOINTS:
        raise Wrong("InvalidInput", f"Health checks of the type {kind[:40]!r} do not exist in the lab.")
    if not text(config, "IPAddress") and not text(config, "FullyQualifiedDomainName"):
        raise Wrong("InvalidInput", "Invalid parameter: IPAddress or FullyQualifiedDomainName must be given.")
    if number(config, "RequestInterval", 10, 30) not in (None, 10, 30):
        raise Wrong("InvalidInput", "Invalid parameter: RequestInterval must be 10 or 30.")
    if kind == "TCP" and not text(config, "Port"):
        raise Wrong("InvalidInput", "Invalid parameter: a health check of the type TCP needs a Port.")
    if kind.endswith("STR_MATCH") != bool(text(config, "SearchString")):
        raise Wrong("InvalidInput", f"Invalid parameter: SearchString belongs to string matching, not to {kind}.")


def observed(root: str, namespace: str, observations: list[Observation]) -> dict[str, Any]:
    """The answer of GetHealthCheckStatus and GetHealthCheckLastFailureReason."""
    shown = [
        {
            "Region": CHECKER_REGION,
            "IPAddress": CHECKER_ADDRESS,
            "StatusReport": {"Status": one.seen.told, "CheckedTime": timestamp(one.at)},
        }
        for one in observations
    ]
    return {
        root: {"@xmlns": namespace, "HealthCheckObservations": {"HealthCheckObservation": shown} if shown else None}
    }


def timestamp(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
