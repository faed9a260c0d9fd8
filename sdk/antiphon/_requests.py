"""A client's requests: built, where they have many parts, and as interceptors see them. Used by client."""

from collections.abc import Callable, Collection, Mapping
from datetime import datetime
from typing import Any

from google.protobuf.message import Message

from antiphon import _definitions, _values
from antiphon._payloads import Payloads
from antiphon._states import Status, status_number
from antiphon.interceptors import ClientCall
from antiphon_proto.v1 import client_pb2

_OPERATIONS: Mapping[str, str] = {
    "StartInstance": "start",
    "GetInstance": "get",
    "WaitForInstanceCompletion": "wait",
    "WaitForInstanceStart": "wait_started",
    "RaiseEvent": "raise_event",
    "TerminateInstance": "terminate",
    "SuspendInstance": "suspend",
    "ResumeInstance": "resume",
    "PurgeInstances": "purge",
    "ListInstanceIDs": "list_ids",
    "GetInstanceHistory": "history",
    "RerunWorkflowFromEvent": "rerun",
}
_INPUTS: Mapping[str, str] = {"start": "input", "raise_event": "input", "terminate": "output", "rerun": "input"}


def described(method: str, request: Message, payloads: Payloads) -> ClientCall:
    """Return a request as a value."""
    operation = _OPERATIONS.get(method, method)
    any_request: Any = request
    fields = request.DESCRIPTOR.fields_by_name
    field = _INPUTS.get(operation)
    text = getattr(any_request, field).value if field is not None and request.HasField(field) else None
    return ClientCall(
        operation=operation,
        instance_id=getattr(any_request, "source_instance_id" if operation == "rerun" else "instance_id", ""),
        app=any_request.router.target_app_id if "router" in fields else "",
        name=any_request.name if operation in ("start", "raise_event") else "",
        input=_values.decode(payloads.decode(text, what=f"input of {operation}")),
        tags=dict(any_request.tags) if "tags" in fields else {},
    )


def changed(request: Message, asked: ClientCall, call: ClientCall, payloads: Payloads) -> Message:
    """Return the request with the input and tags that interceptors have changed; it stays as it is itself."""
    field = _INPUTS.get(asked.operation)
    new_input = field is not None and call.input is not asked.input
    if not new_input and call.tags == asked.tags:
        return request
    copy: Any = type(request)()
    copy.CopyFrom(request)
    if new_input:
        assert field is not None
        copy.ClearField(field)
        text = payloads.encode(_values.encode_optional(call.input, what=f"input of {call.operation}"))
        if text is not None:
            getattr(copy, field).value = text
        if call.operation == "rerun":
            copy.overwrite_input = True
    if call.tags != asked.tags:
        copy.tags.clear()
        copy.tags.update(call.tags)
    return copy  # type: ignore[no-any-return]  # of the request's type


def purge_filter(
    created_after: datetime | None,
    created_before: datetime | None,
    statuses: Collection[Status],
    workflow: str | Callable[..., Any] | None,
) -> client_pb2.PurgeInstanceFilter:
    """Say which instances are to be purged; what is None or empty restricts nothing."""
    wanted = client_pb2.PurgeInstanceFilter(runtime_status=[status_number(status) for status in statuses])
    if created_after is not None:
        wanted.created_time_from.FromDatetime(aware(created_after))
    if created_before is not None:
        wanted.created_time_to.FromDatetime(aware(created_before))
    if workflow is not None:
        wanted.name = _definitions.workflow_name(workflow)
    return wanted


def aware(moment: datetime) -> datetime:
    """Return a time that has a time zone.

    Raises:
        ValueError: it has none.
    """
    if moment.tzinfo is None:
        raise ValueError(f"a time needs a time zone, got {moment!r}")
    return moment
