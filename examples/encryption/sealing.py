"""A payload codec that encrypts: values are readable only where the keys are."""

from collections.abc import Sequence

from cryptography.fernet import Fernet, MultiFernet


class Sealing:
    """Encrypts each value with the first key, and reads what any of the keys has encrypted.

    To change the key, put the new one first everywhere, and drop the old one once no history needs it.
    """

    name = "fernet"

    def __init__(self, keys: Sequence[bytes]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def encode(self, data: bytes) -> bytes:
        return self._fernet.encrypt(data)

    def decode(self, data: bytes) -> bytes:
        return self._fernet.decrypt(data)
