"""What S3 operations name in the query without a value, by what the simulated store really does with it.

Its own dispatch takes a name that it does not know for no name at all: a DELETE of a bucket's inventory configuration
would delete the bucket, and a PUT of an object's encryption would put an object.
"""

_BUCKET_SETTINGS = {
    "accelerate",
    "acl",
    "cors",
    "encryption",
    "inventory",
    "lifecycle",
    "logging",
    "notification",
    "object-lock",
    "ownershipControls",
    "policy",
    "publicAccessBlock",
    "replication",
    "tagging",
    "versioning",
    "website",
}
_KEPT_FOR_EVER = {"accelerate", "acl", "inventory", "logging", "notification", "object-lock", "versioning"}
"""Settings that a DELETE does not remove: S3 has no such operation, or the simulated store has none."""
_OF_A_BUCKET = {
    "GET": _BUCKET_SETTINGS | {"location", "policyStatus", "uploads", "versions"},
    "PUT": _BUCKET_SETTINGS,
    "DELETE": _BUCKET_SETTINGS - _KEPT_FOR_EVER,
    "POST": {"delete"},
}
_OF_AN_OBJECT = {
    "GET": {"acl", "attributes", "legal-hold", "retention", "tagging"},
    "PUT": {"acl", "legal-hold", "retention", "tagging"},
    "DELETE": {"tagging"},
    "POST": {"restore", "select", "uploads"},
}


def offered(method: str, *, of_bucket: bool) -> set[str]:
    """What a request may name and be understood."""
    return (_OF_A_BUCKET if of_bucket else _OF_AN_OBJECT).get(method, set())
