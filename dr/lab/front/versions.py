"""ListObjectVersions, answered here: in storage order, page by page, and without copying the store for every page.

The simulated S3 copies every byte of a bucket to list it, orders versions of the same millisecond at random, and loses
entries when a page ends at a key or when a version goes away between two pages.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from urllib.parse import quote
from xml.sax.saxutils import escape

from moto.s3.models import OWNER, FakeBucket, FakeKey

from dr.lab.front import xml
from dr.lab.front.exchange import Answer, Request
from dr.lab.front.store import Store, Version

_MOST = 1000


@dataclass(frozen=True)
class _Entry:
    """A line of the listing: a version of a key, or everything below a common prefix."""

    key: str
    version: Version | None
    latest: bool = False


def listing(store: Store, bucket: FakeBucket, request: Request) -> Answer:
    """One page of the versions of a bucket."""
    asked = request.parameters
    most = asked.get("max-keys", str(_MOST))
    limit = min(int(most) if most.isdecimal() else _MOST, _MOST)
    prefix, delimiter = asked.get("prefix", ""), asked.get("delimiter", "")
    after, after_version = asked.get("key-marker", ""), asked.get("version-id-marker", "")
    page: list[_Entry] = []
    truncated = False
    for entry in _after(_entries(store, bucket, prefix, delimiter, after), after, after_version):
        if len(page) == limit:
            truncated = True
            break
        page.append(entry)
    return xml.plain(_xml(bucket.name, asked, limit, page, truncated))


def _entries(store: Store, bucket: FakeBucket, prefix: str, delimiter: str, start: str) -> Iterator[_Entry]:
    common = ""
    for key, versions in store.keys(bucket, prefix):
        if _bytes(key) < _bytes(start) and not (delimiter and start.startswith(key)):
            continue
        cut = key.find(delimiter, len(prefix)) if delimiter else -1
        if cut >= 0:
            if key[: cut + len(delimiter)] != common:
                common = key[: cut + len(delimiter)]
                yield _Entry(common, None)
            continue
        for number, version in enumerate(reversed(versions)):
            yield _Entry(key, version, latest=number == 0)


def _after(entries: Iterator[_Entry], key: str, version: str) -> Iterator[_Entry]:
    """What comes after the markers: after all versions of the key, or after the one version that was named."""
    passed = False
    for entry in entries:
        if _bytes(entry.key) > _bytes(key):
            yield entry
        elif entry.key == key and version:
            if passed:
                yield entry
            elif entry.version is not None and entry.version.version_id == version:
                passed = True


def _bytes(key: str) -> bytes:
    return key.encode("utf-8", "surrogatepass")


def _xml(bucket: str, asked: dict[str, str], limit: int, page: list[_Entry], truncated: bool) -> bytes:
    encoded = asked.get("encoding-type") == "url"

    def text(value: str) -> str:
        return quote(value, safe="/-_.~") if encoded else escape(value)

    lines = [
        f'<?xml version="1.0" encoding="UTF-8"?>\n<ListVersionsResult xmlns="{xml.NAMESPACE}">',
        f"<Name>{escape(bucket)}</Name><Prefix>{text(asked.get('prefix', ''))}</Prefix>",
        f"<KeyMarker>{text(asked.get('key-marker', ''))}</KeyMarker>",
        f"<VersionIdMarker>{escape(asked.get('version-id-marker', ''))}</VersionIdMarker>",
        f"<MaxKeys>{limit}</MaxKeys><IsTruncated>{str(truncated).lower()}</IsTruncated>",
    ]
    if asked.get("delimiter"):
        lines.append(f"<Delimiter>{text(asked['delimiter'])}</Delimiter>")
    if encoded:
        lines.append("<EncodingType>url</EncodingType>")
    if truncated and page:
        last = page[-1]
        lines.append(f"<NextKeyMarker>{text(last.key)}</NextKeyMarker>")
        if last.version is not None:
            lines.append(f"<NextVersionIdMarker>{escape(last.version.version_id)}</NextVersionIdMarker>")
    owner = f"<Owner><ID>{OWNER}</ID><DisplayName>lab</DisplayName></Owner>"
    for entry in page:
        if entry.version is None:
            lines.append(f"<CommonPrefixes><Prefix>{text(entry.key)}</Prefix></CommonPrefixes>")
            continue
        same = (
            f"<Key>{text(entry.key)}</Key><VersionId>{escape(entry.version.version_id)}</VersionId>"
            f"<IsLatest>{str(entry.latest).lower()}</IsLatest>"
            f"<LastModified>{entry.version.last_modified_ISO8601}</LastModified>{owner}"
        )
        if isinstance(entry.version, FakeKey):
            lines.append(
                f"<Version>{same}<ETag>{escape(entry.version.etag)}</ETag><Size>{entry.version.size}</Size>"
                f"<StorageClass>{entry.version.storage_class}</StorageClass>{_checksum(entry.version)}</Version>"
            )
        else:
            lines.append(f"<DeleteMarker>{same}</DeleteMarker>")
    lines.append("</ListVersionsResult>")
    return "".join(lines).encode()


def _checksum(version: FakeKey) -> str:
    if not version.checksum_algorithm:
        return ""
    kind = f"<ChecksumType>{version.checksum_type}</ChecksumType>"
    return f"<ChecksumAlgorithm>{version.checksum_algorithm}</ChecksumAlgorithm>{kind}"
