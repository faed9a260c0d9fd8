"""Handing turns to workers: what `handing` decides is done here, for `instances`, whose lanes these are."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence

from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine import result as rs
from antiphon_sidecar.engine.messages import Row
from antiphon_sidecar.engine.turn import Turn
from antiphon_sidecar.runtime.effects import Effects, Scope
from antiphon_sidecar.runtime.figures import AppFigures
from antiphon_sidecar.runtime.handing import Line, Wait, choose, lost
from antiphon_sidecar.runtime.lane import Lane, Phase, turn_item
from antiphon_sidecar.runtime.workers import GRPC_DEFAULT_BYTES, WorkerStream
from antiphon_sidecar.stores.base import Loaded

_LATER_S = 0.002


class HandOut:
    """The turns that workers have in hand, and the lanes that wait for a worker.

    `submit` commits a result of a lane. `fast`: lanes that hold messages which are not durable yet.
    """

    def __init__(
        self,
        scope: Scope,
        effects: Effects,
        *,
        submit: Callable[[Lane, rs.Result], None],
        fast: Mapping[str, Lane],
    ) -> None:
        self._scope = scope
        self._effects = effects
        self._submit = submit
        self._fast = fast
        self._by_token: dict[str, Lane] = {}
        self.line = Line()
        self.figures = AppFigures()
        #: When partitions were taken, in monotonic seconds.
        self._taken: dict[int, float] = {}

    def holder(self, token: str) -> Lane | None:
        """Return the lane whose turn was handed out under this token and is still out."""
        return self._by_token.get(token)

    def offer(self, lane: Lane, turn: Turn) -> None:
        """Hand a turn to a worker that can do it, let it wait for one, or set the instance aside."""
        now = self._scope.clock.monotonic()
        self.line.leave(lane)
        lane.sealed_turn = self._sealed(turn)
        match choose(self._scope.workers, lane, turn, now=now):
            case WorkerStream() as stream if lane.charged or not (lane.suspect or lane.recovered):
                self._hand_out(lane, turn, stream)
            case _ if turn.fresh and any(m.row is Row.NONE for m in turn.consumed):
                # Whatever is written down of the instance, its start comes first.
                self._wait(lane, Wait.CHANGE)
            case WorkerStream():
                self._charge(lane, turn)
            case rs.Stalled() as stalled:
                self._stall(lane, turn, stalled)
            case wait:
                self._wait(lane, wait)

    def _sealed(self, turn: Turn) -> list[bytes]:
        """Seal what a worker is sent, unless none could be sent it now."""
        if not self._scope.workers.have_room_for_turns():
            return []
        return [codec.seal(event) for event in turn.events]

    def _hand_out(self, lane: Lane, turn: Turn, stream: WorkerStream) -> None:
        lane.take(turn)
        lane.phase = Phase.WORKING
        lane.stream = stream
        lane.since = self._scope.clock.monotonic()
        lane.token = self._scope.clock.new_id().hex()
        self._by_token[lane.token] = lane
        stream.turns += 1
        if lane.suspect:
            stream.suspect = lane.instance_id
        item = turn_item(lane, turn, stream)
        if lane.history_bytes + lane.turn_bytes > GRPC_DEFAULT_BYTES:
            stream.large = item.bytes_over(GRPC_DEFAULT_BYTES)
        stream.send(item)

    def _wait(self, lane: Lane, wait: Wait) -> None:
        lane.sealed_turn = []
        self.line.put(lane, wait)
        if wait is Wait.PAUSE:
            # A little later, so that two clocks need not agree to the nanosecond.
            pause_s = lane.not_before - self._scope.clock.monotonic() + _LATER_S
            self._effects.wake_at(lane.instance_id, self._scope.store_clock.now() + int(pause_s * 1e9))
        if lane.instance_id in self._fast:
            self._effects.park(lane)

    def _charge(self, lane: Lane, turn: Turn) -> None:
        """Write down that a worker is about to get a turn of which workers may die, this process with them."""
        lane.deaths += 1
        lane.charged, lane.recovered = True, False
        lane.sealed_turn = []
        self._set_aside(lane, rs.without_messages(turn))

    def _stall(self, lane: Lane, turn: Turn, stalled: rs.Stalled) -> None:
        """Set an instance aside; what it was sent stays where it is."""
        result = rs.stall(turn, stalled, now=self._scope.store_clock.now())
        if result is None:
            self._wait(lane, Wait.CHANGE)
            return
        lane.deaths, lane.charged = 0, False
        lane.sealed_turn = []
        self._set_aside(lane, result)

    def _set_aside(self, lane: Lane, result: rs.Result) -> None:
        """Commit what takes none of the messages, but for a child's start, which comes back under another ID."""
        if result.turn.consumed:
            lane.take(result.turn)
        self._submit(lane, result)

    def answered(self, lane: Lane) -> None:
        """A worker has answered the turn that it had in hand."""
        self.figures.turn_s.observe(self._scope.clock.monotonic() - lane.since)
        self.release(lane)

    def release(self, lane: Lane) -> None:
        """Take a turn out of its worker's hands."""
        self._by_token.pop(lane.token, None)
        stream = lane.stream
        if stream is not None and lane.token:
            stream.turns -= 1
            if stream.suspect == lane.instance_id:
                stream.suspect = ""
        lane.token = ""

    def lost(self, stream: WorkerStream) -> Sequence[Lane]:
        """Return the lanes whose turns a worker had that is gone."""
        held = [lane for lane in self._by_token.values() if lane.stream is stream]
        lost(held, stream, now=self._scope.clock.monotonic())
        return held

    def taken(self, partitions: Iterable[int]) -> None:
        """Note that these partitions are owned from now on."""
        now = self._scope.clock.monotonic()
        self._taken.update(dict.fromkeys(partitions, now))

    def recall(self, lane: Lane, loaded: Loaded) -> None:
        """Recall what was written down of lost workers.

        A worker that takes its sidecar with it is not counted by anybody: what is read just after its partition was
        taken may have been under way at its last owner, so that the next try is counted before it is made.
        """
        if loaded.row is not None and loaded.row.worker_deaths > lane.deaths:
            lane.deaths = loaded.row.worker_deaths
        since = self._scope.clock.monotonic() - self._taken.get(lane.partition, -math.inf)
        lane.recovered = since < self._scope.recovery_s and not lane.charged
