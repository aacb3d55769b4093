"""Replicas of secrets, by a clock that the test holds."""

from typing import Any

from moto.secretsmanager.models import FakeSecret

from dr.lab.front.secrets import LateReplica


def version(text: str) -> dict[str, Any]:
    return {"version_id": text, "version_stages": ["AWSCURRENT"], "secret_string": text, "createdate": 0}


def test_a_replica_holds_what_has_arrived_and_says_what_is_on_its_way() -> None:
    primary = FakeSecret("123456789012", "eu-west-1", "login", version("first"), "first", secret_string="first")
    replica = LateReplica(primary, "eu-central-1", "alias/aws/secretsmanager")
    replica.send(arrives=10)
    replica.send(arrives=11)
    replica.receive(now=9)
    assert not replica.has_replica
    assert replica.config["Status"] == "InProgress"

    primary.reset_default_version(version("second"), "second")
    replica.send(arrives=20)
    replica.receive(now=10)
    assert replica.default_version_id == "first"
    assert replica.to_dict()["ARN"] == primary.arn.replace("eu-west-1", "eu-central-1")
    assert replica.config["Status"] == "InProgress"

    replica.receive(now=20)
    assert replica.default_version_id == "second"
    assert replica.versions["first"]["version_stages"] == ["AWSPREVIOUS"]
    assert replica.config["Status"] == "InSync"

    freed = replica.release()
    primary.reset_default_version(version("third"), "third")
    replica.send(arrives=30)
    replica.receive(now=30)
    assert not replica.has_replica
    assert replica.config["Status"] == "Detached"
    assert (freed.arn, freed.default_version_id) == (replica.arn, "second")
