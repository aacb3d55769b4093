"""A call that changes something, attempt by attempt: between two of them minutes may pass, and much may happen.

botocore repeats a call within its own loop. So what is asked before the call is asked before each of its attempts.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass
class _Change:
    permit: Callable[[], None]
    still: Callable[[], None] | None
    sent: bool = False


_UNDER_WAY: ContextVar[_Change | None] = ContextVar("change under way", default=None)


@contextmanager
def asking(permit: Callable[[], None], still: Callable[[], None] | None) -> Iterator[None]:
    """Make one changing call within. Each of its attempts asks `permit`, each after the first `still` too.

    Both raise to forbid. `still`: whether what bears the name is still what was meant; before the first attempt
    whoever calls has just looked.
    """
    token = _UNDER_WAY.set(_Change(permit, still))
    try:
        yield
    finally:
        _UNDER_WAY.reset(token)


def about_to_send() -> None:
    """An attempt is about to leave. Raises what forbids it, where it belongs to a changing call."""
    change = _UNDER_WAY.get()
    if change is None:
        return  # A look.
    # Whoever is asked makes calls of his own, which are no attempts of this one.
    token = _UNDER_WAY.set(None)
    try:
        change.permit()
        if change.sent and change.still:
            change.still()
    finally:
        _UNDER_WAY.reset(token)
    change.sent = True
