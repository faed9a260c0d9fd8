"""Where an instance lives: slot and partition, the same in every release because rows carry the slot."""

import hashlib
import re
import zlib

PARTITIONS = 32
SLOT_BITS = 16
SLOTS_PER_PARTITION = (1 << SLOT_BITS) // PARTITIONS

APP_ID_PATTERN = re.compile(r"[A-Za-z0-9._-]{1,63}")


def slot_of(instance_id: str) -> int:
    """Return the slot of an instance ID, 0 to 65,535."""
    return zlib.crc32(instance_id.encode()) & 0xFFFF


def partition_of(slot: int) -> int:
    """Return the partition of a slot, 0 to 31."""
    return slot >> 11


def rendezvous_score(app_id: str, partition: int, replica_id: str) -> bytes:
    """Return the score with which a replica competes for a partition; the highest owns it."""
    key = f"{app_id}\0{partition}\0{replica_id}".encode()
    return hashlib.blake2b(key, digest_size=8).digest()
