"""Everything this package raises on purpose, so that users can catch it by what they can do about it.

    AntiphonError
    ├── DefinitionError         a function cannot be a workflow or an activity, or is missing
    ├── ValueInvalid            a value cannot become JSON, or JSON does not fit its type hint
    ├── WorkflowRuleBroken      workflow code awaited or called what cannot be replayed
    ├── NonDeterminism          workflow code asked for something else than its history says
    ├── HistoryInvalid          what was given to testing.replay is no history of that workflow
    ├── NonRetriableError       raise this, or a subclass, where trying again is pointless
    ├── CallFailure             what awaiting a call raises in a workflow
    │   ├── ActivityFailure
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
list of codes; it does not know how failures travel (see _wire).
"""

from __future__ import annotations

from dataclasses import dataclass

from antiphon_names import errors as names


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a workflow, activity or child failed, as it was recorded; `inner` is what caused it.

    `code` is the stable `AN...` code when the sidecar or the SDK made the failure, and empty when
    user code raised it.
    """

    error_type: str
    message: str
    stack_trace: str = ""
    code: str = ""
    non_retriable: bool = False
    inner: Failure | None = None

    def __str__(self) -> str:
        return f"{self.error_type}: {self.message}"


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


class ValueInvalid(CodedError):
    """A value cannot become JSON, or JSON does not fit the declared type."""

    code = names.VALUE_INVALID


class WorkflowRuleBroken(CodedError):
    """Workflow code awaited or called something whose outcome replay cannot repeat."""

    code = names.WORKFLOW_RULE_BROKEN


class NonDeterminism(CodedError):
    """Workflow code asked for something else than its history says."""

    code = names.NON_DETERMINISM


class HistoryInvalid(CodedError):
    """What was given as a recorded history is none, or is one of another workflow."""

    code = names.HISTORY_INVALID


class CallFailure(AntiphonError):
    """An awaited call failed; the remote error is in `failure`, and its causes in `failure.inner`.

    The attributes `error_type`, `message`, `code` and `non_retriable` are those of `failure`.
    """

    def __init__(self, text: str, *, name: str, failure: Failure) -> None:
        super().__init__(text)
        self.name = name
        self.failure = failure

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
