"""What can be a workflow or an activity."""

import pytest

import antiphon
from antiphon import DefinitionError, _definitions, activity, workflow


def test_public_names_are_these():
    assert antiphon.__all__ == sorted(
        [
            *("ActivityFailure", "AntiphonError", "CallFailure", "ChildWorkflowFailure", "Client", "ContractInvalid"),
            *("DefinitionError", "Failure", "HistoryEntry", "HistoryInvalid", "InstanceAlreadyExists"),
            *("InstanceNotFinished", "InstanceNotFound", "InstanceState", "NonDeterminism"),
            *(
                "NonRetriableError",
                "NotSupported",
                "PayloadNotDecoded",
                "PayloadTooLarge",
                "RemoteError",
                "RequestError",
            ),
            *("RequestInvalid", "RequestRefused", "RetryPolicy", "SidecarUnavailable", "Status"),
            *("TokenWrong", "TraceContext", "ValueInvalid", "WaitCancelled", "Worker", "WorkflowRuleBroken"),
            *("activity", "workflow"),
            *("codec", "failure_type", "interceptors", "ActivityCancelled", "ActivityTimeout"),
        ]
    )
    assert workflow.__all__ == ["Context", "Task", "Timeouts", "define"]
    assert activity.__all__ == ["ActivityInfo", "cancelled", "define", "heartbeat", "info"]


def test_a_decorated_function_is_still_that_function():
    @activity.define(name="add-one")
    def add(n: int) -> int:
        return n + 1

    assert add(1) == 2
    assert _definitions.find(add, kind="activity").name == "add-one"


def test_a_workflow_must_be_async():
    with pytest.raises(DefinitionError, match="must be an async def"):

        @workflow.define  # type: ignore[type-var]
        def plain(ctx: workflow.Context) -> None: ...


def test_a_workflow_needs_a_context():
    with pytest.raises(DefinitionError, match="its first parameter is ctx"):

        @workflow.define
        async def bare() -> None: ...


def test_one_input_is_the_most():
    with pytest.raises(DefinitionError, match="put several values into a dataclass"):

        @activity.define
        def add(a: int, b: int) -> int:
            return a + b


def test_an_undecorated_function_is_named_with_the_remedy():
    def plain() -> None: ...

    with pytest.raises(DefinitionError, match=r"put @activity.define above it"):
        _definitions.find(plain, kind="activity")


def test_the_other_kind_is_refused():
    @activity.define
    def work() -> None: ...

    with pytest.raises(DefinitionError, match="is an activity, and a workflow is needed"):
        _definitions.find(work, kind="workflow")


def test_a_hint_that_cannot_be_read_is_named():
    @activity.define
    def work(value: "Missing") -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(DefinitionError, match="'Missing' is not defined; names used in"):
        _ = _definitions.find(work, kind="activity").input_type


def test_info_is_for_activities_only():
    with pytest.raises(RuntimeError, match="while it runs"):
        activity.info()
