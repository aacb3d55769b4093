"""XML of S3 requests and answers, as plain dictionaries. The parser refuses entity tricks by itself."""

from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict  # type: ignore[import-untyped]  # it comes with moto, and nobody ships its types

from dr.lab.front.exchange import Answer, Headers

__all__ = ["NAMESPACE", "ExpatError", "answer", "listed", "plain", "read", "write"]

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def read(text: bytes) -> dict[str, Any]:
    """The document; blanks inside of elements are kept, because keys may begin and end with them."""
    return dict(xmltodict.parse(text, strip_whitespace=False) or {})


def write(document: dict[str, Any]) -> bytes:
    return str(xmltodict.unparse(document)).encode()


def listed(found: Any) -> list[Any]:
    """What stands under a name that may occur any number of times."""
    if found is None:
        return []
    return found if isinstance(found, list) else [found]


def answer(document: dict[str, Any], *more: tuple[str, str]) -> Answer:
    """The answer that holds this document, with more headers."""
    return plain(write(document), *more)


def plain(body: bytes, *more: tuple[str, str]) -> Answer:
    return Answer(200, Headers([("Content-Type", "application/xml"), *more]), body)
