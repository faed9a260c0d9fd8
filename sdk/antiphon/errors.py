"""Everything this package raises on purpose, so that users can catch it by what they can do about it.

    AntiphonError
    ├── DefinitionError         a function cannot be a workflow or an activity, or is missing
    ├── ValueInvalid            a value cannot become JSON, or JSON does not fit its type hint
    │   └── PayloadNotDecoded       it was encoded by a codec that is missing here
    ├── WorkflowRuleBroken      workflow code awaited or called what cannot be replayed
    ├── NonDeterminism          workflow code asked for something else than its history says
    ├── HistoryInvalid          what was given to testing.replay is no history of that workflow
    ├── ContractInvalid         what was given to testing as other apps' contracts is none, or lacks a name
    ├── WaitCancelled           what awaiting a wait that was given up raises
    ├── ActivityCancelled       heartbeats raise it in an activity that nobody waits for any more
    ├── NonRetriableError       raise this, or a subclass, where trying again is pointless
    ├── RemoteError             a failure's cause, of a type that is not known here
    ├── CallFailure             what awaiting a call raises in a workflow
    │   ├── ActivityFailure
    │   │   └── ActivityTimeout         one of its timeouts was over
    │   └── ChildWorkflowFailure
    └── RequestError            what a client call raises
        ├── SidecarUnavailable      nothing answers at the address
        ├── InstanceNotFound
        ├── InstanceAlreadyExists
        ├── InstanceNotFinished
        ├── RequestRefused          understood, and not allowed now
        ├── RequestInvalid          not understood
        ├── TokenWrong
        ├── PayloadTooLarge
        └── NotSupported

A wait whose time is up raises the built-in TimeoutError. This module imports nothing of ours but the
list of codes; it does not know how failures travel (see _wire). The types that users register are kept
here, since an exception's type is known to the whole process.
"""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar, overload

from antiphon_names import errors as names

E = TypeVar("E", bound=type[Exception])


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a workflow, activity or child failed, as it was recorded; `inner` is what caused it.

    `code` is the stable `AN...` code when the sidecar or the SDK made the failure, and empty when
    user code raised it. `app` is the app in which it was raised, "" when that is not known; `data` the
    JSON value that the exception had as `failure_data`.
    """

    error_type: str
    message: str
    stack_trace: str = ""
    code: str = ""
    non_retriable: bool = False
    inner: Failure | None = None
    app: str = ""
    data: Any = None

    def __str__(self) -> str:
        return f"{self.error_type}: {self.message}"

    def chain(self) -> Iterator[Failure]:
        """Yield this failure, what caused it, what caused that, and so on to the root."""
        failure: Failure | None = self
        while failure is not None:
            yield failure
            failure = failure.inner

    def find(self, kind: str | type[BaseException]) -> Failure | None:
        """Return the first failure of the chain of this type, or None; see `is_a`."""
        return next((failure for failure in self.chain() if failure.is_a(kind)), None)

    def is_a(self, kind: str | type[BaseException]) -> bool:
        """Tell whether this was an exception of that type, by the name it travels under, qualified or bare."""
        name = kind if isinstance(kind, str) else failure_name(kind)
        return name in (self.error_type, self.error_type.rpartition(".")[2])

    def error(self) -> Exception:
        """Return the exception that was raised, made again here, with its causes as `__cause__`.

        Of the registered type (see `failure_type`), else of the built-in of that name, else a RemoteError.
        """
        error = _made_again(self)
        if self.app or self.stack_trace:
            where = f"raised in app {self.app}" if self.app else "raised"
            error.add_note(f"{where}\n{self.stack_trace}".rstrip())
        if self.inner is not None and error.__cause__ is None:
            error.__cause__ = self.inner.error()
        return error


_types: dict[str, type[Exception]] = {}
_names: dict[type[BaseException], str] = {}


@overload
def failure_type(kind: E) -> E: ...
@overload
def failure_type(*, name: str | None = None) -> Callable[[E], E]: ...
def failure_type(kind: E | None = None, *, name: str | None = None) -> E | Callable[[E], E]:
    """Make an exception type known by its own name or by `name`, so that failures become it again.

    What stands in an exception's attribute `failure_data`, a JSON value, travels with it. To make one again, its
    class is called with the message, or, where it has one, its class method `from_failure` with the Failure.

    Raises:
        DefinitionError: another type has this name.
    """

    def register(kind: E) -> E:
        known = name or kind.__name__
        other = _types.setdefault(known, kind)
        if (other.__module__, other.__qualname__) != (kind.__module__, kind.__qualname__):
            raise DefinitionError(
                f'the failure type "{known}" is {other.__module__}.{other.__qualname__} already; give '
                f"{kind.__module__}.{kind.__qualname__} another name: @failure_type(name=...)"
            )
        _types[known], _names[kind] = kind, known
        return kind

    return register if kind is None else register(kind)


def failure_name(kind: type[BaseException]) -> str:
    """Return the name under which exceptions of this type travel."""
    return _names.get(kind, kind.__name__)


def _made_again(failure: Failure) -> Exception:
    bare = failure.error_type.rpartition(".")[2]
    call = {"ActivityFailure": ActivityFailure, "ChildWorkflowFailure": ChildWorkflowFailure}.get(bare)
    if call is not None and failure.inner is not None:
        return call(failure.message, name="", failure=failure.inner)
    kind = _types.get(failure.error_type) or _types.get(bare)
    builtin = getattr(builtins, bare, None)
    if kind is None and isinstance(builtin, type) and issubclass(builtin, Exception):
        kind = builtin
    if kind is None:
        return RemoteError(failure)
    try:
        make: Callable[[Failure], Exception] | None = getattr(kind, "from_failure", None)
        error = make(failure) if make is not None else kind(failure.message)
    except Exception:  # noqa: BLE001  (the user's constructor; what failed over there matters more)
        return RemoteError(failure)
    if failure.data is not None and not hasattr(error, "failure_data"):
        error.failure_data = failure.data  # type: ignore[attr-defined]  # as it had over there
    return error


class AntiphonError(Exception):
    """Root of the errors that this package raises on purpose."""


class CodedError(AntiphonError):
    """An error with a stable code; the text begins with the code and its name."""

    code: names.Code

    def __init__(self, text: str) -> None:
        super().__init__(f"{self.code}: {text}")


class DefinitionError(AntiphonError):
    """A function cannot be a workflow or an activity, or is not known as one."""


class NonRetriableError(AntiphonError):
    """Raised by activities and workflows whose failure no retry can mend."""


class RemoteError(AntiphonError):
    """An exception of a type that is not known here; `failure` has its type's name and all else."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(str(failure))
        self.failure = failure


class ValueInvalid(CodedError):
    """A value cannot become JSON, or JSON does not fit the declared type."""

    code = names.VALUE_INVALID


class PayloadNotDecoded(ValueInvalid):
    """A value was encoded by a codec that is not known here, or that cannot read it."""

    code = names.PAYLOAD_NOT_DECODED


class WorkflowRuleBroken(CodedError):
    """Workflow code awaited or called something whose outcome replay cannot repeat."""

    code = names.WORKFLOW_RULE_BROKEN


class NonDeterminism(CodedError):
    """Workflow code asked for something else than its history says."""

    code = names.NON_DETERMINISM


class HistoryInvalid(CodedError):
    """What was given as a recorded history is none, or is one of another workflow."""

    code = names.HISTORY_INVALID


class ContractInvalid(CodedError):
    """A file of contracts cannot be read, or does not hold the app or the name."""

    code = names.CONTRACT_INVALID


class WaitCancelled(AntiphonError):
    """Awaited was a wait that the workflow's own code has given up with `Task.cancel`."""


class ActivityCancelled(CodedError):
    """Nobody waits for this activity any more: its workflow has ended, or its time is up. Let it pass, and end."""

    code = names.ACTIVITY_CANCELLED


class CallFailure(AntiphonError):
    """An awaited call failed; the remote error is in `failure`, and its causes in `failure.inner`.

    The attributes `error_type`, `message`, `code`, `non_retriable` and `app` are those of `failure`.
    """

    def __init__(self, text: str, *, name: str, failure: Failure) -> None:
        super().__init__(text)
        self.name = name
        self.failure = failure
        self.__cause__ = failure.error()

    @property
    def cause(self) -> BaseException | None:
        """The exception of the other side, made again here, with its own causes as `__cause__`; see Failure.error."""
        return self.__cause__

    @property
    def app(self) -> str:
        """The app in which it failed, or empty."""
        return self.failure.app

    @property
    def error_type(self) -> str:
        """Name of the exception type on the other side."""
        return self.failure.error_type

    @property
    def message(self) -> str:
        """What the other side said."""
        return self.failure.message

    @property
    def code(self) -> str:
        """Stable `AN...` code, or empty when user code failed."""
        return self.failure.code

    @property
    def non_retriable(self) -> bool:
        """Whether trying again is pointless, as the other side says."""
        return self.failure.non_retriable


class ActivityFailure(CallFailure):
    """An activity failed and its retry policy, if any, is used up."""


class ActivityTimeout(ActivityFailure):
    """An activity's time was up; what it still does has no effect."""

    @property
    def timeout(self) -> str:
        """Which one: "start_to_close", "schedule_to_close", "heartbeat" or "schedule_to_start"."""
        return TIMEOUTS[self.code]


#: The codes with which an activity's timeouts fail, and the fields of `workflow.Timeouts` that they are.
TIMEOUTS = {
    names.TARGET_APP_UNAVAILABLE.number: "schedule_to_start",
    names.ACTIVITY_START_TO_CLOSE_TIMED_OUT.number: "start_to_close",
    names.ACTIVITY_SCHEDULE_TO_CLOSE_TIMED_OUT.number: "schedule_to_close",
    names.ACTIVITY_HEARTBEAT_TIMED_OUT.number: "heartbeat",
}


class ChildWorkflowFailure(CallFailure):
    """A child workflow failed or was terminated and its retry policy, if any, is used up."""


class RequestError(AntiphonError):
    """The sidecar refused or could not answer; `code` is its `AN...` code, or empty."""

    def __init__(self, text: str, *, code: str = "") -> None:
        super().__init__(text)
        self.code = code


class SidecarUnavailable(RequestError):
    """Nothing answers at the sidecar's address."""


class InstanceNotFound(RequestError):
    """No such instance exists in this app."""


class InstanceAlreadyExists(RequestError):
    """An active instance has this ID already."""


class InstanceNotFinished(RequestError):
    """Only a finished instance can be purged."""


class RequestRefused(RequestError):
    """The request was understood, and is not allowed now."""


class RequestInvalid(RequestError):
    """The request was not understood."""


class TokenWrong(RequestError):
    """The API token is missing or wrong."""


class PayloadTooLarge(RequestError):
    """An input, output or event is above the limit."""


class NotSupported(RequestError):
    """The sidecar does not support this."""
