"""A task that a target has in hand, and what its intake needs done by others."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol, Required, TypedDict

from antiphon_names.hashing import partition_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine import sizes
from antiphon_sidecar.engine.events import TaskFailed
from antiphon_sidecar.peers.base import Dispatch, InHand
from antiphon_sidecar.runtime.grants import Grants
from antiphon_sidecar.runtime.tokens import task_token
from antiphon_sidecar.runtime.workers import Workers, WorkerStream
from antiphon_sidecar.stores.base import TaskRef
from antiphon_sidecar.stores.limits import Grant, Limited

#: What an item holds beside its request.
_ITEM_BYTES = 2_000


@dataclass(slots=True, eq=False)
class Hand:
    """A task that this replica has in hand, until its result is settled.

    `started_at` and `beat_at` in store time, 0 for not yet; `said_at`, when a sign of life was last passed on, and
    `cancelled_at` on the monotonic clock. `grant`: what the limit of its name asks for; `granted`, whether it has it,
    and `sure`, whether that was asked lately.
    """

    ref: TaskRef
    incarnation: bytes
    slot: int
    name: str = ""
    request: bytes = b""
    attempt: int = 1
    caller: str = ""
    stream: WorkerStream | None = None
    event: bytes | None = None
    asked: int = 0
    deadline: float = 0.0
    #: Until when, on the monotonic clock, it may begin without asking the store.
    fresh_until: float = 0.0
    #: The same, should the claim that is under way be granted: counted from when it was asked for.
    claimed_until: float = 0.0
    replacing: bool = False
    watched: bool = False
    lapses_ns: int = 0
    details: bytes | None = None
    started_at: int = 0
    beat_at: int = 0
    said_at: float = 0.0
    cancelled_at: float | None = None
    grant: Grant | None = None
    granted: bool = False
    sure: bool = False
    settled: list[Callable[[], None]] = field(default_factory=list)

    @property
    def item_bytes(self) -> int:
        """Return the size of the task's item, or a little more."""
        return len(self.request) + _ITEM_BYTES

    def refusal(self, workers: Workers, *, now: int) -> bytes | None:
        """Return the failure of a task that no worker can receive; None when one can, or none may know it."""
        most, size = workers.most_bytes(self.name), self.item_bytes
        if most is None or size <= most:
            return None
        failure = sizes.item_failure(f'activity "{self.name}"', size, most=most)
        return codec.seal(TaskFailed(now, self.ref.task_id, failure))


def with_workers(hands: Iterable[Hand]) -> int:
    """Count the tasks that a worker has."""
    return sum(hand.stream is not None for hand in hands)


class Answered(TypedDict, total=False):
    """A worker's answer to a task, as `Intake.finished` takes it."""

    incarnation: Required[bytes]
    slot: Required[int]
    event: Required[bytes]
    echoed: Required[bool]
    settled: Required[Callable[[], None]]
    attempt: int | None


@dataclass(frozen=True, slots=True)
class Lapsing:
    """The grant of an attempt that may still run, where nobody hears of it, until then on the monotonic clock."""

    ref: TaskRef
    attempt: int
    until: float
    name: str
    grant: Grant


class Ports(Protocol):
    """What the intake needs done by others."""

    def claim(self, hand: Hand) -> None:
        """Claim the task in the store, then call `Intake.claimed`."""

    def replace(self, hand: Hand) -> None:
        """Turn the task row into an inbox row, then call `Intake.replaced`."""


class GrantPorts(Protocol):
    """What limits need done by others."""

    def ask_grants(self, grants: Grants[Hand], name: str) -> None:
        """Have the store give grants to those at the front, then call `Grants.answered`."""

    def give_grant_back(self, grants: Grants[Hand], limited: Limited, grant: Grant) -> None:
        """Have the store take a grant back."""


def claim(hand: Hand, ports: Ports, *, until: float) -> None:
    """Have a task claimed; `until`: how long, should it be granted, it may begin without asking again."""
    hand.claimed_until = until
    ports.claim(hand)


def token_of(hand: Hand) -> str:
    """Return the token of the delivery that is in hand."""
    return task_token(hand.ref, incarnation=hand.incarnation, slot=hand.slot, attempt=hand.attempt)


def holder_of(ref: TaskRef) -> str:
    """Return a task's key as the holder of a grant."""
    return json.dumps([ref.app, ref.instance_id, ref.execution_id, ref.task_id], separators=(",", ":"))


def hand_of(dispatch: Dispatch, caller: str) -> Hand:
    """Return a task that was just dispatched by its caller's owner."""
    return Hand(
        ref=dispatch.ref,
        incarnation=dispatch.incarnation,
        slot=dispatch.slot,
        name=dispatch.name,
        request=dispatch.request,
        attempt=dispatch.attempt,
        caller=caller,
        watched=dispatch.watched,
        lapses_ns=dispatch.lapses_ns,
        details=dispatch.details,
    )


def in_hand(hands: Iterable[Hand], app: str, partitions: Iterable[int]) -> InHand:
    """Say which tasks of these partitions of `app` are in hand."""
    asked = frozenset(partitions)
    refs = tuple(
        (hand.ref, hand.attempt)
        for hand in hands
        if hand.ref.app == app and partition_of(hand.slot) in asked and hand.cancelled_at is None
    )
    return InHand(app, asked, refs)
