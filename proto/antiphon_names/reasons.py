"""What an instance can wait for without anything being wrong: the reasons of `why` that are no errors.

Reasons that are errors have a code in `errors`; `why` uses the name of that. A reason never changes its meaning.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """A stable name, and what the docs say about it in one line."""

    name: str
    summary: str

    def __str__(self) -> str:
        return self.name


SUSPENDED = Reason("Suspended", "somebody suspended the instance; it takes no step until it is resumed")
SCHEDULED_START = Reason("ScheduledStart", "the instance was started with a time that has not come yet")
TURN_RUNNING = Reason("TurnRunning", "a worker of the app runs workflow code for it right now")
TURN_COMMITTING = Reason("TurnCommitting", "its last turn is being written to the store")
LOADING = Reason("Loading", "its history is being read from the store")
WORKERS_BUSY = Reason("WorkersBusy", "all workers of the app have as many turns as they take")
WORKERS_LOST = Reason("WorkersLost", "workers were lost with its turn, one after the other; it is tried again")
OWNER_MISSING = Reason("OwnerMissing", "no replica of the app owns its partition yet; one takes it within a lease time")
OWNER_GONE = Reason(
    "OwnerGone", "a replica that is gone still holds its partition; another takes it within a lease time"
)
OWNER_SILENT = Reason("OwnerSilent", "the replica that owns it does not answer; the rest is told from the store")
OWNER_WITHOUT_WORKER = Reason(
    "OwnerWithoutWorker", "the replica that owns it has no worker; others of its app take over after a lease time"
)
MESSAGES_WAITING = Reason("MessagesWaiting", "messages for it are in the store and about to be read")
ACTIVITY_RUNNING = Reason("ActivityRunning", "a worker of the target app has the activity")
ACTIVITY_QUEUED = Reason("ActivityQueued", "the target app's replica has the call, its workers are busy")
ACTIVITY_SCHEDULED = Reason("ActivityScheduled", "the call is in the store and about to be handed to the target app")
ACTIVITY_HANDED = Reason("ActivityHanded", "a replica of the target app was handed the call, and has not said more")
RESULT_ARRIVING = Reason("ResultArriving", "the activity has ended and its result is being made durable")
BACKLOG = Reason("Backlog", "the target app has as many calls of this app as it takes at once")
CHILD_RUNNING = Reason("ChildRunning", "a child workflow has not ended; what it waits for is listed below it")
CHILD_STARTING = Reason("ChildStarting", "a child workflow's start is in the store and about to be taken up")
CHILD_ENDED = Reason("ChildEnded", "a child workflow has ended and its result is on its way")
TIMER = Reason("Timer", "a timer that has not fired yet")
RETRY_TIMER = Reason("RetryTimer", "the pause before a failed call is made again")
EXTERNAL_EVENT = Reason("ExternalEvent", "an event that nobody has raised yet")
MORE = Reason("More", "there are more of these than are listed")

REASONS: tuple[Reason, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Reason))
