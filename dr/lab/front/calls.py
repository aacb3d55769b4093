"""What is to happen to the next calls: throttled, or done and their answers lost."""

import random
import threading
import time
from dataclasses import dataclass, field


@dataclass(eq=False)
class Rule:
    """Applies to so many calls, or for so long, or until it is taken away."""

    region: str
    service: str | None = None
    operation: str | None = None
    left: int | None = None
    until: float | None = None
    """By the monotonic clock."""
    share: float = 1.0
    """Of the calls that it could meet, picked by chance."""
    chance: random.Random = field(default_factory=lambda: random.Random(1))  # noqa: S311 - repeatable, not secret
    met: int = field(default=0)
    """How many calls it has met."""

    def meets(self, region: str, service: str, operation: str) -> bool:
        return (
            region == self.region
            and self.service in (None, service)
            and self.operation in (None, operation)
            and (self.left is None or self.left > 0)
            and (self.until is None or time.monotonic() < self.until)
            and (self.share >= 1 or self.chance.random() < self.share)
        )


class Calls:
    """The rules that hold now."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._throttling: list[Rule] = []
        self._losing: list[Rule] = []

    def throttle(self, rule: Rule) -> None:
        """Throttle the calls that a rule meets."""
        with self._lock:
            self._throttling.append(rule)

    def lose(self, rule: Rule) -> None:
        """Reset the connection after the calls that a rule meets have taken effect."""
        with self._lock:
            self._losing.append(rule)

    def forget(self, rule: Rule) -> None:
        with self._lock:
            for rules in (self._throttling, self._losing):
                if rule in rules:
                    rules.remove(rule)

    @property
    def watched(self) -> bool:
        """Whether there is any rule: if not, nobody need find out what a request asks."""
        return bool(self._throttling or self._losing)

    def throttles(self, region: str, service: str, operation: str) -> bool:
        return self._met(self._throttling, region, service, operation)

    def loses(self, region: str, service: str, operation: str) -> bool:
        return self._met(self._losing, region, service, operation)

    def _met(self, rules: list[Rule], region: str, service: str, operation: str) -> bool:
        with self._lock:
            for rule in rules:
                if rule.meets(region, service, operation):
                    rule.met += 1
                    if rule.left is not None:
                        rule.left -= 1
                    return True
            return False
