"""What is in hand elsewhere when a partition changes its owner (protocol.md 19).

A new owner asks every replica which of the partition's tasks it has in hand, and dispatches none of them again until
all have answered, or for one lease at most. Otherwise a rolling restart of a caller would run every activity again.
"""

from collections.abc import Callable, Iterable

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.peers.base import InHand
from antiphon_sidecar.runtime.clock import Clock
from antiphon_sidecar.stores.base import TaskRef


class Handover:
    """The questions that are open, and the answers, for one app at its new owner."""

    def __init__(self, *, clock: Clock, lease_s: float, view: Callable[[], View], closed: Callable[[], None]) -> None:
        """`closed` is called when tasks may be dispatched again that had to wait for an answer."""
        self._closed_some = closed
        self._clock = clock
        self._lease_s = lease_s
        self._view = view
        self._open: dict[int, tuple[float, set[str]]] = {}
        #: Partitions whose question was put and is closed; one that was just won is in neither until it is asked about.
        self._closed: set[int] = set()
        self._holders: dict[int, dict[TaskRef, str]] = {}

    def asked(self, partitions: Iterable[int], replicas: Iterable[str]) -> None:
        """Note that these replicas were asked about these partitions."""
        deadline = self._clock.monotonic() + self._lease_s
        for partition in partitions:
            self._open[partition] = (deadline, set(replicas))
            self._holders[partition] = {}

    def unanswered(self, replica: str) -> frozenset[int]:
        """Return the partitions about which a replica has been asked and has not answered."""
        return frozenset(partition for partition, (_, missing) in self._open.items() if replica in missing)

    def answered(self, sender: str, said: InHand) -> None:
        """Note what a replica has in hand."""
        for ref, _attempt in said.refs:
            self._holders.get(partition_of(slot_of(ref.instance_id)), {})[ref] = sender
        for partition in said.partitions:
            entry = self._open.get(partition)
            if entry is not None:
                entry[1].discard(sender)
        self.settle()

    def settle(self) -> None:
        """Close what every live replica has answered: an answer came, or one that was asked is gone."""
        alive = self._view().replicas
        answered = [partition for partition, (_, missing) in self._open.items() if missing.isdisjoint(alive)]
        for partition in answered:
            self._close(partition)
        if answered:
            self._closed_some()

    def _close(self, partition: int) -> None:
        del self._open[partition]
        self._closed.add(partition)

    def dropped(self, partition: int) -> None:
        """Forget a partition that another replica owns."""
        self._open.pop(partition, None)
        self._closed.discard(partition)
        self._holders.pop(partition, None)

    def may_redispatch(self, partition: int) -> bool:
        """Tell whether every live replica has answered, or has had its time."""
        entry = self._open.get(partition)
        if entry is None:
            return partition in self._closed
        deadline, missing = entry
        if not missing.isdisjoint(self._view().replicas) and self._clock.monotonic() < deadline:
            return False
        self._close(partition)
        return True

    def holder(self, ref: TaskRef) -> str | None:
        """Return the replica that said it has this task in hand, once, while it lives."""
        replica = self._holders.get(partition_of(slot_of(ref.instance_id)), {}).pop(ref, None)
        return replica if replica in self._view().replicas else None
