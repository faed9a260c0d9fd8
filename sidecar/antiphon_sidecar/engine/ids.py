"""Keys, and IDs that follow from others: a repeat of the same step makes the same row and not a second one."""

import hashlib
from typing import NamedTuple


class TaskRef(NamedTuple):
    """The key of a task or timer: the caller's app and instance, its generation, and the action's id."""

    app: str
    instance_id: str
    execution_id: str
    task_id: int


def derive_id(*parts: bytes | str | int) -> bytes:
    """Return 16 bytes that depend on every part and on nothing else."""
    digest = hashlib.blake2b(digest_size=16)
    for part in parts:
        raw = part if isinstance(part, bytes) else str(part).encode()
        digest.update(len(raw).to_bytes(4, "big"))
        digest.update(raw)
    return digest.digest()


def child_incarnation(incarnation: bytes, execution_id: str, task_id: int) -> bytes:
    """Return the incarnation, and START row ID, of the child that this action starts.

    A child's retry is another action, hence another start (protocol.md 1, 2).
    """
    return derive_id("child", incarnation, execution_id, task_id)


def result_row_id(incarnation: bytes, execution_id: str, task_id: int) -> bytes:
    """Return the ID of the inbox row that replaces a task row, whoever replaces it (protocol.md 17)."""
    return derive_id("result", incarnation, execution_id, task_id)


def uuid_text(raw: bytes) -> str:
    """Write 16 bytes in the form of a UUID, as SDKs write IDs that they draw."""
    digits = raw.hex()
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
