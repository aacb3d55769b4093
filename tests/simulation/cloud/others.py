"""Who is calling, security groups, secrets and tags: a line or two of each."""

import json
from typing import Any

from tests.simulation.cloud.account import NUMBER, Account

Parameters = dict[str, Any]


def key_arn(region: str, name: str) -> str:
    """What a key is called that a request named in whatever way."""
    return f"arn:aws:kms:{region}:{NUMBER}:key/{name.rpartition('/')[2]}"


class Others:
    """What a run asks of the smaller services of one region."""

    def __init__(self, account: Account, region: str) -> None:
        self._account, self._name = account, region

    def get_caller_identity(self, _: Parameters) -> Parameters:
        return {"Account": NUMBER, "Arn": f"arn:aws:iam::{NUMBER}:user/simulated"}

    def describe_security_groups(self, asked: Parameters) -> Parameters:
        (name,) = asked["Filters"][0]["Values"]
        return {"SecurityGroups": [{"GroupId": "sg-1", "GroupName": name, "VpcId": "vpc-1"}]}

    def describe_key(self, asked: Parameters) -> Parameters:
        name = asked["KeyId"]
        arn = key_arn(self._name, name)
        return {"KeyMetadata": {"KeyId": name, "Arn": arn, "Enabled": True, "KeyState": "Enabled"}}

    def get_secret_value(self, asked: Parameters) -> Parameters:
        name = asked["SecretId"]
        held = json.dumps({"username": name.rpartition("/")[2], "password": "production's"})
        return {"Name": name, "ARN": f"arn:aws:secretsmanager:{self._name}:{NUMBER}:{name}", "SecretString": held}

    def get_resources(self, _: Parameters) -> Parameters:
        now = self._account.now
        return {
            "ResourceTagMappingList": [
                {
                    "ResourceARN": f"arn:aws:rds:{self._name}:{NUMBER}:db:{one.name}",
                    "Tags": [{"Key": key, "Value": value} for key, value in one.tags.items()],
                }
                for one in self._account.regions[self._name].instances.values()
                if not one.gone(now)
            ]
        }
