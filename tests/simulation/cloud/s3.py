"""S3: versions and markers, copies, deletion of versions, and a write that succeeds only where nothing is."""

import hashlib
from collections.abc import Iterator
from functools import lru_cache
from io import BytesIO
from typing import Any

from tests.simulation.cloud.account import Account, Stored, refuse

Parameters = dict[str, Any]
CONTROL = "firedrill-control"
LEASES = "leases/"


@lru_cache(1000)
def etag(content: bytes) -> str:
    return f'"{hashlib.md5(content, usedforsecurity=False).hexdigest()}"'


class Body(BytesIO):
    """What GetObject hands out to be read."""

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        while piece := self.read(size):
            yield piece


class S3:
    """One region's buckets. A method per operation, by botocore's name for it."""

    def __init__(self, account: Account, region: str, damaged_copies: int) -> None:
        self._account, self._name = account, region
        self._damaged_copies = damaged_copies
        self._damaged: set[tuple[str, str]] = set()
        """Key and version of what no copy of is ever right."""

    def _bucket(self, name: str, operation: str) -> dict[str, list[Stored]]:
        found = self._account.regions[self._name].buckets.get(name)
        if found is None:
            raise refuse("NoSuchBucket", operation, 404)
        return found

    def _version(self, asked: Parameters, operation: str) -> Stored:
        versions = self._bucket(asked["Bucket"], operation).get(asked["Key"], [])
        if wanted := asked.get("VersionId"):
            found = next((one for one in versions if one.version == wanted), None)
        else:
            found = versions[0] if versions else None
        if found is None or found.marker:
            raise refuse("NoSuchKey" if operation == "GetObject" else "404", operation, 404)
        return found

    def list_object_versions(self, asked: Parameters) -> Parameters:
        bucket = self._bucket(asked["Bucket"], "ListObjectVersions")
        kept: list[Parameters] = []
        markers: list[Parameters] = []
        order: list[bool] = []
        for key in sorted(key for key in bucket if key.startswith(asked["Prefix"])):
            for place, one in enumerate(bucket[key]):
                order.append(one.marker)
                (markers if one.marker else kept).append(
                    {
                        "Key": key,
                        "VersionId": one.version,
                        "Size": len(one.body),
                        "LastModified": one.modified,
                        "IsLatest": place == 0,
                    }
                )
        return {"Versions": kept, "DeleteMarkers": markers, "FiredrillOrder": order}

    def list_objects_v2(self, asked: Parameters) -> Parameters:
        bucket = self._bucket(asked["Bucket"], "ListObjectsV2")
        here = sorted(key for key in bucket if key.startswith(asked["Prefix"]))
        return {"Contents": [{"Key": key} for key in here if not bucket[key][0].marker]}

    def list_multipart_uploads(self, asked: Parameters) -> Parameters:
        self._bucket(asked["Bucket"], "ListMultipartUploads")
        return {}

    def get_object(self, asked: Parameters) -> Parameters:
        found = self._version(asked, "GetObject")
        return {"Body": Body(found.body), "ETag": etag(found.body)}

    def get_object_tagging(self, asked: Parameters) -> Parameters:
        self._version(asked, "GetObjectTagging")
        return {"TagSet": []}

    def get_object_lock_configuration(self, asked: Parameters) -> Parameters:
        self._bucket(asked["Bucket"], "GetObjectLockConfiguration")
        raise refuse("ObjectLockConfigurationNotFoundError", "GetObjectLockConfiguration", 404)

    def head_object(self, asked: Parameters) -> Parameters:
        found = self._version(asked, "HeadObject")
        told = {"Metadata": found.metadata, "ETag": etag(found.body), "ReplicationStatus": "COMPLETED"}
        return {"ContentLength": len(found.body), **told}

    def put_object(self, asked: Parameters) -> Parameters:
        bucket = self._bucket(asked["Bucket"], "PutObject")
        key, seen = asked["Key"], asked.get("IfMatch")
        changeable = seen is not None and key.startswith(LEASES)
        if asked["Bucket"] != CONTROL or not (changeable or asked.get("IfNoneMatch") == "*"):
            self._account.wrongs.append(f"PutObject of {asked['Bucket']}/{key}, which may be there already")
        there = bucket.get(key)
        if seen and not there:
            raise refuse("NoSuchKey", "PutObject", 404)
        if there and etag(there[0].body) != seen:
            raise refuse("PreconditionFailed", "PutObject", 412)
        run, _, rest = key.partition("/")
        account = self._account
        if rest.startswith("journal/") and account.acting:
            account.journaled.arrive(run, asked["Body"], account.acting, account.now)
        return self._store(asked["Bucket"], key, asked["Body"], asked.get("Metadata", {}))

    def copy_object(self, asked: Parameters) -> Parameters:
        name, key = asked["Bucket"], asked["Key"]
        below = key[: key.find("/", key.find("/") + 1) + 1]
        self._account.changing("CopyObject", self._name, f"objects {name}/{below}", None)
        if not key.startswith(f"{self._account.run}/") or "scratch" not in name:
            self._account.wrongs.append(f"CopyObject to {name}/{key}, which is not scratch of this run")
        source = asked["CopySource"]
        body = self._version(source, "CopyObject").body
        which = (source["Key"], source["VersionId"])
        if which in self._damaged or len(self._damaged) < self._damaged_copies:
            self._damaged.add(which)
            body = b"damaged on the way"
        return self._store(name, key, body, {})

    def _store(self, bucket: str, key: str, body: bytes, metadata: dict[str, str]) -> Parameters:
        second = self._account.moment().replace(microsecond=0)
        account = self._account
        made = Stored(f"v{account.number()}", body, second, account.run, metadata=metadata, late=account.late)
        self._bucket(bucket, "PutObject").setdefault(key, []).insert(0, made)
        return {"VersionId": made.version, "ETag": etag(body)}

    def delete_object(self, asked: Parameters) -> Parameters:
        return self.delete_objects({"Bucket": asked["Bucket"], "Delete": {"Objects": [asked]}})

    def delete_objects(self, asked: Parameters) -> Parameters:
        name = asked["Bucket"]
        bucket = self._bucket(name, "DeleteObjects")
        for one in asked["Delete"]["Objects"]:
            key = one["Key"]
            found = next((held for held in bucket.get(key, []) if held.version == one["VersionId"]), None)
            if found is None:
                continue
            below = key[: key.find("/", key.find("/") + 1) + 1]
            self._account.changing("Delete", self._name, f"objects {name}/{below}", found.maker)
            bucket[key].remove(found)
            if not bucket[key]:
                del bucket[key]
        return {}
