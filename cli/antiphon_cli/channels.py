"""Calls to a process over gRPC, and what a person is told when one fails; decides nothing about the answers."""

from typing import TypeVar

import grpc
from google.protobuf.message import Message

from antiphon_cli.failures import Refused, TimedOut, Unreachable
from antiphon_names import errors as codes
from antiphon_proto import methods

#: How long one call may take, in seconds. Calls that wait by their nature say their own.
CALL_S = 30.0

#: For every channel of the command line.
OPTIONS: tuple[tuple[str, int | str], ...] = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.enable_http_proxy", 0),
)

ResponseT = TypeVar("ResponseT", bound=Message)


class ChannelConnection:
    """A process that answers on a channel; a `connection.Connection`."""

    def __init__(self, channel: grpc.Channel, *, token: str | None, place: str) -> None:
        self.place = place
        self._channel = channel
        self._metadata = (("dapr-api-token", token),) if token else ()

    def task_hub(
        self, name: str, request: Message, response: type[ResponseT], *, timeout_s: float = CALL_S
    ) -> ResponseT:
        """Call a method of TaskHubSidecarService.

        Raises:
            TimedOut: no answer within `timeout_s`.
            Unreachable: nobody answers.
            Refused: the process said no; its text is the message.
        """
        return self._call(methods.TASK_HUB[name], request, response, timeout_s=timeout_s)

    def control(
        self, name: str, request: Message, response: type[ResponseT], *, timeout_s: float = CALL_S
    ) -> ResponseT:
        """Call a method of antiphon.v1.Control; raises what `task_hub` raises."""
        return self._call(methods.CONTROL[name], request, response, timeout_s=timeout_s)

    def later(self, app: str) -> str:
        """Return nothing: what was asked for is done when the call is answered."""
        return ""

    def _call(
        self, method: methods.Method, request: Message, response: type[ResponseT], *, timeout_s: float
    ) -> ResponseT:
        call = self._channel.unary_unary(
            method.path, request_serializer=method.request.SerializeToString, response_deserializer=response.FromString
        )
        try:
            answer: ResponseT = call(request, timeout=timeout_s, metadata=self._metadata)
        except grpc.RpcError as error:
            raise self._refusal(error, method=method, timeout_s=timeout_s) from error
        return answer

    def _refusal(self, error: grpc.RpcError, *, method: methods.Method, timeout_s: float) -> Refused:
        details = error.details() or ""
        match error.code():
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                return TimedOut(f"{self.place} did not answer within {timeout_s:g}s.")
            case grpc.StatusCode.UNAVAILABLE | grpc.StatusCode.CANCELLED:
                lost = (
                    f"{codes.HOST_NOT_FOUND}: the connection to {self.place} failed: {details}. "
                    "Look whether it still runs."
                )
                return Unreachable(details if details.startswith("AN") else lost)
            case grpc.StatusCode.UNIMPLEMENTED:
                name = method.path.rpartition("/")[2]
                return Refused(
                    details if details.startswith("AN") else f"{self.place} does not know {name}: {details}."
                )
            case status:
                return Refused(details or f"{self.place} answered {status.name} without a reason.")
