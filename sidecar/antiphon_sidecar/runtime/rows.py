"""Rows <-> engine values: what a commit looks like to the store, and what was read back from it."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping, Sequence

from antiphon_names.hashing import slot_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.codec.requests import activity_request
from antiphon_sidecar.engine import result as rs
from antiphon_sidecar.engine.events import SENTINEL_NS, Event, ExecutionStarted, Status, TimerFired
from antiphon_sidecar.engine.ids import result_row_id
from antiphon_sidecar.engine.messages import Kind, Message, Outgoing, Row
from antiphon_sidecar.engine.state import State, committed, evolve, forget_stall, remember
from antiphon_sidecar.runtime import childchecks
from antiphon_sidecar.runtime.consuming import consumed
from antiphon_sidecar.runtime.lane import Meanwhile
from antiphon_sidecar.runtime.propagation import handed_on, with_history
from antiphon_sidecar.stores.base import (
    NEVER,
    Commit,
    HistoryRow,
    InboxKind,
    InboxRow,
    InstanceRow,
    Loaded,
    TaskRef,
    TaskRow,
    TimerRow,
)


def instance_row(state: State, *, now: int, worker_deaths: int = 0) -> InstanceRow:
    """Return the row of a state, as lists and clients see it."""
    return InstanceRow(
        app=state.app,
        instance_id=state.instance_id,
        slot=slot_of(state.instance_id),
        incarnation=state.incarnation,
        execution_id=state.execution_id,
        generation=state.generation,
        version=state.version,
        status=int(state.status),
        name=state.name,
        created_at=state.created_at or now,
        updated_at=now,
        started_at=state.started_at,
        completed_at=state.completed_at,
        scheduled_at=None if state.scheduled_at is None else min(state.scheduled_at, NEVER),
        parent_app=state.parent.app if state.parent else None,
        parent_instance=state.parent.instance_id if state.parent else None,
        custom_status=None if state.custom_status is None else state.custom_status.encode(),
        output=None if state.output is None else state.output.encode(),
        failure=codec.seal_failure(state.failure),
        waiting_on=None if state.stall is None else state.stall.reason,
        worker_deaths=worker_deaths,
        tags=tags_of(state.tags),
    )


def tags_of(tags: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Return an instance's tags as its row has them."""
    return tuple(sorted(tags.items())) if tags else ()


def inbox_row(message: Outgoing) -> InboxRow:
    """Return the row that carries an outgoing message."""
    return InboxRow(
        app=message.app,
        instance_id=message.instance_id,
        slot=slot_of(message.instance_id),
        row_id=message.message_id,
        kind=InboxKind(int(message.kind)),
        incarnation=message.incarnation,
        payload=codec.pack(codec.seal(event) for event in message.events),
        execution_id=message.execution_id,
        ref_id=message.ref_id,
    )


def message_of(row: InboxRow) -> Message:
    """Read an inbox row."""
    return Message(
        kind=Kind(int(row.kind)),
        row=Row.INBOX,
        events=tuple(codec.unseal(raw) for raw in codec.unpack(row.payload)),
        message_id=row.row_id,
        incarnation=row.incarnation,
        execution_id=row.execution_id,
        ref_id=row.ref_id,
    )


def task_result(ref: TaskRef, *, incarnation: bytes, event: Event) -> Message:
    """Return the message that a task's outcome is, taking effect by the task row."""
    return Message(
        kind=Kind.TASK_RESULT,
        row=Row.TASK,
        events=(event,),
        incarnation=incarnation,
        execution_id=ref.execution_id,
        ref_id=ref.task_id,
    )


def waiting_messages(loaded: Loaded, *, now: int) -> list[Message]:
    """Return what was read of an instance's messages: the inbox in its order, then the timers that are due."""
    due = (row for row in loaded.timers if fires_at(row) <= now and not childchecks.is_child_check(row))
    return [*(message_of(row) for row in loaded.inbox), *(timer_message(row) for row in due)]


def fires_at(row: TimerRow) -> int:
    """Return when a timer fires; its `due_at` is later while it rests (protocol.md 4)."""
    fired = codec.unseal(codec.unpack(row.payload)[0])
    assert isinstance(fired, TimerFired)
    return min(row.due_at, fired.fire_at)


def timer_message(row: TimerRow) -> Message:
    """Read a timer row that is due."""
    return Message(
        kind=Kind.TIMER,
        row=Row.TIMER,
        events=(codec.unseal(codec.unpack(row.payload)[0]),),
        incarnation=row.incarnation,
        execution_id=row.execution_id,
        ref_id=row.timer_id,
    )


def replaced_result(ref: TaskRef, *, slot: int, incarnation: bytes, event: bytes) -> InboxRow:
    """Return the inbox row that takes a task row's place (protocol.md 17); the same whoever makes it."""
    return InboxRow(
        app=ref.app,
        instance_id=ref.instance_id,
        slot=slot,
        row_id=result_row_id(incarnation, ref.execution_id, ref.task_id),
        kind=InboxKind.TASK_RESULT,
        incarnation=incarnation,
        payload=codec.pack([event]),
        execution_id=ref.execution_id,
        ref_id=ref.task_id,
    )


class Assembled:
    """A commit with what is to be done once it has landed."""

    __slots__ = ("commit", "sealed")

    def __init__(self, commit: Commit, sealed: Sequence[bytes]) -> None:
        self.commit = commit
        self.sealed = sealed


def assemble(
    result: rs.Result,
    *,
    epoch: int,
    commit_id: bytes,
    now: int,
    known_rows: Iterable[bytes],
    meanwhile: Meanwhile,
    sealed_turn: Sequence[bytes],
    check_child: Callable[[str], int | None],
    worker_deaths: int = 0,
    past: Sequence[bytes] = (),
) -> Assembled:
    """Turn a result into a commit, sealing the new events once.

    `check_child`: when to look after a child sent to this app, None when the app is known. `sealed_turn`: the
    bytes of the turn's events as the worker got them, so that history holds the same. `past`: the sealed events
    before them, for calls that hand their history on.
    """
    state, turn = result.state, result.turn
    taken = consumed(result, meanwhile)
    expected = _expected(result, begun=taken.begun)
    if turn.fresh and not state.created_at:
        state.created_at = now
    sealed = _seal(result, sealed_turn)
    # A suspend before the start has no event, but its message must stay known: it gets a row without events.
    message_ids = _message_ids(result)
    writes = bool(sealed or message_ids) or result.continues
    retagged = state.retagged
    history = _history_row(result, sealed=sealed, commit_id=commit_id, message_ids=message_ids) if writes else None
    committed(state, wrote_history=writes)
    histories = handed_on(result, past, sealed)
    messages = tuple(inbox_row(with_history(message, histories)) for message in result.outgoing)
    commit = Commit(
        app=state.app,
        instance_id=state.instance_id,
        slot=slot_of(state.instance_id),
        epoch=epoch,
        commit_id=commit_id,
        expect_incarnation=expected[0],
        expect_version=expected[1],
        row=instance_row(state, now=now, worker_deaths=worker_deaths),
        history=history,
        consume_inbox=tuple(taken.inbox),
        consume_tasks=tuple(taken.tasks),
        consume_timers=tuple(taken.timers),
        discard_inbox=tuple(taken.discarded),
        known_inbox=tuple(known_rows) if taken.fast else None,
        end_execution=result.ended_execution,
        drop_history=result.continues or turn.replaces is not None,
        retag=retagged,
        tasks=_task_rows(result, now, histories),
        timers=_timer_rows(result) + _child_checks(result, messages, check_child),
        messages=messages,
    )
    return Assembled(commit, sealed)


def _seal(result: rs.Result, sealed_turn: Sequence[bytes]) -> list[bytes]:
    """Seal the new events, reusing the bytes of those that the worker was sent unchanged."""
    sent = result.turn.events if sealed_turn else ()
    return [
        sealed_turn[place] if place < len(sent) and event is sent[place] else codec.seal(event)
        for place, event in enumerate(result.events)
    ]


def _expected(result: rs.Result, *, begun: bool) -> tuple[bytes | None, int | None]:
    turn = result.turn
    if turn.replaces is not None:
        return turn.replaces.incarnation, turn.replaces.version
    if turn.fresh and not begun:
        return None, None
    return result.state.incarnation, result.state.version


def _message_ids(result: rs.Result) -> bytes:
    if result.continues:
        return b"".join(result.state.recent_messages)
    return b"".join(m.message_id for m in result.turn.consumed if m.kind in (Kind.EVENT, Kind.CONTROL))


def _history_row(result: rs.Result, *, sealed: Sequence[bytes], commit_id: bytes, message_ids: bytes) -> HistoryRow:
    return HistoryRow(
        generation=result.generation,
        turn=result.turn_number,
        events=codec.pack(sealed),
        event_count=len(sealed),
        commit_id=commit_id,
        message_ids=message_ids,
    )


def _task_rows(result: rs.Result, now: int, histories: Mapping[int, bytes]) -> tuple[TaskRow, ...]:
    state = result.state
    slot = slot_of(state.instance_id)
    return tuple(
        TaskRow(
            app=state.app,
            instance_id=state.instance_id,
            slot=slot,
            incarnation=state.incarnation,
            execution_id=state.execution_id,
            task_id=task.event_id,
            target_app=(task.route.target if task.route else None) or state.app,
            name=task.name,
            request=activity_request(state, new, propagated=histories.get(task.event_id, b"")),
            start_by=_by(now, task.timeouts.schedule_to_start_ns),
            created_at=now,
            instance_created_at=state.created_at,
            close_by=_by(now, task.timeouts.schedule_to_close_ns),
            start_to_close=_by(0, task.timeouts.start_to_close_ns),
            heartbeat=_by(0, task.timeouts.heartbeat_ns),
        )
        for new in result.tasks
        for task in (new.event,)
    )


def _by(start: int, wait: int | None) -> int | None:
    return None if wait is None else min(start + wait, NEVER)


def _timer_rows(result: rs.Result) -> tuple[TimerRow, ...]:
    state = result.state
    return tuple(
        TimerRow(
            app=state.app,
            instance_id=state.instance_id,
            slot=slot_of(state.instance_id),
            incarnation=state.incarnation,
            execution_id=state.execution_id,
            timer_id=timer.event_id,
            due_at=max(0, min(timer.fire_at, NEVER)),
            payload=codec.pack([codec.seal(TimerFired(timer.fire_at, timer.event_id, timer.fire_at))]),
        )
        for timer in result.timers
        if timer.fire_at < SENTINEL_NS
    )


def _child_checks(
    result: rs.Result, messages: Sequence[InboxRow], check_child: Callable[[str], int | None]
) -> tuple[TimerRow, ...]:
    if result.ended_execution is not None:
        return ()
    checks = []
    for row in messages:
        due_at = check_child(row.app) if row.kind is InboxKind.START else None
        if due_at is not None:
            started = message_of(row).events[0]
            assert isinstance(started, ExecutionStarted)
            if started.parent is None:
                # A detached workflow: nobody would be told, so that it waits for the app.
                continue
            task_id = started.parent.task_id
            checks.append(childchecks.child_check(started, result.state, task_id=task_id, due_at=due_at))
    return tuple(checks)


def state_of(loaded: Loaded) -> tuple[State | None, list[bytes]]:
    """Fold what was read; also returns the generation's sealed events, oldest first."""
    row = loaded.row
    if row is None:
        return None, []
    state = State(
        app=row.app,
        instance_id=row.instance_id,
        incarnation=row.incarnation,
        execution_id=row.execution_id,
        generation=row.generation,
        name=row.name,
        scheduled_at=row.scheduled_at,
        created_at=row.created_at,
        started_at=row.started_at,
        tags=dict(row.tags),
    )
    events: list[bytes] = []
    for batch in loaded.history:
        for raw in codec.unpack(batch.events):
            events.append(raw)
            evolve(state, codec.unseal(raw))
        for start in range(0, len(batch.message_ids), 16):
            remember(state, batch.message_ids[start : start + 16])
    state.retagged = False
    state.turns = len(loaded.history)
    state.version = row.version
    state.status = Status(row.status)
    if not state.stalled:
        # Resumed by hand, or suspended before it began: neither leaves an event.
        forget_stall(state)
    state.custom_status = None if row.custom_status is None else row.custom_status.decode()
    state.completed_at = row.completed_at
    return state, events


def started_event(events: Sequence[bytes]) -> ExecutionStarted | None:
    """Return the generation's ExecutionStarted, None when it is not among these: it is the second event as a rule."""
    for raw in events:
        event: Event = codec.unseal(raw)
        if isinstance(event, ExecutionStarted):
            return event
    return None


def sealed_start(events: Sequence[bytes]) -> bytes | None:
    """Return the generation's ExecutionStarted as it is sealed, if it is among the first."""
    return next((raw for raw in events[:4] if isinstance(codec.unseal(raw), ExecutionStarted)), None)


def posted_row(app: str, instance_id: str, message: Message) -> InboxRow:
    """Return the row of a client call; the store fills in the run it is for."""
    return InboxRow(
        app=app,
        instance_id=instance_id,
        slot=slot_of(instance_id),
        row_id=message.message_id,
        kind=InboxKind(int(message.kind)),
        incarnation=message.incarnation,
        payload=codec.pack(codec.seal(event) for event in message.events),
    )


def next_attempt(row: TaskRow) -> TaskRow:
    """Return a task row as it is once its attempt was raised."""
    return dataclasses.replace(row, attempt=row.attempt + 1, claimed_by="")


def name_of(state: State | None, queue: Iterable[Message]) -> str | None:
    """Return the workflow's name: of the state, else of the start that waits."""
    if state is not None and not state.ended:
        return state.name
    for message in queue:
        started = message.events[0]
        if isinstance(started, ExecutionStarted):
            return started.name
    return None
