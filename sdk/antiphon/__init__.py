"""Durable workflows across applications: the whole public API.

    from antiphon import workflow, activity, Worker, Client, RetryPolicy

`workflow`, `activity`, `codec` and `interceptors` are modules; `antiphon.testing` is imported by itself.
See docs/sdk.md.
"""

from antiphon import activity, codec, interceptors, workflow
from antiphon.client import Client, HistoryEntry, InstanceState, Status
from antiphon.errors import (
    ActivityCancelled,
    ActivityFailure,
    ActivityTimeout,
    AntiphonError,
    CallFailure,
    ChildWorkflowFailure,
    ContractInvalid,
    DefinitionError,
    Failure,
    HistoryInvalid,
    InstanceAlreadyExists,
    InstanceNotFinished,
    InstanceNotFound,
    NonDeterminism,
    NonRetriableError,
    NotSupported,
    PayloadNotDecoded,
    PayloadTooLarge,
    RemoteError,
    RequestError,
    RequestInvalid,
    RequestRefused,
    SidecarUnavailable,
    TokenWrong,
    ValueInvalid,
    WaitCancelled,
    WorkflowRuleBroken,
    failure_type,
)
from antiphon.retry import RetryPolicy
from antiphon.tracing import TraceContext
from antiphon.worker import Worker

__all__ = [
    "ActivityCancelled",
    "ActivityFailure",
    "ActivityTimeout",
    "AntiphonError",
    "CallFailure",
    "ChildWorkflowFailure",
    "Client",
    "ContractInvalid",
    "DefinitionError",
    "Failure",
    "HistoryEntry",
    "HistoryInvalid",
    "InstanceAlreadyExists",
    "InstanceNotFinished",
    "InstanceNotFound",
    "InstanceState",
    "NonDeterminism",
    "NonRetriableError",
    "NotSupported",
    "PayloadNotDecoded",
    "PayloadTooLarge",
    "RemoteError",
    "RequestError",
    "RequestInvalid",
    "RequestRefused",
    "RetryPolicy",
    "SidecarUnavailable",
    "Status",
    "TokenWrong",
    "TraceContext",
    "ValueInvalid",
    "WaitCancelled",
    "Worker",
    "WorkflowRuleBroken",
    "activity",
    "codec",
    "failure_type",
    "interceptors",
    "workflow",
]
