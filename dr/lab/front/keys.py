"""Which access keys are good: the lab's own pair, keys of simulated IAM users, and the short-lived ones of STS."""

import secrets
import string
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

from dr.lab.front.refusals import Refusal, Trouble

ACCOUNT = "123456789012"
_UNKNOWN = "the security token or access key id included in the request is not known"


@dataclass(frozen=True)
class KeyPair:
    """An access key id and its secret."""

    access_key_id: str
    secret_access_key: str

    @classmethod
    def new(cls) -> "KeyPair":
        """A pair that looks like AWS's: 20 capital letters and digits, and 40 characters of secret."""
        letters = string.ascii_uppercase + "234567"
        tail = "".join(secrets.choice(letters) for _ in range(16))
        return cls("AKIA" + tail, secrets.token_urlsafe(30)[:40])


def wall() -> datetime:
    """What this machine's clock says."""
    return datetime.now(UTC)


class KeyRing:
    """Finds the secret of an access key, or refuses it."""

    def __init__(self, own: KeyPair, now: Callable[[], datetime] = wall) -> None:
        self.own = own
        self.now = now

    def secret(self, access_key: str, token: str) -> str:
        """The secret to check a signature with. Raises Refusal for a key nobody issued or a token not its own."""
        if access_key == self.own.access_key_id:
            if token:
                raise Refusal(Trouble.WRONG_TOKEN, "a long-lived access key has no session token")
            return self.own.secret_access_key
        for partitions in list(sts_backends.values()):
            role = partitions["aws"].get_assumed_role_from_access_key(access_key)
            if role is not None:
                if not secrets.compare_digest(role.session_token.encode(), token.encode()):
                    raise Refusal(Trouble.WRONG_TOKEN, "the security token included in the request is invalid")
                if role.expiration.replace(tzinfo=UTC) < self.now():
                    raise Refusal(Trouble.EXPIRED_TOKEN, "the security token included in the request is expired")
                return str(role.secret_access_key)
        for account in list(iam_backends.values()):
            key = account["aws"].access_keys.get(access_key)
            if key is not None and getattr(key, "status", "Active") == "Active" and not token:
                return str(key.secret_access_key)
        raise Refusal(Trouble.UNKNOWN_KEY, _UNKNOWN)
