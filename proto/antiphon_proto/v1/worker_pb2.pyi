import datetime

from antiphon_proto.v1 import history_pb2 as _history_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import wrappers_pb2 as _wrappers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WorkerCapability(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    WORKER_CAPABILITY_UNSPECIFIED: _ClassVar[WorkerCapability]
    WORKER_CAPABILITY_STATEFUL_HISTORY: _ClassVar[WorkerCapability]
    WORKER_CAPABILITY_HEALTH_PING: _ClassVar[WorkerCapability]
    WORKER_CAPABILITY_BATCH: _ClassVar[WorkerCapability]
    WORKER_CAPABILITY_ACTIVITY_CANCEL: _ClassVar[WorkerCapability]
WORKER_CAPABILITY_UNSPECIFIED: WorkerCapability
WORKER_CAPABILITY_STATEFUL_HISTORY: WorkerCapability
WORKER_CAPABILITY_HEALTH_PING: WorkerCapability
WORKER_CAPABILITY_BATCH: WorkerCapability
WORKER_CAPABILITY_ACTIVITY_CANCEL: WorkerCapability

class ScheduleTaskAction(_message.Message):
    __slots__ = ("name", "version", "input", "task_execution_id", "history_propagation_scope", "timeouts")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    TASK_EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    HISTORY_PROPAGATION_SCOPE_FIELD_NUMBER: _ClassVar[int]
    TIMEOUTS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: _wrappers_pb2.StringValue
    input: _wrappers_pb2.StringValue
    task_execution_id: str
    history_propagation_scope: _history_pb2.HistoryPropagationScope
    timeouts: _history_pb2.ActivityTimeouts
    def __init__(self, name: _Optional[str] = ..., version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., task_execution_id: _Optional[str] = ..., history_propagation_scope: _Optional[_Union[_history_pb2.HistoryPropagationScope, str]] = ..., timeouts: _Optional[_Union[_history_pb2.ActivityTimeouts, _Mapping]] = ...) -> None: ...

class CreateChildWorkflowAction(_message.Message):
    __slots__ = ("instance_id", "name", "version", "input", "history_propagation_scope", "retry_parent_instance_info", "unique_instance_id")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    HISTORY_PROPAGATION_SCOPE_FIELD_NUMBER: _ClassVar[int]
    RETRY_PARENT_INSTANCE_INFO_FIELD_NUMBER: _ClassVar[int]
    UNIQUE_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    name: str
    version: _wrappers_pb2.StringValue
    input: _wrappers_pb2.StringValue
    history_propagation_scope: _history_pb2.HistoryPropagationScope
    retry_parent_instance_info: _history_pb2.RetryParentInstanceInfo
    unique_instance_id: bool
    def __init__(self, instance_id: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., history_propagation_scope: _Optional[_Union[_history_pb2.HistoryPropagationScope, str]] = ..., retry_parent_instance_info: _Optional[_Union[_history_pb2.RetryParentInstanceInfo, _Mapping]] = ..., unique_instance_id: bool = ...) -> None: ...

class CreateDetachedWorkflowAction(_message.Message):
    __slots__ = ("instance_id", "name", "version", "input", "scheduled_start_timestamp", "execution_id", "tags", "parent_trace_context")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_START_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PARENT_TRACE_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    name: str
    version: _wrappers_pb2.StringValue
    input: _wrappers_pb2.StringValue
    scheduled_start_timestamp: _timestamp_pb2.Timestamp
    execution_id: _wrappers_pb2.StringValue
    tags: _containers.ScalarMap[str, str]
    parent_trace_context: _history_pb2.TraceContext
    def __init__(self, instance_id: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., scheduled_start_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., execution_id: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., parent_trace_context: _Optional[_Union[_history_pb2.TraceContext, _Mapping]] = ...) -> None: ...

class CreateTimerAction(_message.Message):
    __slots__ = ("fire_at", "name", "create_timer", "external_event", "activity_retry", "child_workflow_retry")
    FIRE_AT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIMER_FIELD_NUMBER: _ClassVar[int]
    EXTERNAL_EVENT_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_RETRY_FIELD_NUMBER: _ClassVar[int]
    CHILD_WORKFLOW_RETRY_FIELD_NUMBER: _ClassVar[int]
    fire_at: _timestamp_pb2.Timestamp
    name: str
    create_timer: _history_pb2.TimerOriginCreateTimer
    external_event: _history_pb2.TimerOriginExternalEvent
    activity_retry: _history_pb2.TimerOriginActivityRetry
    child_workflow_retry: _history_pb2.TimerOriginChildWorkflowRetry
    def __init__(self, fire_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., name: _Optional[str] = ..., create_timer: _Optional[_Union[_history_pb2.TimerOriginCreateTimer, _Mapping]] = ..., external_event: _Optional[_Union[_history_pb2.TimerOriginExternalEvent, _Mapping]] = ..., activity_retry: _Optional[_Union[_history_pb2.TimerOriginActivityRetry, _Mapping]] = ..., child_workflow_retry: _Optional[_Union[_history_pb2.TimerOriginChildWorkflowRetry, _Mapping]] = ...) -> None: ...

class SendEventAction(_message.Message):
    __slots__ = ("instance", "name", "data")
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    DATA_FIELD_NUMBER: _ClassVar[int]
    instance: _history_pb2.WorkflowInstance
    name: str
    data: _wrappers_pb2.StringValue
    def __init__(self, instance: _Optional[_Union[_history_pb2.WorkflowInstance, _Mapping]] = ..., name: _Optional[str] = ..., data: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ...) -> None: ...

class CompleteWorkflowAction(_message.Message):
    __slots__ = ("workflow_status", "result", "details", "new_version", "carryover_events", "failure_details")
    WORKFLOW_STATUS_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    NEW_VERSION_FIELD_NUMBER: _ClassVar[int]
    CARRYOVER_EVENTS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_DETAILS_FIELD_NUMBER: _ClassVar[int]
    workflow_status: _history_pb2.InstanceStatus
    result: _wrappers_pb2.StringValue
    details: _wrappers_pb2.StringValue
    new_version: _wrappers_pb2.StringValue
    carryover_events: _containers.RepeatedScalarFieldContainer[bytes]
    failure_details: _history_pb2.FailureDetails
    def __init__(self, workflow_status: _Optional[_Union[_history_pb2.InstanceStatus, str]] = ..., result: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., details: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., new_version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., carryover_events: _Optional[_Iterable[bytes]] = ..., failure_details: _Optional[_Union[_history_pb2.FailureDetails, _Mapping]] = ...) -> None: ...

class TerminateWorkflowAction(_message.Message):
    __slots__ = ("instance_id", "reason", "recurse")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    RECURSE_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    reason: _wrappers_pb2.StringValue
    recurse: bool
    def __init__(self, instance_id: _Optional[str] = ..., reason: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., recurse: bool = ...) -> None: ...

class WorkflowVersionNotAvailableAction(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class WorkflowAction(_message.Message):
    __slots__ = ("id", "schedule_task", "create_child_workflow", "create_timer", "send_event", "complete_workflow", "terminate_workflow", "workflow_version_not_available", "create_detached_workflow", "router")
    ID_FIELD_NUMBER: _ClassVar[int]
    SCHEDULE_TASK_FIELD_NUMBER: _ClassVar[int]
    CREATE_CHILD_WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    CREATE_TIMER_FIELD_NUMBER: _ClassVar[int]
    SEND_EVENT_FIELD_NUMBER: _ClassVar[int]
    COMPLETE_WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    TERMINATE_WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_VERSION_NOT_AVAILABLE_FIELD_NUMBER: _ClassVar[int]
    CREATE_DETACHED_WORKFLOW_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    id: int
    schedule_task: ScheduleTaskAction
    create_child_workflow: CreateChildWorkflowAction
    create_timer: CreateTimerAction
    send_event: SendEventAction
    complete_workflow: CompleteWorkflowAction
    terminate_workflow: TerminateWorkflowAction
    workflow_version_not_available: WorkflowVersionNotAvailableAction
    create_detached_workflow: CreateDetachedWorkflowAction
    router: _history_pb2.TaskRouter
    def __init__(self, id: _Optional[int] = ..., schedule_task: _Optional[_Union[ScheduleTaskAction, _Mapping]] = ..., create_child_workflow: _Optional[_Union[CreateChildWorkflowAction, _Mapping]] = ..., create_timer: _Optional[_Union[CreateTimerAction, _Mapping]] = ..., send_event: _Optional[_Union[SendEventAction, _Mapping]] = ..., complete_workflow: _Optional[_Union[CompleteWorkflowAction, _Mapping]] = ..., terminate_workflow: _Optional[_Union[TerminateWorkflowAction, _Mapping]] = ..., workflow_version_not_available: _Optional[_Union[WorkflowVersionNotAvailableAction, _Mapping]] = ..., create_detached_workflow: _Optional[_Union[CreateDetachedWorkflowAction, _Mapping]] = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ...) -> None: ...

class ActivityRequest(_message.Message):
    __slots__ = ("name", "version", "input", "workflow_instance", "task_id", "parent_trace_context", "task_execution_id", "propagated_history", "caller_app_id", "attempt", "heartbeat_details", "heartbeat_ms", "start_to_close_ms")
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_INSTANCE_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_TRACE_CONTEXT_FIELD_NUMBER: _ClassVar[int]
    TASK_EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    PROPAGATED_HISTORY_FIELD_NUMBER: _ClassVar[int]
    CALLER_APP_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_DETAILS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_MS_FIELD_NUMBER: _ClassVar[int]
    START_TO_CLOSE_MS_FIELD_NUMBER: _ClassVar[int]
    name: str
    version: _wrappers_pb2.StringValue
    input: _wrappers_pb2.StringValue
    workflow_instance: _history_pb2.WorkflowInstance
    task_id: int
    parent_trace_context: _history_pb2.TraceContext
    task_execution_id: str
    propagated_history: _history_pb2.PropagatedHistory
    caller_app_id: str
    attempt: int
    heartbeat_details: bytes
    heartbeat_ms: int
    start_to_close_ms: int
    def __init__(self, name: _Optional[str] = ..., version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., workflow_instance: _Optional[_Union[_history_pb2.WorkflowInstance, _Mapping]] = ..., task_id: _Optional[int] = ..., parent_trace_context: _Optional[_Union[_history_pb2.TraceContext, _Mapping]] = ..., task_execution_id: _Optional[str] = ..., propagated_history: _Optional[_Union[_history_pb2.PropagatedHistory, _Mapping]] = ..., caller_app_id: _Optional[str] = ..., attempt: _Optional[int] = ..., heartbeat_details: _Optional[bytes] = ..., heartbeat_ms: _Optional[int] = ..., start_to_close_ms: _Optional[int] = ...) -> None: ...

class ActivityCancel(_message.Message):
    __slots__ = ("instance_id", "task_id")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    task_id: int
    def __init__(self, instance_id: _Optional[str] = ..., task_id: _Optional[int] = ...) -> None: ...

class ActivityResponse(_message.Message):
    __slots__ = ("instance_id", "task_id", "result", "failure_details", "completion_token")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    RESULT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_DETAILS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    task_id: int
    result: _wrappers_pb2.StringValue
    failure_details: _history_pb2.FailureDetails
    completion_token: str
    def __init__(self, instance_id: _Optional[str] = ..., task_id: _Optional[int] = ..., result: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., failure_details: _Optional[_Union[_history_pb2.FailureDetails, _Mapping]] = ..., completion_token: _Optional[str] = ...) -> None: ...

class CachedHistory(_message.Message):
    __slots__ = ("event_count",)
    EVENT_COUNT_FIELD_NUMBER: _ClassVar[int]
    event_count: int
    def __init__(self, event_count: _Optional[int] = ...) -> None: ...

class WorkflowRequest(_message.Message):
    __slots__ = ("instance_id", "execution_id", "past_events", "new_events", "requires_history_streaming", "router", "propagated_history", "cached_history")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    PAST_EVENTS_FIELD_NUMBER: _ClassVar[int]
    NEW_EVENTS_FIELD_NUMBER: _ClassVar[int]
    REQUIRES_HISTORY_STREAMING_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    PROPAGATED_HISTORY_FIELD_NUMBER: _ClassVar[int]
    CACHED_HISTORY_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    execution_id: _wrappers_pb2.StringValue
    past_events: _containers.RepeatedScalarFieldContainer[bytes]
    new_events: _containers.RepeatedScalarFieldContainer[bytes]
    requires_history_streaming: bool
    router: _history_pb2.TaskRouter
    propagated_history: _history_pb2.PropagatedHistory
    cached_history: CachedHistory
    def __init__(self, instance_id: _Optional[str] = ..., execution_id: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., past_events: _Optional[_Iterable[bytes]] = ..., new_events: _Optional[_Iterable[bytes]] = ..., requires_history_streaming: bool = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ..., propagated_history: _Optional[_Union[_history_pb2.PropagatedHistory, _Mapping]] = ..., cached_history: _Optional[_Union[CachedHistory, _Mapping]] = ...) -> None: ...

class WorkflowResponse(_message.Message):
    __slots__ = ("instance_id", "actions", "custom_status", "completion_token", "num_events_processed", "version", "tags", "awaited_events")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    ACTIONS_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_STATUS_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    NUM_EVENTS_PROCESSED_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    AWAITED_EVENTS_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    actions: _containers.RepeatedCompositeFieldContainer[WorkflowAction]
    custom_status: _wrappers_pb2.StringValue
    completion_token: str
    num_events_processed: _wrappers_pb2.Int32Value
    version: _history_pb2.WorkflowVersion
    tags: _containers.ScalarMap[str, str]
    awaited_events: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, instance_id: _Optional[str] = ..., actions: _Optional[_Iterable[_Union[WorkflowAction, _Mapping]]] = ..., custom_status: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., completion_token: _Optional[str] = ..., num_events_processed: _Optional[_Union[_wrappers_pb2.Int32Value, _Mapping]] = ..., version: _Optional[_Union[_history_pb2.WorkflowVersion, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., awaited_events: _Optional[_Iterable[str]] = ...) -> None: ...

class HealthPing(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class OfferedName(_message.Message):
    __slots__ = ("kind", "name", "version", "input_digest", "output_digest")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[OfferedName.Kind]
        KIND_WORKFLOW: _ClassVar[OfferedName.Kind]
        KIND_ACTIVITY: _ClassVar[OfferedName.Kind]
    KIND_UNSPECIFIED: OfferedName.Kind
    KIND_WORKFLOW: OfferedName.Kind
    KIND_ACTIVITY: OfferedName.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    INPUT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_DIGEST_FIELD_NUMBER: _ClassVar[int]
    kind: OfferedName.Kind
    name: str
    version: str
    input_digest: str
    output_digest: str
    def __init__(self, kind: _Optional[_Union[OfferedName.Kind, str]] = ..., name: _Optional[str] = ..., version: _Optional[str] = ..., input_digest: _Optional[str] = ..., output_digest: _Optional[str] = ...) -> None: ...

class GetWorkItemsRequest(_message.Message):
    __slots__ = ("capabilities", "declares_names", "offers", "max_workflow_items", "max_activity_items")
    CAPABILITIES_FIELD_NUMBER: _ClassVar[int]
    DECLARES_NAMES_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    MAX_WORKFLOW_ITEMS_FIELD_NUMBER: _ClassVar[int]
    MAX_ACTIVITY_ITEMS_FIELD_NUMBER: _ClassVar[int]
    capabilities: _containers.RepeatedScalarFieldContainer[WorkerCapability]
    declares_names: bool
    offers: _containers.RepeatedCompositeFieldContainer[OfferedName]
    max_workflow_items: int
    max_activity_items: int
    def __init__(self, capabilities: _Optional[_Iterable[_Union[WorkerCapability, str]]] = ..., declares_names: bool = ..., offers: _Optional[_Iterable[_Union[OfferedName, _Mapping]]] = ..., max_workflow_items: _Optional[int] = ..., max_activity_items: _Optional[int] = ...) -> None: ...

class WorkItem(_message.Message):
    __slots__ = ("workflow_request", "activity_request", "health_ping", "activity_cancel", "completion_token", "more")
    WORKFLOW_REQUEST_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_REQUEST_FIELD_NUMBER: _ClassVar[int]
    HEALTH_PING_FIELD_NUMBER: _ClassVar[int]
    ACTIVITY_CANCEL_FIELD_NUMBER: _ClassVar[int]
    COMPLETION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    workflow_request: WorkflowRequest
    activity_request: ActivityRequest
    health_ping: HealthPing
    activity_cancel: ActivityCancel
    completion_token: str
    more: _containers.RepeatedCompositeFieldContainer[WorkItem]
    def __init__(self, workflow_request: _Optional[_Union[WorkflowRequest, _Mapping]] = ..., activity_request: _Optional[_Union[ActivityRequest, _Mapping]] = ..., health_ping: _Optional[_Union[HealthPing, _Mapping]] = ..., activity_cancel: _Optional[_Union[ActivityCancel, _Mapping]] = ..., completion_token: _Optional[str] = ..., more: _Optional[_Iterable[_Union[WorkItem, _Mapping]]] = ...) -> None: ...

class CompleteTaskResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class CompleteRequest(_message.Message):
    __slots__ = ("sequence", "workflows", "activities")
    SEQUENCE_FIELD_NUMBER: _ClassVar[int]
    WORKFLOWS_FIELD_NUMBER: _ClassVar[int]
    ACTIVITIES_FIELD_NUMBER: _ClassVar[int]
    sequence: int
    workflows: _containers.RepeatedCompositeFieldContainer[WorkflowResponse]
    activities: _containers.RepeatedCompositeFieldContainer[ActivityResponse]
    def __init__(self, sequence: _Optional[int] = ..., workflows: _Optional[_Iterable[_Union[WorkflowResponse, _Mapping]]] = ..., activities: _Optional[_Iterable[_Union[ActivityResponse, _Mapping]]] = ...) -> None: ...

class CompleteReply(_message.Message):
    __slots__ = ("settled",)
    SETTLED_FIELD_NUMBER: _ClassVar[int]
    settled: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, settled: _Optional[_Iterable[int]] = ...) -> None: ...

class HeartbeatRequest(_message.Message):
    __slots__ = ("completion_token", "details", "only_asks")
    COMPLETION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    DETAILS_FIELD_NUMBER: _ClassVar[int]
    ONLY_ASKS_FIELD_NUMBER: _ClassVar[int]
    completion_token: str
    details: bytes
    only_asks: bool
    def __init__(self, completion_token: _Optional[str] = ..., details: _Optional[bytes] = ..., only_asks: bool = ...) -> None: ...

class HeartbeatReply(_message.Message):
    __slots__ = ("cancelled",)
    CANCELLED_FIELD_NUMBER: _ClassVar[int]
    cancelled: bool
    def __init__(self, cancelled: bool = ...) -> None: ...

class NamesChangedRequest(_message.Message):
    __slots__ = ("offers",)
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    offers: _containers.RepeatedCompositeFieldContainer[OfferedName]
    def __init__(self, offers: _Optional[_Iterable[_Union[OfferedName, _Mapping]]] = ...) -> None: ...

class NamesChangedReply(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SchemasRequest(_message.Message):
    __slots__ = ("digests", "schemas")
    DIGESTS_FIELD_NUMBER: _ClassVar[int]
    SCHEMAS_FIELD_NUMBER: _ClassVar[int]
    digests: _containers.RepeatedScalarFieldContainer[str]
    schemas: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, digests: _Optional[_Iterable[str]] = ..., schemas: _Optional[_Iterable[str]] = ...) -> None: ...

class SchemasReply(_message.Message):
    __slots__ = ("missing",)
    MISSING_FIELD_NUMBER: _ClassVar[int]
    missing: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, missing: _Optional[_Iterable[str]] = ...) -> None: ...
