"""One request and one answer, as plain values: what every room of the front door passes on.

The target is kept exactly as it came over the wire, because a signature covers the raw bytes of the path and because S3
keys lose their meaning when a percent-encoded slash is decoded too early.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import unquote

_REQUEST_ID = ("x-amz-request-id", "x-amzn-RequestId")
"""S3's name for it, and everybody else's."""


class Headers:
    """Header lines in their order, found without regard to upper and lower case; a name may occur twice."""

    def __init__(self, lines: Iterable[tuple[str, str]] = ()) -> None:
        self.lines = list(lines)

    def get(self, name: str, default: str = "") -> str:
        wanted = name.lower()
        return next((value for key, value in self.lines if key.lower() == wanted), default)

    def all(self, name: str) -> list[str]:
        wanted = name.lower()
        return [value for key, value in self.lines if key.lower() == wanted]

    def __contains__(self, name: str) -> bool:
        wanted = name.lower()
        return any(key.lower() == wanted for key, _ in self.lines)

    def without(self, *names: str) -> "Headers":
        gone = {name.lower() for name in names}
        return Headers((key, value) for key, value in self.lines if key.lower() not in gone)

    def having(self, name: str, value: str) -> "Headers":
        """The same headers, with exactly one line of this name."""
        return Headers([*self.without(name).lines, (name, value)])


@dataclass(frozen=True)
class Request:
    """What a client asked, with its body read to the end."""

    method: str
    target: str
    headers: Headers
    body: bytes
    id: str
    """The request id that goes back in the answer, whoever writes it."""

    @property
    def path(self) -> str:
        return self.target.split("?", 1)[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]

    @property
    def parameters(self) -> dict[str, str]:
        """The query, decoded; of a repeated name the first one counts. A name without a value has an empty one."""
        found: dict[str, str] = {}
        for pair in filter(None, self.query.split("&")):
            name, _, value = pair.partition("=")
            found.setdefault(unquote(name), unquote(value.replace("+", " ")))
        return found


@dataclass(frozen=True)
class Answer:
    """What goes back. The listener adds the length and the date."""

    status: int
    headers: Headers = field(default_factory=Headers)
    body: bytes = b""

    def identified(self, request_id: str) -> "Answer":
        """The same answer with a request id, if it has none: AWS's support asks for it, and clients keep it."""
        if any(name in self.headers for name in _REQUEST_ID):
            return self
        added = Headers([*self.headers.lines, *((name, request_id) for name in _REQUEST_ID)])
        return Answer(self.status, added, self.body)
