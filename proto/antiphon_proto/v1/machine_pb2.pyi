from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from typing import ClassVar as _ClassVar, Optional as _Optional

DESCRIPTOR: _descriptor.FileDescriptor

class JoinRequest(_message.Message):
    __slots__ = ("app_id", "grpc_port", "http_port")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    GRPC_PORT_FIELD_NUMBER: _ClassVar[int]
    HTTP_PORT_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    grpc_port: int
    http_port: int
    def __init__(self, app_id: _Optional[str] = ..., grpc_port: _Optional[int] = ..., http_port: _Optional[int] = ...) -> None: ...

class JoinReply(_message.Message):
    __slots__ = ("app_id", "namespace")
    APP_ID_FIELD_NUMBER: _ClassVar[int]
    NAMESPACE_FIELD_NUMBER: _ClassVar[int]
    app_id: str
    namespace: str
    def __init__(self, app_id: _Optional[str] = ..., namespace: _Optional[str] = ...) -> None: ...
