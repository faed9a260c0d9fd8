"""What a replica is not sure of. Tasks that somebody runs though nobody may wait for them: committed state decides.

A target says from time to time what its workers run. What the dispatcher does not know may be over: it was cancelled
and that was not heard, or its owner was another then. Used by the replica; an instance that is not in memory is read.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.engine.messages import Kind
from antiphon_sidecar.peers.base import Cancel, Progress
from antiphon_sidecar.runtime.lane import Lane, Phase
from antiphon_sidecar.stores.base import TaskRef

if TYPE_CHECKING:
    from antiphon_sidecar.runtime.replica import Replica


class Lanes(Protocol):
    """The instances of an app in memory."""

    def get(self, instance_id: str) -> Lane | None:
        """Return the lane if the instance is in memory."""

    def deliver(self, instance_id: str, messages: tuple[()]) -> Lane | None:
        """Open a lane; None when the partition is not owned."""


def progressed(replica: "Replica", sender: str, said: Progress) -> None:
    """Take a target's word on a task: the dispatcher notes it, or whoever runs it hears that nobody waits."""
    ref = said.ref
    if ref.app != replica.identity.app or not replica.instances.owns(ref.instance_id):
        return
    if replica.dispatcher.knows(ref):
        replica.dispatcher.progressed(sender, said)
    elif replica.handover.may_redispatch(partition_of(slot_of(ref.instance_id))):
        doubt(replica.instances, ref, lambda: replica.send(sender, Cancel(ref)))


async def settle_outcome(replica: "Replica", lane: Lane, partition: int) -> None:
    """Find out whether a commit landed: under a new epoch, what was read is what counts (protocol.md 9)."""
    if await replica.ownership.renew(partition):
        replica.instances.reload(lane)
    else:
        replica.ownership.drop(partition)


def doubt(lanes: Lanes, ref: TaskRef, unwanted: Callable[[], None]) -> None:
    """Call `unwanted` when the task's result can have no effect any more, now or once its instance was read."""
    lane = lanes.get(ref.instance_id) or lanes.deliver(ref.instance_id, ())
    if lane is None:
        return
    if lane.phase is Phase.LOADING:
        lane.doubts.append((ref, unwanted))
    elif lane.phase is not Phase.COMMITTING and not _is_open(lane, ref):
        # While it commits, its state may hold what is not durable: whoever doubts asks again.
        unwanted()


def settle_doubts(lane: Lane) -> None:
    """Answer those who asked before the lane was read."""
    doubts, lane.doubts = lane.doubts, []
    for ref, unwanted in doubts:
        if not _is_open(lane, ref):
            unwanted()


def outcome_waits(lanes: Lanes, ref: TaskRef) -> bool:
    """Tell whether the task's outcome is in memory, and not yet durable."""
    lane = lanes.get(ref.instance_id)
    return lane is not None and (Kind.TASK_RESULT, ref.execution_id, ref.task_id) in lane.keys


def _is_open(lane: Lane, ref: TaskRef) -> bool:
    state = lane.state
    return state is not None and state.execution_id == ref.execution_id and ref.task_id in state.tasks
