"""The client half of TaskHubSidecarService: start, get, wait, raise, terminate, suspend, resume, purge, list."""

import uuid
from collections.abc import Callable, Mapping

import grpc
from google.protobuf import empty_pb2
from google.protobuf.wrappers_pb2 import BoolValue, StringValue

from antiphon_names import errors as codes
from antiphon_proto.v1 import client_pb2 as cl
from antiphon_proto.v1 import history_pb2 as pb
from antiphon_sidecar.codec.values import (
    checked_name,
    from_failure,
    from_text,
    to_ns,
    to_text,
    to_timestamp,
    to_trace,
)
from antiphon_sidecar.engine import sizes
from antiphon_sidecar.runtime.calls import Calls, NewInstance, Snapshot
from antiphon_sidecar.runtime.purgecalls import PurgeFilter
from antiphon_sidecar.runtime.reruns import Rerun
from antiphon_sidecar.servers.errors import Rejected
from antiphon_sidecar.servers.handlers import Context, Unary

_Routed = (
    cl.CreateInstanceRequest
    | cl.GetInstanceRequest
    | cl.RaiseEventRequest
    | cl.TerminateRequest
    | cl.SuspendRequest
    | cl.ResumeRequest
    | cl.PurgeInstancesRequest
    | cl.GetInstanceHistoryRequest
    | cl.ListInstanceIDsRequest
    | cl.RerunWorkflowFromEventRequest
)


class Directory:
    """Finds the calls of an app by its ID, for requests that name another app than the listener's."""

    def __init__(self, *, namespace: str, find: Callable[[str], Calls | None], apps: Callable[[], list[str]]) -> None:
        self._namespace = namespace
        self._find = find
        self._apps = apps

    def route(self, own: str | None, router: pb.TaskRouter | None) -> Calls:
        """Return the calls of the router's target, or of the listener's app.

        Raises:
            Rejected: a namespace without an app, another namespace, or an app that is not here.
        """
        target = router.target_app_id if router is not None else ""
        namespace = router.target_app_namespace if router is not None else ""
        if namespace and not target:
            raise _invalid("the router names a namespace but no app. Name the app too.")
        if namespace and namespace != self._namespace:
            raise Rejected(
                grpc.StatusCode.INVALID_ARGUMENT,
                codes.NAMESPACE_MISMATCH,
                f'the request names namespace "{namespace}", this sidecar serves "{self._namespace}". '
                "Calls stay inside their namespace.",
            )
        app = target or own
        if app is None:
            raise _invalid("the request names no app. Set router.targetAppID.")
        calls = self._find(app)
        if calls is None:
            known = self._apps()
            raise Rejected(
                grpc.StatusCode.NOT_FOUND,
                codes.TARGET_APP_NOT_FOUND,
                f'app "{app}" is not known here; known apps: {codes.listing(known)}.{codes.nearest(app, known)} '
                "Fix the app ID, or start that app.",
            )
        return calls


def _invalid(message: str) -> Rejected:
    return Rejected(grpc.StatusCode.INVALID_ARGUMENT, codes.REQUEST_INVALID, message)


class ClientService:
    """Serves clients of one app, or with `app` None of any app that the request's router names."""

    def __init__(self, *, app: str | None, directory: Directory, payload_bytes_max: int) -> None:
        self._app = app
        self._directory = directory
        self._payload_bytes_max = payload_bytes_max

    def implementations(self) -> Mapping[str, Unary]:
        """Return the calls by method name."""
        return {
            "Hello": self.hello,
            "StartInstance": self.start,
            "GetInstance": self.get,
            "WaitForInstanceStart": self.wait_started,
            "WaitForInstanceCompletion": self.wait_finished,
            "RaiseEvent": self.raise_event,
            "TerminateInstance": self.terminate,
            "SuspendInstance": self.suspend,
            "ResumeInstance": self.resume,
            "PurgeInstances": self.purge,
            "RerunWorkflowFromEvent": self.rerun,
            "ListInstanceIDs": self.list_ids,
            "GetInstanceHistory": self.history,
        }

    def _calls(self, request: _Routed) -> Calls:
        match request:
            case cl.RerunWorkflowFromEventRequest():
                _check_name("instance ID", request.source_instance_id)
            case cl.ListInstanceIDsRequest():
                pass
            case _:
                _check_name("instance ID", request.instance_id)
        router = request.router if request.HasField("router") else None
        return self._directory.route(self._app, router)

    async def hello(self, request: empty_pb2.Empty, context: Context) -> empty_pb2.Empty:
        """Answer at once, whatever the store does."""
        return empty_pb2.Empty()

    async def start(self, request: cl.CreateInstanceRequest, context: Context) -> cl.CreateInstanceResponse:
        """Start an instance."""
        calls = self._calls(request)
        if not request.name:
            raise _invalid("the request names no workflow. Set its name.")
        instance_id = request.instance_id or calls.new_instance_id(request.name)
        _check_name("workflow name", request.name)
        _check_name("execution ID", request.execution_id.value)
        self._check_payload(f'input of workflow "{request.name}"', request.input.value)
        scheduled = to_ns(request.scheduled_start_timestamp) if request.HasField("scheduled_start_timestamp") else None
        await calls.start(
            NewInstance(
                instance_id=instance_id,
                name=request.name,
                input=to_text(request.input, present=request.HasField("input")),
                version=to_text(request.version, present=request.HasField("version")),
                execution_id=request.execution_id.value or None,
                scheduled_at=scheduled,
                tags=dict(request.tags),
                unique=request.enforce_unique_instance_id,
                trace=to_trace(request.parent_trace_context, present=request.HasField("parent_trace_context")),
            )
        )
        return cl.CreateInstanceResponse(instance_id=instance_id)

    async def get(self, request: cl.GetInstanceRequest, context: Context) -> cl.GetInstanceResponse:
        """Return an instance; unknown is an answer, not an error."""
        found = await self._calls(request).get(request.instance_id, payloads=request.get_inputs_and_outputs)
        return _response(found, payloads=request.get_inputs_and_outputs)

    async def wait_started(self, request: cl.GetInstanceRequest, context: Context) -> cl.GetInstanceResponse:
        """Wait until the instance is no longer pending."""
        payloads = request.get_inputs_and_outputs
        found = await self._calls(request).wait_started(request.instance_id, payloads=payloads)
        return _response(found, payloads=payloads)

    async def wait_finished(self, request: cl.GetInstanceRequest, context: Context) -> cl.GetInstanceResponse:
        """Wait until the instance has ended."""
        payloads = request.get_inputs_and_outputs
        found = await self._calls(request).wait_finished(request.instance_id, payloads=payloads)
        return _response(found, payloads=payloads)

    async def raise_event(self, request: cl.RaiseEventRequest, context: Context) -> cl.RaiseEventResponse:
        """Raise an event."""
        self._check_payload(f'payload of event "{request.name}"', request.input.value)
        value = to_text(request.input, present=request.HasField("input"))
        await self._calls(request).raise_event(request.instance_id, request.name, value)
        return cl.RaiseEventResponse()

    async def terminate(self, request: cl.TerminateRequest, context: Context) -> cl.TerminateResponse:
        """Terminate an instance."""
        self._check_payload("output", request.output.value)
        output = to_text(request.output, present=request.HasField("output"))
        await self._calls(request).terminate(request.instance_id, output, recursive=request.recursive)
        return cl.TerminateResponse()

    async def suspend(self, request: cl.SuspendRequest, context: Context) -> cl.SuspendResponse:
        """Suspend an instance."""
        self._check_payload("reason", request.reason.value)
        reason = to_text(request.reason, present=request.HasField("reason"))
        await self._calls(request).suspend(request.instance_id, reason, recursive=request.recursive)
        return cl.SuspendResponse()

    async def resume(self, request: cl.ResumeRequest, context: Context) -> cl.ResumeResponse:
        """Resume an instance."""
        self._check_payload("reason", request.reason.value)
        reason = to_text(request.reason, present=request.HasField("reason"))
        await self._calls(request).resume(request.instance_id, reason, recursive=request.recursive)
        return cl.ResumeResponse()

    async def purge(self, request: cl.PurgeInstancesRequest, context: Context) -> cl.PurgeInstancesResponse:
        """Purge one instance, or those that a filter names."""
        calls, dry_run = self._calls(request), request.dry_run
        if request.WhichOneof("request") == "instance_id":
            purged, complete = (
                await calls.purge(
                    request.instance_id, recursive=request.recursive, force=request.force, dry_run=dry_run
                ),
                True,
            )
        elif request.HasField("purge_instance_filter"):
            purged, complete = await calls.purge_many(
                _purge_filter(request.purge_instance_filter),
                recursive=request.recursive,
                force=request.force,
                dry_run=dry_run,
            )
        else:
            raise _invalid("the request names neither an instance nor a filter. Name one of them.")
        return cl.PurgeInstancesResponse(
            deleted_instance_count=purged.deleted,
            is_complete=BoolValue(value=complete and not purged.later),
            later_instance_count=purged.later,
            more=not complete,
        )

    async def rerun(
        self, request: cl.RerunWorkflowFromEventRequest, context: Context
    ) -> cl.RerunWorkflowFromEventResponse:
        """Run a finished instance again, from an event or from its start."""
        calls = self._calls(request)
        given = request.new_instance_id
        if request.same_instance_id and given not in ("", request.source_instance_id):
            raise _invalid(f'the rerun is to keep its ID and to have the new one "{given}". Ask for one of them.')
        if given == request.source_instance_id and not request.same_instance_id:
            raise _invalid(
                f'the new instance ID "{given}" is the source\'s own. Give another, or ask for the same ID, which '
                "replaces the finished run."
            )
        new_id = given or uuid.UUID(bytes=calls.new_id()).hex
        _check_name("new instance ID", new_id)
        _check_name("child's instance ID", request.new_child_workflow_instance_id)
        self._check_payload("input given to the rerun", request.input.value)
        instance_id = await calls.rerun(
            Rerun(
                source=request.source_instance_id,
                event_id=None if request.from_start else request.event_id,
                instance_id=None if request.same_instance_id else new_id,
                input=to_text(request.input, present=request.HasField("input")),
                overwrite=request.overwrite_input,
                child_id=request.new_child_workflow_instance_id or None,
            )
        )
        return cl.RerunWorkflowFromEventResponse(new_instance_id=instance_id)

    async def list_ids(self, request: cl.ListInstanceIDsRequest, context: Context) -> cl.ListInstanceIDsResponse:
        """List instance IDs, newest first; no token in the answer means the last page."""
        calls = self._calls(request)
        token = request.continuation_token if request.HasField("continuation_token") else None
        size = request.page_size if request.HasField("page_size") else None
        try:
            ids, following = await calls.list_ids(size=size, token=token)
        except ValueError as error:
            raise _invalid("the continuation token is none of ours. Begin the list again.") from error
        return cl.ListInstanceIDsResponse(instance_ids=ids, continuation_token=following)

    async def history(self, request: cl.GetInstanceHistoryRequest, context: Context) -> cl.GetInstanceHistoryResponse:
        """Return the committed events of the current generation."""
        events = await self._calls(request).history(request.instance_id)
        return cl.GetInstanceHistoryResponse(events=events)

    def _check_payload(self, what: str, value: str) -> None:
        size = sizes.excess(value, limit=self._payload_bytes_max)
        if size:
            raise Rejected(
                grpc.StatusCode.INVALID_ARGUMENT,
                codes.PAYLOAD_TOO_LARGE,
                sizes.text(f"the {what}", size, limit=self._payload_bytes_max),
            )


def _purge_filter(wanted: cl.PurgeInstanceFilter) -> PurgeFilter:
    _check_name("workflow name", wanted.name)
    return PurgeFilter(
        created_from=to_ns(wanted.created_time_from) if wanted.HasField("created_time_from") else None,
        created_to=to_ns(wanted.created_time_to) if wanted.HasField("created_time_to") else None,
        statuses=tuple(wanted.runtime_status),
        name=wanted.name or None,
    )


def _check_name(what: str, value: str) -> None:
    try:
        checked_name(what, value)
    except ValueError as error:
        raise _invalid(str(error)) from error


def _response(found: Snapshot | None, *, payloads: bool) -> cl.GetInstanceResponse:
    if found is None:
        return cl.GetInstanceResponse(exists=False)
    row = found.row
    state = cl.WorkflowState(
        instance_id=row.instance_id,
        name=row.name,
        workflow_status=pb.InstanceStatus.Name(row.status),
        created_timestamp=to_timestamp(row.created_at),
        last_updated_timestamp=to_timestamp(row.updated_at),
        execution_id=from_text(row.execution_id),
        parent_instance_id=from_text(row.parent_instance),
        parent_app_id=from_text(row.parent_app),
        waiting_on=row.waiting_on or "",
        generation=row.generation,
    )
    if row.completed_at is not None:
        state.completed_timestamp.CopyFrom(to_timestamp(row.completed_at))
    if row.started_at is not None:
        state.started_at.CopyFrom(to_timestamp(row.started_at))
    if row.scheduled_at is not None:
        state.scheduled_start_timestamp.CopyFrom(to_timestamp(row.scheduled_at))
    if payloads:
        _add_payloads(state, found)
    return cl.GetInstanceResponse(exists=True, workflow_state=state)


def _add_payloads(state: cl.WorkflowState, found: Snapshot) -> None:
    row, started = found.row, found.started
    # Copied whole: an empty text is a value too, and is not the same as none.
    if row.output is not None:
        state.output.CopyFrom(StringValue(value=row.output.decode()))
    if row.custom_status is not None:
        state.custom_status.CopyFrom(StringValue(value=row.custom_status.decode()))
    if found.failure is not None:
        state.failure_details.CopyFrom(from_failure(found.failure))
    state.tags.update(dict(row.tags))
    if started is not None:
        if started.input is not None:
            state.input.CopyFrom(StringValue(value=started.input))
        if started.version is not None:
            state.version.CopyFrom(StringValue(value=started.version))
