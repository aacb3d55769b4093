"""Conditional writes: If-None-Match and If-Match, decided under the bucket's lock, so that of many writers one wins."""

import time

from moto.s3.models import FakeKey

from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Request
from dr.lab.front.store import Store


class Conditions:
    """Whether a conditional write may go ahead, and when each key was last deleted."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._deleted: dict[str, dict[str, float]] = {}

    def deleted(self, bucket: str, key: str) -> None:
        """A key was deleted just now: conditional writes to it that are under way have lost."""
        self._deleted.setdefault(bucket, {})[key] = time.monotonic()

    def forget(self, bucket: str) -> None:
        self._deleted.pop(bucket, None)

    def prove(self, request: Request, bucket: str, key: str, began: float) -> None:
        """Raise Declined unless the request's conditions hold; `began` is on the monotonic clock, in seconds.

        A deletion between the beginning of a write and its end is a conflict: whoever wrote has to look again.
        """
        none, match = request.headers.get("If-None-Match"), request.headers.get("If-Match")
        if not none and not match:
            return
        if none and (none != "*" or match):
            message = "A header you provided implies functionality that is not implemented"
            raise Declined("NotImplemented", message, (("Header", "If-None-Match"),))
        current = self._store.object(bucket, key)
        if none and current is not None:
            raise _failed("If-None-Match")
        if none and self._deleted.get(bucket, {}).get(key, began) > began:
            message = "The conditional request cannot succeed due to a conflicting operation against this resource."
            raise Declined("ConditionalRequestConflict", message, (("Condition", "If-None-Match"), ("Key", key)))
        if match:
            self._matches(current, match)

    def prove_deletion(self, request: Request, bucket: str, key: str) -> None:
        """If-Match of a DeleteObject, which only asks about the current version."""
        match = request.headers.get("If-Match")
        if match:
            self._matches(self._store.object(bucket, key), match)

    def _matches(self, current: FakeKey | None, wanted: str) -> None:
        if current is None:
            raise Declined("NoSuchKey", "The specified key does not exist.")
        if wanted != "*" and wanted.strip('"') != current.etag.strip('"'):
            raise _failed("If-Match")


def _failed(condition: str) -> Declined:
    message = "At least one of the pre-conditions you specified did not hold"
    return Declined("PreconditionFailed", message, (("Condition", condition),))
