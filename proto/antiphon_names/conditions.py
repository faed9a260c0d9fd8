"""Reasons of conditions of our resources that are no errors: all is well, or something is not known yet.

Reasons that are errors have a code in `errors`; a condition uses the name of that. A reason never changes its meaning.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reason:
    """A stable name, what it means in one line, and what to do about it; `fix` is empty where nothing is to do."""

    name: str
    summary: str
    fix: str = ""

    def __str__(self) -> str:
        return self.name


PENDING = Reason("Pending", "the operator has seen the object and not judged it yet")
RESOLVED = Reason("Resolved", "all that the workflow calls is there and fits")
NOT_CHECKED = Reason("NotChecked", "spec.contractPolicy is Off: the contract is looked at and holds nothing up")
SAME_NAMESPACE = Reason("SameNamespace", "all apps of the workflow are in its namespace")
SAME_STORE = Reason("SameStore", "all apps of the workflow share one state store")
ALL_OFFERED = Reason("AllOffered", "everything that is called or declared is offered")
ALLOWED = Reason("Allowed", "no app's allowFrom speaks against a call")
COMPATIBLE = Reason("Compatible", "what is sent and expected fits what is taken and returned, as far as it is declared")
SETTLED = Reason("Settled", "nothing is being waited for")
WAITING = Reason("Waiting", "something that is not there yet is being waited for; the condition's message says what")
HEALTHY = Reason("Healthy", "nothing is wrong that would not mend by itself")
CONNECTED = Reason("Connected", "replicas of the app run, and nothing speaks against them")
INJECTED = Reason("Injected", "all pods of the app have the sidecar")
NOTHING_DECLARED = Reason("NothingDeclared", "the AppRegistration lists no offers, so what workers offer counts")
REACHABLE = Reason("Reachable", "sidecars reach the state store")
SCHEMA_CURRENT = Reason("SchemaCurrent", "the store's tables are those of the newest sidecar")
NO_PODS = Reason("NoPods", "no pod matches spec.selector", "Deploy the app, or fix spec.selector.")
NO_REPLICAS = Reason("NoReplicas", "no replica runs that could tell", "Start a pod of the app.")
DECLARED_NOT_OFFERED = Reason(
    "DeclaredNotOffered",
    "the AppRegistration declares a name that no connected worker offers; calls to it wait",
    "Deploy a worker that offers it, or take it out of spec.offers.",
)
NAMES_NOT_DECLARED = Reason(
    "NamesNotDeclared",
    "a worker does not say which names it has, as Dapr's SDKs do not, and the AppRegistration lists none",
    "List workflows and activities under spec.offers of the AppRegistration.",
)
SCHEMAS_NOT_COMPARABLE = Reason(
    "SchemasNotComparable",
    "it can be shown neither that two schemas fit nor that they do not; nothing is refused",
    "Make the schemas simpler or equal, where you want a proof.",
)
STORE_NOT_KNOWN = Reason(
    "StoreNotKnown",
    "no replica of an app runs and no StateStore says which store it uses",
    "Start a replica, or give the AppRegistration a spec.storeRef.",
)
STARTING = Reason("Starting", "a sidecar is being asked to start the instance")
STARTED = Reason("Started", "the instance is in the state store")
RUNNING = Reason("Running", "the instance has not ended")
NOT_TAKEN_UP = Reason(
    "NotTakenUp",
    "the instance waits in the state store until a worker of its app is connected",
    "Start a pod of the app.",
)
SUSPENDING = Reason("Suspending", "the instance is being suspended, because spec.desired says so")
SUSPENDED_AS_ASKED = Reason(
    "SuspendedAsAsked", "the object's spec says that it is suspended", "Set that back when it is to go on."
)
SUSPENDED_ELSEWHERE = Reason(
    "SuspendedElsewhere",
    "somebody suspended the instance without spec.desired, which therefore does not resume it",
    "Resume it with `kubectl antiphon workflow resume`.",
)
RESUMING = Reason("Resuming", "the instance is being resumed, because spec.desired says so")
TERMINATING = Reason("Terminating", "the instance is being terminated")
TERMINATED = Reason("Terminated", "the instance was terminated, or was never started because spec.desired says so")
COMPLETED = Reason("Completed", "the instance has completed")
FAILED = Reason("Failed", "the app's code failed; status.failure and the condition's message have its words")
SCHEDULED = Reason("Scheduled", "runs are made at their times")
TICK_LEFT_OUT = Reason(
    "TickLeftOut",
    "a tick made no run: an earlier run had not finished, it was too late for it, or its name was taken",
)

REASONS: tuple[Reason, ...] = tuple(value for value in list(globals().values()) if isinstance(value, Reason))
