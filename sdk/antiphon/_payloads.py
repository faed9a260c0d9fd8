"""Applies codecs to the values in messages. Used by worker and client at the edge: all between sees plain JSON.

Encoded are inputs, results, events, and on request texts of failures; never custom statuses, names and tags, which
people and tools search for.
"""

import base64
import json
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from antiphon import _values
from antiphon.codec import PayloadCodec, Zlib
from antiphon.errors import DefinitionError, PayloadNotDecoded
from antiphon_names import errors as names
from antiphon_proto.v1 import history_pb2, worker_pb2

_KEY = "antiphon/codec"
_DATA = "data"
_QUOTED_KEY = f'"{_KEY}"'
_LAYERS_MOST = 8
_BUILT_IN: tuple[PayloadCodec, ...] = (Zlib(),)


class Marker(NamedTuple):
    """An encoded value as it travels."""

    codec: str
    data: bytes

    @classmethod
    def read(cls, text: str | None) -> "Marker | None":
        """Return the marker that a text is, None for a plain value."""
        if not text or _QUOTED_KEY not in text or not text.lstrip().startswith("{"):
            return None
        try:
            value = json.loads(text)
            if set(value) != {_KEY, _DATA} or not isinstance(value[_KEY], str):
                return None
            return cls(value[_KEY], base64.b64decode(value[_DATA], validate=True))
        except (ValueError, TypeError):
            return None

    def text(self) -> str:
        """Return the marker as JSON."""
        return _values.encode({_KEY: self.codec, _DATA: self.data}, what="encoded value")


class Payloads:
    """The codecs of one worker or client, in the order in which they encode."""

    def __init__(self, codecs: Iterable[PayloadCodec] = (), *, failures: bool = False) -> None:
        self._codecs = tuple(codecs)
        for codec in self._codecs:
            if not isinstance(codec, PayloadCodec):
                raise DefinitionError(f"{codec!r} is no codec: it needs a name, and methods encode and decode")
        self._by_name = {codec.name: codec for codec in (*_BUILT_IN, *self._codecs)}
        self._failures = failures and bool(self._codecs)
        if len({codec.name for codec in self._codecs}) < len(self._codecs):
            raise ValueError(f"two codecs have one name: {', '.join(codec.name for codec in self._codecs)}")

    def encode(self, text: str | None) -> str | None:
        """Return a value's text as it is to travel."""
        if text is None:
            return None
        for codec in self._codecs:
            data = codec.encode(text.encode())
            if data is not None:
                text = Marker(codec.name, data).text()
        return text

    def decode(self, text: str | None, *, what: str) -> str | None:
        """Return a value's text as it was.

        Raises:
            PayloadNotDecoded: its codec is not known here, or cannot read it.
        """
        if text is None or _QUOTED_KEY not in text:
            return text
        for _ in range(_LAYERS_MOST):
            marker = Marker.read(text)
            if marker is None:
                break
            text = self._decoded(marker, what)
        return text

    def _decoded(self, marker: Marker, what: str) -> str:
        codec = self._by_name.get(marker.codec)
        if codec is None:
            raise PayloadNotDecoded(
                f'{what} was encoded with "{marker.codec}"; known here: {names.listing(self._by_name)}.'
                f"{names.nearest(marker.codec, self._by_name)} Give the codec to this Worker or Client: codecs=[...]"
            )
        try:
            return codec.decode(marker.data).decode()
        except Exception as error:
            raise PayloadNotDecoded(
                f'{what} was encoded with "{marker.codec}", and cannot be decoded: {error!r}'
            ) from error

    def encode_actions(self, actions: Iterable[worker_pb2.WorkflowAction]) -> None:
        """Encode, in place, what a turn's answer carries."""
        if not self._codecs:
            return
        for action in actions:
            match action.WhichOneof("workflow_action_type"):
                case "schedule_task":
                    self.encode_field(action.schedule_task, "input")
                case "create_child_workflow":
                    self.encode_field(action.create_child_workflow, "input")
                case "create_detached_workflow":
                    self.encode_field(action.create_detached_workflow, "input")
                case "send_event":
                    self.encode_field(action.send_event, "data")
                case "complete_workflow":
                    self._encode_end(action.complete_workflow)

    def _encode_end(self, end: worker_pb2.CompleteWorkflowAction) -> None:
        # The output that a terminate gave comes as its client encoded it.
        if end.workflow_status != history_pb2.INSTANCE_STATUS_TERMINATED:
            self.encode_field(end, "result")
        if end.HasField("failure_details"):
            self.encode_failure(end.failure_details)

    def encode_field(self, message: Any, field: str) -> None:  # noqa: ANN401  (any message)
        """Encode a StringValue field in place."""
        if self._codecs and message.HasField(field):
            holder = getattr(message, field)
            holder.value = self.encode(holder.value)

    def encode_failure(self, details: history_pb2.FailureDetails) -> None:
        """Encode text, trace and data of a failure and its causes in place, if that was asked for; types stay."""
        if not self._failures:
            return
        said = {"message": details.error_message, "stack_trace": details.stack_trace.value, "data": details.data.value}
        details.error_message = self.encode(_values.encode(said, what="failure")) or ""
        details.ClearField("stack_trace")
        details.ClearField("data")
        if details.HasField("inner_failure"):
            self.encode_failure(details.inner_failure)

    def decode_failure(self, details: history_pb2.FailureDetails) -> history_pb2.FailureDetails:
        """Return a failure as it was said; what cannot be decoded stays as it is, since a failure must be seen."""
        if not any(Marker.read(each.error_message) for each in _chain(details)):
            return details
        decoded = history_pb2.FailureDetails()
        decoded.CopyFrom(details)
        for each in _chain(decoded):
            if Marker.read(each.error_message) is not None:
                self._decode_texts(each)
        return decoded

    def _decode_texts(self, details: history_pb2.FailureDetails) -> None:
        try:
            said = _values.decode(self.decode(details.error_message, what="text of a failure"))
            details.error_message = said["message"]
        except (PayloadNotDecoded, ValueError, TypeError, KeyError):
            return
        for field in ("stack_trace", "data"):
            if said.get(field):
                getattr(details, field).value = said[field]


def _chain(details: history_pb2.FailureDetails) -> Sequence[history_pb2.FailureDetails]:
    found = [details]
    while found[-1].HasField("inner_failure"):
        found.append(found[-1].inner_failure)
    return found


PLAIN = Payloads()


def readable(text: str) -> str:
    """Return a value as this SDK can read it by itself; what it cannot stays as it is."""
    try:
        return PLAIN.decode(text, what="value") or ""
    except PayloadNotDecoded:
        return text


def shown(text: str) -> str:
    """Return a value for people: read where that is possible, else what is known of it."""
    text = readable(text)
    marker = Marker.read(text)
    return text if marker is None else f'<{len(marker.data)} bytes, encoded with "{marker.codec}">'
