"""The owner's side of instances: lanes, turns and their commits, one app's owned partitions.

Everything here runs between two awaits: what arrives is put into a lane, `_pump` decides what the lane does next,
and the committer calls back. Loading and parking are the only coroutines. What a commit causes elsewhere goes to
`Effects`, which the replica implements.
"""

import logging
from collections.abc import Iterable

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.engine import result as rs
from antiphon_sidecar.engine.actions import Response
from antiphon_sidecar.engine.events import ExecutionResumed, ExecutionStarted, Failure
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.engine.turn import Turn, begin_turn
from antiphon_sidecar.peers.base import Verdict
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.effects import Effects, Scope
from antiphon_sidecar.runtime.handout import HandOut
from antiphon_sidecar.runtime.lane import Lane, Meanwhile, Phase, due_purge, log_dropped, read_in_time, split_kept
from antiphon_sidecar.runtime.lanes import LaneTable
from antiphon_sidecar.runtime.parking import as_replaced
from antiphon_sidecar.runtime.settling import begins_run, settle, settle_starts, waits_for_rows
from antiphon_sidecar.runtime.workers import WorkerStream
from antiphon_sidecar.stores.base import Commit, InboxRow, Loaded, Outcome, TaskRef

logger = logging.getLogger(__name__)


class Instances:
    """The hot instances of one app at this replica."""

    def __init__(self, scope: Scope, effects: Effects) -> None:
        self._scope = scope
        self._effects = effects
        self._lanes = LaneTable(most=scope.hot_max, most_bytes=scope.hot_bytes_max)
        #: Lanes that hold messages which are not durable yet.
        self.fast: dict[str, Lane] = {}
        self._handout = HandOut(scope, effects, submit=self._submit, fast=self.fast)
        #: The lanes that have something for a worker but found none.
        self.line = self._handout.line
        self.figures = self._handout.figures

    # what arrives

    def get(self, instance_id: str) -> Lane | None:
        """Return the lane if the instance is in memory."""
        return self._lanes.get(instance_id)

    def owns(self, instance_id: str) -> bool:
        """Tell whether this replica owns the instance's partition."""
        return partition_of(slot_of(instance_id)) in self._scope.epochs

    def deliver(
        self, instance_id: str, messages: Iterable[Message], *, state: State | None = None, new: bool = False
    ) -> Lane | None:
        """Put messages into a lane and move it along; None when the partition is not owned.

        `state` spares the read when the caller has just written the instance's row. `new` spares it for a START
        that was just written: should the ID be taken, the commit is refused and the instance is read then.
        """
        lane = self._lanes.get(instance_id)
        if lane is None:
            lane = self._open(instance_id, state, starts=new)
            if lane is None:
                return None
        self._lanes.touch(lane)
        for message in messages:
            self._enqueue(lane, message)
        self._pump(lane)
        for idle in self._lanes.crowded_out():
            self._close(idle)
        return lane

    def _open(self, instance_id: str, state: State | None, *, starts: bool) -> Lane | None:
        slot = slot_of(instance_id)
        partition = partition_of(slot)
        if partition not in self._scope.epochs:
            return None
        lane = Lane(instance_id, slot, partition)
        self._lanes.add(lane)
        if state is not None or starts:
            lane.state = state
            lane.status = None if state is None else state.status
            lane.phase = Phase.IDLE
        else:
            self._effects.load(lane)
        return lane

    def _enqueue(self, lane: Lane, message: Message) -> None:
        match message.row:
            case Row.INBOX:
                if message.message_id in lane.known_rows:
                    return
                lane.known_rows[message.message_id] = None
                if lane.keeps_purge(message):
                    return
            case Row.TASK | Row.TIMER:
                if message.key in lane.keys:
                    return
            case Row.NONE:
                if any(held.message_id == message.message_id for held in lane.messages()):
                    return
        lane.keys.add(message.key)
        if message.row in (Row.NONE, Row.TASK):
            self.fast[lane.instance_id] = lane
        if message.kind is Kind.START:
            lane.queue.insert(0, message)
        else:
            lane.queue.append(message)

    # turns

    def _pump(self, lane: Lane) -> None:
        """Begin the next turn if there is one; terminate and suspend do not wait for a turn in flight."""
        if lane.phase is Phase.WORKING and any(m.kind is Kind.CONTROL for m in lane.queue) and not lane.replacing:
            self.abandon(lane)
        if lane.phase is not Phase.IDLE or not lane.queue or lane.gone or waits_for_rows(lane):
            return
        turn = begin_turn(lane.state, lane.queue, now=self._scope.store_clock.now())
        if turn is None:
            self._hold(lane)
        elif not self._scope.gate.may_begin(lane, turn):
            self._park_fast(lane)
        elif turn.needs_worker:
            self._handout.offer(lane, turn)
        else:
            if turn.consumed and isinstance(turn.consumed[-1].events[0], ExecutionResumed):
                lane.trust()
            lane.take(turn)
            self._submit(lane, rs.end_without_worker(turn, now=self._scope.store_clock.now()))

    def _hold(self, lane: Lane) -> None:
        """Nothing can be applied now: what is not durable must not wait in memory."""
        if lane.state is None and not any(m.kind is Kind.START for m in lane.queue):
            self.forget_unknown(lane)
        else:
            self._park_fast(lane)
        now = self._scope.store_clock.now()
        for message in lane.queue:
            started = message.events[0]
            at = started.scheduled_at if isinstance(started, ExecutionStarted) else None
            # A start whose time has come waits for something else, a resume: waking it now would never end.
            if at is not None and at > now:
                self._effects.wake_at(lane.instance_id, at)

    def _park_fast(self, lane: Lane) -> None:
        if lane.instance_id in self.fast:
            self._effects.park(lane)

    def wake(self, instance_id: str) -> None:
        """Look at a lane again: a scheduled start may be due."""
        lane = self._lanes.get(instance_id)
        if lane is not None:
            self._pump(lane)

    def forget_unknown(self, lane: Lane) -> None:
        """No such instance: its fast messages have nowhere to go."""
        unwanted = [m for m in lane.queue if m.row is Row.TASK]
        for message in lane.queue:
            if message.row is Row.NONE:
                self._effects.call_settled(message.message_id, applied=False)
        self._close(lane)
        if unwanted:
            self._effects.results_unwanted(unwanted, lane)

    def answered(self, *, token: str, instance_id: str, response: Response) -> None:
        """Take a worker's answer; one that belongs to no turn in flight has no effect."""
        lane = self._handout.holder(token) if token else self._lanes.get(instance_id)
        if lane is None or lane.phase is not Phase.WORKING or lane.turn is None:
            return
        if not token:
            token = lane.token
        elif lane.stream is not None:
            lane.stream.echoes_tokens = True
        if lane.stream is not None:
            lane.stream.large = 0
        self._handout.answered(lane)
        lane.answer = response
        lane.awaited = response.awaited
        self._finish(lane)

    def _finish(self, lane: Lane) -> None:
        if lane.replacing or lane.answer is None or lane.turn is None:
            return
        outcome = rs.end_turn(lane.turn, lane.answer, now=self._scope.store_clock.now(), scope=self._scope.engine)
        if isinstance(outcome, rs.Stalled):
            # Another worker may be able to; when there is none, the instance stalls.
            if lane.stream is not None:
                lane.refused.add(lane.stream.number)
            lane.refusal = outcome
            self.abandon(lane)
            self._pump(lane)
            return
        lane.trust()
        self._submit(lane, outcome)

    def abandon(self, lane: Lane) -> None:
        """Take back a turn in flight: its worker is gone, or something stronger came."""
        self._handout.release(lane)
        if lane.stream is not None:
            lane.stream.seen.pop(lane.instance_id, None)
        lane.give_back()
        lane.queue = [as_replaced(lane, m) for m in lane.queue]
        lane.replaced.clear()
        lane.stream = None
        lane.phase = Phase.IDLE
        if lane.state is None:
            # A first turn that does not end well may never: what began it must not depend on this process.
            self._park_fast(lane)

    def fail_unregistered(self, lane: Lane, failure: Failure) -> None:
        """End an instance that has not started and that no worker can run."""
        turn = begin_turn(lane.state, lane.queue, now=self._scope.store_clock.now())
        if lane.phase is Phase.IDLE and turn is not None and turn.needs_worker and not turn.base.started:
            self.line.leave(lane)
            lane.take(turn)
            self._submit(lane, rs.fail_workflow(turn, failure, now=self._scope.store_clock.now()))

    def stream_added(self) -> None:
        """A worker became free: lanes that waited for one move on."""
        line = self.line
        for _ in range(len(line.waiting)):
            # Asked each time: as a rule one turn ends and one begins, however many wait.
            if not line.waiting or not self._scope.workers.have_room_for_turns():
                return
            _, lane = line.waiting.popitem(last=False)
            self._pump(lane)
        while line.suspects and self._scope.workers.have_room_for_suspects():
            _, lane = line.suspects.popitem(last=False)
            self._pump(lane)
            if lane.instance_id in line.suspects:
                return

    def stream_connected(self) -> None:
        """A worker connected: it gets what waited, and may be able to do what stalled."""
        for lane in self.line.for_another():
            self._pump(lane)
        self.stream_added()

    def stream_removed(self, stream: WorkerStream) -> None:
        """A worker is gone: its turns are begun again elsewhere."""
        for lane in self._handout.lost(stream):
            if not lane.replacing:
                self.abandon(lane)
                self._pump(lane)

    def partitions_taken(self, partitions: Iterable[int]) -> None:
        """Note that these are owned from now on: what is read of them at once may have been under way."""
        self._handout.taken(partitions)

    # commits

    def _submit(self, lane: Lane, result: rs.Result) -> None:
        epoch = self._scope.epochs.get(lane.partition)
        if epoch is None:
            self.drop_partition(lane.partition)
            return
        lane.phase = Phase.COMMITTING
        assembled = rows.assemble(
            result,
            epoch=epoch,
            commit_id=self._scope.clock.new_id(),
            now=self._scope.store_clock.now(),
            known_rows=read_in_time(lane, result.turn),
            meanwhile=Meanwhile(frozenset(lane.replaced), frozenset(lane.posted)),
            sealed_turn=lane.sealed_turn,
            check_child=self._effects.child_check_at,
            worker_deaths=lane.deaths,
            past=() if result.turn.fresh else lane.history,
        )
        self._scope.committer.submit(
            assembled.commit,
            lambda outcome: self._committed(lane, result, assembled, outcome),
            (lambda: self._withdraw(lane)) if begins_run(assembled.commit) else None,
        )

    def _withdraw(self, lane: Lane) -> None:
        """A run that was to begin without rows of its own does not: whoever asked for it writes them."""
        if not lane.gone:
            lane.give_back()
            lane.phase = Phase.IDLE
            self.forget_unknown(lane)

    def _committed(self, lane: Lane, result: rs.Result, assembled: rows.Assembled, outcome: Outcome | None) -> None:
        if lane.gone:
            return
        match outcome:
            case Outcome.COMMITTED:
                self._landed(lane, result, assembled)
            case Outcome.CONFLICT | Outcome.UNREAD if begins_run(assembled.commit):
                self._withdraw(lane)
            case Outcome.FENCED:
                self._effects.fenced(lane.partition, assembled.commit.epoch)
                if not lane.gone:
                    # A newer epoch is our own, taken after an unknown outcome: read what is there and go on.
                    self.reload(lane)
            case None:
                lane.phase = Phase.LOADING
                self._effects.outcome_unknown(lane, lane.partition)
            case _:
                logger.debug(
                    "a commit was refused",
                    extra={"instance": lane.instance_id, "outcome": outcome.value},
                )
                self.reload(lane)

    def _landed(self, lane: Lane, result: rs.Result, assembled: rows.Assembled) -> None:
        turn, commit = result.turn, assembled.commit
        self._effects.owned(lane.partition, commit.row.updated_at)
        lane.state = result.state
        lane.status = result.state.status
        self._lanes.keep(lane, assembled.sealed, afresh=turn.fresh or result.continues)
        for row_id in (*commit.consume_inbox, *commit.discard_inbox):
            lane.known_rows.pop(row_id, None)
        lane.keys.difference_update(m.key for m in (*turn.consumed, *turn.discarded))
        lane.turn = None
        lane.sealed_turn = []
        lane.answer = None
        lane.replaced.clear()
        lane.posted.clear()
        lane.phase = Phase.IDLE
        self.figures.landed(result.state.status, first=commit.row.version == 1)
        self._settle(lane, turn)
        log_dropped(lane.instance_id, turn.rejected)
        self._cause(lane, result, commit)
        if result.state.ended:
            self._scope.gate.run_ended(lane)
        due_purge(lane, self._effects.purge)
        if result.state.ended and not lane.queue:
            self._close(lane)
        else:
            self._pump(lane)

    def _settle(self, lane: Lane, turn: Turn) -> None:
        settle(self._effects, lane, turn, app=self._scope.app)
        if not any(m.row in (Row.NONE, Row.TASK) for m in lane.queue):
            self.fast.pop(lane.instance_id, None)

    def ref(self, lane: Lane, message: Message) -> TaskRef:
        """Return the key of the task that a result answers."""
        return TaskRef(self._scope.app, lane.instance_id, message.execution_id, message.ref_id)

    def _cause(self, lane: Lane, result: rs.Result, commit: Commit) -> None:
        if commit.end_execution is not None:
            self._effects.execution_ended(lane.instance_id, commit.end_execution)
        if commit.tasks:
            self._effects.tasks_committed(commit.tasks)
        if commit.timers:
            self._effects.timers_committed(commit.timers)
        others: list[InboxRow] = []
        for row in commit.messages:
            if row.app == self._scope.app and row.instance_id == lane.instance_id:
                self._enqueue(lane, rows.message_of(row))
            else:
                others.append(row)
        if others:
            self._effects.messages_committed(others)
        self._effects.changed(lane, commit.row if result.state.ended else None)

    # reading

    def reload(self, lane: Lane) -> None:
        """Forget what the lane knew and read the instance again; what has no row of its own is kept."""
        lane.give_back()
        lane.queue = [m for m in lane.queue if m.row in (Row.NONE, Row.TASK) and m.ref_id not in lane.replaced]
        lane.known_rows.clear()
        lane.keys.clear()
        lane.replaced.clear()
        lane.purge = lane.state = lane.status = None
        self._lanes.keep(lane, (), afresh=True)
        lane.phase = Phase.LOADING
        self._effects.load(lane)

    def loaded(self, lane: Lane, loaded: Loaded | None) -> None:
        """Take in what was read: inbox rows first, in their order, then what came the fast way."""
        if lane.gone or lane.phase is not Phase.LOADING:
            return
        lane.phase = Phase.IDLE
        kept, lane.queue = lane.queue, []
        lane.known_rows.clear()
        lane.keys.clear()
        if loaded is not None:
            lane.state, history = rows.state_of(loaded)
            lane.status = None if lane.state is None else lane.state.status
            self._lanes.keep(lane, history, afresh=True)
            self._handout.recall(lane, loaded)
            for message in rows.waiting_messages(loaded, now=self._scope.store_clock.now()):
                self._enqueue(lane, message)
        still, gone = split_kept(settle_starts(self._effects, lane, kept), loaded)
        for message in still:
            self._enqueue(lane, message)
        if gone:
            # Not for sure: they may have been another owner's since this was read.
            self._effects.results_unwanted(gone, lane)
        self._effects.changed(lane)
        due_purge(lane, self._effects.purge)
        if not lane.queue:
            self.fast.pop(lane.instance_id, None)
            if lane.state is None or lane.state.ended:
                self._close(lane)
            return
        self._pump(lane)

    def inbox_read(self, lane: Lane, inbox: Iterable[InboxRow]) -> None:
        """Take in rows that were read while the lane was hot."""
        for row in inbox:
            self._enqueue(lane, rows.message_of(row))
        due_purge(lane, self._effects.purge)
        self._pump(lane)

    def parking_over(self, lane: Lane) -> None:
        """All of a lane's parking has been answered: an answer that had to wait for it goes on."""
        if lane.gone or lane.replacing:
            return
        if not any(m.row in (Row.NONE, Row.TASK) for m in lane.queue):
            self.fast.pop(lane.instance_id, None)
        if lane.phase is Phase.WORKING and lane.answer is not None:
            self._finish(lane)
        elif lane.phase is Phase.WORKING and (lane.stream is None or not lane.stream.open):
            self.abandon(lane)
        self._pump(lane)

    # leaving

    def drop_partition(self, partition: int) -> None:
        """Forget all lanes of a partition: another replica owns them. What was not durable is handed back."""
        for lane in [lane for lane in self._lanes.all() if lane.partition == partition]:
            if refs := [self.ref(lane, m) for m in lane.messages() if m.row is Row.TASK]:
                self._effects.results_settled(refs, Verdict.REFUSED)
            for message in lane.messages():
                if message.row is Row.NONE:
                    self._effects.call_settled(message.message_id, applied=False)
            self._close(lane)

    def _close(self, lane: Lane) -> None:
        self._handout.release(lane)
        self._lanes.remove(lane)
        self.line.leave(lane)
        self.fast.pop(lane.instance_id, None)

    def lanes(self) -> Iterable[Lane]:
        """Return the lanes in memory, least recently used first."""
        return self._lanes.all()
