"""Object Lock: what a retention or a legal hold forbids, and how they are set, read and lifted.

The simulated S3 lets anybody shorten a retention of COMPLIANCE, cannot tell one, and knows no lock on uploads in parts.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from moto.s3.models import FakeBucket, FakeDeleteMarker, FakeKey

from dr.lab.front import xml
from dr.lab.front.declined import Declined, malformed
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.store import Store

_MODES = ("GOVERNANCE", "COMPLIANCE")
_NO_BUCKET_LOCK = "Bucket is missing Object Lock Configuration"


@dataclass(frozen=True)
class Lock:
    """What a new version is locked with."""

    mode: str | None
    until: datetime | None
    hold: str | None

    def put_on(self, version: FakeKey) -> None:
        version.lock_mode = self.mode
        version.lock_until = _written(self.until) if self.until else None
        version.lock_legal_status = self.hold


def protected(version: FakeKey, now: datetime, *, bypass: bool) -> bool:
    """Whether a version must not be removed; only a retention of GOVERNANCE can be bypassed."""
    if version.lock_legal_status == "ON":
        return True
    if not version.lock_mode or not version.lock_until or (bypass and version.lock_mode == "GOVERNANCE"):
        return False
    return datetime.fromisoformat(version.lock_until) > now


def bypasses(request: Request) -> bool:
    return request.headers.get("x-amz-bypass-governance-retention").lower() == "true"


class Locks:
    """The requests about locks, and the lock that every new version gets."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def of_new(self, bucket: FakeBucket, headers: Headers) -> Lock:
        """The lock that a request asks for, or else the bucket's default. Raises Declined."""
        mode, hold = headers.get("x-amz-object-lock-mode"), headers.get("x-amz-object-lock-legal-hold")
        until = headers.get("x-amz-object-lock-retain-until-date")
        if (mode or until or hold) and not bucket.object_lock_enabled:
            raise Declined("InvalidRequest", _NO_BUCKET_LOCK)
        if bool(mode) != bool(until):
            both = "x-amz-object-lock-retain-until-date and x-amz-object-lock-mode must both be supplied"
            raise Declined("InvalidArgument", both)
        if hold and hold not in ("ON", "OFF"):
            raise Declined("InvalidArgument", "Legal Hold must be either of 'ON' or 'OFF'")
        if mode:
            return Lock(_mode(mode), self._future(until), hold or None)
        if bucket.object_lock_enabled and bucket.default_lock_mode:
            days = (bucket.default_lock_days or 0) + 365 * (bucket.default_lock_years or 0)
            return Lock(bucket.default_lock_mode, datetime.now(UTC) + timedelta(days=days), hold or None)
        return Lock(None, None, hold or None)

    def answer(self, request: Request, bucket: FakeBucket, key: str) -> Answer:
        """GET and PUT of a version's retention or legal hold."""
        version = self._version(request, bucket, key)
        if not bucket.object_lock_enabled:
            raise Declined("InvalidRequest", _NO_BUCKET_LOCK)
        about_hold = "legal-hold" in request.parameters
        if request.method == "GET":
            return _hold(version) if about_hold else _retention(version)
        try:
            if about_hold:
                status = xml.read(request.body)["LegalHold"]["Status"]
                if status not in ("ON", "OFF"):
                    raise malformed()
                version.lock_legal_status = status
            else:
                self._retain(version, xml.read(request.body)["Retention"] or {}, bypass=bypasses(request))
        except (xml.ExpatError, KeyError, TypeError, AttributeError) as problem:
            raise malformed() from problem
        return Answer(200)

    def configuration(self, request: Request, bucket: FakeBucket) -> Answer:
        """GET and PUT of the lock of a bucket. It can be turned on later, and never off."""
        if request.method == "GET":
            if not bucket.object_lock_enabled:
                message = "Object Lock configuration does not exist for this bucket"
                raise Declined("ObjectLockConfigurationNotFoundError", message)
            found: dict[str, object] = {"@xmlns": xml.NAMESPACE, "ObjectLockEnabled": "Enabled"}
            if bucket.default_lock_mode:
                span = {"Days": bucket.default_lock_days, "Years": bucket.default_lock_years}
                rule = {"Mode": bucket.default_lock_mode, **{name: value for name, value in span.items() if value}}
                found["Rule"] = {"DefaultRetention": rule}
            return xml.answer({"ObjectLockConfiguration": found})
        if not bucket.is_versioned:
            message = "Versioning must be 'Enabled' on the bucket to apply a Object Lock configuration"
            raise Declined("InvalidBucketState", message)
        try:
            wanted = xml.read(request.body)["ObjectLockConfiguration"]
            default = (wanted.get("Rule") or {}).get("DefaultRetention") or {}
            days, years = int(default.get("Days") or 0), int(default.get("Years") or 0)
            if wanted.get("ObjectLockEnabled") != "Enabled" or (default and bool(days) == bool(years)):
                raise malformed()
            mode = _mode(default["Mode"]) if default else None
        except (xml.ExpatError, KeyError, TypeError, AttributeError, ValueError) as problem:
            raise malformed() from problem
        if days < 0 or years < 0:
            raise Declined("InvalidArgument", "Default retention period must be a positive integer value.")
        bucket.object_lock_enabled = True
        bucket.default_lock_mode, bucket.default_lock_days, bucket.default_lock_years = mode, days, years
        return Answer(200)

    def _version(self, request: Request, bucket: FakeBucket, key: str) -> FakeKey:
        found = self._store.named(bucket.name, key, request.parameters.get("versionId"))
        if isinstance(found, FakeDeleteMarker):
            raise Declined("MethodNotAllowed", "The specified method is not allowed against this resource.")
        if not isinstance(found, FakeKey):
            missing = "NoSuchVersion" if request.parameters.get("versionId") else "NoSuchKey"
            raise Declined(missing, "The specified key or version does not exist.")
        return found

    def _retain(self, version: FakeKey, wanted: dict[str, str], *, bypass: bool) -> None:
        """Set, change or (with nothing wanted) lift a retention: a standing one may only become longer."""
        mode, given = wanted.get("Mode"), wanted.get("RetainUntilDate")
        if bool(mode) != bool(given):
            raise malformed()
        until = self._future(given) if given else None
        now = self._store.now()
        standing = datetime.fromisoformat(version.lock_until) if version.lock_mode and version.lock_until else None
        if standing is not None and standing > now:
            weaker = until is None or until < standing or mode != version.lock_mode
            strengthens = version.lock_mode == "GOVERNANCE" and mode == "COMPLIANCE" and until and until >= standing
            free = bypass and version.lock_mode == "GOVERNANCE"
            if weaker and not free and not strengthens:
                raise Declined("AccessDenied", "Access Denied because object protected by object lock.")
        version.lock_mode = _mode(mode) if mode else None
        version.lock_until = _written(until) if until else None

    def _future(self, given: str) -> datetime:
        try:
            until = datetime.fromisoformat(given)
        except ValueError as problem:
            message = "The retain until date must be provided in ISO 8601 format"
            raise Declined("InvalidArgument", message) from problem
        until = until.replace(tzinfo=until.tzinfo or UTC)
        if until <= self._store.now():
            raise Declined("InvalidArgument", "The retain until date must be in the future!")
        return until


def _mode(given: str) -> str:
    if given not in _MODES:
        raise Declined("InvalidArgument", "Unknown wormMode directive.")
    return given


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _retention(version: FakeKey) -> Answer:
    if not version.lock_mode:
        raise _unlocked()
    body = {"@xmlns": xml.NAMESPACE, "Mode": version.lock_mode, "RetainUntilDate": version.lock_until}
    return xml.answer({"Retention": body})


def _hold(version: FakeKey) -> Answer:
    if not version.lock_legal_status:
        raise _unlocked()
    return xml.answer({"LegalHold": {"@xmlns": xml.NAMESPACE, "Status": version.lock_legal_status}})


def _unlocked() -> Declined:
    message = "The specified object does not have a ObjectLock configuration"
    return Declined("NoSuchObjectLockConfiguration", message)
