"""An HTTP server on loopback that answers what it was told to, for what no lab can be brought to say."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

from dr.aws.clients import Aws
from dr.clock import Clock
from dr.connection import Connection, Credentials
from dr.estate import Roles

REGION = "eu-central-1"
OTHER = "eu-west-1"
SERVICES = ("rds", "s3", "kms", "sts", "secretsmanager", "ec2", "resourcegroupstaggingapi")
IDENTITY = (
    200,
    "text/xml",
    '<GetCallerIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/"><GetCallerIdentityResult>'
    "<Account>123456789012</Account><Arn>arn:aws:iam::123456789012:user/test</Arn><UserId>U</UserId>"
    "</GetCallerIdentityResult></GetCallerIdentityResponse>",
)
NO_INSTANCES = (
    200,
    "text/xml",
    "<DescribeDBInstancesResponse><DescribeDBInstancesResult><DBInstances/></DescribeDBInstancesResult>"
    "</DescribeDBInstancesResponse>",
)


@dataclass
class Server:
    """What to answer, in turn (the last one stays), and what was asked."""

    url: str
    answers: list[tuple[int, str, str]] = field(default_factory=list)
    asked: list[dict[str, str]] = field(default_factory=list)
    echo: bool = True
    echoes: dict[str, str] = field(default_factory=dict)
    """Object metadata that was sent: given back with every answer, while `echo` is set, as S3 would."""
    accounts: dict[str, str] = field(default_factory=dict)
    """access key -> the account that it belongs to, where that is not the estate's."""
    without_instances: bool = False
    """Whether DescribeDBInstances is answered by that, whatever is in turn."""
    per_second: float = 0
    """How many calls it takes; those beyond are throttled. 0: all of them."""
    lock: threading.Lock = field(default_factory=threading.Lock)
    _room: float = 0
    _filled: float = field(default_factory=time.monotonic)

    def overloaded(self) -> bool:
        """Whether one call more is one too many."""
        with self.lock:
            now = time.monotonic()
            self._room = min(self.per_second, self._room + (now - self._filled) * self.per_second)
            self._filled = now
            full = bool(self.per_second) and self._room < 1
            self._room -= not full
            return full

    def aws(
        self,
        *,
        roles: Roles | None = None,
        environment: dict[str, str] | None = None,
        clock: Clock | None = None,
        **connection: Any,
    ) -> Aws:
        """An Aws for which every service of both regions is this server."""
        endpoints = {region: dict.fromkeys(SERVICES, self.url) for region in (REGION, OTHER)}
        given: dict[str, Any] = {
            "endpoints": endpoints,
            "credentials": Credentials(access_key_id="AK", secret_access_key="SK"),
        }
        reached = Connection(**(given | connection))
        return Aws(reached, "123456789012", roles or Roles(), environment=environment or {}, clock=clock)

    def form(self, action: str) -> dict[str, str]:
        """The parameters of the one Query request with this action."""
        (found,) = [asked for asked in self.asked if asked.get("Action") == action]
        return {key: value for key, value in found.items() if key not in ("Action", "Version", "path")}


class Listener(ThreadingHTTPServer):
    request_queue_size = 64
    """As many as may knock at once; one too many waits a second for its turn."""


@contextmanager
def server(*answers: tuple[int, str, str]) -> Iterator[Server]:
    """Serve these answers, the caller's identity apart, which is always told."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def _answer(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode("utf-8", "replace")
            form = {key: value[0] for key, value in parse_qs(body, keep_blank_values=True).items()}
            made.asked.append({"path": self.path} | form)
            if form.get("Action") == "GetCallerIdentity":
                status, kind, text = IDENTITY
                key = self.headers.get("Authorization", "").partition("Credential=")[2].partition("/")[0]
                text = text.replace("123456789012", made.accounts.get(key, "123456789012"))
            elif made.without_instances and form.get("Action") == "DescribeDBInstances":
                status, kind, text = NO_INSTANCES
            elif made.overloaded():
                status, kind, text = refusal("Throttling")
            else:
                status, kind, text = made.answers.pop(0) if len(made.answers) > 1 else made.answers[0]
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(text.encode())))
            made.echoes.update({name: v for name, v in self.headers.items() if name.lower().startswith("x-amz-meta-")})
            for name, value in made.echoes.items() if made.echo else ():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(text.encode())

        do_GET = do_POST = do_PUT = do_HEAD = do_DELETE = _answer  # noqa: N815 - the names that http.server looks for

        def log_message(self, *_: Any) -> None:
            """Tests are quiet."""

    listener = Listener(("127.0.0.1", 0), Handler)
    made = Server(f"http://127.0.0.1:{listener.server_port}", list(answers))
    thread = threading.Thread(target=listener.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield made
    finally:
        listener.shutdown()
        listener.server_close()
        thread.join()


def refusal(code: str, status: int = 400, message: str = "because") -> tuple[int, str, str]:
    """An error as the Query services write it."""
    text = (
        f"<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error>"
        "<RequestId>r</RequestId></ErrorResponse>"
    )
    return status, "text/xml", text
