import datetime

from antiphon_proto.v1 import history_pb2 as _history_pb2
from antiphon_proto.v1 import worker_pb2 as _worker_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class ListInstancesRequest(_message.Message):
    __slots__ = ("app_id", "statuses", "name", "page_size", "continuation_token", "created_from", "created_until", "completed_from", "completed_until", "tags", "parent_app_id", "parent_instance_id", "roots", "id_prefix", "waiting_on", "waiting_for_app_id")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    STATUSES_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    PAGE_SIZE_FIELD_NUMBER: _ClassVar[int]
    CONTINUATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    CREATED_FROM_FIELD_NUMBER: _ClassVar[int]
    CREATED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_FROM_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_UNTIL_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    PARENT_APP_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    ROOTS_FIELD_NUMBER: _ClassVar[int]
    ID_PREFIX_FIELD_NUMBER: _ClassVar[int]
    WAITING_ON_FIELD_NUMBER: _ClassVar[int]
    WAITING_FOR_APP_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    statuses: _containers.RepeatedScalarFieldContainer[_history_pb2.InstanceStatus]
    name: str
    page_size: int
    continuation_token: str
    created_from: _timestamp_pb2.Timestamp
    created_until: _timestamp_pb2.Timestamp
    completed_from: _timestamp_pb2.Timestamp
    completed_until: _timestamp_pb2.Timestamp
    tags: _containers.ScalarMap[str, str]
    parent_app_id: str
    parent_instance_id: str
    roots: bool
    id_prefix: str
    waiting_on: str
    waiting_for_app_id: str
    def __init__(self, app_id: _Optional[str] = ..., statuses: _Optional[_Iterable[_Union[_history_pb2.InstanceStatus, str]]] = ..., name: _Optional[str] = ..., page_size: _Optional[int] = ..., continuation_token: _Optional[str] = ..., created_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., created_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_from: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., tags: _Optional[_Mapping[str, str]] = ..., parent_app_id: _Optional[str] = ..., parent_instance_id: _Optional[str] = ..., roots: bool = ..., id_prefix: _Optional[str] = ..., waiting_on: _Optional[str] = ..., waiting_for_app_id: _Optional[str] = ...) -> None: ...

class InstanceSummary(_message.Message):
    __slots__ = ("app_id", "instance_id", "name", "status", "created_at", "updated_at", "completed_at", "parent_app_id", "parent_instance_id", "tags", "waiting_on")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_FIELD_NUMBER: _ClassVar[int]
    PARENT_APP_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    WAITING_ON_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    instance_id: str
    name: str
    status: _history_pb2.InstanceStatus
    created_at: _timestamp_pb2.Timestamp
    updated_at: _timestamp_pb2.Timestamp
    completed_at: _timestamp_pb2.Timestamp
    parent_app_id: str
    parent_instance_id: str
    tags: _containers.ScalarMap[str, str]
    waiting_on: str
    def __init__(self, app_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., name: _Optional[str] = ..., status: _Optional[_Union[_history_pb2.InstanceStatus, str]] = ..., created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., updated_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., completed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., parent_app_id: _Optional[str] = ..., parent_instance_id: _Optional[str] = ..., tags: _Optional[_Mapping[str, str]] = ..., waiting_on: _Optional[str] = ...) -> None: ...

class ListInstancesResponse(_message.Message):
    __slots__ = ("instances", "continuation_token")
    INSTANCES_FIELD_NUMBER: _ClassVar[int]
    CONTINUATION_TOKEN_FIELD_NUMBER: _ClassVar[int]
    instances: _containers.RepeatedCompositeFieldContainer[InstanceSummary]
    continuation_token: str
    def __init__(self, instances: _Optional[_Iterable[_Union[InstanceSummary, _Mapping]]] = ..., continuation_token: _Optional[str] = ...) -> None: ...

class ListAppsRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class AppSummary(_message.Message):
    __slots__ = ("app_id", "replicas", "workers", "offers", "grpc_address", "changed_at", "away", "unasked")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    GRPC_ADDRESS_FIELD_NUMBER: _ClassVar[int]
    CHANGED_AT_FIELD_NUMBER: _ClassVar[int]
    AWAY_FIELD_NUMBER: _ClassVar[int]
    UNASKED_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    replicas: int
    workers: int
    offers: _containers.RepeatedCompositeFieldContainer[_worker_pb2.OfferedName]
    grpc_address: str
    changed_at: _timestamp_pb2.Timestamp
    away: bool
    unasked: bool
    def __init__(self, app_id: _Optional[str] = ..., replicas: _Optional[int] = ..., workers: _Optional[int] = ..., offers: _Optional[_Iterable[_Union[_worker_pb2.OfferedName, _Mapping]]] = ..., grpc_address: _Optional[str] = ..., changed_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., away: bool = ..., unasked: bool = ...) -> None: ...

class ListAppsResponse(_message.Message):
    __slots__ = ("namespace", "store", "apps")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    APPS_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    store: str
    apps: _containers.RepeatedCompositeFieldContainer[AppSummary]
    def __init__(self, namespace: _Optional[str] = ..., store: _Optional[str] = ..., apps: _Optional[_Iterable[_Union[AppSummary, _Mapping]]] = ...) -> None: ...

class WhyRequest(_message.Message):
    __slots__ = ("app_id", "instance_id", "to_replica_id")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    TO_REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    instance_id: str
    to_replica_id: str
    def __init__(self, app_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., to_replica_id: _Optional[str] = ...) -> None: ...

class WaitingOn(_message.Message):
    __slots__ = ("reason", "message", "since", "kind", "app_id", "name", "instance_id", "event_id", "until", "replica", "attempt", "waiting_on")
    REASON_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    EVENT_ID_FIELD_NUMBER: _ClassVar[int]
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    REPLICA_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    WAITING_ON_FIELD_NUMBER: _ClassVar[int]
    reason: str
    message: str
    since: _timestamp_pb2.Timestamp
    kind: str
    app_id: str
    name: str
    instance_id: str
    event_id: int
    until: _timestamp_pb2.Timestamp
    replica: str
    attempt: int
    waiting_on: _containers.RepeatedCompositeFieldContainer[WaitingOn]
    def __init__(self, reason: _Optional[str] = ..., message: _Optional[str] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., kind: _Optional[str] = ..., app_id: _Optional[str] = ..., name: _Optional[str] = ..., instance_id: _Optional[str] = ..., event_id: _Optional[int] = ..., until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., replica: _Optional[str] = ..., attempt: _Optional[int] = ..., waiting_on: _Optional[_Iterable[_Union[WaitingOn, _Mapping]]] = ...) -> None: ...

class FailureLink(_message.Message):
    __slots__ = ("kind", "app_id", "instance_id", "name", "failure")
    KIND_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    kind: str
    app_id: str
    instance_id: str
    name: str
    failure: _history_pb2.FailureDetails
    def __init__(self, kind: _Optional[str] = ..., app_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., name: _Optional[str] = ..., failure: _Optional[_Union[_history_pb2.FailureDetails, _Mapping]] = ...) -> None: ...

class WhyResponse(_message.Message):
    __slots__ = ("exists", "status", "waiting_on", "name", "failure_chain", "fix", "caveats", "app_unknown", "known_apps")
    EXISTS_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    WAITING_ON_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    FAILURE_CHAIN_FIELD_NUMBER: _ClassVar[int]
    FIX_FIELD_NUMBER: _ClassVar[int]
    CAVEATS_FIELD_NUMBER: _ClassVar[int]
    APP_UNKNOWN_FIELD_NUMBER: _ClassVar[int]
    KNOWN_APPS_FIELD_NUMBER: _ClassVar[int]
    exists: bool
    status: _history_pb2.InstanceStatus
    waiting_on: _containers.RepeatedCompositeFieldContainer[WaitingOn]
    name: str
    failure_chain: _containers.RepeatedCompositeFieldContainer[FailureLink]
    fix: str
    caveats: _containers.RepeatedScalarFieldContainer[str]
    app_unknown: bool
    known_apps: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, exists: bool = ..., status: _Optional[_Union[_history_pb2.InstanceStatus, str]] = ..., waiting_on: _Optional[_Iterable[_Union[WaitingOn, _Mapping]]] = ..., name: _Optional[str] = ..., failure_chain: _Optional[_Iterable[_Union[FailureLink, _Mapping]]] = ..., fix: _Optional[str] = ..., caveats: _Optional[_Iterable[str]] = ..., app_unknown: bool = ..., known_apps: _Optional[_Iterable[str]] = ...) -> None: ...

class TaskAtRequest(_message.Message):
    __slots__ = ("app_id", "instance_id", "execution_id", "task_id", "to_replica_id")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    TO_REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    instance_id: str
    execution_id: str
    task_id: int
    to_replica_id: str
    def __init__(self, app_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., execution_id: _Optional[str] = ..., task_id: _Optional[int] = ..., to_replica_id: _Optional[str] = ...) -> None: ...

class TaskAtResponse(_message.Message):
    __slots__ = ("stage", "since", "workers", "activities")
    class Stage(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        STAGE_ABSENT: _ClassVar[TaskAtResponse.Stage]
        STAGE_QUEUED: _ClassVar[TaskAtResponse.Stage]
        STAGE_RUNNING: _ClassVar[TaskAtResponse.Stage]
        STAGE_ENDED: _ClassVar[TaskAtResponse.Stage]
    STAGE_ABSENT: TaskAtResponse.Stage
    STAGE_QUEUED: TaskAtResponse.Stage
    STAGE_RUNNING: TaskAtResponse.Stage
    STAGE_ENDED: TaskAtResponse.Stage
    STAGE_FIELD_NUMBER: _ClassVar[int]
    SINCE_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    ACTIVITIES_FIELD_NUMBER: _ClassVar[int]
    stage: TaskAtResponse.Stage
    since: _timestamp_pb2.Timestamp
    workers: int
    activities: int
    def __init__(self, stage: _Optional[_Union[TaskAtResponse.Stage, str]] = ..., since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., workers: _Optional[int] = ..., activities: _Optional[int] = ...) -> None: ...

class GreetRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class GreetResponse(_message.Message):
    __slots__ = ("version", "namespace", "app_id", "replica_id")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    version: str
    namespace: str
    app_id: str
    replica_id: str
    def __init__(self, version: _Optional[str] = ..., namespace: _Optional[str] = ..., app_id: _Optional[str] = ..., replica_id: _Optional[str] = ...) -> None: ...

class CheckRequest(_message.Message):
    __slots__ = ("to_replica_id",)
    TO_REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    to_replica_id: str
    def __init__(self, to_replica_id: _Optional[str] = ...) -> None: ...

class Coordination(_message.Message):
    __slots__ = ("kind", "endpoints", "away_since", "lease")
    class Kind(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        KIND_UNSPECIFIED: _ClassVar[Coordination.Kind]
        KIND_LOCAL: _ClassVar[Coordination.Kind]
        KIND_ETCD: _ClassVar[Coordination.Kind]
        KIND_NONE: _ClassVar[Coordination.Kind]
    KIND_UNSPECIFIED: Coordination.Kind
    KIND_LOCAL: Coordination.Kind
    KIND_ETCD: Coordination.Kind
    KIND_NONE: Coordination.Kind
    KIND_FIELD_NUMBER: _ClassVar[int]
    ENDPOINTS_FIELD_NUMBER: _ClassVar[int]
    AWAY_SINCE_FIELD_NUMBER: _ClassVar[int]
    LEASE_FIELD_NUMBER: _ClassVar[int]
    kind: Coordination.Kind
    endpoints: str
    away_since: _timestamp_pb2.Timestamp
    lease: bool
    def __init__(self, kind: _Optional[_Union[Coordination.Kind, str]] = ..., endpoints: _Optional[str] = ..., away_since: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., lease: bool = ...) -> None: ...

class ReplicaSummary(_message.Message):
    __slots__ = ("app_id", "replica_id", "address", "workers", "partitions", "version", "problem", "store", "heard_at")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    ADDRESS_FIELD_NUMBER: _ClassVar[int]
    WORKERS_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PROBLEM_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    HEARD_AT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    replica_id: str
    address: str
    workers: int
    partitions: int
    version: str
    problem: str
    store: str
    heard_at: _timestamp_pb2.Timestamp
    def __init__(self, app_id: _Optional[str] = ..., replica_id: _Optional[str] = ..., address: _Optional[str] = ..., workers: _Optional[int] = ..., partitions: _Optional[int] = ..., version: _Optional[str] = ..., problem: _Optional[str] = ..., store: _Optional[str] = ..., heard_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class UnownedPartitions(_message.Message):
    __slots__ = ("app_id", "partitions", "held_by")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    HELD_BY_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    partitions: _containers.RepeatedScalarFieldContainer[int]
    held_by: str
    def __init__(self, app_id: _Optional[str] = ..., partitions: _Optional[_Iterable[int]] = ..., held_by: _Optional[str] = ...) -> None: ...

class HeldCalls(_message.Message):
    __slots__ = ("caller_app_id", "target_app_id", "name", "reason", "count")
    CALLER_APP_ID_FIELD_NUMBER: _ClassVar[int]
    TARGET_APP_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    REASON_FIELD_NUMBER: _ClassVar[int]
    COUNT_FIELD_NUMBER: _ClassVar[int]
    caller_app_id: str
    target_app_id: str
    name: str
    reason: str
    count: int
    def __init__(self, caller_app_id: _Optional[str] = ..., target_app_id: _Optional[str] = ..., name: _Optional[str] = ..., reason: _Optional[str] = ..., count: _Optional[int] = ...) -> None: ...

class CheckResponse(_message.Message):
    __slots__ = ("version", "pid", "namespace", "store", "store_error", "store_time", "host_time", "store_us", "metrics_port", "held", "replica_id", "coordination", "replicas", "unowned", "store_identity")
    VERSION_FIELD_NUMBER: _ClassVar[int]
    PID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    STORE_FIELD_NUMBER: _ClassVar[int]
    STORE_ERROR_FIELD_NUMBER: _ClassVar[int]
    STORE_TIME_FIELD_NUMBER: _ClassVar[int]
    HOST_TIME_FIELD_NUMBER: _ClassVar[int]
    STORE_US_FIELD_NUMBER: _ClassVar[int]
    METRICS_PORT_FIELD_NUMBER: _ClassVar[int]
    HELD_FIELD_NUMBER: _ClassVar[int]
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    COORDINATION_FIELD_NUMBER: _ClassVar[int]
    REPLICAS_FIELD_NUMBER: _ClassVar[int]
    UNOWNED_FIELD_NUMBER: _ClassVar[int]
    STORE_IDENTITY_FIELD_NUMBER: _ClassVar[int]
    version: str
    pid: int
    namespace: str
    store: str
    store_error: str
    store_time: _timestamp_pb2.Timestamp
    host_time: _timestamp_pb2.Timestamp
    store_us: int
    metrics_port: int
    held: _containers.RepeatedCompositeFieldContainer[HeldCalls]
    replica_id: str
    coordination: Coordination
    replicas: _containers.RepeatedCompositeFieldContainer[ReplicaSummary]
    unowned: _containers.RepeatedCompositeFieldContainer[UnownedPartitions]
    store_identity: str
    def __init__(self, version: _Optional[str] = ..., pid: _Optional[int] = ..., namespace: _Optional[str] = ..., store: _Optional[str] = ..., store_error: _Optional[str] = ..., store_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., host_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., store_us: _Optional[int] = ..., metrics_port: _Optional[int] = ..., held: _Optional[_Iterable[_Union[HeldCalls, _Mapping]]] = ..., replica_id: _Optional[str] = ..., coordination: _Optional[_Union[Coordination, _Mapping]] = ..., replicas: _Optional[_Iterable[_Union[ReplicaSummary, _Mapping]]] = ..., unowned: _Optional[_Iterable[_Union[UnownedPartitions, _Mapping]]] = ..., store_identity: _Optional[str] = ...) -> None: ...

class RegisterAppRequest(_message.Message):
    __slots__ = ("app_id", "grpc_port", "http_port")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    GRPC_PORT_FIELD_NUMBER: _ClassVar[int]
    HTTP_PORT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    grpc_port: int
    http_port: int
    def __init__(self, app_id: _Optional[str] = ..., grpc_port: _Optional[int] = ..., http_port: _Optional[int] = ...) -> None: ...

class RegisterAppResponse(_message.Message):
    __slots__ = ("grpc_port", "http_port")
    GRPC_PORT_FIELD_NUMBER: _ClassVar[int]
    HTTP_PORT_FIELD_NUMBER: _ClassVar[int]
    grpc_port: int
    http_port: int
    def __init__(self, grpc_port: _Optional[int] = ..., http_port: _Optional[int] = ...) -> None: ...

class ExportAppsRequest(_message.Message):
    __slots__ = ("app_ids",)
    APP_IDS_FIELD_NUMBER: _ClassVar[int]
    app_ids: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, app_ids: _Optional[_Iterable[str]] = ...) -> None: ...

class AppContract(_message.Message):
    __slots__ = ("app_id", "offers")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    OFFERS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    offers: _containers.RepeatedCompositeFieldContainer[_worker_pb2.OfferedName]
    def __init__(self, app_id: _Optional[str] = ..., offers: _Optional[_Iterable[_Union[_worker_pb2.OfferedName, _Mapping]]] = ...) -> None: ...

class ExportAppsResponse(_message.Message):
    __slots__ = ("namespace", "apps", "schemas", "known")
    class SchemasEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    APPS_FIELD_NUMBER: _ClassVar[int]
    SCHEMAS_FIELD_NUMBER: _ClassVar[int]
    KNOWN_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    apps: _containers.RepeatedCompositeFieldContainer[AppContract]
    schemas: _containers.ScalarMap[str, str]
    known: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, namespace: _Optional[str] = ..., apps: _Optional[_Iterable[_Union[AppContract, _Mapping]]] = ..., schemas: _Optional[_Mapping[str, str]] = ..., known: _Optional[_Iterable[str]] = ...) -> None: ...

class CountsRequest(_message.Message):
    __slots__ = ("app_ids", "names")
    APP_IDS_FIELD_NUMBER: _ClassVar[int]
    NAMES_FIELD_NUMBER: _ClassVar[int]
    app_ids: _containers.RepeatedScalarFieldContainer[str]
    names: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, app_ids: _Optional[_Iterable[str]] = ..., names: _Optional[_Iterable[str]] = ...) -> None: ...

class NameCounts(_message.Message):
    __slots__ = ("app_id", "name", "running", "suspended", "stalled", "failed_last_hour", "oldest_created_at")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    SUSPENDED_FIELD_NUMBER: _ClassVar[int]
    STALLED_FIELD_NUMBER: _ClassVar[int]
    FAILED_LAST_HOUR_FIELD_NUMBER: _ClassVar[int]
    OLDEST_CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    name: str
    running: int
    suspended: int
    stalled: int
    failed_last_hour: int
    oldest_created_at: _timestamp_pb2.Timestamp
    def __init__(self, app_id: _Optional[str] = ..., name: _Optional[str] = ..., running: _Optional[int] = ..., suspended: _Optional[int] = ..., stalled: _Optional[int] = ..., failed_last_hour: _Optional[int] = ..., oldest_created_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Backlog(_message.Message):
    __slots__ = ("app_id", "queued", "running", "oldest_due_at")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    QUEUED_FIELD_NUMBER: _ClassVar[int]
    RUNNING_FIELD_NUMBER: _ClassVar[int]
    OLDEST_DUE_AT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    queued: int
    running: int
    oldest_due_at: _timestamp_pb2.Timestamp
    def __init__(self, app_id: _Optional[str] = ..., queued: _Optional[int] = ..., running: _Optional[int] = ..., oldest_due_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CountsResponse(_message.Message):
    __slots__ = ("counts", "backlogs")
    COUNTS_FIELD_NUMBER: _ClassVar[int]
    BACKLOGS_FIELD_NUMBER: _ClassVar[int]
    counts: _containers.RepeatedCompositeFieldContainer[NameCounts]
    backlogs: _containers.RepeatedCompositeFieldContainer[Backlog]
    def __init__(self, counts: _Optional[_Iterable[_Union[NameCounts, _Mapping]]] = ..., backlogs: _Optional[_Iterable[_Union[Backlog, _Mapping]]] = ...) -> None: ...

class StoreStatusRequest(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class StoreStatusResponse(_message.Message):
    __slots__ = ("identity", "backend", "server_version", "schema_version", "newest_schema_version", "error")
    IDENTITY_FIELD_NUMBER: _ClassVar[int]
    BACKEND_FIELD_NUMBER: _ClassVar[int]
    SERVER_VERSION_FIELD_NUMBER: _ClassVar[int]
    SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    NEWEST_SCHEMA_VERSION_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    identity: str
    backend: str
    server_version: str
    schema_version: int
    newest_schema_version: int
    error: str
    def __init__(self, identity: _Optional[str] = ..., backend: _Optional[str] = ..., server_version: _Optional[str] = ..., schema_version: _Optional[int] = ..., newest_schema_version: _Optional[int] = ..., error: _Optional[str] = ...) -> None: ...
