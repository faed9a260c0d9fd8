"""What the runtime raises to its callers, by what they can do.

RuntimeFailure
├── NotFound      no such instance: check the ID and the app
├── Exists        the ID is taken: choose another, or wait
├── Refused       not in this state, or not like this
├── NotAdmitted   the operator admits no new instances now: look at its reason
├── Unfit         the request does not fit the instance: correct it
└── Away          try again: draining, or the owner has changed
"""

from antiphon_names.errors import (
    INSTANCE_ID_IN_USE,
    INSTANCE_NOT_FINISHED,
    INSTANCE_NOT_FOUND,
    SIDECAR_DRAINING,
    START_NOT_ADMITTED,
    Code,
)


class RuntimeFailure(Exception):
    """A call could not be carried out; the text begins with its code."""

    def __init__(self, code: Code, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


class NotFound(RuntimeFailure):
    """No such instance."""

    def __init__(self, app: str, instance_id: str) -> None:
        super().__init__(
            INSTANCE_NOT_FOUND,
            f'no such instance exists: "{instance_id}" in app "{app}" is unknown or has finished. '
            "Check the ID and the app; `antiphon workflow list` shows what there is.",
        )


class Exists(RuntimeFailure):
    """The instance ID is taken."""

    def __init__(self, app: str, instance_id: str, *, finished: bool) -> None:
        what = "a finished" if finished else "an active"
        hint = (
            "The start asked for an ID that was never used; choose another, or purge the finished run."
            if finished
            else "Choose another ID, or wait until that run has ended."
        )
        super().__init__(
            INSTANCE_ID_IN_USE, f"{what} workflow with ID '{instance_id}' already exists in app \"{app}\". {hint}"
        )


class Refused(RuntimeFailure):
    """The call makes no sense in this state."""


class NotAdmitted(RuntimeFailure):
    """The operator admits no new instances of a workflow; `reason` and `message` are its own."""

    def __init__(self, app: str, name: str, *, reason: str, message: str) -> None:
        said = f"{reason}: {message}" if reason and message else reason or message or "it gives no reason"
        super().__init__(
            START_NOT_ADMITTED,
            f'workflow "{name}" of app "{app}" takes no new instances now ({said}). Those that run go on. Correct what '
            "its Workflow resource reports, then start it again.",
        )


class Unfit(RuntimeFailure):
    """The request asks for something that the instance does not have."""


class Away(RuntimeFailure):
    """The replica is leaving."""

    def __init__(self) -> None:
        super().__init__(SIDECAR_DRAINING, "this sidecar is shutting down. Try again: another one takes over.")


def not_finished(app: str, instance_id: str, status: str) -> Refused:
    """Return the refusal to purge, or to run again, what still runs."""
    return Refused(
        INSTANCE_NOT_FINISHED,
        f'instance "{instance_id}" in app "{app}" is {status}; only a finished instance can be purged '
        "or run again. Terminate it first.",
    )
