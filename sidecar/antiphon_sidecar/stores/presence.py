"""The part of the store contract that is about who is on the store: heartbeat rows and the apps that were ever seen."""

from collections.abc import Mapping, Sequence
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
