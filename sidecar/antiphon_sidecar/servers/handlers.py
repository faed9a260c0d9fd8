"""Generic gRPC handlers: from the method tables to servicers, with tokens checked and errors translated once."""

from __future__ import annotations

import hmac
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Any, TypeAlias, cast

import grpc
from google.protobuf.message import Message

from antiphon_names import errors as codes
from antiphon_proto.methods import Method
from antiphon_sidecar.runtime.errors import RuntimeFailure
from antiphon_sidecar.servers.errors import Rejected, status_of, text_of
from antiphon_sidecar.stores.errors import StoreError

logger = logging.getLogger(__name__)

Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Unary: TypeAlias = Callable[[Any, Any], Awaitable[Message]]
Streaming: TypeAlias = Callable[[Any, Any], AsyncIterator[Message]]
#: Looks at each call before it is done, such as a `TokenCheck`.
Admission: TypeAlias = Callable[[Any], Awaitable[None]]

GenericHandler: TypeAlias = "grpc.GenericRpcHandler[Any, Any]"
RpcHandler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"

#: What calls end with that is not a bug.
EXPECTED = (RuntimeFailure, StoreError, Rejected)


class TokenCheck:
    """Requires the API token in `dapr-api-token`, when there is one."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    async def __call__(self, context: Context) -> None:
        """End the call with UNAUTHENTICATED when the token is missing or wrong."""
        if self._token is None:
            return
        given = next((value for key, value in context.invocation_metadata() or () if key == "dapr-api-token"), "")
        text = given.decode(errors="replace") if isinstance(given, bytes) else given
        if not hmac.compare_digest(text.encode(), self._token.encode()):
            await context.abort(
                grpc.StatusCode.UNAUTHENTICATED,
                f"{codes.TOKEN_WRONG}: the metadata key dapr-api-token is missing or wrong. "
                "Set DAPR_API_TOKEN in the app to the token that its sidecar was given.",
            )


def generic_handler(
    *,
    service: str,
    methods: Mapping[str, Method],
    implementations: Mapping[str, Unary | Streaming],
    token: Admission,
) -> GenericHandler:
    """Build the handler of a service; methods without an implementation answer UNIMPLEMENTED."""
    handlers = {}
    for name, call in implementations.items():
        method = methods[name]
        handlers[name] = _handler(method, call, token)
    return grpc.method_handlers_generic_handler(service, handlers)


def _handler(method: Method, call: Unary | Streaming, token: Admission) -> RpcHandler:
    async def unary(request: Message, context: Context) -> Message:
        await token(context)
        try:
            return await cast(Unary, call)(request, context)
        except EXPECTED as error:
            await context.abort(status_of(error), text_of(error))
            raise AssertionError("abort does not return") from error

    async def streaming(request: object, context: Context) -> AsyncIterator[Message]:
        await token(context)
        try:
            async for answer in cast(Streaming, call)(request, context):
                yield answer
        except EXPECTED as error:
            await context.abort(status_of(error), text_of(error))

    read, write = method.request.FromString, method.response.SerializeToString
    if method.client_streaming:
        return grpc.stream_stream_rpc_method_handler(streaming, read, write)
    if method.server_streaming:
        return grpc.unary_stream_rpc_method_handler(streaming, read, write)
    return grpc.unary_unary_rpc_method_handler(unary, read, write)


class UnknownMethods(grpc.GenericRpcHandler):  # type: ignore[type-arg]  # generic in the stubs alone
    """Answers whatever no other handler of a server knows: clients and workers of another protocol."""

    def service(self, call: grpc.HandlerCallDetails) -> RpcHandler:
        """Return a handler that refuses the call, whatever it carries."""

        async def refuse(requests: object, context: Context) -> None:
            await context.abort(
                grpc.StatusCode.UNIMPLEMENTED,
                f"{codes.METHOD_UNKNOWN}: this port serves Dapr's workflow protocol (TaskHubSidecarService) and "
                f'Antiphon\'s own, which have no "{call.method}". Nothing was done. Point that program to its own '
                "server; if it is an SDK for Dapr Workflow, it is newer than this release.",
            )

        return grpc.stream_stream_rpc_method_handler(refuse)
