"""Payload codecs: what values go through on their way out of the process, and back. For users.

A codec sees the JSON text of a value as bytes. What it makes of it travels as a JSON object that names the codec, so
that the sidecar, other SDKs and tools pass it on as they would any other value.
"""

import zlib
from typing import Protocol, runtime_checkable

__all__ = ["PayloadCodec", "Zlib"]


@runtime_checkable
class PayloadCodec(Protocol):
    """Encodes values, for example to compress or to encrypt them; give it to each worker and client that needs it.

    Called on the event loop and in threads of activities, and for old values again on every replay: keep it quick and
    without I/O. What was encoded must be readable for as long as a history is kept, under the same name.
    """

    @property
    def name(self) -> str:
        """Return the name that stands in the encoded value; never changes its meaning."""

    def encode(self, data: bytes) -> bytes | None:
        """Return the bytes to send, or None to leave this value as it is."""

    def decode(self, data: bytes) -> bytes:
        """Return what `encode` was given; whatever it raises means that the value cannot be read."""


class Zlib:
    """Compresses values of some size; every worker and client of this SDK can read them without being told."""

    name = "zlib"

    def __init__(
        self, *, threshold_bytes: int = 4096, level: int = 6, decoded_bytes_max: int = 256 * 1024 * 1024
    ) -> None:
        """Note the limits; values below `threshold_bytes`, and those that would not shrink, stay as they are."""
        self._threshold_bytes = threshold_bytes
        self._level = level
        self._decoded_bytes_max = decoded_bytes_max

    def encode(self, data: bytes) -> bytes | None:
        """Return the compressed bytes when that saves a quarter, which base64 costs again."""
        if len(data) < self._threshold_bytes:
            return None
        packed = zlib.compress(data, self._level)
        return packed if len(packed) * 4 < len(data) * 3 else None

    def decode(self, data: bytes) -> bytes:
        """Return the bytes as they were.

        Raises:
            ValueError: they are damaged, or become larger than allowed.
        """
        unpacking = zlib.decompressobj()
        try:
            unpacked = unpacking.decompress(data, self._decoded_bytes_max)
        except zlib.error as error:
            raise ValueError(f"damaged: {error}") from error
        if not unpacking.eof:
            raise ValueError(f"cut off, or larger than {self._decoded_bytes_max} bytes")
        return unpacked
