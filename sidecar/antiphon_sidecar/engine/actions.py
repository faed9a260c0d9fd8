"""What workflow code asked for in a turn: the closed set of actions, decoded from a worker's response.

`extra` is in the numbering of the event that the action becomes; see `events`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from antiphon_sidecar.engine.events import (
    NO_TIMEOUTS,
    EventRaised,
    Failure,
    Propagation,
    Status,
    Timeouts,
    Trace,
    no_tags,
)


@dataclass(frozen=True, slots=True)
class Target:
    """The app that an action is addressed to; `namespace` None means the caller's."""

    app: str
    namespace: str | None = None


@dataclass(frozen=True, slots=True)
class ScheduleTask:
    """Run an activity."""

    id: int
    name: str
    input: str | None = None
    version: str | None = None
    task_execution_id: str = ""
    target: Target | None = None
    timeouts: Timeouts = NO_TIMEOUTS
    propagation: Propagation | None = None
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class CreateChild:
    """Start a child workflow; an empty `instance_id` asks the engine to make one.

    `unique`: an ID that was ever used is refused, not only that of an active run.
    """

    id: int
    instance_id: str
    name: str
    input: str | None = None
    version: str | None = None
    target: Target | None = None
    propagation: Propagation | None = None
    extra: bytes = b""
    unique: bool = False


@dataclass(frozen=True, slots=True)
class CreateDetached:
    """Start a workflow that is no child; an empty `instance_id` or `execution_id` asks the engine to make one.

    `scheduled_at` in nanoseconds since 1970; None and the past mean now.
    """

    id: int
    instance_id: str
    name: str
    input: str | None = None
    version: str | None = None
    target: Target | None = None
    scheduled_at: int | None = None
    execution_id: str = ""
    tags: Mapping[str, str] = field(default_factory=no_tags)
    trace: Trace | None = None


@dataclass(frozen=True, slots=True)
class CreateTimer:
    """Wake the workflow at `fire_at`, nanoseconds since 1970."""

    id: int
    fire_at: int
    name: str | None = None
    extra: bytes = b""


@dataclass(frozen=True, slots=True)
class Complete:
    """End the generation. `carryover`: events that the next generation starts with, oldest first."""

    id: int
    status: Status
    result: str | None = None
    failure: Failure | None = None
    new_version: str | None = None
    carryover: tuple[EventRaised, ...] = ()


@dataclass(frozen=True, slots=True)
class VersionNotAvailable:
    """The worker lacks the version that the history names."""

    id: int


@dataclass(frozen=True, slots=True)
class Unsupported:
    """An action that this release does not carry out; `kind` is its wire name."""

    id: int
    kind: str


Action = ScheduleTask | CreateChild | CreateDetached | CreateTimer | Complete | VersionNotAvailable | Unsupported


@dataclass(frozen=True, slots=True)
class Response:
    """A worker's answer to a turn. `custom_status` replaces the earlier one, None clears it.

    `awaited`: names of events that the workflow waits for now; for people, without effect.
    `tags` are those that the code has set in this generation, repeats included; the instance keeps its others.
    """

    actions: tuple[Action, ...]
    custom_status: str | None = None
    version: str | None = None
    patches: tuple[str, ...] = ()
    awaited: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=no_tags)
