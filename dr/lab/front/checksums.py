"""The checksums that S3 knows, as far as they can be computed without a compiled library."""

import base64
import hashlib
import zlib


def checksum(algorithm: str, content: bytes) -> str | None:
    """The checksum of a whole object as S3 writes it; None for an algorithm that is not computed here."""
    name = algorithm.lower()
    if name == "crc32":
        digest = zlib.crc32(content).to_bytes(4, "big")
    elif name in ("sha1", "sha256", "sha512", "md5"):
        digest = hashlib.new(name, content, usedforsecurity=False).digest()
    else:
        return None
    return base64.b64encode(digest).decode()
