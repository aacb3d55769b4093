"""Three habits of botocore's S3 client that do not suit us, each put right by an event handler.

It sorts the versions and the delete markers of a listing into two lists, and loses the order in which S3 named them.
It asks for keys in the form of URLs, which hold what XML cannot, where objects are listed, and not where uploads are.
And it follows a bucket into whatever region that is in: calls to a lost region would come from where nobody looks (and
when even that region's answer lacks the name of the right one, it asks itself again until the stack is full).
"""

import re
from typing import Any
from urllib.parse import unquote_plus

ORDER = "FiredrillOrder"
_ENTRY = re.compile(rb"<(Version|DeleteMarker)>")


def hang_into(events: Any) -> None:
    """Register the handlers on a client's own events."""
    events.register("before-parse.s3.ListObjectVersions", _note_order)
    events.register("before-parameter-build.s3.ListMultipartUploads", _ask_for_urls)
    events.register("after-call.s3.ListMultipartUploads", _read_urls)
    events.register_last("before-parameter-build.s3", _stay)


def _note_order(response_dict: dict[str, Any], customized_response_dict: dict[str, Any], **_: Any) -> None:
    # Whether each entry is a delete marker. Text is escaped in XML: an opening tag in the raw bytes is one.
    customized_response_dict[ORDER] = [
        found[1] == b"DeleteMarker" for found in _ENTRY.finditer(response_dict["body"] or b"")
    ]


def _ask_for_urls(params: dict[str, Any], **_: Any) -> None:
    params["EncodingType"] = "url"


def _read_urls(parsed: dict[str, Any], **_: Any) -> None:
    # Before the paginator sees it: the next page is asked for by the key itself.
    if parsed.get("EncodingType") == "url":
        for part, name in ((parsed, "NextKeyMarker"), *((upload, "Key") for upload in parsed.get("Uploads", ()))):
            if name in part:
                part[name] = unquote_plus(part[name])


def _stay(context: dict[str, Any], **_: Any) -> None:
    # The redirector looks at one request once: it is told that it did.
    context.setdefault("s3_redirect", {})["redirected"] = True
