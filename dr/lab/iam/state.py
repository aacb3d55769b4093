"""What stands in the lab, as far as policies are about it: the tags of a resource, and the ARN behind a name."""

from typing import Protocol
from urllib.parse import unquote

from moto.ec2.models import ec2_backends
from moto.kms.models import kms_backends
from moto.s3.models import FakeKey
from moto.secretsmanager.models import secretsmanager_backends

from dr.lab.front import sealing
from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Headers
from dr.lab.front.store import Store

Tags = dict[str, str]


class Tagged(Protocol):
    """What is asked of the RDS server."""

    def tagged(self, region: str) -> dict[str, Tags]: ...


class State:
    """Looks things up, and changes nothing."""

    def __init__(self, account: str, rds: Tagged, store: Store, regions: tuple[str, ...]) -> None:
        self._account = account
        self._rds = rds
        self._store = store
        self._regions = regions

    def tags(self, arn: str) -> Tags:
        """The tags of a resource; none where it does not exist, or has none."""
        parts = arn.split(":", 5)
        if len(parts) < 6:
            return {}
        service, region, rest = parts[2], parts[3], parts[5]
        if service == "s3":
            return self._of_bucket(rest) if "/" not in rest else {}
        if region not in self._regions:
            return {}
        if service == "rds":
            return self._rds.tagged(region).get(arn, {})
        if service == "kms":
            return dict(kms_backends[self._account][region].tagger.get_tag_dict_for_resource(rest.removeprefix("key/")))
        if service == "secretsmanager":
            backend = secretsmanager_backends[self._account][region]
            found = next((one for one in list(backend.secrets.values()) if one.arn == arn), None)
            return {tag["Key"]: tag["Value"] for tag in found.tags or []} if found else {}
        if service == "ec2":
            return dict(ec2_backends[self._account][region].tags.get(rest.rpartition("/")[2], {}))
        return {}

    def _of_bucket(self, name: str) -> Tags:
        bucket = self._store.bucket(name)
        return self._store.tags(bucket) if bucket is not None else {}

    def object_tags(self, bucket: str, key: str, version: str = "") -> Tags:
        """The tags of a version of an object, or of the newest one."""
        found = self._store.version(bucket, key, version) if version else self._store.current(bucket, key)
        return self._store.tags(found) if isinstance(found, FakeKey) else {}

    def sealed_by(self, bucket: str, key: str, version: str = "") -> str:
        """The customer's KMS key that a version of an object, or the newest one, is under; nothing for any other."""
        found = self._store.version(bucket, key, version) if version else self._store.current(bucket, key)
        return sealing.key_of(found) if isinstance(found, FakeKey) else ""

    def would_seal(self, bucket: str, headers: Headers) -> str:
        """The same of an object that is about to be stored; nothing where its key cannot be used."""
        found = self._store.bucket(bucket)
        try:
            seal = sealing.of_new(found, headers) if found is not None else None
        except Declined:
            # The service itself says what is wrong with it.
            return ""
        return sealing.of_customer(seal.key) if seal else ""

    def key(self, region: str, identifier: str) -> str:
        """The ARN of a key given by id, ARN or alias; what was given, as an ARN, where there is no such key."""
        name = identifier
        if ":alias/" in name:
            name = "alias/" + name.partition(":alias/")[2]
        backend = kms_backends[self._account][region]
        if name.startswith("alias/"):
            name = backend.get_key_id_from_alias(name) or name
        name = name.rpartition(":key/")[2] if ":key/" in name else name
        found = backend.keys.get(name)
        if found is not None:
            return str(found.arn)
        return identifier if identifier.startswith("arn:") else f"arn:aws:kms:{region}:{self._account}:key/{name}"

    def secret(self, region: str, identifier: str) -> str:
        """The full ARN of a secret, with its random end; without one where there is no such secret."""
        for secret in list(secretsmanager_backends[self._account][region].secrets.values()):
            if identifier in (secret.name, secret.arn) or secret.arn.rpartition("-")[0] == identifier:
                return str(secret.arn)
        if identifier.startswith("arn:"):
            return identifier
        return f"arn:aws:secretsmanager:{region}:{self._account}:secret:{unquote(identifier)}"
