"""Client calls that go straight into a turn of their instance, without rows of their own.

A start that does so has none until its first turn's commit makes them. Nobody has been told of such a run, so nothing
is lost when it does not come to be. One that cannot be taken up at once, or whose first turn is long, is written to the
store by the call that waits for it, under the same message ID: whichever of the two writes comes first, the other finds
the run there.
"""

import asyncio
from dataclasses import replace
from typing import Protocol

from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.runtime.instances import Instances
from antiphon_sidecar.runtime.lane import Lane, Phase
from antiphon_sidecar.runtime.limiting import Limiting
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.starts import state_of_start
from antiphon_sidecar.runtime.workers import Workers
from antiphon_sidecar.stores.base import InstanceRow
from antiphon_sidecar.stores.errors import OutcomeUnknown

#: So many turns are in a worker's hands at once also where it answers each of them within milliseconds.
_TURNS_FEW = 32
_DRAWS = 24


class Side(Protocol):
    """The parts of a replica that a start goes through."""

    identity: Identity
    parts: Parts
    instances: Instances
    workers: Workers
    limiting: Limiting
    beginning: dict[tuple[str, str], asyncio.Future[None]]

    def call_settled(self, message_id: bytes, *, applied: bool) -> bool:
        """Answer a client call; False when nobody waits for it any more."""

    def expect_call(self, message_id: bytes) -> "asyncio.Future[bool]":
        """Return a future for a call that goes straight into a turn."""

    def forget_call(self, message_id: bytes) -> None:
        """Note that nobody waits for a call any more."""


def can_apply(side: Side, instance_id: str, *, control: bool) -> bool:
    """Tell whether a call to an instance would go straight into a turn."""
    lane = side.instances.get(instance_id)
    if lane is None or lane.phase is not Phase.IDLE or lane.state is None or lane.state.ended:
        return False
    if control:
        return True
    if lane.state.suspended or lane.state.stalled or not lane.state.started:
        return False
    return side.workers.for_turn(lane.state.name, lane.stream) is not None


def can_begin(side: Side, instance_id: str, name: str) -> bool:
    """Tell whether a run that nothing is known of here could have its first turn now."""
    if side.instances.get(instance_id) is not None or not side.instances.owns(instance_id):
        return False
    if (side.identity.app, instance_id) in side.beginning:
        # Another start of this ID is being written, and whoever asks for the ID waits for that one.
        return False
    if not side.parts.committer.writes:
        # A call that writes rows is told why it cannot.
        return False
    if side.limiting.workflows.limits(name):
        # A grant is given to an instance that is there.
        return False
    return side.workers.for_turn(name, None) is not None


def near_id(side: Side, name: str) -> str:
    """Return a random ID for an instance of this workflow.

    Where workers here have room for its turns, it is one of a partition that is owned here, if such a one comes up
    soon: the run then begins here, and whoever asks for it here need not ask elsewhere.
    """
    draws = _DRAWS if _has_much_room(side.workers, name) else 1
    instance_id = ""
    for _ in range(draws):
        instance_id = side.parts.clock.new_id().hex()
        if side.instances.owns(instance_id):
            break
    return instance_id


def _has_much_room(workers: Workers, name: str) -> bool:
    """Tell whether workers here run the workflow and have few turns in hand: no need to spread its runs."""
    busy = sum(stream.turns for stream in workers.streams) >= _TURNS_FEW * len(workers.streams)
    return not busy and workers.for_turn(name, None) is not None


async def begin(side: Side, instance_id: str, start: Message, *, patience_s: float) -> bool:
    """Have a run begin; True once it has, False when it needs rows of its own first: see `written`.

    Raises:
        OutcomeUnknown: the store does not say whether the commit landed.
    """
    settled = side.expect_call(start.message_id)
    side.beginning[side.identity.app, instance_id] = asyncio.get_running_loop().create_future()
    over = asyncio.get_running_loop().call_later(patience_s, _give_up, settled, instance_id)
    try:
        side.instances.deliver(instance_id, [replace(start, row=Row.NONE)], new=True)
        begun = await settled
    except BaseException:
        over_with(side, side.identity.app, instance_id)
        raise
    finally:
        over.cancel()
        side.forget_call(start.message_id)
    if begun:
        over_with(side, side.identity.app, instance_id)
    return begun


def over_with(side: Side, app: str, instance_id: str) -> None:
    """Note that a start has rows, or never will."""
    beginning = side.beginning.pop((app, instance_id), None)
    if beginning is not None:
        beginning.set_result(None)


async def has_rows(side: Side, app: str, instance_id: str) -> None:
    """Have a start written down without waiting for its first turn, for whoever knows its ID before its answer."""
    beginning = side.beginning.get((app, instance_id))
    if beginning is None:
        return
    lane = side.instances.get(instance_id)
    for message in () if lane is None else tuple(lane.messages()):
        if lane is not None and message.kind is Kind.START and message.row is Row.NONE and not lane.replacing:
            parked(side, lane, message)
    await asyncio.wait([beginning])


def _give_up(settled: "asyncio.Future[bool]", instance_id: str) -> None:
    if not settled.done():
        settled.set_exception(
            OutcomeUnknown(
                f'the store does not say whether instance "{instance_id}" has begun; it may yet. Look with '
                f"`antiphon workflow get {instance_id}`; start it again if it is not there."
            )
        )


def parked(side: Side, lane: Lane, start: Message) -> None:
    """A start must not wait in memory any longer: have the call that waits for it write it down."""
    lane.posting.discard(start.message_id)
    if lane.gone or all(m is not start for m in lane.messages()):
        return
    if lane.phase in (Phase.COMMITTING, Phase.LOADING):
        # It is being written, or what became of that is being read.
        return
    if side.call_settled(start.message_id, applied=False):
        # Nothing is done with the lane meanwhile: what a commit expects depends on which rows there are.
        lane.replacing.add(start.ref_id)
    elif lane.turn is None:
        side.instances.forget_unknown(lane)


def written(side: Side, row: InstanceRow) -> bool:
    """Note that a start has rows now; False when it does not wait here."""
    found = _waiting(side, row)
    if found is None:
        return False
    lane, start = found
    lane.replacing.discard(start.ref_id)
    lane.known_rows[start.message_id] = None
    lane.state = state_of_start(start, app=row.app, created_at=row.created_at)
    lane.status = lane.state.status
    if lane.turn is not None:
        lane.posted.add(start.message_id)
        lane.turn.base.created_at = row.created_at
    else:
        lane.queue = [replace(m, row=Row.INBOX) if m is start else m for m in lane.queue]
    side.instances.parking_over(lane)
    return True


def not_written(side: Side, row: InstanceRow) -> None:
    """Note that a start could not be written: it is given up, and what there is of the instance is read."""
    found = _waiting(side, row)
    if found is not None:
        lane, _ = found
        if lane.turn is not None:
            side.instances.abandon(lane)
        side.instances.reload(lane)


def _waiting(side: Side, row: InstanceRow) -> tuple[Lane, Message] | None:
    lane = side.instances.get(row.instance_id)
    if lane is None or not lane.replacing:
        return None
    for message in lane.messages():
        if message.kind is Kind.START and message.row is Row.NONE and message.message_id == row.incarnation:
            return lane, message
    return None
