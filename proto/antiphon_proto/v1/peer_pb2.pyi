from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class PeerHello(_message.Message):
    __slots__ = ("namespace", "app_id", "replica_id", "protocol", "oldest_protocol", "to_replica_id")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    OLDEST_PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    TO_REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    app_id: str
    replica_id: str
    protocol: int
    oldest_protocol: int
    to_replica_id: str
    def __init__(self, namespace: _Optional[str] = ..., app_id: _Optional[str] = ..., replica_id: _Optional[str] = ..., protocol: _Optional[int] = ..., oldest_protocol: _Optional[int] = ..., to_replica_id: _Optional[str] = ...) -> None: ...

class TaskKey(_message.Message):
    __slots__ = ("instance_id", "execution_id", "task_id", "app_id")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    execution_id: str
    task_id: int
    app_id: str
    def __init__(self, instance_id: _Optional[str] = ..., execution_id: _Optional[str] = ..., task_id: _Optional[int] = ..., app_id: _Optional[str] = ...) -> None: ...

class TaskDispatch(_message.Message):
    __slots__ = ("key", "attempt", "dispatched_at_ns", "request", "incarnation", "slot", "name", "watched", "heartbeat_details", "lapses_ns")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    DISPATCHED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    WATCHED_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_DETAILS_FIELD_NUMBER: _ClassVar[int]
    LAPSES_NS_FIELD_NUMBER: _ClassVar[int]
    key: TaskKey
    attempt: int
    dispatched_at_ns: int
    request: bytes
    incarnation: bytes
    slot: int
    name: str
    watched: bool
    heartbeat_details: bytes
    lapses_ns: int
    def __init__(self, key: _Optional[_Union[TaskKey, _Mapping]] = ..., attempt: _Optional[int] = ..., dispatched_at_ns: _Optional[int] = ..., request: _Optional[bytes] = ..., incarnation: _Optional[bytes] = ..., slot: _Optional[int] = ..., name: _Optional[str] = ..., watched: bool = ..., heartbeat_details: _Optional[bytes] = ..., lapses_ns: _Optional[int] = ...) -> None: ...

class TaskResult(_message.Message):
    __slots__ = ("key", "event", "incarnation")
    KEY_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    key: TaskKey
    event: bytes
    incarnation: bytes
    def __init__(self, key: _Optional[_Union[TaskKey, _Mapping]] = ..., event: _Optional[bytes] = ..., incarnation: _Optional[bytes] = ...) -> None: ...

class TaskAnswer(_message.Message):
    __slots__ = ("key", "verdict")
    class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        VERDICT_UNSPECIFIED: _ClassVar[TaskAnswer.Verdict]
        VERDICT_COMMITTED: _ClassVar[TaskAnswer.Verdict]
        VERDICT_REFUSED: _ClassVar[TaskAnswer.Verdict]
        VERDICT_GONE: _ClassVar[TaskAnswer.Verdict]
        VERDICT_RETURNED: _ClassVar[TaskAnswer.Verdict]
    VERDICT_UNSPECIFIED: TaskAnswer.Verdict
    VERDICT_COMMITTED: TaskAnswer.Verdict
    VERDICT_REFUSED: TaskAnswer.Verdict
    VERDICT_GONE: TaskAnswer.Verdict
    VERDICT_RETURNED: TaskAnswer.Verdict
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    key: TaskKey
    verdict: TaskAnswer.Verdict
    def __init__(self, key: _Optional[_Union[TaskKey, _Mapping]] = ..., verdict: _Optional[_Union[TaskAnswer.Verdict, str]] = ...) -> None: ...

class InboxHint(_message.Message):
    __slots__ = ("app_id", "instance_id", "slot", "row_id", "kind", "incarnation", "payload", "execution_id", "ref_id", "created_at")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    SLOT_FIELD_NUMBER: _ClassVar[int]
    ROW_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    PAYLOAD_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    REF_ID_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    instance_id: str
    slot: int
    row_id: bytes
    kind: int
    incarnation: bytes
    payload: bytes
    execution_id: str
    ref_id: int
    created_at: int
    def __init__(self, app_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., slot: _Optional[int] = ..., row_id: _Optional[bytes] = ..., kind: _Optional[int] = ..., incarnation: _Optional[bytes] = ..., payload: _Optional[bytes] = ..., execution_id: _Optional[str] = ..., ref_id: _Optional[int] = ..., created_at: _Optional[int] = ...) -> None: ...

class InHandQuestion(_message.Message):
    __slots__ = ("app_id", "partitions")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    partitions: _containers.RepeatedScalarFieldContainer[int]
    def __init__(self, app_id: _Optional[str] = ..., partitions: _Optional[_Iterable[int]] = ...) -> None: ...

class InHandAnswer(_message.Message):
    __slots__ = ("app_id", "partitions", "tasks")
    class Task(_message.Message):
        __slots__ = ("key", "attempt")
        KEY_FIELD_NUMBER: _ClassVar[int]
        ATTEMPT_FIELD_NUMBER: _ClassVar[int]
        key: TaskKey
        attempt: int
        def __init__(self, key: _Optional[_Union[TaskKey, _Mapping]] = ..., attempt: _Optional[int] = ...) -> None: ...
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    PARTITIONS_FIELD_NUMBER: _ClassVar[int]
    TASKS_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    partitions: _containers.RepeatedScalarFieldContainer[int]
    tasks: _containers.RepeatedCompositeFieldContainer[InHandAnswer.Task]
    def __init__(self, app_id: _Optional[str] = ..., partitions: _Optional[_Iterable[int]] = ..., tasks: _Optional[_Iterable[_Union[InHandAnswer.Task, _Mapping]]] = ...) -> None: ...

class TaskProgress(_message.Message):
    __slots__ = ("key", "attempt", "started_at_ns", "beat_at_ns", "heartbeat_details", "waits_for")
    KEY_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    BEAT_AT_NS_FIELD_NUMBER: _ClassVar[int]
    HEARTBEAT_DETAILS_FIELD_NUMBER: _ClassVar[int]
    WAITS_FOR_FIELD_NUMBER: _ClassVar[int]
    key: TaskKey
    attempt: int
    started_at_ns: int
    beat_at_ns: int
    heartbeat_details: bytes
    waits_for: str
    def __init__(self, key: _Optional[_Union[TaskKey, _Mapping]] = ..., attempt: _Optional[int] = ..., started_at_ns: _Optional[int] = ..., beat_at_ns: _Optional[int] = ..., heartbeat_details: _Optional[bytes] = ..., waits_for: _Optional[str] = ...) -> None: ...

class TaskCancel(_message.Message):
    __slots__ = ("key",)
    KEY_FIELD_NUMBER: _ClassVar[int]
    key: TaskKey
    def __init__(self, key: _Optional[_Union[TaskKey, _Mapping]] = ...) -> None: ...

class GrantFreed(_message.Message):
    __slots__ = ("app_id", "kind", "name")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    KIND_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    kind: int
    name: str
    def __init__(self, app_id: _Optional[str] = ..., kind: _Optional[int] = ..., name: _Optional[str] = ...) -> None: ...

class StatusAwaited(_message.Message):
    __slots__ = ("app_id", "instance_id", "leaves", "over")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    LEAVES_FIELD_NUMBER: _ClassVar[int]
    OVER_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    instance_id: str
    leaves: _containers.RepeatedScalarFieldContainer[int]
    over: bool
    def __init__(self, app_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., leaves: _Optional[_Iterable[int]] = ..., over: bool = ...) -> None: ...

class RunEnded(_message.Message):
    __slots__ = ("incarnation", "execution_id", "generation", "version", "name", "created_at_ns", "updated_at_ns", "started_at_ns", "completed_at_ns", "scheduled_at_ns", "parent_app_id", "parent_instance_id", "custom_status", "output", "failure", "tags", "started")
    class TagsEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    INCARNATION_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    GENERATION_FIELD_NUMBER: _ClassVar[int]
    VERSION_FIELD_NUMBER: _ClassVar[int]
    NAME_FIELD_NUMBER: _ClassVar[int]
    CREATED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    UPDATED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    STARTED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    COMPLETED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    SCHEDULED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    PARENT_APP_ID_FIELD_NUMBER: _ClassVar[int]
    PARENT_INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    CUSTOM_STATUS_FIELD_NUMBER: _ClassVar[int]
    OUTPUT_FIELD_NUMBER: _ClassVar[int]
    FAILURE_FIELD_NUMBER: _ClassVar[int]
    TAGS_FIELD_NUMBER: _ClassVar[int]
    STARTED_FIELD_NUMBER: _ClassVar[int]
    incarnation: bytes
    execution_id: str
    generation: int
    version: int
    name: str
    created_at_ns: int
    updated_at_ns: int
    started_at_ns: int
    completed_at_ns: int
    scheduled_at_ns: int
    parent_app_id: str
    parent_instance_id: str
    custom_status: bytes
    output: bytes
    failure: bytes
    tags: _containers.ScalarMap[str, str]
    started: bytes
    def __init__(self, incarnation: _Optional[bytes] = ..., execution_id: _Optional[str] = ..., generation: _Optional[int] = ..., version: _Optional[int] = ..., name: _Optional[str] = ..., created_at_ns: _Optional[int] = ..., updated_at_ns: _Optional[int] = ..., started_at_ns: _Optional[int] = ..., completed_at_ns: _Optional[int] = ..., scheduled_at_ns: _Optional[int] = ..., parent_app_id: _Optional[str] = ..., parent_instance_id: _Optional[str] = ..., custom_status: _Optional[bytes] = ..., output: _Optional[bytes] = ..., failure: _Optional[bytes] = ..., tags: _Optional[_Mapping[str, str]] = ..., started: _Optional[bytes] = ...) -> None: ...

class StatusNotice(_message.Message):
    __slots__ = ("app_id", "instance_id", "status", "look", "end")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    LOOK_FIELD_NUMBER: _ClassVar[int]
    END_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    instance_id: str
    status: int
    look: bool
    end: RunEnded
    def __init__(self, app_id: _Optional[str] = ..., instance_id: _Optional[str] = ..., status: _Optional[int] = ..., look: bool = ..., end: _Optional[_Union[RunEnded, _Mapping]] = ...) -> None: ...

class PeerBatch(_message.Message):
    __slots__ = ("hello", "dispatches", "results", "answers", "hints", "questions", "in_hand", "progress", "cancels", "freed", "awaits", "notices", "missed")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    DISPATCHES_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    QUESTIONS_FIELD_NUMBER: _ClassVar[int]
    IN_HAND_FIELD_NUMBER: _ClassVar[int]
    PROGRESS_FIELD_NUMBER: _ClassVar[int]
    CANCELS_FIELD_NUMBER: _ClassVar[int]
    FREED_FIELD_NUMBER: _ClassVar[int]
    AWAITS_FIELD_NUMBER: _ClassVar[int]
    NOTICES_FIELD_NUMBER: _ClassVar[int]
    MISSED_FIELD_NUMBER: _ClassVar[int]
    hello: PeerHello
    dispatches: _containers.RepeatedCompositeFieldContainer[TaskDispatch]
    results: _containers.RepeatedCompositeFieldContainer[TaskResult]
    answers: _containers.RepeatedCompositeFieldContainer[TaskAnswer]
    hints: _containers.RepeatedCompositeFieldContainer[InboxHint]
    questions: _containers.RepeatedCompositeFieldContainer[InHandQuestion]
    in_hand: _containers.RepeatedCompositeFieldContainer[InHandAnswer]
    progress: _containers.RepeatedCompositeFieldContainer[TaskProgress]
    cancels: _containers.RepeatedCompositeFieldContainer[TaskCancel]
    freed: _containers.RepeatedCompositeFieldContainer[GrantFreed]
    awaits: _containers.RepeatedCompositeFieldContainer[StatusAwaited]
    notices: _containers.RepeatedCompositeFieldContainer[StatusNotice]
    missed: bool
    def __init__(self, hello: _Optional[_Union[PeerHello, _Mapping]] = ..., dispatches: _Optional[_Iterable[_Union[TaskDispatch, _Mapping]]] = ..., results: _Optional[_Iterable[_Union[TaskResult, _Mapping]]] = ..., answers: _Optional[_Iterable[_Union[TaskAnswer, _Mapping]]] = ..., hints: _Optional[_Iterable[_Union[InboxHint, _Mapping]]] = ..., questions: _Optional[_Iterable[_Union[InHandQuestion, _Mapping]]] = ..., in_hand: _Optional[_Iterable[_Union[InHandAnswer, _Mapping]]] = ..., progress: _Optional[_Iterable[_Union[TaskProgress, _Mapping]]] = ..., cancels: _Optional[_Iterable[_Union[TaskCancel, _Mapping]]] = ..., freed: _Optional[_Iterable[_Union[GrantFreed, _Mapping]]] = ..., awaits: _Optional[_Iterable[_Union[StatusAwaited, _Mapping]]] = ..., notices: _Optional[_Iterable[_Union[StatusNotice, _Mapping]]] = ..., missed: bool = ...) -> None: ...
