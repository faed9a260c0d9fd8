"""A sidecar on paper: writes the history that a real one would, from what the worker's code asks for."""

from collections.abc import Callable
from typing import Any

from antiphon import _definitions
from antiphon._turns import HistoryMissing, Turns
from antiphon_proto.v1 import history_pb2, worker_pb2

START_NS = 1_700_000_000_000_000_000
SECOND_NS = 1_000_000_000


def event(number: int = -1, **fields: Any) -> history_pb2.HistoryEvent:
    return history_pb2.HistoryEvent(event_id=number, **fields)


def text(value: str | None) -> dict[str, str] | None:
    return None if value is None else {"value": value}


class Scribe:
    """One instance: `turn` sends what came in, takes the actions, and writes both down."""

    def __init__(
        self,
        *workflows: Callable[..., Any],
        name: str | None = None,
        input: str | None = None,
        live: bool = True,
        app: str = "app1",
    ) -> None:
        self.table = _definitions.table(workflows, kind="workflow")
        self.turns = Turns(self.table, most=10)
        self.live = live
        self.history: list[bytes] = []
        self.sent = 0
        self.now_ns = START_NS
        self.instance_id = "i1"
        self.execution_id = "e1"
        self.actions: dict[int, worker_pb2.WorkflowAction] = {}
        self.patches: list[str] = []
        self.end: worker_pb2.CompleteWorkflowAction | None = None
        self.response = worker_pb2.WorkflowResponse()
        started = event(
            execution_started={"name": name or next(iter(self.table)), "input": text(input)},
            router={"source_app_id": app},
        )
        self.inbox: list[history_pb2.HistoryEvent] = [started]

    def request(self, *, delta: bool = False) -> worker_pb2.WorkflowRequest:
        self.now_ns += SECOND_NS
        self.new = [event(workflow_started={}), *self.inbox]
        for item in self.new:
            item.timestamp.seconds, item.timestamp.nanos = divmod(self.now_ns, SECOND_NS)
        request = worker_pb2.WorkflowRequest(
            instance_id=self.instance_id,
            past_events=self.history[self.sent :] if delta else self.history,
            new_events=[item.SerializeToString() for item in self.new],
        )
        request.execution_id.value = self.execution_id
        if delta and self.sent:
            request.cached_history.event_count = self.sent
        return request

    def turn(self, *events: history_pb2.HistoryEvent, delta: bool = False) -> list[worker_pb2.WorkflowAction]:
        """Send a turn; without `live` every turn replays in full."""
        self.inbox.extend(events)
        request = self.request(delta=delta)
        if not self.live:
            self.turns = Turns(self.table, most=10)
        answer = self.turns.take(request, "token")
        if isinstance(answer, HistoryMissing):
            answer = self.turns.replay(request, "token", history=self.history)
        return self.commit(request, answer)

    def commit(
        self, request: worker_pb2.WorkflowRequest, answer: worker_pb2.WorkflowResponse
    ) -> list[worker_pb2.WorkflowAction]:
        self.inbox = []
        self.response = answer
        self.sent = len(self.history)
        self.history.extend([self.began(answer), *request.new_events[1:]])
        for action in answer.actions:
            if action.HasField("complete_workflow"):
                self.end = action.complete_workflow
            else:
                self.actions[action.id] = action
                self.history.append(scheduled(action).SerializeToString())
        return list(answer.actions)

    def began(self, answer: worker_pb2.WorkflowResponse) -> bytes:
        """The turn's WorkflowStarted with its version and the patches met first."""
        if answer.HasField("version"):
            new = [patch for patch in answer.version.patches if patch not in self.patches]
            self.patches.extend(new)
            version = self.new[0].workflow_started.version
            version.patches.extend(new)
            if answer.version.name:
                version.name = answer.version.name
        return self.new[0].SerializeToString()


def scheduled(action: worker_pb2.WorkflowAction) -> history_pb2.HistoryEvent:
    match action.WhichOneof("workflow_action_type"):
        case "schedule_task":
            task = action.schedule_task
            return event(
                action.id,
                task_scheduled={"name": task.name, "task_execution_id": task.task_execution_id},
            )
        case "create_child_workflow":
            child = action.create_child_workflow
            return event(
                action.id,
                child_workflow_instance_created={
                    "name": child.name,
                    "instance_id": child.instance_id,
                },
            )
        case "create_detached_workflow":
            instance_id = action.create_detached_workflow.instance_id
            return event(action.id, detached_workflow_instance_created={"instance_id": instance_id})
        case _:
            return event(action.id, timer_created={"fire_at": action.create_timer.fire_at})


def done(number: int, result: str | None = "null") -> history_pb2.HistoryEvent:
    return event(task_completed={"task_scheduled_id": number, "result": text(result)})


def broke(number: int, error_type: str = "Boom", **fields: Any) -> history_pb2.HistoryEvent:
    details = {"error_type": error_type, "error_message": "it broke", **fields}
    return event(task_failed={"task_scheduled_id": number, "failure_details": details})


def child_done(number: int, result: str | None = "null") -> history_pb2.HistoryEvent:
    return event(child_workflow_instance_completed={"task_scheduled_id": number, "result": text(result)})


def child_broke(number: int, error_type: str = "Boom") -> history_pb2.HistoryEvent:
    details = {"error_type": error_type, "error_message": "it broke"}
    return event(child_workflow_instance_failed={"task_scheduled_id": number, "failure_details": details})


def fired(number: int) -> history_pb2.HistoryEvent:
    return event(timer_fired={"timer_id": number})


def raised(name: str, payload: str | None = None) -> history_pb2.HistoryEvent:
    return event(event_raised={"name": name, "input": text(payload)})
