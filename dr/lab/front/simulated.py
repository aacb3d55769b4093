"""moto's services, run inside this process: a request goes in as it came, an answer comes out as AWS would shape it.

moto answers what it does not know with a stack trace or an HTML page, which no AWS client can read; both become proper
errors here, and the trace goes to the lab's log.
"""

import os

# moto reads its settings while it is imported
os.environ.setdefault("MOTO_DISABLE_GLOBAL_CORS", "true")
os.environ.setdefault("S3_IGNORE_SUBDOMAIN_BUCKETNAME", "true")

import io
import sys
import threading
import traceback
from typing import Any
from urllib.parse import unquote_to_bytes
from xml.parsers.expat import ExpatError

from flask import Flask
from moto.backends import SERVICE_NAMES
from moto.core.request import (
    PRESERVED_HEADER_NAMES_ENVIRON_KEY,
    environ_key_for_header,
    should_preserve_original_header_name,
)
from moto.moto_server.werkzeug_app import BackendRequest, create_backend_app
from moto.s3.responses import S3Response
from werkzeug.test import run_wsgi_app

from dr.lab.front import listings, refusals, subresources
from dr.lab.front.exchange import Answer, Headers, Request
from dr.lab.front.refusals import Refusal, Trouble

_MODULES: dict[str, SERVICE_NAMES] = {
    "kms": "kms",
    "sts": "sts",
    "secretsmanager": "secretsmanager",
    "ec2": "ec2",
    "sns": "sns",
    "route53": "route53",
    "iam": "iam",
    "tagging": "resourcegroupstaggingapi",
}
"""signing name -> moto's name for it."""


class Simulated:
    """The simulated services, each put up when it is first asked for."""

    def __init__(self) -> None:
        self._apps: dict[str, Flask] = {}
        self._lock = threading.Lock()

    def answer(self, service: str, request: Request) -> Answer:
        try:
            answer = _s3(request) if service == "s3" else self._other(service, request)
        except NotImplementedError as problem:
            raise Refusal(Trouble.UNKNOWN_ACTION, f"{service} does not do this in the lab: {problem}") from problem
        except ExpatError:
            return refusals.error(service, 400, "MalformedXML", "the XML you provided was not well-formed", request.id)
        except Exception as problem:  # a simulated service may fail in any way: the client gets its 500
            traceback.print_exc(file=sys.stderr)
            raise Refusal(Trouble.BROKEN, f"the simulated {service} failed: {type(problem).__name__}") from problem
        if answer.status >= 400 and answer.headers.get("Content-Type").startswith("text/html"):
            return _instead_of_a_page(service, request, answer)
        return answer

    def _other(self, service: str, request: Request) -> Answer:
        with self._lock:
            app = self._apps.get(service)
            if app is None:
                app = create_backend_app(_MODULES[service])
                app.debug = False
                app.config["PROPAGATE_EXCEPTIONS"] = True
                self._apps[service] = app
        if service == "route53" and request.path.endswith("/dnssec"):
            raise NotImplementedError("DNSSEC")  # it would answer one of the five operations, and by half
        body, status, headers = run_wsgi_app(app.wsgi_app, environment(request), buffered=True)
        # The last page of a list has no token for a next one; moto gives it an empty one.
        content = b"".join(body).replace(b', "NextToken": ""', b"")
        return Answer(int(status.split(" ", 1)[0]), Headers(headers.items()), content)


_MAY_BE_EMPTY = {
    "continuation-token",
    "delimiter",
    "encoding-type",
    "key-marker",
    "marker",
    "prefix",
    "start-after",
    "upload-id-marker",
    "versionId",
    "version-id-marker",
}


def _s3(request: Request) -> Answer:
    """S3 without the web framework: its routing would fold the slashes that are part of a key."""
    named = {name for name, value in request.parameters.items() if not value}
    bucket_only = "/" not in request.path.lstrip("/").rstrip("/") and request.path.count("/") <= 2
    if lacking := named - _MAY_BE_EMPTY - subresources.offered(request.method, of_bucket=bucket_only):
        raise NotImplementedError(f"{request.method} {', '.join(sorted(lacking))}")
    asked = BackendRequest(environment(request))
    dispatch = S3Response.bucket_dispatch if bucket_only else S3Response.key_dispatch
    status, headers, body = dispatch(asked, asked.raw_url, dict(asked.headers))
    content = body.encode() if isinstance(body, str) else bytes(body or b"")
    answer = Answer(int(status), Headers((str(name), str(value)) for name, value in headers.items()), content)
    return listings.completed(request, answer) if bucket_only and request.method == "GET" else answer


def environment(request: Request) -> dict[str, Any]:
    """The request as a WSGI environment, with what moto needs to see the raw path and S3's metadata names."""
    host, _, port = request.headers.get("Host", "127.0.0.1:80").partition(":")
    made: dict[str, Any] = {
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote_to_bytes(request.path).decode("latin-1"),
        "QUERY_STRING": request.query,
        "RAW_URI": request.target,
        "REQUEST_URI": request.target,
        "SERVER_NAME": host,
        "SERVER_PORT": port or "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": "127.0.0.1",
        "CONTENT_LENGTH": str(len(request.body)),
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": "http",
        "wsgi.input": io.BytesIO(request.body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        PRESERVED_HEADER_NAMES_ENVIRON_KEY: {
            environ_key_for_header(name): name
            for name, _ in request.headers.lines
            if should_preserve_original_header_name(name)
        },
    }
    for name, value in request.headers.without("Content-Length", "Transfer-Encoding", "Expect").lines:
        key = environ_key_for_header(name)
        made[key] = f"{made[key]},{value}" if key in made else value
    return made


def _instead_of_a_page(service: str, request: Request, answer: Answer) -> Answer:
    trouble = Trouble.BROKEN if answer.status >= 500 else Trouble.UNKNOWN_ACTION
    return refusals.refuse(service, Refusal(trouble, f"{service} does not do this in the lab"), request.id)
