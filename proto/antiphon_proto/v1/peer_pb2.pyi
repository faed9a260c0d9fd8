from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class TaskDispatch(_message.Message):
    __slots__ = ("instance_id", "execution_id", "task_id", "attempt", "dispatched_at_ns", "request")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    ATTEMPT_FIELD_NUMBER: _ClassVar[int]
    DISPATCHED_AT_NS_FIELD_NUMBER: _ClassVar[int]
    REQUEST_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    execution_id: str
    task_id: int
    attempt: int
    dispatched_at_ns: int
    request: bytes
    def __init__(self, instance_id: _Optional[str] = ..., execution_id: _Optional[str] = ..., task_id: _Optional[int] = ..., attempt: _Optional[int] = ..., dispatched_at_ns: _Optional[int] = ..., request: _Optional[bytes] = ...) -> None: ...

class TaskKey(_message.Message):
    __slots__ = ("instance_id", "execution_id", "task_id")
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    EXECUTION_ID_FIELD_NUMBER: _ClassVar[int]
    TASK_ID_FIELD_NUMBER: _ClassVar[int]
    instance_id: str
    execution_id: str
    task_id: int
    def __init__(self, instance_id: _Optional[str] = ..., execution_id: _Optional[str] = ..., task_id: _Optional[int] = ...) -> None: ...

class TaskResult(_message.Message):
    __slots__ = ("key", "event")
    KEY_FIELD_NUMBER: _ClassVar[int]
    EVENT_FIELD_NUMBER: _ClassVar[int]
    key: TaskKey
    event: bytes
    def __init__(self, key: _Optional[_Union[TaskKey, _Mapping]] = ..., event: _Optional[bytes] = ...) -> None: ...

class ResultAnswer(_message.Message):
    __slots__ = ("key", "verdict")
    class Verdict(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
        __slots__ = ()
        VERDICT_UNSPECIFIED: _ClassVar[ResultAnswer.Verdict]
        VERDICT_COMMITTED: _ClassVar[ResultAnswer.Verdict]
        VERDICT_REFUSED: _ClassVar[ResultAnswer.Verdict]
        VERDICT_GONE: _ClassVar[ResultAnswer.Verdict]
    VERDICT_UNSPECIFIED: ResultAnswer.Verdict
    VERDICT_COMMITTED: ResultAnswer.Verdict
    VERDICT_REFUSED: ResultAnswer.Verdict
    VERDICT_GONE: ResultAnswer.Verdict
    KEY_FIELD_NUMBER: _ClassVar[int]
    VERDICT_FIELD_NUMBER: _ClassVar[int]
    key: TaskKey
    verdict: ResultAnswer.Verdict
    def __init__(self, key: _Optional[_Union[TaskKey, _Mapping]] = ..., verdict: _Optional[_Union[ResultAnswer.Verdict, str]] = ...) -> None: ...

class InboxHint(_message.Message):
    __slots__ = ("app_id", "instance_id")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    INSTANCE_ID_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    instance_id: str
    def __init__(self, app_id: _Optional[str] = ..., instance_id: _Optional[str] = ...) -> None: ...

class Credits(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: int
    def __init__(self, tasks: _Optional[int] = ...) -> None: ...

class InHand(_message.Message):
    __slots__ = ("tasks",)
    TASKS_FIELD_NUMBER: _ClassVar[int]
    tasks: _containers.RepeatedCompositeFieldContainer[TaskKey]
    def __init__(self, tasks: _Optional[_Iterable[_Union[TaskKey, _Mapping]]] = ...) -> None: ...

class PeerHello(_message.Message):
    __slots__ = ("namespace", "app_id", "replica_id", "protocol")
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    REPLICA_ID_FIELD_NUMBER: _ClassVar[int]
    PROTOCOL_FIELD_NUMBER: _ClassVar[int]
    namespace: str
    app_id: str
    replica_id: str
    protocol: int
    def __init__(self, namespace: _Optional[str] = ..., app_id: _Optional[str] = ..., replica_id: _Optional[str] = ..., protocol: _Optional[int] = ...) -> None: ...

class PeerBatch(_message.Message):
    __slots__ = ("hello", "dispatches", "results", "answers", "hints", "credits", "in_hand")
    HELLO_FIELD_NUMBER: _ClassVar[int]
    DISPATCHES_FIELD_NUMBER: _ClassVar[int]
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    ANSWERS_FIELD_NUMBER: _ClassVar[int]
    HINTS_FIELD_NUMBER: _ClassVar[int]
    CREDITS_FIELD_NUMBER: _ClassVar[int]
    IN_HAND_FIELD_NUMBER: _ClassVar[int]
    hello: PeerHello
    dispatches: _containers.RepeatedCompositeFieldContainer[TaskDispatch]
    results: _containers.RepeatedCompositeFieldContainer[TaskResult]
    answers: _containers.RepeatedCompositeFieldContainer[ResultAnswer]
    hints: _containers.RepeatedCompositeFieldContainer[InboxHint]
    credits: Credits
    in_hand: InHand
    def __init__(self, hello: _Optional[_Union[PeerHello, _Mapping]] = ..., dispatches: _Optional[_Iterable[_Union[TaskDispatch, _Mapping]]] = ..., results: _Optional[_Iterable[_Union[TaskResult, _Mapping]]] = ..., answers: _Optional[_Iterable[_Union[ResultAnswer, _Mapping]]] = ..., hints: _Optional[_Iterable[_Union[InboxHint, _Mapping]]] = ..., credits: _Optional[_Union[Credits, _Mapping]] = ..., in_hand: _Optional[_Union[InHand, _Mapping]] = ...) -> None: ...
