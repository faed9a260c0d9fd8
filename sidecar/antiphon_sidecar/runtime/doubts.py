"""What a replica is not sure of. Tasks that somebody runs though nobody may wait for them: committed state decides.

A target says from time to time what its workers run. What the dispatcher does not know may be over: it was cancelled
and that was not heard, or its owner was another then. It may as well be another owner's, with a target that has not
heard of that owner yet: what is in memory here says nothing then, only the task's row does.
"""

from typing import TYPE_CHECKING, Protocol

from antiphon_sidecar.engine.messages import Kind
from antiphon_sidecar.peers.base import Progress
from antiphon_sidecar.runtime.lane import Lane
from antiphon_sidecar.stores.base import TaskRef

if TYPE_CHECKING:
    from antiphon_sidecar.runtime.replica import Replica


class Lanes(Protocol):
    """The instances of an app in memory."""

    def get(self, instance_id: str) -> Lane | None:
        """Return the lane if the instance is in memory."""


def progressed(replica: "Replica", sender: str, said: Progress) -> None:
    """Take a target's word on a task: the dispatcher notes it, or the store is asked whether anybody waits for it."""
    ref = said.ref
    if ref.app != replica.identity.app or not replica.instances.owns(ref.instance_id):
        return
    if replica.dispatcher.knows(ref):
        replica.dispatcher.progressed(sender, said)
    elif not _is_open(replica.instances.get(ref.instance_id), ref):
        replica.work.doubt(sender, ref)


async def settle_outcome(replica: "Replica", lane: Lane, partition: int) -> None:
    """Find out whether a commit landed: under a new epoch, what was read is what counts (protocol.md 9)."""
    if await replica.ownership.renew(partition):
        replica.instances.reload(lane)
    else:
        replica.ownership.drop(partition)


def outcome_waits(lanes: Lanes, ref: TaskRef) -> bool:
    """Tell whether the task's outcome is in memory, and not yet durable."""
    lane = lanes.get(ref.instance_id)
    return lane is not None and (Kind.TASK_RESULT, ref.execution_id, ref.task_id) in lane.keys


def _is_open(lane: Lane | None, ref: TaskRef) -> bool:
    state = None if lane is None else lane.state
    return state is not None and state.execution_id == ref.execution_id and ref.task_id in state.tasks
