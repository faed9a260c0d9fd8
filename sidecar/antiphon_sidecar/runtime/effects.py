"""What the lanes of an app share, and what they cause outside of themselves.

`Instances` decides; it reaches everything else only through `Effects`, which the replica implements.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from antiphon_sidecar.engine import result as rs
from antiphon_sidecar.engine.events import PurgeRequested
from antiphon_sidecar.engine.messages import Message
from antiphon_sidecar.engine.turn import Turn
from antiphon_sidecar.peers.base import Verdict
from antiphon_sidecar.runtime.clock import Clock, StoreClock
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.lane import Lane
from antiphon_sidecar.runtime.workers import Workers
from antiphon_sidecar.stores.base import InboxRow, InstanceRow, TaskRef, TaskRow, TimerRow


class Effects(Protocol):
    """What a lane causes outside of itself. All are plain functions that only queue."""

    def load(self, lane: Lane) -> None:
        """Read the lane's instance and call `Instances.loaded`."""

    def park(self, lane: Lane) -> None:
        """Make the lane's fast messages durable as inbox rows, soon."""

    def owned(self, partition: int, at: int) -> None:
        """Note that a commit made at this store time has passed the fence."""

    def tasks_committed(self, tasks: Iterable[TaskRow]) -> None:
        """Dispatch these."""

    def timers_committed(self, timers: Iterable[TimerRow]) -> None:
        """Arm these."""

    def messages_committed(self, messages: Iterable[InboxRow]) -> None:
        """Tell the owners of these instances."""

    def execution_ended(self, instance_id: str, execution_id: str) -> None:
        """Forget dispatched tasks and timers of this generation."""

    def results_settled(self, refs: Iterable[TaskRef], verdict: Verdict) -> None:
        """Answer the targets that sent these results."""

    def results_unwanted(self, messages: Iterable[Message], lane: Lane) -> None:
        """Find out in the store what became of these task rows, and answer."""

    def call_settled(self, message_id: bytes, *, applied: bool) -> bool:
        """Answer a client call that had no row: applied, or to be written to the store by whoever waits.

        Returns whether anybody does.
        """

    def child_check_at(self, app: str) -> int | None:
        """Return the store time at which to look after a child in an app, None when that is not needed."""

    def wake_at(self, instance_id: str, at: int) -> None:
        """Call `Instances.wake` at this store time."""

    def purge(self, instance_id: str, request: PurgeRequested) -> None:
        """Purge a run that has ended, as its inbox asks for."""

    def changed(self, lane: Lane, ended: InstanceRow | None = None) -> None:
        """Wake those who wait for the instance's status; `ended`: the row with which a commit has ended it."""

    def fenced(self, partition: int, epoch: int) -> None:
        """Another owner has the partition."""

    def outcome_unknown(self, lane: Lane, partition: int) -> None:
        """Take a new epoch, then call `Instances.reload`."""


class Gate(Protocol):
    """What a limit on a workflow's name asks of its runs."""

    def may_begin(self, lane: Lane, turn: Turn) -> bool:
        """Tell whether a run may have its first turn; else the lane is woken when it may."""

    def run_ended(self, lane: Lane) -> None:
        """The run is over, durably."""


@dataclass(frozen=True, slots=True)
class Scope:
    """What all lanes of an app share. `epochs`: owned partitions and their epochs; `ownership` alone writes it.

    `recovery_s`: how long after a partition was taken what is read of it may have been under way at its last owner.
    """

    app: str
    clock: Clock
    store_clock: StoreClock
    committer: Committer
    workers: Workers
    gate: Gate
    engine: rs.Scope
    epochs: Mapping[int, int]
    hot_max: int
    hot_bytes_max: int
    recovery_s: float = 0.0
