"""Keys: is the one that the estate names there, and enabled, in this very region?"""

from dr.aws.clients import Aws
from dr.aws.errors import missing
from dr.errors import AwsError
from dr.recovery import Fact


class Key(Fact):
    arn: str
    enabled: bool
    state: str


def key(aws: Aws, region: str, identifier: str) -> Key | None:
    """A key by id, ARN or `alias/name`, or None when this region has none of that name."""
    try:
        found = aws.look("kms", region, "DescribeKey", f"key {identifier}", KeyId=identifier)["KeyMetadata"]
    except AwsError as problem:
        if missing(problem):
            return None
        raise
    state = found.get("KeyState", "Enabled" if found.get("Enabled") else "Disabled")
    return Key(arn=found["Arn"], enabled=state == "Enabled", state=state)
