"""The control port: what the lab is doing, what is to be done to it, for whoever can read the token in its home."""

import json
import secrets
from collections.abc import Callable, Mapping
from typing import Any

from dr.errors import FiredrillError
from dr.lab.front.exchange import Answer, Headers, Request

Command = Callable[[dict[str, Any]], dict[str, Any]]
"""The members of a JSON object in, those of another one out. Raises Refused for what cannot be."""


class Control:
    """Answers `GET /status`, `POST /stop` and `POST /<command>` to a bearer of the token."""

    def __init__(
        self,
        token: str,
        status: Callable[[], dict[str, Any]],
        stop: Callable[[], None],
        commands: Mapping[str, Command],
    ) -> None:
        self._token = token
        self._status = status
        self._stop = stop
        self._commands = commands

    def answer(self, request: Request) -> Answer:
        given = request.headers.get("Authorization").encode("latin-1", "replace")
        if not secrets.compare_digest(given, f"Bearer {self._token}".encode()):
            return _json(403, {"error": "the token is missing or wrong"})
        if (request.method, request.path) == ("GET", "/status"):
            return _json(200, self._status())
        if (request.method, request.path) == ("POST", "/stop"):
            self._stop()
            return _json(202, {"stopping": True})
        command = self._commands.get(request.path.lstrip("/"))
        if request.method != "POST" or command is None:
            known = ", ".join(f"POST /{name}" for name in self._commands)
            return _json(404, {"error": f"there is GET /status, POST /stop, {known}"})
        return _perform(command, request.body)


def _perform(command: Command, body: bytes) -> Answer:
    try:
        asked = json.loads(body or b"{}")
    except ValueError:
        asked = None
    if not isinstance(asked, dict):
        return _json(400, {"error": "the body must be a JSON object"})
    try:
        return _json(200, command(asked))
    except FiredrillError as problem:
        return _json(400, {"error": problem.message, "hint": problem.hint})


def _json(status: int, body: dict[str, Any]) -> Answer:
    return Answer(status, Headers([("Content-Type", "application/json")]), json.dumps(body, default=str).encode())
