"""An AWS error as RDS would give it: a wire code, a sentence, and the HTTP status of the service model."""

from botocore.model import OperationModel

COMMON = {
    "AccessDenied": 403,
    "InternalFailure": 500,
    "InvalidAction": 400,
    "InvalidParameterCombination": 400,
    "InvalidParameterValue": 400,
    "MalformedInput": 400,
    "MissingAction": 400,
    "MissingParameter": 400,
    "Throttling": 400,
}
"""Codes that every operation may give although the model declares them for none."""


class Fault(Exception):  # noqa: N818 - RDS's own word for it
    """An answer, not a bug: the caller asked for something that cannot be."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def status_of(fault: Fault, operation: OperationModel | None) -> int:
    """The HTTP status. Raises AssertionError where the operation does not declare this error: AWS would not give it."""
    if fault.code in COMMON:
        return COMMON[fault.code]
    for shape in operation.error_shapes if operation else ():
        declared = shape.metadata.get("error", {})
        if declared.get("code", shape.name) == fault.code:
            return int(declared.get("httpStatusCode", 400))
    name = operation.name if operation else "no operation"
    raise AssertionError(f"{name} does not declare {fault.code}")
