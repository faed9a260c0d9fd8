"""What happened to an instance: the closed set of history events, each a frozen value.

An event never changes once it is committed. `extra` holds the serialized fields of the inner wire message that
the engine does not read (propagation scopes, fields of newer dialects); the codec appends them
as they are. `timestamp` is in nanoseconds since 1970, UTC; payloads are the text the app sent, None when absent.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum
from types import MappingProxyType

#: 9999-12-31T23:59:59.999999999Z, which SDKs use for "for ever": stored, never armed.
SENTINEL_NS = 253_402_300_799_999_999_999

_NO_TAGS: Mapping[str, str] = MappingProxyType({})


def no_tags() -> Mapping[str, str]:
    """Return the tags of what has none: one value for all."""
    return _NO_TAGS


class Status(IntEnum):
    """An instance's status, with the wire's numbers."""

    RUNNING = 0
    COMPLETED = 1
    CONTINUED_AS_NEW = 2
    FAILED = 3
    CANCELED = 4
    TERMINATED = 5
    PENDING = 6
    SUSPENDED = 7
    STALLED = 8


TERMINAL = frozenset({Status.COMPLETED, Status.FAILED, Status.CANCELED, Status.TERMINATED})


@dataclass(frozen=True, slots=True)
class Failure:
    """Why something failed; `code` is set when the sidecar made the failure, `inner` is its cause.

    `rest`: what else an SDK said of it, carried over as it came.
    """

    error_type: str
    message: str
    stack_trace: str | None = None
    inner: "Failure | None" = None
    non_retriable: bool = False
    code: str = ""
    rest: bytes = b""


@dataclass(frozen=True, slots=True)
class Parent:
    """The run that started this one as its child, and the action that did.

    `unique`: the child must not take the place of a run that has ended.
    """

    app: str
    instance_id: str
    execution_id: str
    incarnation: bytes
    task_id: int
    name: str
    unique: bool = False


@dataclass(frozen=True, slots=True)
class Route:
    """Which app asked and which shall act; `target` is None for the asking app itself."""

    source: str
    target: str | None = None
    namespace: str | None = None


class Propagation(IntEnum):
    """How much history a call asks to be handed on, with the wire's numbers."""

    NONE = 0
    OWN = 1
    LINEAGE = 2


@dataclass(frozen=True, slots=True)
class Trace:
    """A trace context as it travels: a W3C traceparent, as a rule, and its tracestate."""

    trace_parent: str
    span_id: str = ""
    trace_state: str | None = None


@dataclass(frozen=True, slots=True)
class WorkflowStarted:
    """A turn began; its timestamp is the workflow's current time on every replay.

    `patches` and `tags` are those first met, or changed, in this turn.
    """

    timestamp: int
    version: str | None = None
    patches: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=no_tags)


@dataclass(frozen=True, slots=True)
class ExecutionStarted:
    """A generation began. `propagated`: the history that its parent handed on, serialized; empty for none."""

    timestamp: int
    name: str
    instance_id: str
    execution_id: str
    input: str | None = None
    version: str | None = None
    parent: Parent | None = None
    scheduled_at: int | None = None
    tags: Mapping[str, str] = field(default_factory=no_tags)
    route: Route | None = None
    trace: Trace | None = None
    propagated: bytes = b""
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class ExecutionCompleted:
    """The generation ended, with `event_id` of the completing action (-1 when the engine ended it)."""

    timestamp: int
    event_id: int
    status: Status
    result: str | None = None
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class ExecutionTerminated:
    """Somebody terminated the instance; `output` becomes its output verbatim."""

    timestamp: int
    output: str | None = None
    recurse: bool = False


@dataclass(frozen=True, slots=True)
class ExecutionSuspended:
    """Somebody suspended the instance."""

    timestamp: int
    reason: str | None = None
    recurse: bool = False


@dataclass(frozen=True, slots=True)
class ExecutionResumed:
    """Somebody resumed the instance."""

    timestamp: int
    reason: str | None = None
    recurse: bool = False


@dataclass(frozen=True, slots=True)
class ExecutionStalled:
    """The instance cannot go on: `reason` is the name of a code, `description` says what is missing.

    `afresh`: it had gone on since it last stalled. Resuming what stalled leaves no event, so only this tells.
    """

    timestamp: int
    reason: str
    description: str = ""
    afresh: bool = False


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits on one call of an activity, in nanoseconds; None means none."""

    schedule_to_start_ns: int | None = None
    start_to_close_ns: int | None = None
    schedule_to_close_ns: int | None = None
    heartbeat_ns: int | None = None


NO_TIMEOUTS = Timeouts()


@dataclass(frozen=True, slots=True)
class TaskScheduled:
    """The workflow asked for an activity; `event_id` is the action's id."""

    timestamp: int
    event_id: int
    name: str
    input: str | None = None
    version: str | None = None
    task_execution_id: str = ""
    route: Route | None = None
    trace: Trace | None = None
    propagation: Propagation | None = None
    extra: bytes = b""
    timeouts: Timeouts = NO_TIMEOUTS


@dataclass(frozen=True, slots=True)
class TaskCompleted:
    """An activity returned."""

    timestamp: int
    task_id: int
    result: str | None = None
    task_execution_id: str = ""
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class TaskFailed:
    """An activity failed, or could not be run; `details`: what it last said of its progress."""

    timestamp: int
    task_id: int
    failure: Failure
    task_execution_id: str = ""
    extra: bytes = b""
    details: bytes | None = None


@dataclass(frozen=True, slots=True)
class ChildCreated:
    """The workflow asked for a child; `event_id` is the action's id, `unique` as in `Parent`."""

    timestamp: int
    event_id: int
    instance_id: str
    name: str
    input: str | None = None
    version: str | None = None
    route: Route | None = None
    trace: Trace | None = None
    propagation: Propagation | None = None
    extra: bytes = b""
    unique: bool = False


@dataclass(frozen=True, slots=True)
class ChildCompleted:
    """A child workflow completed."""

    timestamp: int
    task_id: int
    result: str | None = None
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class ChildFailed:
    """A child workflow failed, was terminated, or could not be started."""

    timestamp: int
    task_id: int
    failure: Failure
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class DetachedCreated:
    """The workflow started another one that is no child: nobody waits for it. `route` is kept as it was asked."""

    timestamp: int
    event_id: int
    instance_id: str
    route: Route | None = None
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class TimerCreated:
    """The workflow asked for a timer. `extra` holds its origin."""

    timestamp: int
    event_id: int
    fire_at: int
    name: str | None = None
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class TimerFired:
    """A timer fired, at or after `fire_at`."""

    timestamp: int
    timer_id: int
    fire_at: int


@dataclass(frozen=True, slots=True)
class EventRaised:
    """Somebody raised an event; its name is kept as it was written."""

    timestamp: int
    name: str
    input: str | None = None
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class PurgeRequested:
    """Purge this run once it has ended, with `recurse` its children too. A message, never part of a history."""

    timestamp: int
    incarnation: bytes
    recurse: bool = False


@dataclass(frozen=True, slots=True)
class RerunFrom:
    """In the start of a rerun, before the history that is kept: which instance and event it goes on from."""

    timestamp: int
    instance_id: str
    event_id: int


@dataclass(frozen=True, slots=True)
class Unrecognized:
    """An event of a newer release: kept as it is, without effect. `raw` is the whole wire event."""

    timestamp: int
    raw: bytes


TaskOutcome = TaskCompleted | TaskFailed
ChildOutcome = ChildCompleted | ChildFailed
Control = ExecutionTerminated | ExecutionSuspended | ExecutionResumed

Event = (
    WorkflowStarted
    | ExecutionStarted
    | ExecutionCompleted
    | ExecutionTerminated
    | ExecutionSuspended
    | ExecutionResumed
    | ExecutionStalled
    | TaskScheduled
    | TaskCompleted
    | TaskFailed
    | ChildCreated
    | ChildCompleted
    | ChildFailed
    | DetachedCreated
    | TimerCreated
    | TimerFired
    | EventRaised
    | PurgeRequested
    | RerunFrom
    | Unrecognized
)
