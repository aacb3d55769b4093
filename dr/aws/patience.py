"""How long an answer is waited for, and when a call is sent again: one owner of that, made of botocore's parts.

What botocore has for each client by itself is shared here, by everything that calls one region: its quota of retries,
and, for each service, the rate that adapts to throttling. Its own `adaptive` mode does the second for each client apart
and by the wall clock, which somebody may set back by an hour; so its parts are put together here, on a clock that
nobody can set. A client's own answer to what went wrong counts only where nothing is said here. No call is sent again
when the deadline of its wait or step has passed, or its region has fallen silent.
"""

import threading
import time
from typing import Any, Final

from botocore.config import Config
from botocore.exceptions import ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, ReadTimeoutError
from botocore.retries import bucket
from botocore.retries.adaptive import ClientRateLimiter, RateClocker
from botocore.retries.quota import RetryQuota
from botocore.retries.standard import (
    ExponentialBackoff,
    RetryEventAdapter,
    RetryQuotaChecker,
    StandardRetryConditions,
    ThrottlingErrorDetector,
)
from botocore.retries.throttling import CubicCalculator

import dr
from dr.aws.breaker import Breaker
from dr.clock import Clock, time_is_up

ATTEMPTS: Final = 8
"""Of one call: of a service that throttles three calls in ten at random, one in 15,000 fails."""
CONNECT: Final = 3
READ: Final = 15
READ_PATIENTLY: Final = 60
"""Seconds."""
SLOWEST: Final = {"s3": 50.0}
SLOWEST_OTHERWISE: Final = 5.0
"""Calls in a second that a service is asked at least, however it throttles: the pauses before a call is sent again,
which double each time, do the rest. botocore's own half a call in a second makes hours of a copy of many objects. S3
takes thousands for each prefix (its user guide, "Best practices design patterns")."""
_SILENT: Final = (ConnectTimeoutError, EndpointConnectionError, ProxyConnectionError, ReadTimeoutError)


class Region:
    """What all clients of one region share. Safe to share between threads."""

    def __init__(self, place: str, clock: Clock) -> None:
        self.breaker = Breaker(place, clock)
        self._adapter = RetryEventAdapter()
        self._throttling = _Throttling(self._adapter)
        self._quota = RetryQuotaChecker(RetryQuota(), self._throttling)
        self._conditions = StandardRetryConditions(ATTEMPTS)
        self._backoff = ExponentialBackoff(throttling_detector=self._throttling)
        self._lock = threading.Lock()
        self._paces: dict[str, ClientRateLimiter] = {}

    def hang_into(self, events: Any, service: str) -> None:
        """Register with a client. What `needs-retry` is answered here comes before botocore's own answer."""
        pace = self._pace(service)
        events.register("before-send", pace.on_sending_request)
        events.register("needs-retry", pace.on_receiving_response)
        events.register_first("needs-retry.*.*", self._heard)
        events.register("after-call", self._quota.release_retry_quota)

    def _heard(self, **told: Any) -> float | bool | None:
        """After each attempt: in how many seconds to send it again, False if never, None where that is no question."""
        context = self._adapter.create_retry_context(**told)
        if context.http_response is not None:
            self.breaker.answered()
        elif isinstance(context.caught_exception, _SILENT):
            self.breaker.failed(type(context.caught_exception).__name__)
        if not self._conditions.is_retryable(context):
            return None
        if self.breaker.open or time_is_up() or not self._quota.acquire_retry_quota(context):
            return False
        return float(self._backoff.delay_amount(context))

    def _pace(self, service: str) -> ClientRateLimiter:
        with self._lock:
            if service not in self._paces:
                ticking, slowest = _Ticking(), SLOWEST.get(service, SLOWEST_OTHERWISE)
                self._paces[service] = ClientRateLimiter(
                    rate_adjustor=CubicCalculator(starting_max_rate=0, start_time=ticking.current_time()),
                    rate_clocker=RateClocker(ticking),
                    token_bucket=bucket.TokenBucket(max_rate=1, clock=ticking, min_rate=slowest),
                    throttling_detector=self._throttling,
                    clock=ticking,
                )
            return self._paces[service]


class _Throttling(ThrottlingErrorDetector):
    """S3 throttles with a 503 that says SlowDown; to a HEAD, whose answer has no body, it is a bare 503."""

    def is_throttling_error_from_context(self, context: Any) -> bool:
        return context.get_error_code() == "503" or bool(super().is_throttling_error_from_context(context))


class _Ticking(bucket.Clock):
    """The monotonic clock, as botocore asks for the time."""

    def current_time(self) -> float:
        return time.monotonic()


def config(endpoint: str | None, *, patient: bool) -> Config:
    """The settings of a client; `endpoint` is the connection file's, None where AWS's own is called."""
    settings: dict[str, Any] = {
        "retries": {"mode": "standard", "total_max_attempts": ATTEMPTS},
        "connect_timeout": CONNECT,
        "read_timeout": READ_PATIENTLY if patient else READ,
        "max_pool_connections": 32,
        "tcp_keepalive": True,
        # Only the connection file may lead elsewhere: not AWS_ENDPOINT_URL, not a profile.
        "ignore_configured_endpoint_urls": True,
        "user_agent_extra": f"firedrill/{dr.__version__}",
    }
    if endpoint:
        # A loopback endpoint has no name below which a bucket's own name could resolve, and no proxy in front.
        settings |= {"s3": {"addressing_style": "path"}, "proxies": {}}
    return Config(**settings)
