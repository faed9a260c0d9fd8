"""Turns as they arrive: continues a live execution when it may, else replays in full. Used by worker.

Keeps the latest executions in memory, least recently used first out; what is dropped costs a replay
and nothing else. No I/O: when the sidecar sent only a part of a history that is not at hand,
`take` says so and the worker fetches the rest.
"""

import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from antiphon import _wire, interceptors
from antiphon._definitions import Definition
from antiphon._payloads import PLAIN, Payloads
from antiphon._replay import Decision, Execution, failed
from antiphon.errors import NonDeterminism
from antiphon_proto.v1 import worker_pb2

_log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Live:
    """An execution that has seen `past` events of its history, and `fresh` as new ones behind them."""

    execution: Execution
    execution_id: str
    past: int
    fresh: Sequence[bytes]


@dataclass(frozen=True, slots=True)
class HistoryMissing:
    """The turn cannot be done before events 0 to `until` of the instance's history are at hand."""

    until: int


class Turns:
    """The live executions of one worker, at most `most` of them."""

    def __init__(
        self,
        definitions: Mapping[str, Definition],
        *,
        most: int,
        payloads: Payloads = PLAIN,
        around: Sequence[interceptors.WorkflowInterceptor] = (),
    ) -> None:
        self._payloads = payloads
        self._around = around
        self._definitions = definitions
        self._most = most
        self._live: OrderedDict[str, _Live] = OrderedDict()

    def __len__(self) -> int:
        return len(self._live)

    def take(self, request: worker_pb2.WorkflowRequest, token: str) -> worker_pb2.WorkflowResponse | HistoryMissing:
        """Do a turn and return its answer, or say what is missing."""
        live = self._live.pop(request.instance_id, None)
        start = request.cached_history.event_count
        past = request.past_events
        if live is not None:
            rest = _continuation(live, request, start=start)
            if rest is not None:
                try:
                    return self._advance(live, request, token, rest=rest, total=start + len(past))
                except NonDeterminism:
                    # Another version of the code may have done what this one foresaw otherwise:
                    # only the whole history can tell.
                    _log.info("replaying in full", extra={"instance_id": request.instance_id})
            live.execution.close()
        if start:
            return HistoryMissing(start)
        return self.replay(request, token, history=past)

    def replay(
        self, request: worker_pb2.WorkflowRequest, token: str, *, history: Sequence[bytes]
    ) -> worker_pb2.WorkflowResponse:
        """Do a turn from the beginning of `history`, which is all that comes before its new events."""
        execution_id = request.execution_id.value
        execution = Execution(
            self._definitions,
            instance_id=request.instance_id,
            execution_id=execution_id,
            payloads=self._payloads,
            around=self._around,
        )
        live = _Live(execution, execution_id, past=0, fresh=())
        try:
            return self._advance(live, request, token, rest=history, total=len(history))
        except NonDeterminism as error:
            execution.close()
            _log.error("%s", error, extra={"instance_id": request.instance_id})
            return self._response(request, token, execution.disagreed(error))

    def close(self) -> None:
        """Drop all executions."""
        while self._live:
            _, live = self._live.popitem()
            live.execution.close()

    def _advance(
        self,
        live: _Live,
        request: worker_pb2.WorkflowRequest,
        token: str,
        *,
        rest: Sequence[bytes],
        total: int,
    ) -> worker_pb2.WorkflowResponse:
        try:
            decision = live.execution.advance(rest, request.new_events)
        except NonDeterminism:
            raise
        except Exception as error:  # noqa: BLE001  (outermost frame of a turn: one must not end all)
            _log.exception("turn failed", extra={"instance_id": request.instance_id})
            live.execution.close()
            return self._failure(request, token, error)
        if decision.finished:
            live.execution.close()
        else:
            # A copy: the container would keep the whole request, with all its history, in memory.
            live.past, live.fresh = total, list(request.new_events)
            self._keep(request.instance_id, live)
        return self._response(request, token, decision)

    def _response(
        self, request: worker_pb2.WorkflowRequest, token: str, decision: Decision
    ) -> worker_pb2.WorkflowResponse:
        # Field by field: the constructor's keywords cost more than all else of a short answer.
        response = worker_pb2.WorkflowResponse()
        response.instance_id = request.instance_id
        response.completion_token = token
        if decision.actions:
            response.actions.extend(decision.actions)
            # The answer's own copies: an action that is asked for again is encoded again.
            self._payloads.encode_actions(response.actions)
        if decision.tags:
            response.tags.update(decision.tags)
        if decision.custom_status is not None:
            response.custom_status.value = decision.custom_status
        if decision.awaited:
            response.awaited_events.extend(decision.awaited)
        if decision.version:
            response.version.name = decision.version
        if decision.patches:
            response.version.patches.extend(decision.patches)
        return response

    def _failure(
        self, request: worker_pb2.WorkflowRequest, token: str, error: Exception
    ) -> worker_pb2.WorkflowResponse:
        # -1: the history may hold any number, and this answer belongs to none of them.
        decision = Decision([failed(-1, _wire.failure_from(error))], None, finished=True)
        return self._response(request, token, decision)

    def _keep(self, instance_id: str, live: _Live) -> None:
        other = self._live.pop(instance_id, None)
        if other is not None:
            other.execution.close()
        self._live[instance_id] = live
        while len(self._live) > self._most:
            _, oldest = self._live.popitem(last=False)
            oldest.execution.close()


def _continuation(live: _Live, request: worker_pb2.WorkflowRequest, *, start: int) -> Sequence[bytes] | None:
    """Return the events of the history that a live execution has not seen, or None when it cannot go on.

    What it saw as new must have become history unchanged: otherwise the turn was discarded, or another
    worker's answer was taken.
    """
    if live.execution_id != request.execution_id.value or start > live.past:
        return None
    past = request.past_events
    begin = live.past - start
    end = begin + len(live.fresh)
    if len(past) < end:
        return None
    for seen, recorded in zip(live.fresh, past[begin:end], strict=True):
        if seen != recorded and not _same_start(seen, recorded):
            return None
    return past[end:]


def _same_start(seen: bytes, recorded: bytes) -> bool:
    """Tell whether both are the same WorkflowStarted: its version is added when a turn is committed."""
    one, other = _wire.parse(seen), _wire.parse(recorded)
    return one.HasField("workflow_started") and other.HasField("workflow_started") and one.timestamp == other.timestamp
