"""What a listing of objects says of itself: where it began, and where the next page begins.

The simulated store keeps the first to itself, and names the second by a hash that only it can read.
"""

import re
from urllib.parse import quote
from xml.sax.saxutils import escape

from dr.lab.front.exchange import Answer, Request

_NEXT_MARKER = re.compile(rb"<NextMarker>[^<]*</NextMarker>")
_KEY = re.compile(rb"<Key>([^<]*)</Key>")
_END = b"</ListBucketResult>"


def completed(request: Request, answer: Answer) -> Answer:
    """A page of ListObjects or ListObjectsV2 as S3 tells it; any other answer as it is."""
    if answer.status != 200 or _END not in answer.body:
        return answer
    asked = request.parameters
    body, begins = answer.body, "continuation-token" if asked.get("list-type") == "2" else "marker"
    element = "ContinuationToken" if begins == "continuation-token" else "Marker"
    if asked.get(begins) and f"<{element}>".encode() not in body:
        said = quote(asked[begins]) if asked.get("encoding-type") == "url" and element == "Marker" else asked[begins]
        body = body.replace(_END, f"<{element}>{escape(said)}</{element}>".encode() + _END)
    keys = _KEY.findall(body)
    # Without a delimiter a client goes on from the last key by itself.
    marker = b"<NextMarker>" + keys[-1] + b"</NextMarker>" if keys and asked.get("delimiter") else b""
    return Answer(answer.status, answer.headers, _NEXT_MARKER.sub(lambda _: marker, body))
