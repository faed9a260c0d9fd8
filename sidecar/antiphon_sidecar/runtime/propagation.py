"""Histories that calls hand on: an instance's own, up to the call, into the task's request or the child's start.

Used by `rows`. Each call that asks for it stores a copy of the history so far, which is what such a call costs. The
engine has refused those that would leave the app.
"""

import dataclasses
from collections.abc import Mapping, Sequence

from antiphon_sidecar.codec.requests import propagated_history
from antiphon_sidecar.engine import result as rs
from antiphon_sidecar.engine.events import ChildCreated, ExecutionStarted, Propagation, TaskScheduled
from antiphon_sidecar.engine.messages import Kind, Outgoing


def handed_on(result: rs.Result, past: Sequence[bytes], sealed: Sequence[bytes]) -> Mapping[int, bytes]:
    """Return by action id the histories that this turn's calls hand on.

    `past`: the generation's events before the turn, `sealed` those of the turn, as `result.events`.
    """
    return {
        event.event_id: propagated_history(result.state, [*past, *sealed[:place]])
        for place, event in enumerate(result.events)
        if isinstance(event, TaskScheduled | ChildCreated) and event.propagation is Propagation.OWN
    }


def with_history(message: Outgoing, histories: Mapping[int, bytes]) -> Outgoing:
    """Return a child's start with the history that its parent hands on."""
    started = message.events[0]
    if not histories or message.kind is not Kind.START or not isinstance(started, ExecutionStarted):
        return message
    if started.parent is None or started.parent.task_id not in histories:
        return message
    first = dataclasses.replace(started, propagated=histories[started.parent.task_id])
    return dataclasses.replace(message, events=(first, *message.events[1:]))
