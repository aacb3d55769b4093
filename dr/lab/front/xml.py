"""XML of S3 requests and answers, as plain dictionaries. The parser refuses entity tricks by itself."""

from typing import Any
from xml.parsers.expat import ExpatError

import xmltodict  # type: ignore[import-untyped]  # it comes with moto, and nobody ships its types

__all__ = ["ExpatError", "read", "write"]


def read(text: bytes) -> dict[str, Any]:
    """The document; blanks inside of elements are kept, because keys may begin and end with them."""
    return dict(xmltodict.parse(text, strip_whitespace=False) or {})


def write(document: dict[str, Any]) -> bytes:
    return str(xmltodict.unparse(document)).encode()
