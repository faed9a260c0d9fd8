"""A history as sentences, one for each event, and as JSON.

Pure: used by `antiphon workflow history`. Numbers in brackets are the ids by which events refer to each other.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf import json_format
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue

from antiphon import _payloads
from antiphon_cli.instances import moment, status_name
from antiphon_cli.output import Json
from antiphon_proto.v1.history_pb2 import FailureDetails, HistoryEvent, StalledReason, TimerCreated

_PAYLOAD_CHARACTERS_MAX = 120
# A timer that stands for an event without a deadline is set to the end of the year 9999.
_NEVER_SECONDS = 253402300799

Names = Mapping[tuple[str, int], str]


_TYPE_OF = MappingProxyType(
    {
        "workflow_started": "turn",
        "workflow_completed": "turn",
        "execution_started": "start",
        "rerun_from": "start",
        "purge_requested": "end",
        "execution_completed": "end",
        "execution_terminated": "end",
        "continue_as_new": "end",
        "execution_suspended": "pause",
        "execution_resumed": "pause",
        "execution_stalled": "pause",
        "task_scheduled": "activity",
        "task_completed": "activity",
        "task_failed": "activity",
        "child_workflow_instance_created": "child",
        "child_workflow_instance_completed": "child",
        "child_workflow_instance_failed": "child",
        "detached_workflow_instance_created": "child",
        "timer_created": "timer",
        "timer_fired": "timer",
        "event_sent": "event",
        "event_raised": "event",
    }
)
_OTHER = "other"
#: The types by which events can be chosen.
TYPES = (*dict.fromkeys(_TYPE_OF.values()), _OTHER)


@dataclass(frozen=True, slots=True)
class Told:
    """An event as a line, with what it can be chosen by; turns count from 1."""

    event: HistoryEvent
    line: str
    type: str
    turn: int


def told(events: Iterable[HistoryEvent]) -> Sequence[Told]:
    """Return `TIME  sentence` for each event, in the order given."""
    names: dict[tuple[str, int], str] = {}
    turn, all_told = 0, []
    for event in events:
        _remember(event, names)
        kind = event.WhichOneof("event_type")
        turn += kind == "workflow_started"
        line = f"{moment(event.timestamp) or '-':<24}  {_sentence(event, names)}"
        all_told.append(Told(event, line, _TYPE_OF.get(kind or "", _OTHER), turn))
    return all_told


def as_json(event: HistoryEvent) -> Json:
    """Return an event in protobuf's JSON form."""
    shown: Json = json_format.MessageToDict(event)
    return shown


def _remember(event: HistoryEvent, names: dict[tuple[str, int], str]) -> None:
    """Keep what later events mention by number alone."""
    match event.WhichOneof("event_type"):
        case "task_scheduled":
            names["activity", event.event_id] = event.task_scheduled.name
        case "child_workflow_instance_created":
            names["child", event.event_id] = event.child_workflow_instance_created.name
        case _:
            return


def _sentence(event: HistoryEvent, names: Names) -> str:
    match event.WhichOneof("event_type"):
        case "execution_started" | "execution_completed" | "execution_terminated" | "continue_as_new":
            return _beginning_or_end(event)
        case "execution_suspended" | "execution_resumed" | "execution_stalled":
            return _interruption(event)
        case "task_scheduled" | "task_completed" | "task_failed":
            return _activity(event, names)
        case (
            "child_workflow_instance_created"
            | "child_workflow_instance_completed"
            | "child_workflow_instance_failed"
            | "detached_workflow_instance_created"
        ):
            return _child(event, names)
        case "timer_created" | "timer_fired":
            return _timer(event)
        case "workflow_started":
            return _turn(event)
        case "workflow_completed":
            return "turn ends"
        case "event_sent":
            sent = event.event_sent
            return f'event "{sent.name}" sent to instance "{sent.instance_id}"{_payload(sent, "input", " with ")}'
        case "event_raised":
            raised = event.event_raised
            return f'event "{raised.name}" arrives{_payload(raised, "input", " with ")}'
        case _:
            return _own(event)


def _own(event: HistoryEvent) -> str:
    """Tell of what is on its way to an instance, and stands in no history."""
    match event.WhichOneof("event_type"):
        case "purge_requested":
            return "somebody asks for it to be purged once it has ended"
        case "rerun_from":
            rerun = event.rerun_from
            return f'goes on from event {rerun.event_id} of instance "{rerun.instance_id}"'
        case _:
            return "an event that this release does not know"


def _turn(event: HistoryEvent) -> str:
    version = event.workflow_started.version
    pinned = f' as version "{version.name}"' if version.name else ""
    patches = f" with patches {', '.join(version.patches)}" if version.patches else ""
    return f"turn begins{pinned}{patches}"


def _beginning_or_end(event: HistoryEvent) -> str:
    match event.WhichOneof("event_type"):
        case "execution_started":
            started = event.execution_started
            parent = started.parent_instance
            by = (
                f' as child of "{parent.workflow_instance.instance_id}" ({parent.app_id or "same app"})'
                if started.HasField("parent_instance")
                else ""
            )
            return f'workflow "{started.name}" starts{by}{_payload(started, "input", " with ")}'
        case "execution_completed":
            completed = event.execution_completed
            status = status_name(completed.workflow_status)
            failure = _failure(completed.failure_details) if completed.HasField("failure_details") else ""
            return f"workflow ends {status}{_payload(completed, 'result', ' with ')}{failure}"
        case "execution_terminated":
            terminated = event.execution_terminated
            children = ", its children too" if terminated.recurse else ""
            return f"workflow is terminated{children}{_payload(terminated, 'input', ' with ')}"
        case _:
            return f"workflow continues as new{_payload(event.continue_as_new, 'input', ' with ')}"


def _interruption(event: HistoryEvent) -> str:
    match event.WhichOneof("event_type"):
        case "execution_suspended":
            return f"workflow is suspended{_payload(event.execution_suspended, 'input', ': ')}"
        case "execution_resumed":
            return f"workflow is resumed{_payload(event.execution_resumed, 'input', ': ')}"
        case _:
            stalled = event.execution_stalled
            reason = StalledReason.Name(stalled.reason).removeprefix("STALLED_REASON_")
            return f"workflow stalls: {stalled.description or reason}"


def _activity(event: HistoryEvent, names: Names) -> str:
    match event.WhichOneof("event_type"):
        case "task_scheduled":
            task = event.task_scheduled
            return f'calls activity "{task.name}"{_place(event)} [{event.event_id}]{_payload(task, "input", " with ")}'
        case "task_completed":
            done = event.task_completed
            name = names.get(("activity", done.task_scheduled_id), "?")
            return f'activity "{name}" [{done.task_scheduled_id}] returns{_payload(done, "result", " ") or " nothing"}'
        case _:
            failed = event.task_failed
            name = names.get(("activity", failed.task_scheduled_id), "?")
            return f'activity "{name}" [{failed.task_scheduled_id}] fails{_failure(failed.failure_details)}'


def _child(event: HistoryEvent, names: Names) -> str:
    match event.WhichOneof("event_type"):
        case "child_workflow_instance_created":
            child = event.child_workflow_instance_created
            start = f'starts child workflow "{child.name}"{_place(event)} as "{child.instance_id}" [{event.event_id}]'
            return f"{start}{_payload(child, 'input', ' with ')}"
        case "child_workflow_instance_completed":
            done = event.child_workflow_instance_completed
            name = names.get(("child", done.task_scheduled_id), "?")
            result = _payload(done, "result", " ") or " nothing"
            return f'child workflow "{name}" [{done.task_scheduled_id}] returns{result}'
        case "child_workflow_instance_failed":
            failed = event.child_workflow_instance_failed
            name = names.get(("child", failed.task_scheduled_id), "?")
            return f'child workflow "{name}" [{failed.task_scheduled_id}] fails{_failure(failed.failure_details)}'
        case _:
            return f'starts workflow instance "{event.detached_workflow_instance_created.instance_id}" on its own'


def _timer(event: HistoryEvent) -> str:
    if event.WhichOneof("event_type") == "timer_fired":
        return f"timer [{event.timer_fired.timer_id}] fires"
    timer = event.timer_created
    return f"{_purpose(timer)} {_until(timer.fire_at)} [{event.event_id}]"


def _purpose(timer: TimerCreated) -> str:
    match timer.WhichOneof("origin"):
        case "external_event":
            return f'waits for event "{timer.external_event.name}"'
        case "activity_retry":
            return "waits to call the activity again"
        case "child_workflow_retry":
            return "waits to start the child workflow again"
        case _:
            return "sleeps"


def _until(fire_at: Timestamp) -> str:
    return "without deadline" if fire_at.seconds >= _NEVER_SECONDS else f"until {moment(fire_at)}"


def _place(event: HistoryEvent) -> str:
    target = event.router.target_app_id
    return f' in app "{target}"' if target and target != event.router.source_app_id else ""


def _failure(failure: FailureDetails) -> str:
    return f": {failure.error_type}: {_short(failure.error_message)}"


def _payload(message: object, field: str, before: str) -> str:
    """Return a payload after `before`, or nothing if there is none."""
    value = getattr(message, field)
    if not isinstance(value, StringValue) or not message.HasField(field):  # type: ignore[attr-defined]  # all are messages
        return ""
    return f"{before}{_short(_payloads.shown(value.value))}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    if len(line) <= _PAYLOAD_CHARACTERS_MAX:
        return line
    return f"{line[:_PAYLOAD_CHARACTERS_MAX]}... ({len(line):,} characters)"
