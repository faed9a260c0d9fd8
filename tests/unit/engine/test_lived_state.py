"""Folding what was stored gives the state that was lived through, for any program and any order of messages.

One instance on a memory store: each step, something arrives, a turn is begun and ended with random actions, and the
commit is judged by the store. After each commit the instance is read back and folded.
"""

import asyncio
import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.messages import Kind, Message, Outgoing
from antiphon_sidecar.engine.result import Result, Stalled, end_turn, end_without_worker, stall
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.engine.turn import begin_turn
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.lane import Meanwhile
from antiphon_sidecar.stores.base import InstanceFilter, InstanceRow, Outcome
from antiphon_sidecar.stores.memory import MemoryStore
from tests.unit.engine.build import APP, ID, NOW, RUN, SECOND, ident, scope, started

IDS = st.integers(0, 5)
ACTIONS = st.one_of(
    st.builds(ac.ScheduleTask, IDS, st.just("charge"), task_execution_id=st.sampled_from(["", "chain"])),
    st.builds(ac.CreateChild, IDS, st.sampled_from(["", "c1"]), st.just("pack")),
    st.builds(ac.CreateTimer, IDS, st.sampled_from([NOW - SECOND, NOW + SECOND, ev.SENTINEL_NS])),
    st.builds(ac.VersionNotAvailable, IDS),
    st.builds(ac.ScheduleTask, IDS, st.just("far"), target=st.just(ac.Target("pay", "elsewhere"))),
)
ENDS = st.one_of(
    *[st.none()] * 12,
    st.builds(ac.Complete, IDS, st.just(ev.Status.COMPLETED), st.none() | st.just("1")),
    st.builds(ac.Complete, IDS, st.just(ev.Status.FAILED), failure=st.just(ev.Failure("E", "m"))),
    st.builds(
        ac.Complete,
        IDS,
        st.just(ev.Status.CONTINUED_AS_NEW),
        st.just("2"),
        carryover=st.just((ev.EventRaised(0, "kept"),)),
    ),
)
ANSWERS = st.builds(
    lambda actions, end, **rest: ac.Response((*actions, *([] if end is None else [end])), **rest),
    st.lists(ACTIONS, max_size=4),
    ENDS,
    custom_status=st.sampled_from([None, "", '"half"']),
    version=st.sampled_from([None, "v1"]),
    patches=st.lists(st.sampled_from(["p1", "p2"]), max_size=3).map(tuple),
    tags=st.dictionaries(st.sampled_from(["team", "round"]), st.sampled_from(["a", "b"])),
)
ARRIVALS = st.tuples(
    st.sampled_from(["task", "task", "child", "timer", "timer", "event", "suspend", "resume", "terminate"]), IDS
)
STEPS = st.lists(st.tuples(st.lists(ARRIVALS, max_size=3), ANSWERS, st.integers(-2, 5)), min_size=1, max_size=12)


class Life:
    """The instance as its owner holds it, and the store beside it."""

    def __init__(self) -> None:
        self.now = NOW
        self.store = MemoryStore(clock=lambda: self.now)
        self.live: State | None = None
        self.scope = scope()
        self.count = 0

    def next_id(self) -> bytes:
        self.count += 1
        return ident(f"id-{self.count}")

    async def begin(self) -> None:
        self.epoch = await self.store.take_partition(app=APP, partition=partition_of(slot_of(ID)), replica="r")
        row = InstanceRow(APP, ID, slot_of(ID), RUN, "x0", 0, 0, int(ev.Status.PENDING), "ship", NOW, NOW)
        start = Outgoing(APP, ID, Kind.START, RUN, RUN, (started(),), "x0")
        await self.store.start_instance(row=row, start=rows.inbox_row(start), unique=False)
        loaded = await self.store.load(app=APP, instance_id=ID)
        assert loaded is not None
        self.live, _ = rows.state_of(loaded)

    async def arrive(self, what: str, number: int) -> None:
        state = self.live
        assert state is not None
        to = {"incarnation": state.incarnation, "execution_id": state.execution_id, "ref_id": number}
        kind, event = {
            "task": (Kind.TASK_RESULT, ev.TaskCompleted(self.now, number, "1")),
            "child": (Kind.CHILD_RESULT, ev.ChildFailed(self.now, number, ev.Failure("E", "m"))),
            "event": (Kind.EVENT, ev.EventRaised(self.now, "e", str(number))),
            "suspend": (Kind.CONTROL, ev.ExecutionSuspended(self.now)),
            "resume": (Kind.CONTROL, ev.ExecutionResumed(self.now)),
            "terminate": (Kind.CONTROL, ev.ExecutionTerminated(self.now, "9")),
        }[what]
        if kind in (Kind.EVENT, Kind.CONTROL):
            to = {"incarnation": state.incarnation}
        await self.store.post([rows.inbox_row(Outgoing(APP, ID, kind, self.next_id(), events=(event,), **to))])

    async def messages(self, timers: Sequence[int]) -> list[Message]:
        loaded = await self.store.load(app=APP, instance_id=ID)
        assert loaded is not None
        due = [rows.timer_message(row) for row in loaded.timers if row.timer_id in timers]
        return [rows.message_of(row) for row in loaded.inbox] + due

    async def turn(self, timers: Sequence[int], answer: ac.Response) -> Result | None:
        turn = begin_turn(self.live, await self.messages(timers), now=self.now)
        if turn is None:
            return None
        if turn.needs_worker:
            judged = end_turn(turn, answer, now=self.now, scope=self.scope)
            outcome = stall(turn, judged, now=self.now) if isinstance(judged, Stalled) else judged
            if outcome is None:
                return None
        else:
            outcome = end_without_worker(turn, now=self.now)
        assembled = rows.assemble(
            outcome,
            epoch=self.epoch,
            commit_id=self.next_id(),
            now=self.now,
            known_rows=(),
            meanwhile=Meanwhile(),
            sealed_turn=(),
            check_child=lambda app: None,
        )
        assert await self.store.commit([assembled.commit]) == [Outcome.COMMITTED]
        self.live = outcome.state
        return outcome

    async def found_by(self, tags: Mapping[str, str]) -> bool:
        """Tell whether a search by all of these tags finds the instance, as its row has just these."""
        found, _ = await self.store.list_instances(InstanceFilter(app=APP, tags=tuple(tags.items())), limit=2)
        return [dict(row.tags) for row in found] == [tags]

    async def folded(self) -> State:
        loaded = await self.store.load(app=APP, instance_id=ID)
        assert loaded is not None
        state, _ = rows.state_of(loaded)
        assert state is not None
        return state


def comparable(state: State) -> dict[str, Any]:
    """Everything but the last turn's time while the generation has no turn: its start row carries that one."""
    fields = {field.name: getattr(state, field.name) for field in dataclasses.fields(state)}
    fields["recent_messages"] = list(state.recent_messages)
    if state.event_count == 0:
        del fields["last_turn"]
    return fields


async def live_through(steps: Sequence[tuple[list[tuple[str, int]], ac.Response, int]]) -> None:
    life = Life()
    await life.begin()
    for arrivals, answer, seconds in steps:
        life.now += seconds * SECOND
        timers = [number for what, number in arrivals if what == "timer"]
        for what, number in arrivals:
            if what != "timer":
                await life.arrive(what, number)
        # Until nothing is left that can be applied now, as a lane does.
        for _ in range(6):
            if await life.turn(timers, answer) is None:
                break
            assert life.live is not None
            assert comparable(await life.folded()) == comparable(life.live)
            assert await life.found_by(life.live.tags)


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_folding_the_stored_events_gives_the_state_that_was_lived(
    steps: list[tuple[list[tuple[str, int]], ac.Response, int]],
):
    asyncio.run(live_through(steps))


def test_the_life_above_reaches_every_kind_of_commit():
    """A check of the test itself: a turn, a held message, a next generation and an end all happen in it."""

    async def life() -> list[str]:
        story = Life()
        await story.begin()
        seen = []
        await story.turn([], ac.Response((ac.CreateTimer(1, NOW), ac.ScheduleTask(2, "charge"))))
        await story.arrive("suspend", 0)
        await story.turn([], ac.Response(()))
        await story.arrive("task", 2)
        seen.append("held" if await story.turn([], ac.Response(())) is None else "applied")
        await story.arrive("resume", 0)
        await story.turn([], ac.Response(()))
        outcome = await story.turn([1], ac.Response((ac.Complete(3, ev.Status.CONTINUED_AS_NEW, "2"),)))
        seen.append("continued" if outcome is not None and outcome.continues else "")
        outcome = await story.turn([], ac.Response((ac.Complete(1, ev.Status.COMPLETED, "3"),)))
        seen.append(outcome.state.status.name if outcome is not None else "")
        return seen

    assert asyncio.run(life()) == ["held", "continued", "COMPLETED"]
