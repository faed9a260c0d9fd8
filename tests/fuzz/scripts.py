"""What a recorded conversation says, put in order: who connects how, what is started, and what workers answer."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field

from google.protobuf.message import Message

from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2 as cl
from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from tests.fuzz.conversations import Conversation

BY_PATH = {method.path: method for table in (methods.TASK_HUB, methods.WORKER) for method in table.values()}
WORK_ITEMS = methods.TASK_HUB["GetWorkItems"].path
START = methods.TASK_HUB["StartInstance"].path
COMPLETE = methods.WORKER["Complete"].path
TURN_PATHS = tuple(methods.TASK_HUB[name].path for name in ("CompleteOrchestratorTask", "CompleteWorkflowTask"))
TASK_PATH = methods.TASK_HUB["CompleteActivityTask"].path


@dataclass(slots=True)
class Script:
    """`turns`: by app and workflow, the answers of each recorded instance in order; `tasks`: answers by activity.

    `calls`: what clients asked for after the start of each instance, by its recorded ID.
    """

    connects: dict[str, wk.GetWorkItemsRequest] = field(default_factory=dict)
    starts: list[tuple[str, cl.CreateInstanceRequest]] = field(default_factory=list)
    calls: dict[str, list[tuple[str, Message]]] = field(default_factory=lambda: defaultdict(list))
    turns: dict[tuple[str, str], list[list[wk.WorkflowResponse]]] = field(default_factory=lambda: defaultdict(list))
    tasks: dict[str, list[wk.ActivityResponse]] = field(default_factory=lambda: defaultdict(list))
    #: The path by which this SDK hands in turns; `COMPLETE` takes turns and tasks in batches.
    turn_path: str = TURN_PATHS[0]


def items(item: wk.WorkItem) -> Iterator[wk.WorkItem]:
    """Yield the item and those that travel with it."""
    yield item
    yield from item.more


def started_name(request: wk.WorkflowRequest) -> str | None:
    """Return the workflow's name when the turn begins a generation."""
    for raw in request.new_events:
        event = pb.HistoryEvent.FromString(raw)
        if event.HasField("execution_started"):
            return event.execution_started.name
    return None


def script_of(conversation: Conversation) -> Script:
    """Read a conversation."""
    return _Reader().read(conversation)


class _Reader:
    """Finds out which answer belongs to what."""

    def __init__(self) -> None:
        self._script = Script()
        self._answers: dict[tuple[str, str], list[wk.WorkflowResponse]] = {}
        self._names: dict[tuple[str, int], str] = {}

    def read(self, conversation: Conversation) -> Script:
        for said in conversation.said:
            method = BY_PATH.get(said.method)
            if method is None:
                continue
            message = (method.request if said.by_app else method.response).FromString(said.message)
            match message:
                case wk.WorkItem():
                    for item in items(message):
                        self._item(said.app, item)
                case wk.CompleteRequest() | wk.WorkflowResponse() | wk.ActivityResponse():
                    self._answer(said.app, said.method, message)
                case _ if said.by_app:
                    self._call(said.app, said.method, message)
        return self._script

    def _item(self, app: str, item: wk.WorkItem) -> None:
        if item.HasField("activity_request"):
            request = item.activity_request
            self._names[request.workflow_instance.instance_id, request.task_id] = request.name
            return
        name = started_name(item.workflow_request) if item.HasField("workflow_request") else None
        if name is not None:
            answers = self._answers[app, item.workflow_request.instance_id] = []
            self._script.turns[app, name].append(answers)

    def _answer(self, app: str, path: str, message: Message) -> None:
        if isinstance(message, wk.CompleteRequest):
            for each in (*message.workflows, *message.activities):
                self._answer(app, path, each)
        elif isinstance(message, wk.WorkflowResponse):
            self._script.turn_path = path
            self._answers[app, message.instance_id].append(message)
        elif isinstance(message, wk.ActivityResponse):
            self._script.tasks[self._names[message.instance_id, message.task_id]].append(message)

    def _call(self, app: str, path: str, message: Message) -> None:
        if isinstance(message, wk.GetWorkItemsRequest):
            self._script.connects[app] = message
        elif isinstance(message, cl.CreateInstanceRequest):
            self._script.starts.append((app, message))
        elif (instance_id := getattr(message, "instance_id", "")) and not path.endswith("Completion"):
            self._script.calls[instance_id].append((path, message))
