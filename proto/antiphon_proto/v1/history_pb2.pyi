import datetime

from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import wrappers_pb2 as _wrappers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class InstanceStatus(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    INSTANCE_STATUS_RUNNING: _ClassVar[InstanceStatus]
    INSTANCE_STATUS_COMPLETED: _ClassVar[InstanceStatus]
    INSTANCE_STATUS_CONTINUED_AS_NEW: _ClassVar[InstanceStatus]
    INSTANCE_STATUS_FAILED: _ClassVar[InstanceStatus]
    INSTANCE_STATUS_CANCELED: _ClassVar[InstanceStatus]
    INSTANCE_STATUS_TERMINATED: _ClassVar[InstanceStatus]
    INSTANCE_STATUS_PENDING: _ClassVar[InstanceStatus]
    INSTANCE_STATUS_SUSPENDED: _ClassVar[InstanceStatus]
    INSTANCE_STATUS_STALLED: _ClassVar[InstanceStatus]

class StalledReason(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    STALLED_REASON_PATCH_MISMATCH: _ClassVar[StalledReason]
    STALLED_REASON_VERSION_NOT_AVAILABLE: _ClassVar[StalledReason]
    STALLED_REASON_PAYLOAD_SIZE_EXCEEDED: _ClassVar[StalledReason]
    STALLED_REASON_INSTANCE_POISONED: _ClassVar[StalledReason]

class HistoryPropagationScope(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    HISTORY_PROPAGATION_SCOPE_NONE: _ClassVar[HistoryPropagationScope]
    HISTORY_PROPAGATION_SCOPE_OWN_HISTORY: _ClassVar[HistoryPropagationScope]
    HISTORY_PROPAGATION_SCOPE_LINEAGE: _ClassVar[HistoryPropagationScope]
INSTANCE_STATUS_RUNNING: InstanceStatus
INSTANCE_STATUS_COMPLETED: InstanceStatus
INSTANCE_STATUS_CONTINUED_AS_NEW: InstanceStatus
INSTANCE_STATUS_FAILED: InstanceStatus
INSTANCE_STATUS_CANCELED: InstanceStatus
INSTANCE_STATUS_TERMINATED: InstanceStatus
INSTANCE_STATUS_PENDING: InstanceStatus
INSTANCE_STATUS_SUSPENDED: InstanceStatus
INSTANCE_STATUS_STALLED: InstanceStatus
STALLED_REASON_PATCH_MISMATCH: StalledReason
STALLED_REASON_VERSION_NOT_AVAILABLE: StalledReason
STALLED_REASON_PAYLOAD_SIZE_EXCEEDED: StalledReason
STALLED_REASON_INSTANCE_POISONED: StalledReason
HISTORY_PROPAGATION_SCOPE_NONE: HistoryPropagationScope
HISTORY_PROPAGATION_SCOPE_OWN_HISTORY: HistoryPropagationScope
HISTORY_PROPAGATION_SCOPE_LINEAGE: HistoryPropagationScope

class TaskRouter(_message.Message):
    __slots__ = ("source_app_id", "target_app_id", "target_app_namespace")
    SOURCE_APP_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_APP_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_APP_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    source_app_id: str
    target_app_id: str
    target_app_namespace: str
    def __init__(self, source_app_id: _Optional[str] = ..., target_app_id: _Optional[str] = ..., target_app_namespace: _Optional[str] = ...) -> None: ...

class WorkflowVersion(_message.Message):
    __slots__ = ("patches", "name")
    PATCHES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    patches: _containers.RepeatedScalarFieldContainer[str]
    name: str
    def __init__(self, patches: _Optional[_Iterable[str]] = ..., name: _Optional[str] = ...) -> None: ...

class WorkflowInstance(_message.Message):
    __slots__ = ("instance_id", "execution_id")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    execution_id: _wrappers_pb2.StringValue
    def __init__(self, instance_id: _Optional[str] = ..., execution_id: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ...) -> None: ...

class FailureDetails(_message.Message):
    __slots__ = ("error_type", "error_message", "stack_trace", "inner_failure", "is_non_retriable", "code", "app_id", "data")
    ERROR_TYPE_FIELD_NUMBER: _ClassVar[int]
    ERROR_MESSAGE_FIELD_NUMBER: _ClassVar[int]
    STACK_TRACE_FIELD_NUMBER: _ClassVar[int]
    INNER_FAILURE_FIELD_NUMBER: _ClassVar[int]
    IS_NON_RETRIABLE_FIELD_NUMBER: _ClassVar[int]
    CODE_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    error_type: str
    error_message: str
    stack_trace: _wrappers_pb2.StringValue
    inner_failure: FailureDetails
    is_non_retriable: bool
    code: str
    app_id: str
    data: _wrappers_pb2.StringValue
    def __init__(self, error_type: _Optional[str] = ..., error_message: _Optional[str] = ..., stack_trace: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., inner_failure: _Optional[_Union[FailureDetails, _Mapping]] = ..., is_non_retriable: bool = ..., code: _Optional[str] = ..., app_id: _Optional[str] = ..., data: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ...) -> None: ...

class ParentInstanceInfo(_message.Message):
    __slots__ = ("task_scheduled_id", "name", "version", "workflow_instance", "app_id", "app_namespace", "incarnation", "unique_instance_id")
    TASK_SCHEDULED_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    APP_NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    task_scheduled_id: int
    name: _wrappers_pb2.StringValue
    version: _wrappers_pb2.StringValue
    workflow_instance: WorkflowInstance
    app_id: str
    app_namespace: str
    incarnation: bytes
    unique_instance_id: bool
    def __init__(self, task_scheduled_id: _Optional[int] = ..., name: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., workflow_instance: _Optional[_Union[WorkflowInstance, _Mapping]] = ..., app_id: _Optional[str] = ..., app_namespace: _Optional[str] = ..., incarnation: _Optional[bytes] = ..., unique_instance_id: bool = ...) -> None: ...

class RerunParentInstanceInfo(_message.Message):
    __slots__ = ("instance_id",)
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    def __init__(self, instance_id: _Optional[str] = ...) -> None: ...

class RetryParentInstanceInfo(_message.Message):
    __slots__ = ("instance_id",)
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    def __init__(self, instance_id: _Optional[str] = ...) -> None: ...

class TraceContext(_message.Message):
    __slots__ = ("trace_parent", "span_id", "trace_state")
    TRACE_PARENT_FIELD_NUMBER: _ClassVar[int]
    SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    TRACE_STATE_FIELD_NUMBER: _ClassVar[int]
    trace_parent: str
    span_id: str
    trace_state: _wrappers_pb2.StringValue
    def __init__(self, trace_parent: _Optional[str] = ..., span_id: _Optional[str] = ..., trace_state: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ...) -> None: ...

class ExecutionStarted(_message.Message):
    __slots__ = ("name", "version", "input", "workflow_instance", "parent_instance", "scheduled_start_timestamp", "parent_trace_context", "workflow_span_id", "tags", "propagated_history")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    PARENT_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_START_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PARENT_TRACE_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_SPAN_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PROPAGATED_HISTORY_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: _wrappers_pb2.StringValue
    input: _wrappers_pb2.StringValue
    workflow_instance: WorkflowInstance
    parent_instance: ParentInstanceInfo
    scheduled_start_timestamp: _timestamp_pb2.Timestamp
    parent_trace_context: TraceContext
    workflow_span_id: _wrappers_pb2.StringValue
    tags: _containers.ScalarMap[str, str]
    propagated_history: PropagatedHistory
    def __init__(self, name: _Optional[str] = ..., version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., workflow_instance: _Optional[_Union[WorkflowInstance, _Mapping]] = ..., parent_instance: _Optional[_Union[ParentInstanceInfo, _Mapping]] = ..., scheduled_start_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parent_trace_context: _Optional[_Union[TraceContext, _Mapping]] = ..., workflow_span_id: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., propagated_history: _Optional[_Union[PropagatedHistory, _Mapping]] = ...) -> None: ...

class ExecutionCompleted(_message.Message):
    __slots__ = ("workflow_status", "result", "failure_details")
    WORKFLOW_STATUS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_DETAILS_FIELD_NUMBER: _ClassVar[int]
    workflow_status: InstanceStatus
    result: _wrappers_pb2.StringValue
    failure_details: FailureDetails
    def __init__(self, workflow_status: _Optional[_Union[InstanceStatus, str]] = ..., result: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., failure_details: _Optional[_Union[FailureDetails, _Mapping]] = ...) -> None: ...

class ExecutionTerminated(_message.Message):
    __slots__ = ("input", "recurse")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    RECURSE_FIELD_NUMBER: _ClassVar[int]
    input: _wrappers_pb2.StringValue
    recurse: bool
    def __init__(self, input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., recurse: bool = ...) -> None: ...

class ActivityTimeouts(_message.Message):
    __slots__ = ("schedule_to_start_ms", "start_to_close_ms", "schedule_to_close_ms", "heartbeat_ms")
    SCHEDULE_TO_START_MS_FIELD_NUMBER: _ClassVar[int]
    START_TO_CLOSE_MS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_TO_CLOSE_MS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_MS_FIELD_NUMBER: _ClassVar[int]
    schedule_to_start_ms: int
    start_to_close_ms: int
    schedule_to_close_ms: int
    heartbeat_ms: int
    def __init__(self, schedule_to_start_ms: _Optional[int] = ..., start_to_close_ms: _Optional[int] = ..., schedule_to_close_ms: _Optional[int] = ..., heartbeat_ms: _Optional[int] = ...) -> None: ...

class TaskScheduled(_message.Message):
    __slots__ = ("name", "version", "input", "parent_trace_context", "task_execution_id", "rerun_parent_instance_info", "history_propagation_scope", "timeouts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    PARENT_TRACE_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    TASK_EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    RERUN_PARENT_INSTANCE_INFO_FIELD_NUMBER: _ClassVar[int]
    HISTORY_PROPAGATION_SCOPE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: _wrappers_pb2.StringValue
    input: _wrappers_pb2.StringValue
    parent_trace_context: TraceContext
    task_execution_id: str
    rerun_parent_instance_info: RerunParentInstanceInfo
    history_propagation_scope: HistoryPropagationScope
    timeouts: ActivityTimeouts
    def __init__(self, name: _Optional[str] = ..., version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., parent_trace_context: _Optional[_Union[TraceContext, _Mapping]] = ..., task_execution_id: _Optional[str] = ..., rerun_parent_instance_info: _Optional[_Union[RerunParentInstanceInfo, _Mapping]] = ..., history_propagation_scope: _Optional[_Union[HistoryPropagationScope, str]] = ..., timeouts: _Optional[_Union[ActivityTimeouts, _Mapping]] = ...) -> None: ...

class TaskCompleted(_message.Message):
    __slots__ = ("task_scheduled_id", "result", "task_execution_id")
    TASK_SCHEDULED_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    TASK_EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    task_scheduled_id: int
    result: _wrappers_pb2.StringValue
    task_execution_id: str
    def __init__(self, task_scheduled_id: _Optional[int] = ..., result: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., task_execution_id: _Optional[str] = ...) -> None: ...

class TaskFailed(_message.Message):
    __slots__ = ("task_scheduled_id", "failure_details", "task_execution_id", "heartbeat_details")
    TASK_SCHEDULED_ID_FIELD_NUMBER: _ClassVar[int]
    FAILURE_DETAILS_FIELD_NUMBER: _ClassVar[int]
    TASK_EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_DETAILS_FIELD_NUMBER: _ClassVar[int]
    task_scheduled_id: int
    failure_details: FailureDetails
    task_execution_id: str
    heartbeat_details: bytes
    def __init__(self, task_scheduled_id: _Optional[int] = ..., failure_details: _Optional[_Union[FailureDetails, _Mapping]] = ..., task_execution_id: _Optional[str] = ..., heartbeat_details: _Optional[bytes] = ...) -> None: ...

class ChildWorkflowInstanceCreated(_message.Message):
    __slots__ = ("instance_id", "name", "version", "input", "parent_trace_context", "rerun_parent_instance_info", "history_propagation_scope", "retry_parent_instance_info", "unique_instance_id")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    PARENT_TRACE_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    RERUN_PARENT_INSTANCE_INFO_FIELD_NUMBER: _ClassVar[int]
    HISTORY_PROPAGATION_SCOPE_FIELD_NUMBER: _ClassVar[int]
    RETRY_PARENT_INSTANCE_INFO_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    name: str
    version: _wrappers_pb2.StringValue
    input: _wrappers_pb2.StringValue
    parent_trace_context: TraceContext
    rerun_parent_instance_info: RerunParentInstanceInfo
    history_propagation_scope: HistoryPropagationScope
    retry_parent_instance_info: RetryParentInstanceInfo
    unique_instance_id: bool
    def __init__(self, instance_id: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., parent_trace_context: _Optional[_Union[TraceContext, _Mapping]] = ..., rerun_parent_instance_info: _Optional[_Union[RerunParentInstanceInfo, _Mapping]] = ..., history_propagation_scope: _Optional[_Union[HistoryPropagationScope, str]] = ..., retry_parent_instance_info: _Optional[_Union[RetryParentInstanceInfo, _Mapping]] = ..., unique_instance_id: bool = ...) -> None: ...

class ChildWorkflowInstanceCompleted(_message.Message):
    __slots__ = ("task_scheduled_id", "result")
    TASK_SCHEDULED_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    task_scheduled_id: int
    result: _wrappers_pb2.StringValue
    def __init__(self, task_scheduled_id: _Optional[int] = ..., result: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ...) -> None: ...

class ChildWorkflowInstanceFailed(_message.Message):
    __slots__ = ("task_scheduled_id", "failure_details")
    TASK_SCHEDULED_ID_FIELD_NUMBER: _ClassVar[int]
    FAILURE_DETAILS_FIELD_NUMBER: _ClassVar[int]
    task_scheduled_id: int
    failure_details: FailureDetails
    def __init__(self, task_scheduled_id: _Optional[int] = ..., failure_details: _Optional[_Union[FailureDetails, _Mapping]] = ...) -> None: ...

class DetachedWorkflowInstanceCreated(_message.Message):
    __slots__ = ("instance_id",)
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    def __init__(self, instance_id: _Optional[str] = ...) -> None: ...

class TimerOriginCreateTimer(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TimerOriginExternalEvent(_message.Message):
    __slots__ = ("name",)
    NAME_FIELD_NUMBER: _ClassVar[int]
    name: str
    def __init__(self, name: _Optional[str] = ...) -> None: ...

class TimerOriginActivityRetry(_message.Message):
    __slots__ = ("task_execution_id",)
    TASK_EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    task_execution_id: str
    def __init__(self, task_execution_id: _Optional[str] = ...) -> None: ...

class TimerOriginChildWorkflowRetry(_message.Message):
    __slots__ = ("instance_id",)
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    def __init__(self, instance_id: _Optional[str] = ...) -> None: ...

class TimerCreated(_message.Message):
    __slots__ = ("fire_at", "name", "rerun_parent_instance_info", "create_timer", "external_event", "activity_retry", "child_workflow_retry")
    FIRE_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RERUN_PARENT_INSTANCE_INFO_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIMER_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_EVENT_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_RETRY_FIELD_NUMBER: _ClassVar[int]
    CHILD_WORKFLOW_RETRY_FIELD_NUMBER: _ClassVar[int]
    fire_at: _timestamp_pb2.Timestamp
    name: str
    rerun_parent_instance_info: RerunParentInstanceInfo
    create_timer: TimerOriginCreateTimer
    external_event: TimerOriginExternalEvent
    activity_retry: TimerOriginActivityRetry
    child_workflow_retry: TimerOriginChildWorkflowRetry
    def __init__(self, fire_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., name: _Optional[str] = ..., rerun_parent_instance_info: _Optional[_Union[RerunParentInstanceInfo, _Mapping]] = ..., create_timer: _Optional[_Union[TimerOriginCreateTimer, _Mapping]] = ..., external_event: _Optional[_Union[TimerOriginExternalEvent, _Mapping]] = ..., activity_retry: _Optional[_Union[TimerOriginActivityRetry, _Mapping]] = ..., child_workflow_retry: _Optional[_Union[TimerOriginChildWorkflowRetry, _Mapping]] = ...) -> None: ...

class TimerFired(_message.Message):
    __slots__ = ("fire_at", "timer_id")
    FIRE_AT_FIELD_NUMBER: _ClassVar[int]
    TIMER_ID_FIELD_NUMBER: _ClassVar[int]
    fire_at: _timestamp_pb2.Timestamp
    timer_id: int
    def __init__(self, fire_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., timer_id: _Optional[int] = ...) -> None: ...

class WorkflowStarted(_message.Message):
    __slots__ = ("version", "tags")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    version: WorkflowVersion
    tags: _containers.ScalarMap[str, str]
    def __init__(self, version: _Optional[_Union[WorkflowVersion, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ...) -> None: ...

class WorkflowCompleted(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EventSent(_message.Message):
    __slots__ = ("instance_id", "name", "input")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    name: str
    input: _wrappers_pb2.StringValue
    def __init__(self, instance_id: _Optional[str] = ..., name: _Optional[str] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ...) -> None: ...

class EventRaised(_message.Message):
    __slots__ = ("name", "input")
    NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    name: str
    input: _wrappers_pb2.StringValue
    def __init__(self, name: _Optional[str] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ...) -> None: ...

class ContinueAsNew(_message.Message):
    __slots__ = ("input",)
    INPUT_FIELD_NUMBER: _ClassVar[int]
    input: _wrappers_pb2.StringValue
    def __init__(self, input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ...) -> None: ...

class ExecutionSuspended(_message.Message):
    __slots__ = ("input", "recurse")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    RECURSE_FIELD_NUMBER: _ClassVar[int]
    input: _wrappers_pb2.StringValue
    recurse: bool
    def __init__(self, input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., recurse: bool = ...) -> None: ...

class ExecutionResumed(_message.Message):
    __slots__ = ("input", "recurse")
    INPUT_FIELD_NUMBER: _ClassVar[int]
    RECURSE_FIELD_NUMBER: _ClassVar[int]
    input: _wrappers_pb2.StringValue
    recurse: bool
    def __init__(self, input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., recurse: bool = ...) -> None: ...

class ExecutionStalled(_message.Message):
    __slots__ = ("reason", "description", "code_name", "afresh")
    REASON_FIELD_NUMBER: _ClassVar[int]
    DESCRIPTION_FIELD_NUMBER: _ClassVar[int]
    CODE_NAME_FIELD_NUMBER: _ClassVar[int]
    AFRESH_FIELD_NUMBER: _ClassVar[int]
    reason: StalledReason
    description: str
    code_name: str
    afresh: bool
    def __init__(self, reason: _Optional[_Union[StalledReason, str]] = ..., description: _Optional[str] = ..., code_name: _Optional[str] = ..., afresh: bool = ...) -> None: ...

class PurgeRequested(_message.Message):
    __slots__ = ("incarnation", "recurse")
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    RECURSE_FIELD_NUMBER: _ClassVar[int]
    incarnation: bytes
    recurse: bool
    def __init__(self, incarnation: _Optional[bytes] = ..., recurse: bool = ...) -> None: ...

class RerunFrom(_message.Message):
    __slots__ = ("instance_id", "event_id")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    event_id: int
    def __init__(self, instance_id: _Optional[str] = ..., event_id: _Optional[int] = ...) -> None: ...

class HistoryEvent(_message.Message):
    __slots__ = ("event_id", "timestamp", "execution_started", "execution_completed", "execution_terminated", "task_scheduled", "task_completed", "task_failed", "child_workflow_instance_created", "child_workflow_instance_completed", "child_workflow_instance_failed", "timer_created", "timer_fired", "workflow_started", "workflow_completed", "event_sent", "event_raised", "continue_as_new", "execution_suspended", "execution_resumed", "execution_stalled", "detached_workflow_instance_created", "purge_requested", "rerun_from", "router")
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_STARTED_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_TERMINATED_FIELD_NUMBER: _ClassVar[int]
    TASK_SCHEDULED_FIELD_NUMBER: _ClassVar[int]
    TASK_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    TASK_FAILED_FIELD_NUMBER: _ClassVar[int]
    CHILD_WORKFLOW_INSTANCE_CREATED_FIELD_NUMBER: _ClassVar[int]
    CHILD_WORKFLOW_INSTANCE_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    CHILD_WORKFLOW_INSTANCE_FAILED_FIELD_NUMBER: _ClassVar[int]
    TIMER_CREATED_FIELD_NUMBER: _ClassVar[int]
    TIMER_FIRED_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_STARTED_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_COMPLETED_FIELD_NUMBER: _ClassVar[int]
    EVENT_SENT_FIELD_NUMBER: _ClassVar[int]
    EVENT_RAISED_FIELD_NUMBER: _ClassVar[int]
    CONTINUE_AS_NEW_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_RESUMED_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_STALLED_FIELD_NUMBER: _ClassVar[int]
    DETACHED_WORKFLOW_INSTANCE_CREATED_FIELD_NUMBER: _ClassVar[int]
    PURGE_REQUESTED_FIELD_NUMBER: _ClassVar[int]
    RERUN_FROM_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    event_id: int
    timestamp: _timestamp_pb2.Timestamp
    execution_started: ExecutionStarted
    execution_completed: ExecutionCompleted
    execution_terminated: ExecutionTerminated
    task_scheduled: TaskScheduled
    task_completed: TaskCompleted
    task_failed: TaskFailed
    child_workflow_instance_created: ChildWorkflowInstanceCreated
    child_workflow_instance_completed: ChildWorkflowInstanceCompleted
    child_workflow_instance_failed: ChildWorkflowInstanceFailed
    timer_created: TimerCreated
    timer_fired: TimerFired
    workflow_started: WorkflowStarted
    workflow_completed: WorkflowCompleted
    event_sent: EventSent
    event_raised: EventRaised
    continue_as_new: ContinueAsNew
    execution_suspended: ExecutionSuspended
    execution_resumed: ExecutionResumed
    execution_stalled: ExecutionStalled
    detached_workflow_instance_created: DetachedWorkflowInstanceCreated
    purge_requested: PurgeRequested
    rerun_from: RerunFrom
    router: TaskRouter
    def __init__(self, event_id: _Optional[int] = ..., timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., execution_started: _Optional[_Union[ExecutionStarted, _Mapping]] = ..., execution_completed: _Optional[_Union[ExecutionCompleted, _Mapping]] = ..., execution_terminated: _Optional[_Union[ExecutionTerminated, _Mapping]] = ..., task_scheduled: _Optional[_Union[TaskScheduled, _Mapping]] = ..., task_completed: _Optional[_Union[TaskCompleted, _Mapping]] = ..., task_failed: _Optional[_Union[TaskFailed, _Mapping]] = ..., child_workflow_instance_created: _Optional[_Union[ChildWorkflowInstanceCreated, _Mapping]] = ..., child_workflow_instance_completed: _Optional[_Union[ChildWorkflowInstanceCompleted, _Mapping]] = ..., child_workflow_instance_failed: _Optional[_Union[ChildWorkflowInstanceFailed, _Mapping]] = ..., timer_created: _Optional[_Union[TimerCreated, _Mapping]] = ..., timer_fired: _Optional[_Union[TimerFired, _Mapping]] = ..., workflow_started: _Optional[_Union[WorkflowStarted, _Mapping]] = ..., workflow_completed: _Optional[_Union[WorkflowCompleted, _Mapping]] = ..., event_sent: _Optional[_Union[EventSent, _Mapping]] = ..., event_raised: _Optional[_Union[EventRaised, _Mapping]] = ..., continue_as_new: _Optional[_Union[ContinueAsNew, _Mapping]] = ..., execution_suspended: _Optional[_Union[ExecutionSuspended, _Mapping]] = ..., execution_resumed: _Optional[_Union[ExecutionResumed, _Mapping]] = ..., execution_stalled: _Optional[_Union[ExecutionStalled, _Mapping]] = ..., detached_workflow_instance_created: _Optional[_Union[DetachedWorkflowInstanceCreated, _Mapping]] = ..., purge_requested: _Optional[_Union[PurgeRequested, _Mapping]] = ..., rerun_from: _Optional[_Union[RerunFrom, _Mapping]] = ..., router: _Optional[_Union[TaskRouter, _Mapping]] = ...) -> None: ...

class EventBatch(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, events: _Optional[_Iterable[bytes]] = ...) -> None: ...

class PropagatedHistoryChunk(_message.Message):
    __slots__ = ("raw_events", "app_id", "instance_id", "workflow_name", "raw_signatures", "signing_cert_chains")
    RAW_EVENTS_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_NAME_FIELD_NUMBER: _ClassVar[int]
    RAW_SIGNATURES_FIELD_NUMBER: _ClassVar[int]
    SIGNING_CERT_CHAINS_FIELD_NUMBER: _ClassVar[int]
    raw_events: _containers.RepeatedScalarFieldContainer[bytes]
    app_id: str
    instance_id: str
    workflow_name: str
    raw_signatures: _containers.RepeatedScalarFieldContainer[bytes]
    signing_cert_chains: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, raw_events: _Optional[_Iterable[bytes]] = ..., app_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., workflow_name: _Optional[str] = ..., raw_signatures: _Optional[_Iterable[bytes]] = ..., signing_cert_chains: _Optional[_Iterable[bytes]] = ...) -> None: ...

class PropagatedHistory(_message.Message):
    __slots__ = ("scope", "chunks")
    SCOPE_FIELD_NUMBER: _ClassVar[int]
    CHUNKS_FIELD_NUMBER: _ClassVar[int]
    scope: HistoryPropagationScope
    chunks: _containers.RepeatedCompositeFieldContainer[PropagatedHistoryChunk]
    def __init__(self, scope: _Optional[_Union[HistoryPropagationScope, str]] = ..., chunks: _Optional[_Iterable[_Union[PropagatedHistoryChunk, _Mapping]]] = ...) -> None: ...
