"""Deadlines that the simulated services keep: sessions that expire, keys and secrets that wait for their deletion.

The simulated services keep them as machine time, and tell them so. When the calendar leaps, they come nearer by the
length of the leap. What is overdue then is done here; the simulated services never do it themselves.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from moto.kms.models import kms_backends
from moto.secretsmanager.models import FakeSecret, secretsmanager_backends
from moto.sts.models import sts_backends

from dr.lab.calendar import Calendar
from dr.lab.passing import Duty, Event


def keep(calendar: Calendar) -> Duty:
    """Bring deadlines nearer with every leap of the calendar, and do what is due."""
    calendar.on_leap.append(_bring_nearer)

    def due() -> datetime | None:
        ends = [_utc(key.deletion_date) for _, _, key in _dying_keys()]
        ends += [datetime.fromtimestamp(secret.deleted_date, UTC) for _, _, secret in _dying_secrets()]
        return min(ends) + calendar.ahead if ends else None

    def perform() -> list[Event]:
        events, now = [], datetime.now(UTC)
        for region, backend, key in list(_dying_keys()):
            if _utc(key.deletion_date) <= now:
                backend.delete_key(key.id)
                events.append(Event(calendar.now, "key deleted", f"{region} {key.id}"))
        for region, backend, secret in list(_dying_secrets()):
            if secret.deleted_date <= now.timestamp():
                backend.secrets.pop(secret.arn)
                events.append(Event(calendar.now, "secret deleted", f"{region} {secret.name}"))
        return events

    return Duty(due, perform)


def _bring_nearer(by: timedelta) -> None:
    for partitions in list(sts_backends.values()):
        for role in list(partitions["aws"].assumed_roles):
            role.expiration -= by
    for _, _, key in _dying_keys():
        key.deletion_date -= by
    for _, _, secret in _dying_secrets():
        secret.deleted_date -= by.total_seconds()


def _dying_keys() -> Iterator[tuple[str, Any, Any]]:
    for regions in list(kms_backends.values()):
        for region, backend in list(regions.items()):
            for key in list(backend.keys.values()):
                if key.key_state == "PendingDeletion" and key.deletion_date:
                    yield region, backend, key


def _dying_secrets() -> Iterator[tuple[str, Any, Any]]:
    for regions in list(secretsmanager_backends.values()):
        for region, backend in list(regions.items()):
            for secret in list(backend.secrets.values()):
                if isinstance(secret, FakeSecret) and secret.deleted_date:
                    yield region, backend, secret


def _utc(moment: datetime) -> datetime:
    """moto's moments are UTC and do not say so."""
    return moment.replace(tzinfo=UTC)
