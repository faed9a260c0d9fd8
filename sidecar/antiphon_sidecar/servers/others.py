"""Asks the control API of other replicas: what is in their memory, and how they are.

One hop, and each question has a deadline: a person waits for the answer, and a replica may be dead or stopped.
"""

from typing import TypeVar

import grpc
import grpc.aio
from google.protobuf.message import Message

from antiphon_proto import methods
from antiphon_proto.v1 import control_pb2 as ct
from antiphon_sidecar.coordination.base import Registration
from antiphon_sidecar.peers.grpc import Certificates
from antiphon_sidecar.runtime.why import Silent, TaskAt, Wait
from antiphon_sidecar.servers.waits import task_at_of, wait_of
from antiphon_sidecar.stores.base import TaskRef

_DEADLINE_S = 2.0
_OPTIONS = (("grpc.max_receive_message_length", -1), ("grpc.enable_http_proxy", 0))

ResponseT = TypeVar("ResponseT", bound=Message)


class OtherReplicas:
    """Asks with the certificates of this replica, if it has any."""

    def __init__(self, certificates: Certificates | None) -> None:
        self._certificates = certificates

    async def why(self, to: Registration, *, app: str, instance_id: str) -> list[Wait]:
        """Return what an instance waits for by its owner's memory; children are named and not followed.

        Raises:
            Silent: no answer.
        """
        request = ct.WhyRequest(app_id=app, instance_id=instance_id, to_replica_id=to.replica)
        answer = await self._ask(to, "Why", request, ct.WhyResponse)
        return [wait_of(each) for each in answer.waiting_on]

    async def task_at(self, to: Registration, ref: TaskRef) -> TaskAt:
        """Return how far a replica is with an activity.

        Raises:
            Silent: no answer.
        """
        request = ct.TaskAtRequest(
            app_id=ref.app,
            instance_id=ref.instance_id,
            execution_id=ref.execution_id,
            task_id=ref.task_id,
            to_replica_id=to.replica,
        )
        return task_at_of(await self._ask(to, "TaskAt", request, ct.TaskAtResponse))

    async def check(self, to: Registration) -> ct.CheckResponse:
        """Return how a replica is.

        Raises:
            Silent: no answer.
        """
        return await self._ask(to, "Check", ct.CheckRequest(to_replica_id=to.replica), ct.CheckResponse)

    async def _ask(self, to: Registration, name: str, request: Message, response: type[ResponseT]) -> ResponseT:
        method = methods.CONTROL[name]
        try:
            async with self._channel(to.address) as channel:
                call = channel.unary_unary(
                    method.path,
                    request_serializer=method.request.SerializeToString,
                    response_deserializer=response.FromString,
                )
                answer: ResponseT = await call(request, timeout=_DEADLINE_S)
        except grpc.aio.AioRpcError as error:
            raise Silent(_seen(error)) from error
        except OSError as error:
            raise Silent(f"cannot be asked, because a certificate cannot be read ({error})") from error
        return answer

    def _channel(self, address: str) -> grpc.aio.Channel:
        if self._certificates is None:
            return grpc.aio.insecure_channel(address, options=_OPTIONS)
        return grpc.aio.secure_channel(address, self._certificates.for_client(), options=_OPTIONS)


def _seen(error: grpc.aio.AioRpcError) -> str:
    details = error.details() or ""
    match error.code():
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            return f"did not answer within {_DEADLINE_S:g} s"
        case grpc.StatusCode.UNAVAILABLE if not details.startswith("AN"):
            # gRPC tells the whole way to the cause, which comes last.
            return f"cannot be reached ({details.rpartition(': ')[2] or 'no reason given'})"
        case grpc.StatusCode.UNIMPLEMENTED:
            return "is of a release that cannot be asked"
        case status:
            return f"answered {details or status.name}".rstrip(".")
