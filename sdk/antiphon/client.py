# ruff: noqa: ASYNC109  (a wait has its limit as an argument: it survives reconnects within it)
"""Client: starts instances and asks about them, through the app's own sidecar. For users.

Waiting survives a sidecar that restarts; every other call is made once and raises what the sidecar
says. What failed inside a workflow is not an error here: it is part of the state.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta
from types import TracebackType
from typing import Any, TypeVar, overload

import grpc
import grpc.aio
from google.protobuf.message import Message

from antiphon import _connection, _definitions, _otel, _refusals, _requests, _values
from antiphon import interceptors as around
from antiphon._backoff import Backoff
from antiphon._calls import Calls
from antiphon._payloads import Payloads
from antiphon._states import HistoryEntry, InstanceState, Status, read_entry, read_state
from antiphon.codec import PayloadCodec
from antiphon.errors import InstanceNotFound, SidecarUnavailable
from antiphon.tracing import TraceContext
from antiphon_names import errors as names
from antiphon_proto.v1 import client_pb2

__all__ = ["Client", "HistoryEntry", "InstanceState", "Status"]

R = TypeVar("R")
_log = logging.getLogger(__name__)

_DEADLINE_S = 30.0
_PAGE = 1000
#: Stands for an input that nobody gave: None is one, too.
_KEEP: Any = object()


class Client:
    """Talks to the sidecar of this app; `app` in any call turns to an instance of another app.

    Close it, or use `async with`.
    """

    def __init__(
        self,
        *,
        address: str | None = None,
        api_token: str | None = None,
        app: str | None = None,
        codecs: Sequence[PayloadCodec] = (),
        interceptors: Sequence[around.ClientInterceptor] = (),
    ) -> None:
        """Note where the sidecar is; nothing is opened yet.

        Args:
            address: `host:port`, a URL or `unix:/path`; by default as for Worker.
            api_token: by default DAPR_API_TOKEN.
            app: app ID that calls turn to when they name none; by default the sidecar's own app.
            codecs: what inputs, outputs and events go through, as for Worker.
            interceptors: what runs around each call, the first one outermost.
        """
        self._payloads = Payloads(codecs)
        self._around = [each.call for each in around.clients_of(interceptors)]
        self._endpoint = _connection.endpoint(address, api_token)
        self._app = app
        self._calls: Calls | None = None

    async def __aenter__(self) -> "Client":
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Close the connection."""
        calls, self._calls = self._calls, None
        if calls is not None:
            await calls.close()

    async def start(
        self,
        workflow: str | Callable[..., Any],
        arg: object = None,
        *,
        instance_id: str | None = None,
        app: str | None = None,
        start_at: datetime | None = None,
        unique: bool = False,
        tags: Mapping[str, str] | None = None,
        trace_context: TraceContext | None = None,
    ) -> str:
        """Start a workflow and return its instance ID, once the start is durable.

        Args:
            workflow: the function, or its name.
            arg: its input; None is sent as no input.
            instance_id: to be found again by; by default a random one.
            app: app ID of the app that has the workflow.
            start_at: not before this time, which must have a time zone.
            unique: refuse the ID also when its earlier run has ended.
            tags: kept with the instance, also over continue-as-new.
            trace_context: handed on to its activities and children; by default that of OpenTelemetry's open span.

        Raises:
            InstanceAlreadyExists: an active instance has this ID.
            ValueInvalid: `arg` has no JSON form.
        """
        name = _definitions.workflow_name(workflow)
        request = client_pb2.CreateInstanceRequest(
            # Left to the sidecar, which draws one that is near; but interceptors are shown the ID before.
            instance_id=instance_id or (_values.random_id() if self._around else ""),
            name=name,
            tags=dict(tags or {}),
            enforce_unique_instance_id=unique,
        )
        text = self._encoded(arg, what=f'input of workflow "{name}"')
        if text is not None:
            request.input.value = text
        if start_at is not None:
            request.scheduled_start_timestamp.FromDatetime(_requests.aware(start_at))
        trace_context = trace_context or _otel.current()
        if trace_context is not None:
            request.parent_trace_context.trace_parent = trace_context.traceparent
            if trace_context.tracestate:
                request.parent_trace_context.trace_state.value = trace_context.tracestate
        self._route(request, app)
        response = await self._call("StartInstance", request)
        return str(response.instance_id)

    @overload
    async def get(
        self, instance_id: str, *, result: type[R], app: str | None = None, payloads: bool = True
    ) -> InstanceState[R]: ...
    @overload
    async def get(
        self, instance_id: str, *, result: None = None, app: str | None = None, payloads: bool = True
    ) -> InstanceState[Any]: ...
    async def get(
        self,
        instance_id: str,
        *,
        result: type[Any] | None = None,
        app: str | None = None,
        payloads: bool = True,
    ) -> InstanceState[Any]:
        """Return an instance's state as it is now; `result` is the type of its output.

        Raises:
            InstanceNotFound: there is none.
            ValueInvalid: the output does not fit `result`.
        """
        request = self._question(instance_id, app=app, payloads=payloads)
        return self._state(await self._call("GetInstance", request), instance_id, result)

    @overload
    async def wait(
        self,
        instance_id: str,
        *,
        timeout: timedelta | None = None,
        result: type[R],
        app: str | None = None,
    ) -> InstanceState[R]: ...
    @overload
    async def wait(
        self,
        instance_id: str,
        *,
        timeout: timedelta | None = None,
        result: None = None,
        app: str | None = None,
    ) -> InstanceState[Any]: ...
    async def wait(
        self,
        instance_id: str,
        *,
        timeout: timedelta | None = None,
        result: type[Any] | None = None,
        app: str | None = None,
    ) -> InstanceState[Any]:
        """Wait until an instance has finished, well or not, and return its state.

        Raises:
            TimeoutError: it has not finished in time.
            InstanceNotFound: there is none.
            ValueInvalid: the output does not fit `result`.
        """
        request = self._question(instance_id, app=app)
        response = await self._wait("WaitForInstanceCompletion", request, timeout)
        return self._state(response, instance_id, result)

    async def wait_started(
        self, instance_id: str, *, timeout: timedelta | None = None, app: str | None = None
    ) -> InstanceState[Any]:
        """Wait until an instance is no longer PENDING and return its state.

        Raises:
            TimeoutError: it has not begun in time.
            InstanceNotFound: there is none.
        """
        request = self._question(instance_id, app=app)
        response = await self._wait("WaitForInstanceStart", request, timeout)
        return self._state(response, instance_id, None)

    async def raise_event(self, instance_id: str, name: str, payload: object = None, *, app: str | None = None) -> None:
        """Send an event to an instance; kept there until its code waits for that name.

        Raises:
            InstanceNotFound: there is none.
        """
        request = client_pb2.RaiseEventRequest(instance_id=instance_id, name=name)
        text = self._encoded(payload, what=f'payload of event "{name}"')
        if text is not None:
            request.input.value = text
        self._route(request, app)
        await self._call("RaiseEvent", request)

    async def terminate(
        self,
        instance_id: str,
        output: object = None,
        *,
        recursive: bool = True,
        app: str | None = None,
    ) -> None:
        """End an instance, and its children, as they stand; `output` becomes its output.

        Raises:
            InstanceNotFound: there is none.
        """
        request = client_pb2.TerminateRequest(instance_id=instance_id, recursive=recursive)
        text = self._encoded(output, what="output given to terminate")
        if text is not None:
            request.output.value = text
        self._route(request, app)
        await self._call("TerminateInstance", request)

    async def suspend(
        self, instance_id: str, reason: str = "", *, recursive: bool = False, app: str | None = None
    ) -> None:
        """Hold an instance, with `recursive` its children too: what arrives for it is kept until `resume`.

        Raises:
            InstanceNotFound: there is none.
        """
        request = client_pb2.SuspendRequest(instance_id=instance_id, recursive=recursive)
        if reason:
            request.reason.value = reason
        self._route(request, app)
        await self._call("SuspendInstance", request)

    async def resume(
        self, instance_id: str, reason: str = "", *, recursive: bool = False, app: str | None = None
    ) -> None:
        """Let a suspended instance go on, with `recursive` its children too.

        Raises:
            InstanceNotFound: there is none.
        """
        request = client_pb2.ResumeRequest(instance_id=instance_id, recursive=recursive)
        if reason:
            request.reason.value = reason
        self._route(request, app)
        await self._call("ResumeInstance", request)

    async def rerun(
        self,
        instance_id: str,
        *,
        from_event: int | None = None,
        new_id: str | None = None,
        same_id: bool = False,
        input: object = _KEEP,
        app: str | None = None,
    ) -> str:
        """Run a finished instance again and return the instance ID of the new run.

        Args:
            instance_id: the instance whose history is read.
            from_event: keep its history up to this event, the `event_id` of an activity, child or timer in
                `history`; by default nothing is kept and the workflow begins anew.
            new_id: the new run's ID; by default a random one.
            same_id: run again under the same ID instead; the finished run's history then goes.
            input: replaces the input of the event, or of the workflow; by default it stays as it was.
            app: app ID of the app whose instance is meant.

        Raises:
            InstanceNotFound: there is none.
            InstanceNotFinished: it still runs.
            InstanceAlreadyExists: `new_id` is taken.
            RequestInvalid: it has no such event; the text names those it has.
        """
        request = client_pb2.RerunWorkflowFromEventRequest(
            source_instance_id=instance_id,
            event_id=from_event or 0,
            from_start=from_event is None,
            same_instance_id=same_id,
            overwrite_input=input is not _KEEP,
        )
        if new_id is not None:
            request.new_instance_id = new_id
        text = None if input is _KEEP else self._encoded(input, what="input given to rerun")
        if text is not None:
            request.input.value = text
        self._route(request, app)
        response = await self._call("RerunWorkflowFromEvent", request)
        return str(response.new_instance_id)

    async def purge(
        self,
        instance_id: str,
        *,
        recursive: bool = True,
        force: bool = False,
        app: str | None = None,
    ) -> int:
        """Delete what is kept of a finished instance, and its children; return how many went.

        Raises:
            InstanceNotFinished: it runs, and `force` is not set.
        """
        request = client_pb2.PurgeInstancesRequest(instance_id=instance_id, recursive=recursive, force=force)
        self._route(request, app)
        response = await self._call("PurgeInstances", request)
        return int(response.deleted_instance_count)

    async def purge_many(
        self,
        *,
        created_after: datetime | None = None,
        created_before: datetime | None = None,
        statuses: Collection[Status] = (),
        workflow: str | Callable[..., Any] | None = None,
        recursive: bool = True,
        force: bool = False,
        app: str | None = None,
    ) -> int:
        """Delete the finished instances that fit all of this, in batches; return how many went.

        Args:
            created_after: not those created earlier; needs a time zone.
            created_before: not those created later; needs a time zone.
            statuses: only with one of these.
            workflow: only of this workflow, the function or its name.
            recursive: their children too, in whatever app.
            force: also those that have not finished; they are terminated first.
            app: app ID of the app whose instances are meant.
        """
        request = client_pb2.PurgeInstancesRequest(recursive=recursive, force=force)
        wanted = _requests.purge_filter(created_after, created_before, statuses, workflow)
        request.purge_instance_filter.CopyFrom(wanted)
        self._route(request, app)
        count = 0
        while True:
            response = await self._call("PurgeInstances", request)
            count += int(response.deleted_instance_count)
            if not response.more:
                return count

    async def list_ids(self, *, app: str | None = None) -> AsyncIterator[str]:
        """Yield the IDs of all instances of an app, by default of the client's own."""
        request = client_pb2.ListInstanceIDsRequest(page_size=_PAGE)
        self._route(request, app)
        while True:
            page = await self._call("ListInstanceIDs", request)
            for instance_id in page.instance_ids:
                yield instance_id
            if not page.continuation_token:
                return
            request.continuation_token = page.continuation_token

    async def history(self, instance_id: str, *, app: str | None = None) -> list[HistoryEntry]:
        """Return the recorded events of an instance's latest generation, oldest first.

        Raises:
            InstanceNotFound: there is none.
        """
        request = client_pb2.GetInstanceHistoryRequest(instance_id=instance_id)
        self._route(request, app)
        response = await self._call("GetInstanceHistory", request)
        return [read_entry(raw) for raw in response.events]

    def _question(self, instance_id: str, *, app: str | None, payloads: bool = True) -> client_pb2.GetInstanceRequest:
        request = client_pb2.GetInstanceRequest(instance_id=instance_id, get_inputs_and_outputs=payloads)
        self._route(request, app)
        return request

    def _route(self, request: Any, app: str | None) -> None:  # noqa: ANN401  (any request)
        target = app or self._app
        if target:
            request.router.target_app_id = target

    def _encoded(self, value: object, *, what: str) -> str | None:
        return self._payloads.encode(_values.encode_optional(value, what=what))

    def _state(
        self, response: client_pb2.GetInstanceResponse, instance_id: str, result: type[Any] | None
    ) -> InstanceState[Any]:
        if not response.exists:
            raise InstanceNotFound(_refusals.no_instance(instance_id), code=names.INSTANCE_NOT_FOUND.number)
        return read_state(response.workflow_state, Any if result is None else result, self._payloads)

    async def _wait(self, method: str, request: client_pb2.GetInstanceRequest, timeout: timedelta | None) -> Any:  # noqa: ANN401  (the method's response)
        """Call again for as long as the sidecar is away, within the time given."""
        backoff = Backoff()
        try:
            async with asyncio.timeout(None if timeout is None else timeout.total_seconds()):
                while True:
                    try:
                        return await self._call(method, request, deadline_s=None)
                    except SidecarUnavailable:
                        _log.info("waiting for %s: the sidecar is away", request.instance_id)
                    await backoff.wait()
        except TimeoutError:
            raise TimeoutError(f'instance "{request.instance_id}" took longer than {timeout}; it goes on') from None

    async def _call(self, name: str, request: Message, *, deadline_s: float | None = _DEADLINE_S) -> Any:  # noqa: ANN401  (the method's response)
        if not self._around:
            return await self._send(name, request, deadline_s)
        asked = _requests.described(name, request, self._payloads)

        async def send(call: around.ClientCall) -> object:
            return await self._send(name, _requests.changed(request, asked, call, self._payloads), deadline_s)

        return await around.chained(self._around, send)(asked)

    async def _send(self, name: str, request: Message, deadline_s: float | None) -> Any:  # noqa: ANN401  (the method's response)
        if self._calls is None:
            self._calls = Calls(self._endpoint)
        try:
            return await self._calls.make(name, request, deadline_s=deadline_s)
        except grpc.aio.AioRpcError as error:
            raise _refusals.typed(error, method=name, target=self._endpoint.target) from error
