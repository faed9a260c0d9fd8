"""One table from errors to gRPC statuses; texts travel as they are, bounded to what every SDK can read."""

import grpc

from antiphon_names.errors import Code
from antiphon_sidecar.runtime import errors as rt
from antiphon_sidecar.stores.errors import StoreError

#: Java refuses more than 8 KiB of response metadata.
_TEXT_MAX = 4_000

STATUS: dict[type[Exception], grpc.StatusCode] = {
    rt.NotFound: grpc.StatusCode.NOT_FOUND,
    rt.Exists: grpc.StatusCode.ALREADY_EXISTS,
    rt.Refused: grpc.StatusCode.FAILED_PRECONDITION,
    rt.NotAdmitted: grpc.StatusCode.FAILED_PRECONDITION,
    rt.Unfit: grpc.StatusCode.INVALID_ARGUMENT,
    rt.Away: grpc.StatusCode.UNAVAILABLE,
}


class Rejected(Exception):
    """A request that cannot be understood or is not allowed; carries its status."""

    def __init__(self, status: grpc.StatusCode, code: Code, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.status = status


def status_of(error: Exception) -> grpc.StatusCode:
    """Return the status of an error of the runtime, the stores or this layer; INTERNAL for a bug."""
    if isinstance(error, Rejected):
        return error.status
    if isinstance(error, StoreError):
        return grpc.StatusCode.UNAVAILABLE
    return STATUS.get(type(error), grpc.StatusCode.INTERNAL)


def text_of(error: Exception) -> str:
    """Return the error's text, bounded."""
    text = str(error)
    return text if len(text) <= _TEXT_MAX else text[: _TEXT_MAX - 3] + "..."
