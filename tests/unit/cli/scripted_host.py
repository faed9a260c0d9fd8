"""A host that answers what a test tells it to, over a real unix socket; and the command line called in-process."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from concurrent import futures
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import grpc
from click.testing import CliRunner, Result
from google.protobuf.message import Message

from antiphon_cli.main import main
from antiphon_names import hosts
from antiphon_proto import methods
from antiphon_proto.v1 import client_pb2, control_pb2, history_pb2, worker_pb2

Answer = Callable[[Message, grpc.ServicerContext], Message]

SERVICES = ((methods.TASK_HUB_SERVICE, methods.TASK_HUB), (methods.CONTROL_SERVICE, methods.CONTROL))


@dataclass
class Asked:
    """What the host was asked, in order."""

    calls: list[tuple[str, Message]] = field(default_factory=list)

    def all(self, name: str) -> list[Message]:
        return [request for called, request in self.calls if called == name]

    def only(self, name: str) -> Message:
        (request,) = self.all(name)
        return request


@dataclass
class Commands:
    """Calls `antiphon` with the store of the scripted host."""

    store: str
    asked: Asked

    def __call__(self, *words: str, input: str | None = None, env: Mapping[str, str] | None = None) -> Result:
        found = {"ANTIPHON_STORE": self.store, "ANTIPHON_CONFIG": "", "ANTIPHON_API_TOKEN": "", **(env or {})}
        return CliRunner().invoke(main, words, input=input, env=found)


def apps(*names: str) -> control_pb2.ListAppsResponse:
    kinds = worker_pb2.OfferedName
    return control_pb2.ListAppsResponse(
        apps=[
            control_pb2.AppSummary(
                app_id=name,
                replicas=1,
                workers=2,
                grpc_address="127.0.0.1:50001",
                offers=[
                    kinds(kind=kinds.KIND_WORKFLOW, name="buy"),
                    kinds(kind=kinds.KIND_ACTIVITY, name="charge"),
                ],
            )
            for name in names
        ]
    )


def state(status: str, **values: str) -> client_pb2.GetInstanceResponse:
    """An instance with this status; `values` are texts of its wrapped fields."""
    known = client_pb2.WorkflowState(
        instance_id="i1", name="buy", workflow_status=history_pb2.InstanceStatus.Value(f"INSTANCE_STATUS_{status}")
    )
    for name, text in values.items():
        getattr(known, name).value = text
    return client_pb2.GetInstanceResponse(exists=True, workflow_state=known)


def failed(error_type: str, message: str) -> client_pb2.GetInstanceResponse:
    answer = state("FAILED")
    answer.workflow_state.failure_details.CopyFrom(
        history_pb2.FailureDetails(error_type=error_type, error_message=message)
    )
    return answer


@contextmanager
def scripted(answers: Mapping[str, Answer | Message]) -> Iterator[Commands]:
    """Serve the answers by method name; whatever else is asked for is UNIMPLEMENTED."""
    # Not tmp_path: a socket's path must be short to lie beside its database.
    directory = Path(tempfile.mkdtemp(prefix="an"))
    store = f"sqlite:///{directory}/state.db"
    asked = Asked()
    server = grpc.server(futures.ThreadPoolExecutor(max_workers=4))
    for service, table in SERVICES:
        handlers = {
            name: _handler(asked, name, table[name], answer) for name, answer in answers.items() if name in table
        }
        server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
    server.add_insecure_port(f"unix:{hosts.socket_path(store, schema='antiphon', namespace='default')}")
    server.start()
    try:
        yield Commands(store, asked)
    finally:
        server.stop(grace=None).wait(10)
        shutil.rmtree(directory)


def _handler(asked: Asked, name: str, method: methods.Method, answer: Answer | Message) -> grpc.RpcMethodHandler:
    def respond(request: Message, context: grpc.ServicerContext) -> Message:
        asked.calls.append((name, request))
        return answer if isinstance(answer, Message) else answer(request, context)

    return grpc.unary_unary_rpc_method_handler(
        respond, request_deserializer=method.request.FromString, response_serializer=method.response.SerializeToString
    )
