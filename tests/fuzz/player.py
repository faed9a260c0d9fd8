"""An app that plays a recorded conversation against a sidecar: by the script first, honestly in the end.

By the script it gives the recorded answers, often changed, repeated, swapped or left out, and calls as clients did.
Honestly it ends every workflow at its next turn and answers every activity.
"""

import asyncio
import base64
import json
from collections import deque
from collections.abc import AsyncIterator, Coroutine
from random import Random
from typing import Any

from google.protobuf.message import DecodeError, Message
from google.protobuf.wrappers_pb2 import StringValue

from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2 as cl
from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from tests.fuzz.mutate import Mutator
from tests.fuzz.scripts import COMPLETE, START, TASK_PATH, TURN_PATHS, WORK_ITEMS, Script, items, started_name
from tests.fuzz.wire import Listener, Refused
from tests.simulation.loop import Host
from tests.simulation.model import Model

_LINK_S = 0.001
#: A call that takes longer hangs; waits for an instance may.
HANG_S = 15.0
_WAITS = tuple(methods.TASK_HUB[name].path for name in ("WaitForInstanceStart", "WaitForInstanceCompletion"))
_PURGE = methods.TASK_HUB["PurgeInstances"].path


class Player:
    """One app process, with worker and client."""

    def __init__(self, listener: Listener, script: Script, rng: Random, model: Model, *, badly: float) -> None:
        self.listener = listener
        self.app = listener.sidecar.pod.app
        self._script = script
        self._rng = rng
        self._model = model
        self._badly = badly
        self._loop = listener.sidecar.pod.world.loop
        self.host = Host(self._loop, f"{self.app}-player")
        self._mutator = Mutator(rng, lambda: [*self._ids, *self._tokens, *(name for _, name in script.turns)])
        self._ids: deque[str] = deque(maxlen=40)
        self._tokens: deque[str] = deque(maxlen=80)
        #: By instance: which recorded answers it gets, and how many it has had.
        self._places: dict[str, tuple[list[wk.WorkflowResponse], int]] = {}
        self._met: dict[str, list[str]] = {}
        self._stream: asyncio.Task[None] | None = None
        self._results: asyncio.Task[None] | None = None
        self._outbox: asyncio.Queue[bytes] = asyncio.Queue()
        self._open: dict[asyncio.Task[None], tuple[float, str]] = {}
        self.acknowledged: set[str] = set()
        self.purged: set[str] = set()
        #: Apps of which all that had ended may have been purged.
        self.cleared: set[str] = set()
        self.honest = False

    # connections

    def connect(self) -> None:
        """Open the streams that this SDK opens, in place of those that are open."""
        for task in (self._stream, self._results):
            if task is not None:
                task.cancel()
        request = self._script.connects[self.app]
        if self.honest:
            # One that runs whatever there is, names included that no SDK ever had.
            request = wk.GetWorkItemsRequest(capabilities=request.capabilities)
        raw = request.SerializeToString() if self.honest else self._changed(request)[-1]
        self._stream = self._spawn(self._take(raw), WORK_ITEMS)
        if self._script.turn_path == COMPLETE:
            self._outbox = asyncio.Queue()
            self._results = self._spawn(self._hand_in(self._outbox), COMPLETE)

    async def _take(self, raw: bytes) -> None:
        try:
            async for message in self.listener.stream(WORK_ITEMS, raw):
                self.host.later(_LINK_S, self._receive, message)
        except Refused:
            self._reconnect()

    async def _hand_in(self, outbox: "asyncio.Queue[bytes]") -> None:
        async def requests() -> AsyncIterator[bytes]:
            while True:
                yield await outbox.get()

        try:
            async for _ in self.listener.both(COMPLETE, requests()):
                pass
            self._reconnect()
        except Refused:
            self._reconnect()

    def _reconnect(self) -> None:
        self.host.later(0.2, self.connect)

    def _spawn(self, call: Coroutine[Any, Any, None], path: str) -> "asyncio.Task[None]":
        """Have the sidecar's process serve a call; an error that no status was made of breaks a promise."""

        def over(task: "asyncio.Task[None]") -> None:
            self._open.pop(task, None)
            if not task.cancelled() and (error := task.exception()) is not None:
                self._model.breaks("a call died", f"{path}: {error!r}")

        task = self.listener.sidecar.host.spawn(call, path)
        task.add_done_callback(over)
        return task

    def behave(self) -> None:
        """Be honest from now on."""
        self.honest = True
        self.connect()

    # calls

    def call(self, path: str, raw: bytes) -> None:
        """Make a unary call; what comes of it is for the model."""
        self._open[self._spawn(self._unary(path, raw), path)] = (self._loop.time(), path)

    async def _unary(self, path: str, raw: bytes) -> None:
        try:
            answer = await self.listener.unary(path, raw)
        except Refused:
            return
        if path == START:
            self.acknowledged.add(cl.CreateInstanceResponse.FromString(answer).instance_id)
        elif path == _PURGE:
            request = cl.PurgeInstancesRequest.FromString(raw)
            if request.HasField("purge_instance_filter"):
                self.cleared.add(request.router.target_app_id or self.app)
            else:
                self.purged.add(request.instance_id)

    def hanging(self) -> list[str]:
        """Return the calls that are under way for too long."""
        late = self._loop.time() - HANG_S
        return [path for began, path in self._open.values() if began < late and path not in _WAITS]

    # clients

    def begin(self, number: int) -> None:
        """Start one of the recorded instances under an ID of its own, and make the calls that followed."""
        rng = self._rng
        own = [start for app, start in self._script.starts if app == self.app]
        if not own:
            return
        recorded = rng.choice(own)
        request = cl.CreateInstanceRequest()
        request.CopyFrom(recorded)
        request.instance_id = f"{self.app}-{number}"
        self._ids.append(request.instance_id)
        at = 0.0
        self._say(START, request)
        for path, message in self._script.calls.get(recorded.instance_id, ()):
            copy: Any = type(message)()
            copy.CopyFrom(message)
            copy.instance_id = request.instance_id
            at += rng.choice((0.0, 0.05, 0.5))
            self.host.later(at, self._say, path, copy)

    def _say(self, path: str, message: Message) -> None:
        for raw in self._changed(message):
            self.host.later(self._rng.choice((0.0, 0.0, 0.3)), self.call, path, raw)

    def _changed(self, message: Message) -> list[bytes]:
        """Return what is sent instead of a message: as a rule itself, once."""
        draw = self._rng.random()
        raw = message.SerializeToString()
        if draw > self._badly:
            return [raw]
        if draw > self._badly * 0.3:
            return [self._mutator.message(message)]
        return self._rng.choice(
            ([raw, raw], [raw, self._mutator.message(message)], [self._mutator.raw(raw), raw], [raw])
        )

    # work

    def _receive(self, raw: bytes) -> None:
        for item in items(wk.WorkItem.FromString(raw)):
            if item.HasField("workflow_request"):
                self._turn(item)
            elif item.HasField("activity_request"):
                self._task(item)

    def _turn(self, item: wk.WorkItem) -> None:
        request = item.workflow_request
        self._ids.append(request.instance_id)
        name = started_name(request)
        if name is not None:
            recorded = self._script.turns.get((self.app, name))
            self._places[request.instance_id] = (self._rng.choice(recorded) if recorded else [], 0)
        answers, place = self._places.get(request.instance_id, ([], 0))
        self._places[request.instance_id] = (answers, place + 1)
        answer = wk.WorkflowResponse()
        if place < len(answers) and not self.honest:
            answer.CopyFrom(answers[place])
        else:
            action = answer.actions.add(id=1_000_000)
            action.complete_workflow.workflow_status = pb.INSTANCE_STATUS_COMPLETED
            action.complete_workflow.result.value = '"done"'
            answer.version.patches.extend(self._patches(item.workflow_request))
        answer.instance_id = request.instance_id
        self._answer(TURN_PATHS[0] if self._script.turn_path == COMPLETE else self._script.turn_path, answer, item)

    def _patches(self, request: wk.WorkflowRequest) -> list[str]:
        """Return the patches that the instance went through: code that lacks one is not handed its turns."""
        if not request.HasField("cached_history"):
            self._met[request.instance_id] = met = []
            for raw in request.past_events:
                started = pb.HistoryEvent.FromString(raw).workflow_started
                met.extend(patch for patch in started.version.patches if patch not in met)
        return self._met.get(request.instance_id, [])

    def _task(self, item: wk.WorkItem) -> None:
        request = item.activity_request
        recorded = self._script.tasks.get(request.name)
        answer = wk.ActivityResponse(result=StringValue(value="1"))
        if recorded and not self.honest:
            answer.CopyFrom(self._rng.choice(recorded))
        answer.instance_id = request.workflow_instance.instance_id
        answer.task_id = request.task_id
        self._answer(TASK_PATH, answer, item)

    def _answer(self, path: str, answer: Any, item: wk.WorkItem) -> None:
        rng = self._rng
        answer.completion_token = item.completion_token
        self._tokens.append(item.completion_token)
        if self.honest:
            self._send(path, answer.SerializeToString())
            return
        draw = rng.random()
        if draw < self._badly * 0.2:
            answer.completion_token = self._token(item)
        elif draw < self._badly * 0.3:
            return
        elif draw < self._badly * 0.35:
            self.host.later(rng.random(), self.connect)
        for raw in self._changed(answer):
            self.host.later(rng.choice((0.001, 0.01, 0.3, 3.0)), self._send, path, raw)

    def _token(self, item: wk.WorkItem) -> str:
        """Return a token that is not the item's: none, another's, or one that somebody made up."""
        rng = self._rng
        fields: list[Any] = [self.app, item.workflow_request.instance_id or "x", "x", 1, "00" * 16, 7, 1]
        fields[rng.randrange(7)] = rng.choice((None, -1, 2**70, 1e999, "", "\ud800", "a\0", [], {}, True, "zz", "app9"))
        made_up = base64.urlsafe_b64encode(json.dumps(fields).encode()).decode()
        half = item.completion_token[: len(item.completion_token) // 2]
        return str(rng.choice(("", "x", "ü", half, made_up, made_up, rng.choice(self._tokens))))

    def _send(self, path: str, raw: bytes) -> None:
        if self._script.turn_path != COMPLETE or self._rng.random() < 0.1:
            self.call(path, raw)
            return
        # Our SDK sends results in batches; one that cannot be read is not sent so.
        batch = wk.CompleteRequest(sequence=self._rng.randint(0, 2**31))
        try:
            if path == TASK_PATH:
                batch.activities.add().MergeFromString(raw)
            else:
                batch.workflows.add().MergeFromString(raw)
        except DecodeError:
            self.call(path, raw)
            return
        self._outbox.put_nowait(batch.SerializeToString())
