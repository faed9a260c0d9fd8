"""How instances and apps are shown: as fields and rows for people, as values for programs.

Pure: the commands write what this returns.
"""

import json
from collections.abc import Iterable, Iterator, Mapping

from antiphon import _payloads
from antiphon_cli.instances import Key, moment, status_name
from antiphon_cli.output import Json
from antiphon_proto.v1 import client_pb2, control_pb2, history_pb2, worker_pb2

INSTANCE_COLUMNS = ("APP", "ID", "WORKFLOW", "STATUS", "CREATED")
APP_COLUMNS = ("APP", "REPLICAS", "WORKERS", "GRPC", "CHANGED", "OFFERS")
_OFFERS_SHOWN_MAX = 8


def payload(text: str) -> Json:
    """Return a payload as the value it says, or as the text itself if it is not JSON."""
    text = _payloads.readable(text)
    try:
        value: Json = json.loads(text)
    except ValueError:
        return text
    return value


def failure_text(failure: history_pb2.FailureDetails) -> str:
    """Return `Type: message`, and what caused it in further lines."""
    text = f"{failure.error_type}: {_payloads.shown(failure.error_message)}"
    # A failure that has a code says it at the beginning of its message already.
    if failure.code and failure.error_message.startswith(failure.code):
        text = failure.error_message
    if failure.app_id:
        text += f" (in app {failure.app_id})"
    inner = failure.inner_failure
    # Many a failure repeats what caused it; saying it once is enough.
    if failure.HasField("inner_failure") and inner.error_message not in failure.error_message:
        return f"{text}\n  caused by {failure_text(inner)}"
    return text


def state_value(key: Key, state: client_pb2.WorkflowState) -> Json:
    """Return an instance as one value; absent parts are left out."""
    parent = {"app": state.parent_app_id.value or key.app, "id": state.parent_instance_id.value}
    value: dict[str, Json] = {
        "app": key.app,
        "id": state.instance_id or key.instance,
        "workflow": state.name,
        "version": state.version.value or None,
        "status": status_name(state.workflow_status),
        "waitingOn": state.waiting_on or None,
        "createdAt": moment(state.created_timestamp),
        "updatedAt": moment(state.last_updated_timestamp),
        "completedAt": moment(state.completed_timestamp),
        "startsAt": moment(state.scheduled_start_timestamp),
        "parent": dict(parent) if state.parent_instance_id.value else None,
        "input": payload(state.input.value) if state.HasField("input") else None,
        "output": payload(state.output.value) if state.HasField("output") else None,
        "customStatus": payload(state.custom_status.value) if state.HasField("custom_status") else None,
        "failure": _failure_value(state.failure_details) if state.HasField("failure_details") else None,
        "tags": dict(state.tags) or None,
    }
    return {name: part for name, part in value.items() if part is not None}


def state_fields(key: Key, state: client_pb2.WorkflowState) -> list[tuple[str, str]]:
    """Return an instance as named texts; those that are empty are not to be shown."""
    parent = f"{state.parent_instance_id.value} ({state.parent_app_id.value or key.app})"
    return [
        ("app", key.app),
        ("id", state.instance_id or key.instance),
        ("workflow", state.name),
        ("version", state.version.value),
        ("status", status_name(state.workflow_status)),
        ("waiting on", state.waiting_on),
        ("created", moment(state.created_timestamp) or ""),
        ("updated", moment(state.last_updated_timestamp) or ""),
        ("completed", moment(state.completed_timestamp) or ""),
        ("parent", parent if state.parent_instance_id.value else ""),
        ("starts", moment(state.scheduled_start_timestamp) or ""),
        ("tags", ", ".join(f"{name}={value}" for name, value in sorted(state.tags.items()))),
        ("input", _payloads.shown(state.input.value)),
        ("output", _payloads.shown(state.output.value)),
        ("custom status", state.custom_status.value),
        ("tags", ", ".join(f"{name}={value}" for name, value in sorted(state.tags.items()))),
        ("failure", failure_text(state.failure_details) if state.HasField("failure_details") else ""),
    ]


def summary_value(summary: control_pb2.InstanceSummary) -> Json:
    """Return a listed instance as one value."""
    value: dict[str, Json] = {
        "app": summary.app_id,
        "id": summary.instance_id,
        "workflow": summary.name,
        "status": status_name(summary.status),
        "waitingOn": summary.waiting_on or None,
        "createdAt": moment(summary.created_at),
        "updatedAt": moment(summary.updated_at),
        "completedAt": moment(summary.completed_at),
        "parent": {"app": summary.parent_app_id or summary.app_id, "id": summary.parent_instance_id}
        if summary.parent_instance_id
        else None,
        "tags": dict(summary.tags) or None,
    }
    return {name: part for name, part in value.items() if part is not None}


def summary_row(summary: control_pb2.InstanceSummary) -> tuple[str, ...]:
    """Return a listed instance as cells under INSTANCE_COLUMNS."""
    created = moment(summary.created_at, timespec="seconds") or ""
    status = status_name(summary.status)
    shown = f"{status} ({summary.waiting_on})" if summary.waiting_on else status
    return (summary.app_id, summary.instance_id, summary.name, shown, created)


def app_value(app: control_pb2.AppSummary) -> Json:
    """Return an app as one value."""
    return {
        "app": app.app_id,
        "replicas": app.replicas,
        "workers": None if app.unasked else app.workers,
        "grpcAddress": app.grpc_address,
        "changedAt": moment(app.changed_at),
        "away": app.away,
        "offers": [{"kind": _kind(offer), "name": offer.name} for offer in app.offers],
    }


def app_row(app: control_pb2.AppSummary) -> tuple[str, ...]:
    """Return an app as cells under APP_COLUMNS."""
    names = [f"{_kind(offer)} {offer.name}" for offer in app.offers]
    more = f" and {len(names) - _OFFERS_SHOWN_MAX} more" if len(names) > _OFFERS_SHOWN_MAX else ""
    offers = ", ".join(names[:_OFFERS_SHOWN_MAX]) + more
    changed = moment(app.changed_at, timespec="seconds") or "-"
    address = app.grpc_address or "-"
    workers = "?" if app.unasked else str(app.workers)
    return (app.app_id, str(app.replicas), workers, address, changed, offers)


def contracts_value(answer: control_pb2.ExportAppsResponse) -> Json:
    """Return what apps offer and declare as one value: the file that test kits read."""
    return {
        "format": "antiphon.dev/contracts/v1",
        "namespace": answer.namespace,
        "apps": {
            app.app_id: {"offers": [_offer(offer, answer.schemas) for offer in app.offers]} for app in answer.apps
        },
    }


def _offer(offer: worker_pb2.OfferedName, schemas: Mapping[str, str]) -> Json:
    value: dict[str, Json] = {"kind": _kind(offer), "name": offer.name}
    if offer.version:
        value["version"] = offer.version
    for side, digest in (("input", offer.input_digest), ("output", offer.output_digest)):
        if digest in schemas:
            value[side] = json.loads(schemas[digest])
            value[f"{side}Digest"] = digest
    return value


def why_value(key: Key, answer: control_pb2.WhyResponse) -> Json:
    """Return what an instance waits for, or how it failed, as one value."""
    value: dict[str, Json] = {
        "app": key.app,
        "id": key.instance,
        "workflow": answer.name or None,
        "status": status_name(answer.status),
        "waitingOn": [_wait_value(waiting) for waiting in answer.waiting_on],
        "failureChain": [
            {
                "kind": link.kind,
                "app": link.app_id,
                "id": link.instance_id,
                "name": link.name,
                "failure": _failure_value(link.failure),
            }
            for link in answer.failure_chain
        ]
        or None,
        "fix": answer.fix or None,
        "caveats": list(answer.caveats) or None,
    }
    return {name: part for name, part in value.items() if part is not None}


def _wait_value(waiting: control_pb2.WaitingOn) -> Json:
    value: dict[str, Json] = {
        "reason": waiting.reason,
        "message": waiting.message,
        "kind": waiting.kind,
        "app": waiting.app_id,
        "name": waiting.name,
        "id": waiting.instance_id,
        "eventId": waiting.event_id or None,
        "since": moment(waiting.since),
        "until": moment(waiting.until),
        "replica": waiting.replica,
        "attempt": waiting.attempt or None,
        "waitingOn": [_wait_value(below) for below in waiting.waiting_on] or None,
    }
    return {name: part for name, part in value.items() if part not in (None, "")}


def why_lines(answer: control_pb2.WhyResponse) -> list[str]:
    """Return the reasons as lines for a person, those of children indented below theirs."""
    return list(_wait_lines(answer.waiting_on, indent=""))


def _wait_lines(waits: Iterable[control_pb2.WaitingOn], *, indent: str) -> Iterator[str]:
    for waiting in waits:
        since = moment(waiting.since, timespec="seconds")
        # Reasons with a code say it, name included, at the beginning of the message.
        named = waiting.message if waiting.message.startswith("AN") else f"{waiting.reason}: {waiting.message}"
        # What is waited for below a child is introduced by a colon, which shall stand at the end.
        text, colon = (named[:-1], ":") if waiting.waiting_on and named.endswith(":") else (named, "")
        yield f"{indent}{text} (since {since}){colon}" if since else f"{indent}{text}{colon}"
        yield from _wait_lines(waiting.waiting_on, indent=f"{indent}  ")


def failure_lines(answer: control_pb2.WhyResponse) -> Iterator[str]:
    """Yield how a failure came about, the deepest cause first, and what can be done."""
    if answer.failure_chain:
        yield "The failure, its first cause first:"
    for number, link in enumerate(answer.failure_chain, start=1):
        instance = f'({"called by " if link.kind == "activity" else ""}instance "{link.instance_id}")'
        text = failure_text(link.failure).replace("\n", "\n     ")
        yield f'  {number}. {link.kind} "{link.name}" {instance} in app "{link.app_id}": {text}'
    if answer.fix:
        yield f"What to do: {answer.fix}"


def _failure_value(failure: history_pb2.FailureDetails) -> Json:
    value: dict[str, Json] = {"type": failure.error_type, "message": failure.error_message}
    if failure.code:
        value["code"] = failure.code
    if failure.app_id:
        value["app"] = failure.app_id
    if failure.HasField("data"):
        value["data"] = payload(failure.data.value)
    if failure.HasField("stack_trace"):
        value["stackTrace"] = failure.stack_trace.value
    if failure.HasField("inner_failure"):
        value["cause"] = _failure_value(failure.inner_failure)
    return value


def _kind(offer: worker_pb2.OfferedName) -> str:
    return worker_pb2.OfferedName.Kind.Name(offer.kind).removeprefix("KIND_").lower()
