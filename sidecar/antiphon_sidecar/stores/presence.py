"""The part of the store contract that is about replicas and apps: heartbeats, names offered, what the operator says."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class AppRecord:
    """What the store remembers of an app: the names last offered, as JSON bytes; `seen_at` in store time."""

    app: str
    record: bytes
    seen_at: int


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """A replica's row: proves which store it is on. `in_hand`: the calls that its workers had at `written_at`."""

    nonce: str
    written_at: int
    in_hand: int = 0


class PresenceStore(Protocol):
    """What a store knows of replicas and apps."""

    async def beat(self, *, app: str, replica: str, nonce: str, in_hand: int = 0) -> None:
        """Write this replica's heartbeat row."""

    async def heartbeats(self) -> Mapping[tuple[str, str], Heartbeat]:
        """Return all rows by (app, replica)."""

    async def leave(self, *, app: str, replica: str) -> None:
        """Delete the heartbeat row."""

    async def remember_app(self, *, app: str, record: bytes) -> None:
        """Write what an app offers; the last writer wins."""

    async def known_apps(self) -> Sequence[AppRecord]:
        """Return every app that was ever remembered."""

    async def copy_registry(self, changed: Mapping[str, bytes], *, gone: Collection[str] = ()) -> None:
        """Write what the operator says, by key, and delete what it says no longer; the last writer wins."""

    async def registry_copy(self) -> Mapping[str, bytes]:
        """Return what was copied, by key."""
