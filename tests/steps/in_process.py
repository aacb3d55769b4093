"""The lab's S3 and KMS of both regions in this very process: real requests and answers, and no socket between them."""

import io
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import boto3
import urllib3
from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.kms.models import kms_backends
from moto.s3.models import s3_backends

from dr.aws.clients import Aws
from dr.connection import Connection, Credentials
from dr.lab.faults.ledger import Injector
from dr.lab.front import harm, sigv4
from dr.lab.front.buckets import Buckets
from dr.lab.front.calls import Calls
from dr.lab.front.exchange import Headers, Request
from dr.lab.front.keys import ACCOUNT
from dr.lab.front.replication import Replication
from dr.lab.front.simulated import Simulated
from dr.lab.front.store import Store

REGIONS = PRIMARY, RECOVERY = "eu-west-1", "eu-central-1"
SERVICES = ("s3", "kms", "sts")
SPEED = 1000.0
SECRET = "SK"


class S3:
    """Both regions, and whoever calls them."""

    def __init__(self) -> None:
        self._simulated, self.store = Simulated(), Store()
        store = self.store
        self.replication = Replication(store, SPEED)
        self._buckets = Buckets(self._simulated, store, self.replication)
        self.faults: Mapping[str, Injector] = harm.injectors(Calls(), store, self.replication)
        self.asked: list[str] = []
        """Every operation, in its order, as `region operation`."""
        self._numbers = count()
        self._clients: dict[tuple[str, str], Any] = {}

    def client(self, region: str, service: str = "s3") -> Any:
        """A plain client."""
        if (region, service) not in self._clients:
            session = _Session(self.attach, aws_access_key_id="AK", aws_secret_access_key=SECRET)
            self._clients[region, service] = session.client(
                service, region_name=region, endpoint_url="http://127.0.0.1:1"
            )
        return self._clients[region, service]

    def aws(self) -> Aws:
        """The product's own way in."""
        endpoints = {region: dict.fromkeys(SERVICES, "http://127.0.0.1:1") for region in REGIONS}
        credentials = Credentials(access_key_id="AK", secret_access_key=SECRET)
        reached = Connection(endpoints=endpoints, credentials=credentials, time_scale=60)

        def caller(*_: object) -> boto3.Session:
            return _Session(self.attach, aws_access_key_id="AK", aws_secret_access_key=SECRET)

        return Aws(reached, ACCOUNT, environment={}, caller=caller)

    def attach(self, events: Any, service: str, region: str) -> None:
        """From now on, a client's requests are answered here."""

        def answer(request: AWSPreparedRequest, event_name: str, **_: Any) -> AWSResponse:
            self.asked.append(f"{region} {event_name.rpartition('.')[2]}")
            return self._answer(service, region, request)

        events.register_last("before-send", answer)

    def _answer(self, service: str, region: str, sent: AWSPreparedRequest) -> AWSResponse:
        url = urlsplit(sent.url)
        lines = [
            (name, value.decode() if isinstance(value, bytes) else str(value)) for name, value in sent.headers.items()
        ]
        body = sent.body.read() if hasattr(sent.body, "read") else sent.body or b""
        target = url.path + (f"?{url.query}" if url.query else "")
        request = Request(
            sent.method,
            target,
            Headers(lines),
            body.encode() if isinstance(body, str) else body,
            f"{next(self._numbers)}",
        )
        if service == "s3":
            found = self._buckets.answer(region, request, sigv4.claim_of(request), SECRET)
        else:
            found = self._simulated.answer(service, request)
        told = dict(found.headers.lines)
        if sent.method != "HEAD":
            told = {name: value for name, value in told.items() if name.lower() != "content-length"}
            told["Content-Length"] = str(len(found.body))
        raw = urllib3.HTTPResponse(
            io.BytesIO(found.body),
            headers=told,
            status=found.status,
            preload_content=False,
            request_method=sent.method,
        )
        return AWSResponse(sent.url, found.status, raw.headers, raw)


class _Session(boto3.Session):
    """Makes clients whose requests go nowhere."""

    def __init__(self, attach: Callable[[Any, str, str], None], **given: Any) -> None:
        super().__init__(**given)
        self._attach = attach

    def client(self, service_name: str, *given: Any, **named: Any) -> Any:
        made = super().client(service_name, *given, **named)
        self._attach(made.meta.events, service_name, made.meta.region_name)
        return made


@contextmanager
def in_process() -> Iterator[S3]:
    """An S3 with nothing in it, and with nothing left of it afterwards."""
    one = S3()
    try:
        yield one
    finally:
        one.replication.stop()
        s3_backends[ACCOUNT]["aws"].reset()
        for region in REGIONS:
            kms_backends[ACCOUNT][region].reset()
