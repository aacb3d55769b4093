"""GetObjectAttributes: what a version is, without its content. Here a checksum never carries the number of parts."""

from moto.s3.models import FakeDeleteMarker, FakeKey

from dr.lab.front import made, xml
from dr.lab.front.checksums import COMPOSITE
from dr.lab.front.declined import Declined
from dr.lab.front.exchange import Answer, Request
from dr.lab.front.store import Part, Store

_KNOWN = {"ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"}
_MOST_PARTS = 1000


def answer(store: Store, request: Request, bucket: str, key: str) -> Answer:
    """The attributes that were asked for. Raises Declined when there is nothing to describe."""
    named = request.parameters.get("versionId")
    version = store.named(bucket, key, named)
    if isinstance(version, FakeDeleteMarker):
        headers = (("x-amz-delete-marker", "true"), ("x-amz-version-id", version.version_id))
        if named:
            raise Declined(
                "MethodNotAllowed", "The specified method is not allowed against this resource.", (), headers
            )
        raise Declined("NoSuchKey", "The specified key does not exist.", (), headers)
    if not isinstance(version, FakeKey):
        raise Declined("NoSuchVersion" if named else "NoSuchKey", "The specified key or version does not exist.")
    lines = request.headers.all("x-amz-object-attributes")
    wanted = {name.strip() for line in lines for name in line.split(",") if name.strip()}
    if not wanted or wanted - _KNOWN:
        raise Declined("InvalidArgument", "Invalid attribute name specified.")
    found: dict[str, object] = {"@xmlns": xml.NAMESPACE}
    if "ETag" in wanted:
        found["ETag"] = version.etag.strip('"')
    if "Checksum" in wanted:
        found["Checksum"] = made.elements(version, number_of_parts=False)
    if "ObjectParts" in wanted and version in store.parts:
        found["ObjectParts"] = _parts(version, store.parts[version], request)
    if "StorageClass" in wanted:
        found["StorageClass"] = version.storage_class
    if "ObjectSize" in wanted:
        found["ObjectSize"] = str(version.size)
    more = [("Last-Modified", version.last_modified_RFC1123)]
    has_versions = store.bucket(bucket)
    if has_versions is not None and has_versions.versioning_status is not None:
        more.append(("x-amz-version-id", version.version_id))
    return xml.answer({"GetObjectAttributesResponse": found}, *more)


def _parts(version: FakeKey, parts: tuple[Part, ...], request: Request) -> dict[str, object]:
    """How many parts there are; each by itself only where the object has a checksum of its parts' checksums."""
    found: dict[str, object] = {"PartsCount": str(len(parts))}
    if version.checksum_type != COMPOSITE:
        return found
    after, most = request.headers.get("x-amz-part-number-marker"), request.headers.get("x-amz-max-parts")
    beyond = int(after) if after.isdecimal() else 0
    limit = min(int(most), _MOST_PARTS) if most.isdecimal() else _MOST_PARTS
    rest = [part for part in parts if part.number > beyond]
    page = rest[:limit]
    found |= {"PartNumberMarker": str(beyond), "MaxParts": str(limit)}
    found["IsTruncated"] = str(len(rest) > len(page)).lower()
    if page:
        found["NextPartNumberMarker"] = str(page[-1].number)
    found["Part"] = [
        {
            "PartNumber": str(part.number),
            "Size": str(part.size),
            f"Checksum{version.checksum_algorithm}": part.checksum,
        }
        for part in page
    ]
    return found
