"""The checksums that S3 knows, computed as S3 writes them, and which kind of checksum an upload in parts may have."""

import base64
import binascii
import hashlib
import zlib

from anycrc import Model

DEFAULT = "CRC64NVME"
"""What S3 computes and keeps when the uploader sent no checksum."""

FULL_OBJECT, COMPOSITE = "FULL_OBJECT", "COMPOSITE"

_CRC32C, _CRC64NVME = Model("CRC32C"), Model("CRC64-NVME")
_SIZES = {"CRC32": 4, "CRC32C": 4, "CRC64NVME": 8, "SHA1": 20, "SHA256": 32, "SHA512": 64, "MD5": 16}
_FULL_IN_PARTS = {"CRC32": (COMPOSITE, FULL_OBJECT), "CRC32C": (COMPOSITE, FULL_OBJECT), "CRC64NVME": (FULL_OBJECT,)}


def known(algorithm: str) -> bool:
    """Whether it is computed here. S3 also takes three kinds of XXHash, which are refused rather than believed."""
    return algorithm in _SIZES


def types(algorithm: str) -> tuple[str, ...]:
    """The kinds of checksum of an upload in parts, the usual one first: only a CRC can be put together from parts."""
    return _FULL_IN_PARTS.get(algorithm, (COMPOSITE,))


def checksum(algorithm: str, content: bytes) -> str:
    """The checksum of these bytes. Raises KeyError for an algorithm that is not computed here."""
    size = _SIZES[algorithm]
    if algorithm == "CRC32":
        digest = zlib.crc32(content).to_bytes(size, "big")
    elif algorithm == "CRC32C":
        digest = int(_CRC32C.calc(content)).to_bytes(size, "big")
    elif algorithm == "CRC64NVME":
        digest = int(_CRC64NVME.calc(content)).to_bytes(size, "big")
    else:
        digest = hashlib.new(algorithm.lower(), content, usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def composite(algorithm: str, parts: list[str]) -> str:
    """The checksum of the parts' checksums, without the number of parts that some answers append."""
    return checksum(algorithm, b"".join(base64.b64decode(part) for part in parts))


def well_formed(algorithm: str, value: str) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == _SIZES[algorithm]
    except binascii.Error:
        return False
