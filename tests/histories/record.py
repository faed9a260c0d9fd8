"""Record golden histories: `python -m tests.histories.record` writes those that are missing, never another.

Each script below says what arrives at an instance, turn by turn. The SDK answers, the engine decides, a memory store
keeps the rows, and the rows become a file. What a file holds was written by a released version: a test that fails
on one of them is right.
"""

import asyncio
import json
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from antiphon import _definitions
from antiphon._turns import HistoryMissing, Turns
from antiphon_names.hashing import partition_of, slot_of
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.codec.actions import read_response
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.ids import child_incarnation
from antiphon_sidecar.engine.messages import Kind, Message, Outgoing
from antiphon_sidecar.engine.result import Result, Scope, Stalled, end_turn, end_without_worker, stall
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.engine.turn import Turn, begin_turn
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.lane import Meanwhile
from antiphon_sidecar.stores.base import InstanceRow, Outcome
from antiphon_sidecar.stores.memory import MemoryStore
from tests.histories import workflows
from tests.histories.files import FOLDER, Golden, Replayed, described, drop_stack_traces, write

APP = "orders"
BEGAN = 1_700_000_000_123_456_789
STEP = 1_500_000_001

Arrival = tuple[str, int | str, str | None]


@dataclass(frozen=True, slots=True)
class Script:
    """What to start, and what arrives before each turn."""

    workflow: str
    input: str | None
    arrivals: Sequence[Sequence[Arrival]]


SCRIPTS: Mapping[str, Script] = {
    "chain": Script("chain", "1", [[], [("task", 1, "2")], [("task", 2, "3")], [("task", 3, "4")]]),
    "fan-out": Script(
        "fan_out", '["a","b","ü"]', [[], [("task", 2, '"B"')], [("task", 3, '"\N{GRINNING FACE}"'), ("task", 1, '""')]]
    ),
    "detached": Script("forgetful", '"7"', [[], [("task", 3, '"yes"')], [("task", 4, '"sent"')]]),
    "child": Script("family", '"tea"', [[], [("child", 1, '"box"')], [("child", 2, '"sent"')]]),
    "timers": Script("patience", None, [[], [("timer", 1, None)], [("timer", 2, None)]]),
    "events": Script(
        "approvals",
        None,
        [
            [("event", "APPROVAL", '"early"')],
            [("suspend", 0, "audit")],
            [("event", "approval", '"held"')],
            [("resume", 0, None)],
        ],
    ),
    "continue-as-new": Script(
        "counter", "40", [[], [("event", "add", "2"), ("event", "add", "5")], [], [("event", "add", "0")]]
    ),
    "retries": Script(
        "stubborn",
        '"visa"',
        [
            [],
            [("fail", 1, "Declined")],
            [("timer", 2, None)],
            [("fail", 3, "Declined")],
            [("timer", 4, None)],
            [("fail", 5, "Closed")],
        ],
    ),
    "failure": Script("doomed", None, [[], [("fail", 1, "Boom")]]),
    "versions-and-stalls": Script(
        "deliver",
        '"tea"',
        [
            [("stall", "VersionNotAvailable", "no worker has 2026-11")],
            [],
            [("task", 1, '"packed"')],
            [("task", 2, '"insured"'), ("stall", "PatchMismatch", "the code lacks insured")],
            [("stall", "HistoryTooLargeForWorker", "grün")],
            [],
            [("event", "address", '"here"'), ("stall", "InstancePoisoned", "")],
            [("resume", 0, None)],
        ],
    ),
    "terminated": Script("endless", None, [[], [("terminate", 0, '"enough"')]]),
}


class Recorder:
    """One instance, driven by a script."""

    def __init__(self, script: Script) -> None:
        self._script = script
        self._now = BEGAN
        self._store = MemoryStore(clock=lambda: self._now)
        self._turns = Turns(_definitions.table(workflows.ALL, kind="workflow"), most=10)
        self._state: State | None = None
        self._stalled: Stalled | None = None
        self._count = 0
        self._replayed: list[Replayed | None] = []
        self._executions = iter(range(1, 1000))
        self._id = f"{script.workflow}-1"

    async def run(self) -> Golden:
        epoch = await self._store.take_partition(app=APP, partition=partition_of(slot_of(self._id)), replica="r")
        await self._start()
        for arrivals in self._script.arrivals:
            for what, number, value in arrivals:
                if what == "stall":
                    self._stalled = Stalled(str(number), value or "")
                elif what != "timer":
                    await self._arrive(what, number, value)
            fired = [number for what, number, _ in arrivals if what == "timer"]
            await self._turn(epoch, fired)
            self._now += STEP
        loaded = await self._store.load(app=APP, instance_id=self._id)
        assert loaded is not None
        assert loaded.row is not None
        state, _ = rows.state_of(loaded)
        assert state is not None
        assert state == self._state, "what is read back must be what was lived through"
        return Golden(
            version=_version(),
            row=loaded.row,
            history=loaded.history,
            state=described(state),
            replayed=tuple(self._replayed),
        )

    async def _start(self) -> None:
        run = self._next_id()
        started = ev.ExecutionStarted(
            timestamp=self._now,
            name=self._script.workflow,
            instance_id=self._id,
            execution_id="execution-0",
            input=self._script.input,
            tags={"team": "golden"},
            route=ev.Route(APP, APP),
        )
        row = InstanceRow(
            APP, self._id, slot_of(self._id), run, "execution-0", 0, 0, int(ev.Status.PENDING), started.name, 0, 0
        )
        start = Outgoing(APP, self._id, Kind.START, run, run, (started,), "execution-0")
        await self._store.start_instance(row=row, start=rows.inbox_row(start), unique=True)
        loaded = await self._store.load(app=APP, instance_id=self._id)
        assert loaded is not None
        self._state, _ = rows.state_of(loaded)

    def _next_id(self) -> bytes:
        self._count += 1
        return child_incarnation(b"golden", self._id, self._count)

    async def _arrive(self, what: str, number: int | str, value: str | None) -> None:
        ref = {"ref_id": number, "execution_id": self._state.execution_id} if self._state else {}
        failure = ev.Failure(value or "", "it broke", "at line 1", ev.Failure("Cause", "deep"))
        kind, event, to = {
            "task": lambda: (Kind.TASK_RESULT, ev.TaskCompleted(self._now, int(number), value), ref),
            "fail": lambda: (Kind.TASK_RESULT, ev.TaskFailed(self._now, int(number), failure), ref),
            "child": lambda: (Kind.CHILD_RESULT, ev.ChildCompleted(self._now, int(number), value), ref),
            "event": lambda: (Kind.EVENT, ev.EventRaised(self._now, str(number), value), {}),
            "suspend": lambda: (Kind.CONTROL, ev.ExecutionSuspended(self._now, value), {}),
            "resume": lambda: (Kind.CONTROL, ev.ExecutionResumed(self._now, value), {}),
            "terminate": lambda: (Kind.CONTROL, ev.ExecutionTerminated(self._now, value), {}),
        }[what]()
        message: Any = Outgoing(APP, self._id, kind, self._next_id(), b"", (event,), **to)
        await self._store.post([rows.inbox_row(message)])

    async def _messages(self, fired: Sequence[int | str]) -> list[Message]:
        loaded = await self._store.load(app=APP, instance_id=self._id)
        assert loaded is not None
        due = [row for row in loaded.timers if row.timer_id in fired]
        self._now = max([self._now, *(row.due_at for row in due)])
        return [*(rows.message_of(row) for row in loaded.inbox), *(rows.timer_message(row) for row in due)]

    async def _turn(self, epoch: int, fired: Sequence[int | str]) -> None:
        """Do one turn, and those of the engine that come before it."""
        while (turn := begin_turn(self._state, await self._messages(fired), now=self._now)) is not None:
            stalls = self._stalled if turn.needs_worker else None
            outcome: Result | None
            if stalls is not None:
                outcome, self._stalled = stall(turn, stalls, now=self._now), None
                assert outcome is not None
            elif turn.needs_worker:
                outcome = self._ask(turn, await self._past())
            else:
                outcome = end_without_worker(turn, now=self._now)
            assembled = rows.assemble(
                outcome,
                epoch=epoch,
                commit_id=self._next_id(),
                now=self._now,
                known_rows=(),
                meanwhile=Meanwhile(),
                sealed_turn=(),
                check_child=lambda app: None,
            )
            assert await self._store.commit([assembled.commit]) == [Outcome.COMMITTED]
            self._state = outcome.state
            if (stalls is not None or not turn.needs_worker) and assembled.commit.history is not None:
                self._replayed.append(None)
            if outcome.continues:
                # The file holds the last generation: its own, empty, row of turn 0 had no worker.
                self._replayed = [None]
            if turn.needs_worker:
                return

    async def _past(self) -> list[bytes]:
        history = await self._store.history(app=APP, instance_id=self._id)
        return [raw for row in history for raw in codec.unpack(row.events)]

    def _ask(self, turn: Turn, past: list[bytes]) -> Result:
        new = [codec.seal(event) for event in turn.events]
        request = wk.WorkflowRequest(instance_id=self._id, past_events=past, new_events=new)
        request.execution_id.value = turn.base.execution_id
        answer = self._turns.take(request, "token")
        assert not isinstance(answer, HistoryMissing)
        for action in answer.actions:
            # Stack traces name lines and paths of the day: they must not become history.
            drop_stack_traces(action)
        self._replayed.append(Replayed.of(answer, new=len(new)))
        scope = Scope("default", 1 << 20, lambda: f"execution-{next(self._executions)}")
        outcome = end_turn(turn, read_response(answer), now=self._now, scope=scope)
        assert isinstance(outcome, Result)
        return outcome


def _version() -> str:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())
    return str(project["project"]["version"])


def main() -> None:
    """Write the files that are missing."""
    for name, script in SCRIPTS.items():
        path = FOLDER / f"{name}.json"
        if not path.exists():
            golden = asyncio.run(Recorder(script).run())
            path.write_text(json.dumps(write(golden), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
            print(f"recorded {path.name}: {len(golden.history)} turns")


if __name__ == "__main__":
    main()
