"""What reconciling an object results in; `runtime` carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: An object of the API server as its client and kopf give it: nested JSON.
Body = Mapping[str, Any]
#: What can be asked of an instance.
Steer = Literal["suspend", "resume", "terminate"]


@dataclass(frozen=True, slots=True)
class Happening:
    """An Event about the object: written once for a reason and message, then counted."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class StartInstance:
    """Have an instance started; whoever has its ID already is it. `version`: None for any."""

    app_id: str
    instance_id: str
    workflow: str
    version: str | None
    input: str | None


@dataclass(frozen=True, slots=True)
class SteerInstance:
    """Have an instance suspended, resumed or terminated; one that is that way already, or has ended, stays as it is."""

    to: Steer
    app_id: str
    instance_id: str
    why: str


@dataclass(frozen=True, slots=True)
class SetFinalizers:
    """Make these the finalizers of the object itself."""

    finalizers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CreateRun:
    """Create a WorkflowRun; one of its name that exists is it."""

    body: Body


@dataclass(frozen=True, slots=True)
class TerminateRun:
    """Have a WorkflowRun that the operator itself made ask for the termination of its instance."""

    body: Body


@dataclass(frozen=True, slots=True)
class DeleteRun:
    """Delete a WorkflowRun."""

    body: Body


Action = StartInstance | SteerInstance | SetFinalizers | CreateRun | TerminateRun | DeleteRun


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be done.

    `status`: the whole status as it should be; the one that is there already is not written again. `actions`: carried
    out in their order, after the status is written. `again_s`: look at the object again after so many seconds, although
    nothing has changed.
    """

    status: Mapping[str, Any]
    happenings: tuple[Happening, ...] = ()
    again_s: float | None = None
    actions: tuple[Action, ...] = ()
