"""A client and worker of our own that speaks the wire by hand: what no SDK of today does, an older or newer one may."""

import itertools
import queue
import threading
from collections.abc import Iterable, Sequence
from typing import Any

import grpc
from google.protobuf.wrappers_pb2 import StringValue

from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2 as cl
from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk

PATIENCE_S = 15.0
_OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]


class Stream:
    """An open GetWorkItems call; what comes is kept until a test asks for it."""

    def __init__(self, call: Any) -> None:
        self._call = call
        self._items: queue.Queue[wk.WorkItem | None] = queue.Queue()
        self.status: grpc.StatusCode | None = None
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        try:
            for item in self._call:
                self._items.put(item)
            self.status = grpc.StatusCode.OK
        except grpc.RpcError as error:
            self.status = error.code()
        self._items.put(None)

    def item(self) -> wk.WorkItem:
        """Return the next item."""
        item = self._items.get(timeout=PATIENCE_S)
        assert item is not None, f"the stream has ended: {self.status}"
        return item

    def turn(self) -> wk.WorkItem:
        """Return the next item, which must be a turn."""
        item = self.item()
        assert item.HasField("workflow_request"), item
        return item

    def task(self) -> wk.WorkItem:
        """Return the next item, which must be an activity."""
        item = self.item()
        assert item.HasField("activity_request"), item
        return item

    def ready(self) -> wk.WorkItem | None:
        """Return the next item if there is one now."""
        return None if self._items.empty() else self.item()

    def nothing(self, *, for_s: float = 0.5) -> None:
        """Make sure that no item comes for a while."""
        try:
            item = self._items.get(timeout=for_s)
        except queue.Empty:
            return
        raise AssertionError(f"something came: {item}")

    def ended(self) -> grpc.StatusCode | None:
        """Wait for the end of the stream and return its status; items that come before are dropped."""
        while self._items.get(timeout=PATIENCE_S) is not None:
            pass
        return self.status

    def close(self) -> None:
        """Leave, as a worker that dies."""
        self._call.cancel()
        self._reader.join(timeout=PATIENCE_S)


class Wire:
    """One connection to an app's sidecar."""

    _ids = itertools.count()

    def __init__(self, port: int, *, app: str = "", token: str | None = None, agent: str = "") -> None:
        self.app = app
        options = [*_OPTIONS, ("grpc.primary_user_agent", agent)] if agent else _OPTIONS
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=options)
        self._metadata = () if token is None else (("dapr-api-token", token),)
        self._streams: list[Stream] = []
        self._calls: list[Any] = []

    def close(self) -> None:
        """Close the connection with all its streams."""
        for stream in self._streams:
            stream.close()
        self._channel.close()

    def call(self, name: str, request: Any, *, timeout_s: float = PATIENCE_S) -> Any:
        """Make a unary call.

        Raises:
            grpc.RpcError: the sidecar refused.
        """
        return self.begin(name, request, timeout_s=timeout_s).result()

    def begin(self, name: str, request: Any, *, timeout_s: float = PATIENCE_S) -> Any:
        """Make a unary call and return it at once."""
        method = methods.TASK_HUB[name]
        send = self._channel.unary_unary(method.path, method.request.SerializeToString, method.response.FromString)
        made = send.future(request, timeout=timeout_s, metadata=self._metadata)
        # A call that nobody holds is cancelled.
        self._calls.append(made)
        return made

    def call_unknown(self, name: str) -> Any:
        """Make a call that our tables do not know."""
        return self._channel.unary_unary(f"/{methods.TASK_HUB_SERVICE}/{name}")(b"", timeout=PATIENCE_S)

    def work(self, *capabilities: int) -> Stream:
        """Open a stream of work items."""
        method = methods.TASK_HUB["GetWorkItems"]
        open_stream = self._channel.unary_stream(
            method.path, method.request.SerializeToString, method.response.FromString
        )
        stream = Stream(open_stream(wk.GetWorkItemsRequest(capabilities=capabilities), metadata=self._metadata))
        self._streams.append(stream)
        return stream

    def start(self, name: str = "raw", **more: Any) -> str:
        """Start an instance that nobody's SDK runs; does not wait for its first turn."""
        instance_id = more.pop("instance_id", f"wire-{next(self._ids)}")
        request = cl.CreateInstanceRequest(instance_id=instance_id, name=name, **more)
        self.begin("StartInstance", request)
        return instance_id

    def answer(self, turn: wk.WorkItem, *actions: wk.WorkflowAction, token: str | None = None, **more: Any) -> None:
        """Answer a turn, with its own token unless told otherwise."""
        self.call(
            "CompleteOrchestratorTask",
            wk.WorkflowResponse(
                instance_id=turn.workflow_request.instance_id,
                actions=actions,
                completion_token=turn.completion_token if token is None else token,
                **more,
            ),
        )

    def finish(self, task: wk.WorkItem, result: str = "1", *, token: str | None = None) -> None:
        """Answer an activity, and wait until that is durable."""
        self.finish_soon(task, result, token=token).result()

    def finish_soon(self, task: wk.WorkItem, result: str = "1", *, token: str | None = None) -> Any:
        """Answer an activity as SDKs do, which go on meanwhile; return the call."""
        request = task.activity_request
        answer = wk.ActivityResponse(
            instance_id=request.workflow_instance.instance_id,
            task_id=request.task_id,
            result=text(result),
            completion_token=task.completion_token if token is None else token,
        )
        return self.begin("CompleteActivityTask", answer)

    def get(self, instance_id: str) -> cl.WorkflowState:
        """Return an instance, which must exist."""
        found = self.call("GetInstance", cl.GetInstanceRequest(instance_id=instance_id, get_inputs_and_outputs=True))
        assert found.exists
        state: cl.WorkflowState = found.workflow_state
        return state

    def ended(self, instance_id: str) -> cl.WorkflowState:
        """Wait for the end of an instance."""
        request = cl.GetInstanceRequest(instance_id=instance_id, get_inputs_and_outputs=True)
        state: cl.WorkflowState = self.call("WaitForInstanceCompletion", request).workflow_state
        return state

    def history(self, instance_id: str) -> list[pb.HistoryEvent]:
        """Return the committed events."""
        return events(self.raw_history(instance_id))

    def raw_history(self, instance_id: str) -> list[bytes]:
        """Return the committed events as they are kept."""
        answer = self.call("GetInstanceHistory", cl.GetInstanceHistoryRequest(instance_id=instance_id))
        return list(answer.events)


def text(value: str) -> StringValue:
    """Return a text as the wire has it."""
    return StringValue(value=value)


def events(raw: Iterable[bytes]) -> list[pb.HistoryEvent]:
    """Read events."""
    return [pb.HistoryEvent.FromString(each) for each in raw]


def kinds(of: Iterable[pb.HistoryEvent]) -> list[str | None]:
    """Return what kind each event is."""
    return [event.WhichOneof("event_type") for event in of]


def schedule(id: int, name: str = "act", **more: Any) -> wk.WorkflowAction:
    """Return the action that asks for an activity."""
    router = more.pop("router", None)
    return wk.WorkflowAction(id=id, schedule_task=wk.ScheduleTaskAction(name=name, **more), router=router)


def complete(id: int, *, status: int = pb.INSTANCE_STATUS_COMPLETED, result: str = "1") -> wk.WorkflowAction:
    """Return the action that ends a workflow."""
    done = wk.CompleteWorkflowAction(workflow_status=pb.InstanceStatus.Name(status), result=text(result))
    return wk.WorkflowAction(id=id, complete_workflow=done)


def new_events(turn: wk.WorkItem) -> list[pb.HistoryEvent]:
    """Return a turn's new events."""
    return events(turn.workflow_request.new_events)


def past_events(turn: wk.WorkItem) -> Sequence[pb.HistoryEvent]:
    """Return a turn's past events."""
    return events(turn.workflow_request.past_events)
