import datetime

from antiphon_proto.v1 import history_pb2 as _history_pb2
from antiphon_proto.v1 import worker_pb2 as _worker_pb2
from google.protobuf import empty_pb2 as _empty_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf import wrappers_pb2 as _wrappers_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class WorkflowState(_message.Message):
    __slots__ = ("instance_id", "name", "version", "workflow_status", "scheduled_start_timestamp", "created_timestamp", "last_updated_timestamp", "input", "output", "custom_status", "failure_details", "execution_id", "completed_timestamp", "parent_instance_id", "tags", "parent_app_id", "started_at", "waiting_on", "generation")
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
    WORKFLOW_STATUS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_START_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    CREATED_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    LAST_UPDATED_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_STATUS_FIELD_NUMBER: _ClassVar[int]
    FAILURE_DETAILS_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_TIMESTAMP_FIELD_NUMBER: _ClassVar[int]
    PARENT_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PARENT_APP_ID_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_FIELD_NUMBER: _ClassVar[int]
    WAITING_ON_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    name: str
    version: _wrappers_pb2.StringValue
    workflow_status: _history_pb2.InstanceStatus
    scheduled_start_timestamp: _timestamp_pb2.Timestamp
    created_timestamp: _timestamp_pb2.Timestamp
    last_updated_timestamp: _timestamp_pb2.Timestamp
    input: _wrappers_pb2.StringValue
    output: _wrappers_pb2.StringValue
    custom_status: _wrappers_pb2.StringValue
    failure_details: _history_pb2.FailureDetails
    execution_id: _wrappers_pb2.StringValue
    completed_timestamp: _timestamp_pb2.Timestamp
    parent_instance_id: _wrappers_pb2.StringValue
    tags: _containers.ScalarMap[str, str]
    parent_app_id: _wrappers_pb2.StringValue
    started_at: _timestamp_pb2.Timestamp
    waiting_on: str
    generation: int
    def __init__(self, instance_id: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., workflow_status: _Optional[_Union[_history_pb2.InstanceStatus, str]] = ..., scheduled_start_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., last_updated_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., output: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., custom_status: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., failure_details: _Optional[_Union[_history_pb2.FailureDetails, _Mapping]] = ..., execution_id: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., completed_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parent_instance_id: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., parent_app_id: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., started_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., waiting_on: _Optional[str] = ..., generation: _Optional[int] = ...) -> None: ...

class CreateInstanceRequest(_message.Message):
    __slots__ = ("instance_id", "name", "version", "input", "scheduled_start_timestamp", "execution_id", "tags", "parent_trace_context", "enforce_unique_instance_id", "router")
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
    ENFORCE_UNIQUE_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    name: str
    version: _wrappers_pb2.StringValue
    input: _wrappers_pb2.StringValue
    scheduled_start_timestamp: _timestamp_pb2.Timestamp
    execution_id: _wrappers_pb2.StringValue
    tags: _containers.ScalarMap[str, str]
    parent_trace_context: _history_pb2.TraceContext
    enforce_unique_instance_id: bool
    router: _history_pb2.TaskRouter
    def __init__(self, instance_id: _Optional[str] = ..., name: _Optional[str] = ..., version: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., scheduled_start_timestamp: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., execution_id: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., parent_trace_context: _Optional[_Union[_history_pb2.TraceContext, _Mapping]] = ..., enforce_unique_instance_id: bool = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ...) -> None: ...

class CreateInstanceResponse(_message.Message):
    __slots__ = ("instance_id",)
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    def __init__(self, instance_id: _Optional[str] = ...) -> None: ...

class GetInstanceRequest(_message.Message):
    __slots__ = ("instance_id", "get_inputs_and_outputs", "router")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    GET_INPUTS_AND_OUTPUTS_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    get_inputs_and_outputs: bool
    router: _history_pb2.TaskRouter
    def __init__(self, instance_id: _Optional[str] = ..., get_inputs_and_outputs: bool = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ...) -> None: ...

class GetInstanceResponse(_message.Message):
    __slots__ = ("exists", "workflow_state")
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    WORKFLOW_STATE_FIELD_NUMBER: _ClassVar[int]
    exists: bool
    workflow_state: WorkflowState
    def __init__(self, exists: bool = ..., workflow_state: _Optional[_Union[WorkflowState, _Mapping]] = ...) -> None: ...

class RaiseEventRequest(_message.Message):
    __slots__ = ("instance_id", "name", "input", "router")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    name: str
    input: _wrappers_pb2.StringValue
    router: _history_pb2.TaskRouter
    def __init__(self, instance_id: _Optional[str] = ..., name: _Optional[str] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ...) -> None: ...

class RaiseEventResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class TerminateRequest(_message.Message):
    __slots__ = ("instance_id", "output", "recursive", "router")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    RECURSIVE_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    output: _wrappers_pb2.StringValue
    recursive: bool
    router: _history_pb2.TaskRouter
    def __init__(self, instance_id: _Optional[str] = ..., output: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., recursive: bool = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ...) -> None: ...

class TerminateResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class SuspendRequest(_message.Message):
    __slots__ = ("instance_id", "reason", "router", "recursive")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    RECURSIVE_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    reason: _wrappers_pb2.StringValue
    router: _history_pb2.TaskRouter
    recursive: bool
    def __init__(self, instance_id: _Optional[str] = ..., reason: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ..., recursive: bool = ...) -> None: ...

class SuspendResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class ResumeRequest(_message.Message):
    __slots__ = ("instance_id", "reason", "router", "recursive")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    RECURSIVE_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    reason: _wrappers_pb2.StringValue
    router: _history_pb2.TaskRouter
    recursive: bool
    def __init__(self, instance_id: _Optional[str] = ..., reason: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ..., recursive: bool = ...) -> None: ...

class ResumeResponse(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class PurgeInstanceFilter(_message.Message):
    __slots__ = ("created_time_from", "created_time_to", "runtime_status", "name")
    CREATED_TIME_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_TIME_TO_FIELD_NUMBER: _ClassVar[int]
    RUNTIME_STATUS_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    created_time_from: _timestamp_pb2.Timestamp
    created_time_to: _timestamp_pb2.Timestamp
    runtime_status: _containers.RepeatedScalarFieldContainer[_history_pb2.InstanceStatus]
    name: str
    def __init__(self, created_time_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_time_to: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., runtime_status: _Optional[_Iterable[_Union[_history_pb2.InstanceStatus, str]]] = ..., name: _Optional[str] = ...) -> None: ...

class PurgeInstancesRequest(_message.Message):
    __slots__ = ("instance_id", "purge_instance_filter", "recursive", "force", "router", "dry_run")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    PURGE_INSTANCE_FILTER_FIELD_NUMBER: _ClassVar[int]
    RECURSIVE_FIELD_NUMBER: _ClassVar[int]
    FORCE_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    DRY_RUN_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    purge_instance_filter: PurgeInstanceFilter
    recursive: bool
    force: bool
    router: _history_pb2.TaskRouter
    dry_run: bool
    def __init__(self, instance_id: _Optional[str] = ..., purge_instance_filter: _Optional[_Union[PurgeInstanceFilter, _Mapping]] = ..., recursive: bool = ..., force: bool = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ..., dry_run: bool = ...) -> None: ...

class PurgeInstancesResponse(_message.Message):
    __slots__ = ("deleted_instance_count", "is_complete", "later_instance_count", "more")
    DELETED_INSTANCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    IS_COMPLETE_FIELD_NUMBER: _ClassVar[int]
    LATER_INSTANCE_COUNT_FIELD_NUMBER: _ClassVar[int]
    MORE_FIELD_NUMBER: _ClassVar[int]
    deleted_instance_count: int
    is_complete: _wrappers_pb2.BoolValue
    later_instance_count: int
    more: bool
    def __init__(self, deleted_instance_count: _Optional[int] = ..., is_complete: _Optional[_Union[_wrappers_pb2.BoolValue, _Mapping]] = ..., later_instance_count: _Optional[int] = ..., more: bool = ...) -> None: ...

class RerunWorkflowFromEventRequest(_message.Message):
    __slots__ = ("source_instance_id", "event_id", "new_instance_id", "input", "overwrite_input", "new_child_workflow_instance_id", "router", "from_start", "same_instance_id")
    SOURCE_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    NEW_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    INPUT_FIELD_NUMBER: _ClassVar[int]
    OVERWRITE_INPUT_FIELD_NUMBER: _ClassVar[int]
    NEW_CHILD_WORKFLOW_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    FROM_START_FIELD_NUMBER: _ClassVar[int]
    SAME_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    source_instance_id: str
    event_id: int
    new_instance_id: str
    input: _wrappers_pb2.StringValue
    overwrite_input: bool
    new_child_workflow_instance_id: str
    router: _history_pb2.TaskRouter
    from_start: bool
    same_instance_id: bool
    def __init__(self, source_instance_id: _Optional[str] = ..., event_id: _Optional[int] = ..., new_instance_id: _Optional[str] = ..., input: _Optional[_Union[_wrappers_pb2.StringValue, _Mapping]] = ..., overwrite_input: bool = ..., new_child_workflow_instance_id: _Optional[str] = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ..., from_start: bool = ..., same_instance_id: bool = ...) -> None: ...

class RerunWorkflowFromEventResponse(_message.Message):
    __slots__ = ("new_instance_id",)
    NEW_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    new_instance_id: str
    def __init__(self, new_instance_id: _Optional[str] = ...) -> None: ...

class ListInstanceIDsRequest(_message.Message):
    __slots__ = ("continuation_token", "page_size", "router")
    CONTINUATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    continuation_token: str
    page_size: int
    router: _history_pb2.TaskRouter
    def __init__(self, continuation_token: _Optional[str] = ..., page_size: _Optional[int] = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ...) -> None: ...

class ListInstanceIDsResponse(_message.Message):
    __slots__ = ("instance_ids", "continuation_token")
    INSTANCE_IDS_FIELD_NUMBER: _ClassVar[int]
    CONTINUATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    instance_ids: _containers.RepeatedScalarFieldContainer[str]
    continuation_token: str
    def __init__(self, instance_ids: _Optional[_Iterable[str]] = ..., continuation_token: _Optional[str] = ...) -> None: ...

class GetInstanceHistoryRequest(_message.Message):
    __slots__ = ("instance_id", "router")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    ROUTER_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    router: _history_pb2.TaskRouter
    def __init__(self, instance_id: _Optional[str] = ..., router: _Optional[_Union[_history_pb2.TaskRouter, _Mapping]] = ...) -> None: ...

class GetInstanceHistoryResponse(_message.Message):
    __slots__ = ("events",)
    EVENTS_FIELD_NUMBER: _ClassVar[int]
    events: _containers.RepeatedScalarFieldContainer[bytes]
    def __init__(self, events: _Optional[_Iterable[bytes]] = ...) -> None: ...

class ClientCall(_message.Message):
    __slots__ = ("id", "start", "get", "wait_started", "wait_finished", "raise_event", "terminate", "suspend", "resume")
    ID_FIELD_NUMBER: _ClassVar[int]
    START_FIELD_NUMBER: _ClassVar[int]
    GET_FIELD_NUMBER: _ClassVar[int]
    WAIT_STARTED_FIELD_NUMBER: _ClassVar[int]
    WAIT_FINISHED_FIELD_NUMBER: _ClassVar[int]
    RAISE_EVENT_FIELD_NUMBER: _ClassVar[int]
    TERMINATE_FIELD_NUMBER: _ClassVar[int]
    SUSPEND_FIELD_NUMBER: _ClassVar[int]
    RESUME_FIELD_NUMBER: _ClassVar[int]
    id: int
    start: CreateInstanceRequest
    get: GetInstanceRequest
    wait_started: GetInstanceRequest
    wait_finished: GetInstanceRequest
    raise_event: RaiseEventRequest
    terminate: TerminateRequest
    suspend: SuspendRequest
    resume: ResumeRequest
    def __init__(self, id: _Optional[int] = ..., start: _Optional[_Union[CreateInstanceRequest, _Mapping]] = ..., get: _Optional[_Union[GetInstanceRequest, _Mapping]] = ..., wait_started: _Optional[_Union[GetInstanceRequest, _Mapping]] = ..., wait_finished: _Optional[_Union[GetInstanceRequest, _Mapping]] = ..., raise_event: _Optional[_Union[RaiseEventRequest, _Mapping]] = ..., terminate: _Optional[_Union[TerminateRequest, _Mapping]] = ..., suspend: _Optional[_Union[SuspendRequest, _Mapping]] = ..., resume: _Optional[_Union[ResumeRequest, _Mapping]] = ...) -> None: ...

class CallError(_message.Message):
    __slots__ = ("status", "text")
    STATUS_FIELD_NUMBER: _ClassVar[int]
    TEXT_FIELD_NUMBER: _ClassVar[int]
    status: int
    text: str
    def __init__(self, status: _Optional[int] = ..., text: _Optional[str] = ...) -> None: ...

class ClientAnswer(_message.Message):
    __slots__ = ("id", "error", "started", "instance", "raised", "terminated", "suspended", "resumed")
    ID_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_FIELD_NUMBER: _ClassVar[int]
    RAISED_FIELD_NUMBER: _ClassVar[int]
    TERMINATED_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    RESUMED_FIELD_NUMBER: _ClassVar[int]
    id: int
    error: CallError
    started: CreateInstanceResponse
    instance: GetInstanceResponse
    raised: RaiseEventResponse
    terminated: TerminateResponse
    suspended: SuspendResponse
    resumed: ResumeResponse
    def __init__(self, id: _Optional[int] = ..., error: _Optional[_Union[CallError, _Mapping]] = ..., started: _Optional[_Union[CreateInstanceResponse, _Mapping]] = ..., instance: _Optional[_Union[GetInstanceResponse, _Mapping]] = ..., raised: _Optional[_Union[RaiseEventResponse, _Mapping]] = ..., terminated: _Optional[_Union[TerminateResponse, _Mapping]] = ..., suspended: _Optional[_Union[SuspendResponse, _Mapping]] = ..., resumed: _Optional[_Union[ResumeResponse, _Mapping]] = ...) -> None: ...

class CallsRequest(_message.Message):
    __slots__ = ("calls", "cancel")
    CALLS_FIELD_NUMBER: _ClassVar[int]
    CANCEL_FIELD_NUMBER: _ClassVar[int]
    calls: _containers.RepeatedCompositeFieldContainer[ClientCall]
    cancel: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, calls: _Optional[_Iterable[_Union[ClientCall, _Mapping]]] = ..., cancel: _Optional[_Iterable[int]] = ...) -> None: ...

class CallsReply(_message.Message):
    __slots__ = ("answers", "leaving")
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    LEAVING_FIELD_NUMBER: _ClassVar[int]
    answers: _containers.RepeatedCompositeFieldContainer[ClientAnswer]
    leaving: bool
    def __init__(self, answers: _Optional[_Iterable[_Union[ClientAnswer, _Mapping]]] = ..., leaving: bool = ...) -> None: ...
