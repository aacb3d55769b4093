"""Health checks that Route 53 refuses to create, and what it tells of those that it has."""

from datetime import datetime
from ipaddress import ip_address
from typing import Any

from moto.route53.models import Route53Backend

from dr.lab.dns.health import CHECKER_ADDRESS, CHECKER_REGION, ENDPOINTS, Observation
from dr.lab.front.route53_reading import Wrong, document, number, section, several, text


def check_creation(body: bytes, backend: Route53Backend) -> str | None:
    """Raise Wrong unless a CreateHealthCheck request may go ahead.

    The identifier of the one that is there already with the same caller reference and the same settings, which AWS
    answers with once more; None for a new one. Source: botocore's model of CreateHealthCheck.
    """
    root = document(body, "CreateHealthCheckRequest")
    config = section(root, "HealthCheckConfig")
    _check_config(config, backend)
    reference = text(root, "CallerReference")
    if not reference:
        raise Wrong("InvalidInput", "Invalid XML ; the element CallerReference is missing")
    for there in backend.list_health_checks():
        if there.caller_reference == reference:
            if all(_same(config, name, value) for name, value in there.health_check_config.items()):
                return str(there.id)
            raise Wrong("HealthCheckAlreadyExists", f"A health check with the reference {reference} exists.", 409)
    return None


def _same(config: dict[str, Any], name: str, value: object) -> bool:
    given = text(config, name) if not isinstance(config.get(name), dict) else None
    return given is None or given.lower() == str(value).lower()


def _check_config(config: dict[str, Any], backend: Route53Backend) -> None:
    kind = text(config, "Type") or ""
    if kind == "CALCULATED":
        for child in several(config, "ChildHealthChecks", "ChildHealthCheck"):
            if child not in backend.health_checks:
                raise Wrong("InvalidInput", f"The child health check {str(child)[:64]} does not exist.")
        number(config, "HealthThreshold", 0, 256)
        return
    if kind not in ENDPOINTS:
        raise Wrong("InvalidInput", f"Health checks of the type {kind[:40]!r} do not exist in the lab.")
    address, host = text(config, "IPAddress"), text(config, "FullyQualifiedDomainName")
    if not address and not host:
        raise Wrong("InvalidInput", "Invalid parameter: IPAddress or FullyQualifiedDomainName must be given.")
    if address:
        try:
            ip_address(address)
        except ValueError as problem:
            raise Wrong("InvalidInput", f"Invalid parameter : {address[:45]} is not an IP address.") from problem
    if number(config, "RequestInterval", 10, 30) not in (None, 10, 30):
        raise Wrong("InvalidInput", "Invalid parameter: RequestInterval must be 10 or 30.")
    number(config, "FailureThreshold", 1, 10)
    if number(config, "Port", 1, 65535) is None and kind == "TCP":
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
