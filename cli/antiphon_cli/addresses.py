"""Sidecars by their addresses: how an address is written, and what is told when none answers as it should."""

import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from urllib.parse import urlsplit

import grpc

from antiphon_cli.certificates import Certificates, misfit
from antiphon_cli.channels import OPTIONS, ChannelConnection
from antiphon_cli.failures import Misused, Refused, Unreachable
from antiphon_names import errors as codes
from antiphon_proto import methods
from antiphon_proto.v1 import control_pb2

#: A sidecar's peer port unless it was told another one.
PEER_PORT = 50002
_CONNECT_S = 5.0


def parsed(texts: Sequence[str]) -> list[str]:
    """Return addresses as HOST:PORT; several may stand in one text, with commas or spaces between them.

    Raises:
        Misused: one is no address.
    """
    return [_checked(part) for text in texts for part in text.replace(",", " ").split()]


def _checked(text: str) -> str:
    try:
        parts = urlsplit(f"//{text}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if not host or parts.netloc != text or "@" in text:
        raise Misused(f'{codes.SETTING_INVALID}: "{text}" is no address. Give HOST:PORT, such as 10.0.0.7:{PEER_PORT}.')
    return text if port is not None else f"{text}:{PEER_PORT}"


@contextmanager
def answering(
    addresses: Sequence[str], *, certificates: Certificates | None, token: str | None, namespace: str | None
) -> Iterator[ChannelConnection]:
    """Connect to the first address where a sidecar answers; `namespace`: the one that it has to serve, None for any.

    Raises:
        Unreachable, Refused: none does; the text says why of each.
    """
    failures: list[Refused] = []
    for address in addresses:
        with _channel(address, certificates) as channel:
            try:
                _greet(channel, address, certificates, namespace=namespace)
            except Refused as refused:
                failures.append(refused)
                continue
            yield ChannelConnection(channel, token=token, place=address)
            return
    if len(failures) == 1:
        raise failures[0]
    told = "\n".join(f"  {failure.format_message()}" for failure in failures)
    raise Unreachable(f"{codes.HOST_NOT_FOUND}: none of {len(addresses)} addresses can be asked:\n{told}")


def _channel(address: str, certificates: Certificates | None) -> grpc.Channel:
    if certificates is None:
        return grpc.insecure_channel(address, options=OPTIONS)
    options = OPTIONS
    if certificates.name is not None:
        options = (*OPTIONS, ("grpc.ssl_target_name_override", certificates.name))
    return grpc.secure_channel(address, certificates.credentials(), options=options)


def _greet(channel: grpc.Channel, address: str, certificates: Certificates | None, *, namespace: str | None) -> None:
    parts = urlsplit(f"//{address}")
    host, port = parts.hostname or "", parts.port or PEER_PORT
    _look(host, port, address)
    method = methods.CONTROL["Greet"]
    greet = channel.unary_unary(
        method.path,
        request_serializer=method.request.SerializeToString,
        response_deserializer=control_pb2.GreetResponse.FromString,
    )
    try:
        answer: control_pb2.GreetResponse = greet(control_pb2.GreetRequest(), timeout=_CONNECT_S)
    except grpc.RpcError as error:
        unfit = misfit(host, port, certificates)
        raise Refused(unfit) if unfit is not None else _strange(error, address) from error
    if namespace is not None and answer.namespace != namespace:
        raise Refused(
            f'{codes.NAMESPACE_MISMATCH}: the sidecar at {address} serves namespace "{answer.namespace}", not '
            f'"{namespace}". Ask one of "{namespace}", or give --namespace {answer.namespace}.'
        )


def _look(host: str, port: int, address: str) -> None:
    """Find out whether anything listens, which gRPC does not tell apart from much else.

    Raises:
        Unreachable: nothing does.
    """
    try:
        socket.create_connection((host, port), timeout=_CONNECT_S).close()
    except OSError as error:
        reason = "no answer" if isinstance(error, TimeoutError) else error.strerror or str(error)
        raise Unreachable(
            f"{codes.HOST_NOT_FOUND}: nothing answers at {address} ({reason}). Give the peer port of a sidecar, "
            f"{PEER_PORT} unless it was told another one."
        ) from error


def _strange(error: grpc.RpcError, address: str) -> Refused:
    details = error.details() or ""
    advice = f"Give the peer port of a sidecar, {PEER_PORT} unless it was told another one."
    match error.code():
        case grpc.StatusCode.UNIMPLEMENTED if details.startswith(codes.METHOD_UNKNOWN.number):
            return Refused(f"{codes.ADDRESS_MISTAKEN}: {address} is where a sidecar's own app connects. {advice}")
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            text = f"something listens at {address}, but did not answer as a sidecar does within {_CONNECT_S:g} s"
            return Refused(f"{codes.ADDRESS_MISTAKEN}: {text}. It may be stopped or overloaded. {advice}")
        case status:
            said = details.rpartition(": ")[2] or status.name
            return Refused(f"{codes.ADDRESS_MISTAKEN}: what listens at {address} is no sidecar ({said}). {advice}")
