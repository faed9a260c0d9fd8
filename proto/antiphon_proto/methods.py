"""The gRPC methods by name: path, message types and direction.

Servers build generic handlers from these and clients build stubs from them, so that one table decides
which path a call travels under. Only the durabletask service differs from what protoc would make: its
path has no package, because that is what the SDKs in the field call.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from google.protobuf import message_factory
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message

from antiphon_proto.v1 import client_pb2, control_pb2, machine_pb2, peer_pb2, worker_pb2


@dataclass(frozen=True, slots=True)
class Method:
    """One call: `path` is what travels in the HTTP/2 request line."""

    path: str
    request: type[Message]
    response: type[Message]
    client_streaming: bool
    server_streaming: bool


def _methods(service: ServiceDescriptor, path: str) -> Mapping[str, Method]:
    return MappingProxyType(
        {
            method.name: Method(
                path=f"/{path}/{method.name}",
                request=message_factory.GetMessageClass(method.input_type),
                response=message_factory.GetMessageClass(method.output_type),
                client_streaming=method.client_streaming,
                server_streaming=method.server_streaming,
            )
            for method in service.methods
        }
    )


TASK_HUB_SERVICE = "TaskHubSidecarService"
TASK_HUB = _methods(client_pb2.DESCRIPTOR.services_by_name["TaskHubSidecarService"], TASK_HUB_SERVICE)

WORKER_SERVICE = "antiphon.v1.Worker"
WORKER = _methods(worker_pb2.DESCRIPTOR.services_by_name["Worker"], WORKER_SERVICE)

CLIENT_SERVICE = "antiphon.v1.Client"
CLIENT = _methods(client_pb2.DESCRIPTOR.services_by_name["Client"], CLIENT_SERVICE)

PEER_SERVICE = "antiphon.v1.Peer"
PEER = _methods(peer_pb2.DESCRIPTOR.services_by_name["Peer"], PEER_SERVICE)

CONTROL_SERVICE = "antiphon.v1.Control"
CONTROL = _methods(control_pb2.DESCRIPTOR.services_by_name["Control"], CONTROL_SERVICE)

MACHINE_SERVICE = "antiphon.v1.Machine"
MACHINE = _methods(machine_pb2.DESCRIPTOR.services_by_name["Machine"], MACHINE_SERVICE)
