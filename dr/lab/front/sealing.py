"""Encryption as S3 shows it: which key a version is under, and whether that key can be used at all.

Everything that depends on the simulated KMS stands here. Nothing is encrypted: what matters is that data under a lost
key cannot be read, copied or replicated.
"""

import secrets
from dataclasses import dataclass

from moto.kms.models import kms_backends
from moto.s3.models import FakeBucket, FakeKey

from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Headers
from dr.lab.front.keys import ACCOUNT

KMS = ("aws:kms", "aws:kms:dsse")
_PLAIN = "AES256"
_OWN_ALIAS = "alias/aws/s3"


@dataclass(frozen=True)
class Seal:
    """How a version is encrypted; `key` is the ARN of a KMS key."""

    algorithm: str
    key: str | None

    def put_on(self, version: FakeKey) -> None:
        version.encryption, version.kms_key_id = self.algorithm, self.key

    def etag(self) -> str | None:
        """Under a KMS key an ETag is no hash of what was sent; None where it is."""
        return secrets.token_hex(16) if self.key else None


def of_new(bucket: FakeBucket, headers: Headers) -> Seal:
    """What a request asks for, or else the bucket's default, or else S3's own keys. Raises Declined for a bad key."""
    default = ((bucket.encryption or {}).get("Rule") or {}).get("ApplyServerSideEncryptionByDefault") or {}
    asked = headers.get("x-amz-server-side-encryption")
    algorithm = asked or default.get("SSEAlgorithm") or _PLAIN
    key = headers.get("x-amz-server-side-encryption-aws-kms-key-id")
    if algorithm not in (_PLAIN, *KMS):
        raise Declined("InvalidEncryptionAlgorithmError", "The encryption method specified is not supported")
    if algorithm == _PLAIN:
        if key:
            message = (
                "Server Side Encryption with AWS KMS managed key requires HTTP header x-amz-server-side-encryption"
            )
            raise Declined("InvalidArgument", f"{message} : aws:kms")
        return Seal(_PLAIN, None)
    key = key or ("" if asked else str(default.get("KMSMasterKeyID") or ""))
    return Seal(algorithm, usable(str(bucket.region_name), key or _OWN_ALIAS))


def usable(region: str, given: str) -> str:
    """The ARN of the KMS key with this id, ARN or alias. Raises Declined, in KMS's words, when it cannot be used."""
    if given == _OWN_ALIAS:
        return f"arn:aws:kms:{region}:{ACCOUNT}:{_OWN_ALIAS}"
    if given.endswith(f":{_OWN_ALIAS}"):
        return given
    if given.startswith("arn:") and given.split(":")[3:5] != [region, ACCOUNT]:
        raise Declined("KMS.NotFoundException", f"Invalid arn {given.split(':')[3]}")
    backend = kms_backends[ACCOUNT][region]
    alias = backend.get_alias_name(given)
    name = backend.get_key_id_from_alias(alias) if alias.startswith("alias/") else given
    key = backend.keys.get(backend.get_key_id(name)) if name else None
    if key is None:
        raise Declined("KMS.NotFoundException", f"Key '{given}' does not exist")
    if key.key_state == "Disabled":
        raise Declined("KMS.DisabledException", f"{key.arn} is disabled.")
    if key.key_state != "Enabled":
        raise Declined("KMS.KMSInvalidStateException", f"{key.arn} is pending deletion.")
    return str(key.arn)


def of_customer(key: str | None) -> str:
    """The ARN of a key; nothing for S3's own, which whoever may use S3 may use."""
    return key if key and not key.endswith(f":{_OWN_ALIAS}") else ""


def key_of(version: FakeKey) -> str:
    """The customer's key that a version is under; nothing where it is under none, or under S3's own."""
    return of_customer(version.kms_key_id) if version.encryption in KMS else ""


def readable(version: FakeKey) -> None:
    """Raise Declined when the key of a version cannot be used, so that its content cannot be read."""
    if version.encryption in KMS and version.kms_key_id:
        usable(version.kms_key_id.split(":")[3], version.kms_key_id)
