"""gRPC statuses to the errors that users catch: one table. Used by client."""

import re
from collections.abc import Mapping

import grpc
import grpc.aio

from antiphon import errors
from antiphon_names import errors as names

_CODE = re.compile(r"\b(AN\d{3})\b")

_BY_CODE: Mapping[str, type[errors.RequestError]] = {
    names.INSTANCE_NOT_FOUND.number: errors.InstanceNotFound,
    names.INSTANCE_ID_IN_USE.number: errors.InstanceAlreadyExists,
    names.INSTANCE_NOT_FINISHED.number: errors.InstanceNotFinished,
    names.PAYLOAD_TOO_LARGE.number: errors.PayloadTooLarge,
    names.TOKEN_WRONG.number: errors.TokenWrong,
    names.REQUEST_INVALID.number: errors.RequestInvalid,
    names.NOT_SUPPORTED.number: errors.NotSupported,
    names.SIDECAR_DRAINING.number: errors.SidecarUnavailable,
}

_BY_STATUS: Mapping[grpc.StatusCode, type[errors.RequestError]] = {
    grpc.StatusCode.NOT_FOUND: errors.InstanceNotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.InstanceAlreadyExists,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.PayloadTooLarge,
    grpc.StatusCode.UNAUTHENTICATED: errors.TokenWrong,
    grpc.StatusCode.INVALID_ARGUMENT: errors.RequestInvalid,
    grpc.StatusCode.OUT_OF_RANGE: errors.RequestInvalid,
    grpc.StatusCode.UNIMPLEMENTED: errors.NotSupported,
    grpc.StatusCode.UNAVAILABLE: errors.SidecarUnavailable,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.SidecarUnavailable,
    grpc.StatusCode.CANCELLED: errors.SidecarUnavailable,
    grpc.StatusCode.FAILED_PRECONDITION: errors.RequestRefused,
    grpc.StatusCode.PERMISSION_DENIED: errors.RequestRefused,
    grpc.StatusCode.ABORTED: errors.RequestRefused,
}


def no_instance(instance_id: str) -> str:
    """Return the text for an instance that is not there."""
    return f'{names.INSTANCE_NOT_FOUND}: no such instance exists: "{instance_id}"'


def typed(error: grpc.aio.AioRpcError, *, method: str, target: str) -> errors.RequestError:
    """Return the error for users: by its AN code, else by what daprd writes, else by its status."""
    details = error.details() or error.code().name
    found = _CODE.search(details)
    code = found.group(1) if found else ""
    kind = _BY_CODE.get(code)
    if kind is None and "no such instance exists" in details:
        kind = errors.InstanceNotFound
    if kind is None:
        kind = _BY_STATUS.get(error.code(), errors.RequestError)
    if kind is errors.SidecarUnavailable and not code:
        details = (
            f"the sidecar at {target} does not answer {method} ({error.code().name}: {details}). Is it "
            "running (antiphon dev, antiphon run), and is the port right (ANTIPHON_GRPC_PORT)?"
        )
    return kind(details, code=code)
