"""Worker: takes work items from the sidecar, runs workflows and activities, sends results. For users.

One stream brings work, another takes results back; turns run on the event loop, since they are short.
What a worker holds in memory may be lost at any time: the sidecar gives its work to another.
"""

import asyncio
import logging
import signal
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from datetime import timedelta
from types import TracebackType
from typing import Any

import grpc
import grpc.aio

from antiphon import _connection, _definitions, _guard, _schemas
from antiphon import _schema_upload as schema_upload
from antiphon import interceptors as around
from antiphon._activities import Activities
from antiphon._backoff import Backoff
from antiphon._heartbeats import Heartbeats
from antiphon._outbox import Outbox
from antiphon._payloads import Payloads
from antiphon._running import Running
from antiphon._turns import HistoryMissing, Turns
from antiphon.activity import ActivityInfo
from antiphon.codec import PayloadCodec
from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2, worker_pb2

__all__ = ["Worker"]

_log = logging.getLogger(__name__)

_HISTORY_DEADLINE_S = 30.0
_CAPABILITIES = (
    worker_pb2.WORKER_CAPABILITY_STATEFUL_HISTORY,
    worker_pb2.WORKER_CAPABILITY_HEALTH_PING,
    worker_pb2.WORKER_CAPABILITY_BATCH,
    worker_pb2.WORKER_CAPABILITY_ACTIVITY_CANCEL,
)
#: How often the sidecar is asked about activities that were begun on an earlier stream.
_ASK_S = 5.0


class Worker:
    """Runs workflows and activities for this app until it is stopped.

    Use `await worker.run()`, `worker.run_sync()` as the whole of a program, or `async with worker:` to
    have it run beside other code.
    """

    def __init__(  # noqa: PLR0913  (a user's settings, all by keyword)
        self,
        *,
        workflows: Iterable[Callable[..., Any]] = (),
        activities: Iterable[Callable[..., Any]] = (),
        address: str | None = None,
        api_token: str | None = None,
        max_concurrent_activities: int = 100,
        max_concurrent_workflows: int = 100,
        max_live_workflows: int = 1000,
        grace: timedelta = timedelta(seconds=10),
        on_settled: Callable[[ActivityInfo], None] | None = None,
        codecs: Sequence[PayloadCodec] = (),
        encode_failures: bool = False,
        interceptors: Sequence[around.WorkflowInterceptor | around.ActivityInterceptor] = (),
    ) -> None:
        """Note what to run; nothing is opened yet.

        Args:
            workflows: functions made with `workflow.define`.
            activities: functions made with `activity.define`.
            address: of the sidecar: `host:port`, a URL or `unix:/path`; by default DAPR_GRPC_ENDPOINT,
                else port ANTIPHON_GRPC_PORT or DAPR_GRPC_PORT (50001) on this machine.
            api_token: what the sidecar asks for; by default DAPR_API_TOKEN.
            max_concurrent_activities: run at once; also the number of threads for those that are not
                async.
            max_concurrent_workflows: turns that the sidecar may have in flight here.
            max_live_workflows: kept in memory, so that a turn need not replay.
            grace: how long `stop` waits for activities under way and results not yet settled.
            on_settled: called on the event loop for each activity once its result, or its failure, is
                durable: from then on it is not sent again. Keep it short.
            codecs: what inputs, results and events go through on their way out, the first one first.
            encode_failures: whether texts, traces and data of failures go through the codecs too.
            interceptors: what runs around workflows and activities, the first one outermost.

        Raises:
            DefinitionError: a function is not decorated, two have one name, or an interceptor is none.
        """
        if min(max_concurrent_activities, max_concurrent_workflows, max_live_workflows) < 1:
            raise ValueError(
                "max_concurrent_activities, max_concurrent_workflows and max_live_workflows are at least 1"
            )
        self._workflows = _definitions.table(workflows, kind="workflow")
        self._activities = _definitions.table(activities, kind="activity")
        if not self._workflows and not self._activities:
            raise ValueError("a worker needs workflows or activities: Worker(workflows=[...])")
        self._endpoint = _connection.endpoint(address, api_token)
        self._most_activities = max_concurrent_activities
        self._most_turns = max_concurrent_workflows
        self._most_live = max_live_workflows
        self._grace_s = grace.total_seconds()
        self._on_settled = on_settled
        self._payloads = Payloads(codecs, failures=encode_failures)
        self._around_workflows = around.workflows_of(interceptors)
        self._around_activities = around.activities_of(interceptors)
        self._stopping: asyncio.Event | None = None
        self._background: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Run until `stop` is called, and then to a graceful end; cancelling ends at once.

        Connects as soon as the sidecar is there, and again whenever it was away.
        """
        await self._run(self._begin())

    def stop(self) -> None:
        """Take no more work; `run` returns when what is under way has ended, or the grace is over."""
        if self._stopping is not None:
            self._stopping.set()

    def run_sync(self) -> None:
        """Run until SIGINT or SIGTERM; the second signal does not wait for what is under way."""
        asyncio.run(self._until_signalled())

    async def __aenter__(self) -> "Worker":
        self._background = asyncio.create_task(self._run(self._begin()), name="antiphon worker")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        background, self._background = self._background, None
        if background is None:
            return
        self.stop()
        try:
            await asyncio.wait((background,))
        finally:
            background.cancel()
        if not background.cancelled():
            background.result()

    def _begin(self) -> asyncio.Event:
        if self._stopping is not None:
            raise RuntimeError("this worker runs already")
        self._stopping = asyncio.Event()
        return self._stopping

    async def _run(self, stopping: asyncio.Event) -> None:
        try:
            with _guard.watching():
                async with self._endpoint.channel() as channel:
                    await self._session(channel, stopping)
        finally:
            self._stopping = None

    async def _until_signalled(self) -> None:
        loop = asyncio.get_running_loop()
        running = asyncio.create_task(self.run(), name="antiphon worker")
        asked = False

        def signalled() -> None:
            nonlocal asked
            if asked:
                running.cancel()
            asked = True
            self.stop()

        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, signalled)
        try:
            await asyncio.wait((running,))
            if not running.cancelled():
                running.result()
        finally:
            for number in (signal.SIGINT, signal.SIGTERM):
                loop.remove_signal_handler(number)

    async def _session(self, channel: grpc.aio.Channel, stopping: asyncio.Event) -> None:
        outbox = Outbox(
            channel, self._endpoint.metadata, on_gone=lambda result, settled: activities.gone(result, settled)
        )
        activities = Activities(
            self._activities,
            most=self._most_activities,
            deliver=outbox.put,
            on_settled=self._on_settled,
            payloads=self._payloads,
            around=self._around_activities,
            beat=lambda call, details: heartbeats.send(call, details),
        )
        heartbeats = Heartbeats(channel, self._endpoint.metadata, unwanted=activities.unwanted)
        turns = Turns(self._workflows, most=self._most_live, payloads=self._payloads, around=self._around_workflows)
        intake = _Intake(
            channel,
            self._endpoint.metadata,
            outbox=outbox,
            activities=activities,
            turns=turns,
            heartbeats=heartbeats,
            stopping=stopping,
        )
        request = self._request()
        sending = asyncio.create_task(outbox.run(), name="antiphon results")
        taking = asyncio.create_task(intake.run(request), name="antiphon work items")
        declaring = asyncio.create_task(
            schema_upload.upload(channel, self._endpoint.metadata, self._schemas()), name="antiphon schemas"
        )
        stopped: asyncio.Task[Any] = asyncio.create_task(stopping.wait(), name="antiphon worker stop")
        try:
            await asyncio.wait((sending, taking, stopped), return_when=asyncio.FIRST_COMPLETED)
            for part in (sending, taking):
                if part.done():
                    part.result()
            # The stream stays open meanwhile: were it closed, the sidecar would at once give what is
            # under way here to another worker, and it would run twice.
            with suppress(TimeoutError):
                async with asyncio.timeout(self._grace_s):
                    await intake.finished()
                    await activities.drained()
                    intake.leave()
                    await outbox.emptied()
        finally:
            for task in (sending, taking, stopped, declaring):
                task.cancel()
            await intake.close()
            await heartbeats.close()
            await activities.close()
            await asyncio.wait((sending, taking, stopped, declaring), timeout=5)
            turns.close()

    def _schemas(self) -> list[str]:
        tables = (*self._workflows.values(), *self._activities.values())
        versions = [each for definition in tables for each in definition.versions.values()]
        found = {schema for each in versions for schema in (each.input_schema, each.output_schema) if schema}
        return sorted(found)

    def _request(self) -> worker_pb2.GetWorkItemsRequest:
        offers = [
            worker_pb2.OfferedName(
                kind=kind,
                name=name,
                version=version,
                input_digest=_digest(versioned.input_schema),
                output_digest=_digest(versioned.output_schema),
            )
            for kind, table in (
                (worker_pb2.OfferedName.KIND_WORKFLOW, self._workflows),
                (worker_pb2.OfferedName.KIND_ACTIVITY, self._activities),
            )
            for name, definition in sorted(table.items())
            for version, versioned in sorted(definition.versions.items())
        ]
        return worker_pb2.GetWorkItemsRequest(
            capabilities=_CAPABILITIES,
            declares_names=True,
            offers=offers,
            max_workflow_items=self._most_turns,
            max_activity_items=self._most_activities,
        )


def _digest(schema: str | None) -> str:
    return _schemas.digest_of(schema) if schema else ""


class _Intake:
    """The stream of work items, and the turns that need more history than it brought."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        metadata: _connection.Metadata,
        *,
        outbox: Outbox,
        activities: Activities,
        turns: Turns,
        heartbeats: Heartbeats,
        stopping: asyncio.Event,
    ) -> None:
        self._heartbeats = heartbeats
        self._asking: asyncio.TimerHandle | None = None
        self._channel = channel
        self._metadata = metadata
        self._outbox = outbox
        self._activities = activities
        self._turns = turns
        self._stopping = stopping
        self._fetches: set[asyncio.Task[None]] = set()
        self._leaving = False

    async def run(self, request: worker_pb2.GetWorkItemsRequest) -> None:
        """Take work until cancelled; reconnects for ever."""
        method = methods.TASK_HUB["GetWorkItems"]
        open_stream: Any = self._channel.unary_stream(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        backoff = Backoff()
        away = False
        while True:
            call = open_stream(request, metadata=self._metadata)
            self._ask_about(self._activities.under_way())
            try:
                async for item in call:
                    if away:
                        _log.info("the sidecar is back")
                        away = False
                    backoff.reset()
                    self._take(item)
            except grpc.aio.AioRpcError as error:
                if not away:
                    _log.warning(
                        "no work items from the sidecar: %s %s; trying again",
                        error.code().name,
                        error.details(),
                    )
                away = True
            finally:
                call.cancel()
                if self._asking is not None:
                    self._asking.cancel()
            # The turns of a stream that ended come again, with their whole history.
            for fetch in self._fetches:
                fetch.cancel()
            # An end without error is a sidecar that drains; another takes over this address soon.
            await backoff.wait()

    def leave(self) -> None:
        """Answer no further turns: a busy app would never let go. They go to another worker when the stream ends."""
        self._leaving = True

    def _ask_about(self, begun: list[Running]) -> None:
        """Ask from time to time whether what was begun on an earlier stream is wanted: this one may not tell of it."""
        if self._asking is not None:
            self._asking.cancel()
        begun = [call for call in begun if not call.over and not call.abandoned]
        for call in begun:
            self._heartbeats.send(call, None, only_asks=True)
        loop = asyncio.get_running_loop()
        self._asking = loop.call_later(_ASK_S, self._ask_about, begun) if begun else None

    async def finished(self) -> None:
        """Wait for the turns that wait for history."""
        if self._fetches:
            await asyncio.wait(self._fetches)

    async def close(self) -> None:
        """Give up the turns that wait for history."""
        for fetch in self._fetches:
            fetch.cancel()
        if self._fetches:
            await asyncio.wait(self._fetches, timeout=5)

    def _take(self, item: worker_pb2.WorkItem) -> None:
        match item.WhichOneof("request"):
            case "workflow_request":
                if not self._leaving:
                    self._turn(item.workflow_request, item.completion_token)
            case "activity_request":
                # While activities end, turns are still done: they take no time.
                if not self._stopping.is_set():
                    self._activities.begin(item.activity_request, item.completion_token)
            case "activity_cancel":
                self._activities.cancel(item.completion_token)
            case "health_ping":
                # Another sidecar may give the work of this stream by now, which knows nothing of what began here.
                self._ask_about(self._activities.under_way())
            case _:
                pass  # what a newer sidecar sends to workers that know it
        for further in item.more:
            self._take(further)

    def _turn(self, request: worker_pb2.WorkflowRequest, token: str) -> None:
        answer = self._turns.take(request, token)
        if not isinstance(answer, HistoryMissing):
            self._outbox.put(answer)
            return
        fetch = asyncio.create_task(
            self._fetch(request, token, until=answer.until),
            name=f"antiphon history of {request.instance_id}",
        )
        self._fetches.add(fetch)
        fetch.add_done_callback(self._fetches.discard)

    async def _fetch(self, request: worker_pb2.WorkflowRequest, token: str, *, until: int) -> None:
        """Do a turn after reading what the sidecar thought was at hand."""
        method = methods.TASK_HUB["GetInstanceHistory"]
        get: Any = self._channel.unary_unary(
            method.path,
            request_serializer=method.request.SerializeToString,
            response_deserializer=method.response.FromString,
        )
        question = client_pb2.GetInstanceHistoryRequest(instance_id=request.instance_id)
        backoff = Backoff()
        while True:
            try:
                found = await get(question, metadata=self._metadata, timeout=_HISTORY_DEADLINE_S)
            except grpc.aio.AioRpcError as error:
                _log.info("no history from the sidecar: %s", error.code().name)
                if error.code() is grpc.StatusCode.NOT_FOUND:
                    return  # purged meanwhile: nobody waits for this turn
            else:
                if len(found.events) >= until:
                    break
                _log.warning(
                    "the sidecar's history is shorter than what it says it sent",
                    extra={"instance_id": request.instance_id},
                )
            await backoff.wait()
        history = [*found.events[:until], *request.past_events]
        self._outbox.put(self._turns.replay(request, token, history=history))
