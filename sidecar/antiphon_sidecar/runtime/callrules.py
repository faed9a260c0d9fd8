"""Which calls to other apps are refused, and what is said of those that cannot be made (design.md section 5).

Asked when a turn is committed, so that a refused call costs that turn and no delivery; and again by whoever holds a
call that waits, since policies and stores change meanwhile. Nothing here awaits.
"""

from collections.abc import Callable, Collection, Sequence

from antiphon_names import errors as codes
from antiphon_sidecar.coordination.base import Registration, View
from antiphon_sidecar.engine.events import Failure
from antiphon_sidecar.engine.outcome import Call
from antiphon_sidecar.runtime.errors import NotAdmitted
from antiphon_sidecar.runtime.registry import Registry


class CallRules:
    """The rules of one app's calls, at one replica.

    `shares`: whether a replica is on this one's store; `seen`: the apps that the store remembers.
    """

    def __init__(
        self,
        app: str,
        *,
        registry: Registry,
        view: Callable[[], View],
        shares: Callable[[Registration], bool],
        seen: Callable[[], Collection[str]],
    ) -> None:
        self._app = app
        self._view = view
        self.registry = registry
        self.shares = shares
        self._seen = seen

    def at_commit(self, call: Call) -> Failure | None:
        """Return why a call that a turn asks for is refused."""
        return self.refusal(call) or self._not_admitted(call)

    def refusal(self, call: Call, replicas: Sequence[Registration] | None = None) -> Failure | None:
        """Return why a call may not be made; admission aside, which is over once it was made.

        `replicas`: those of the target, when the caller has them at hand.
        """
        if call.target == self._app:
            return None
        record = self.registry.record(call.target)
        allowed = None if record is None else record.allow_from
        if allowed is not None and self._app not in allowed:
            return _denied(call, self._app, allowed)
        seen = self._view().of_app(call.target) if replicas is None else replicas
        return _other_store(call, self._app) if self._is_elsewhere(seen) else None

    def is_elsewhere(self, target: str) -> bool:
        """Tell whether all replicas of an app are on another store; one of which none is seen is not."""
        return self._is_elsewhere(self._view().of_app(target))

    def _is_elsewhere(self, seen: Sequence[Registration]) -> bool:
        return bool(seen) and not any(self.shares(each) for each in seen)

    def _not_admitted(self, call: Call) -> Failure | None:
        entry = self.registry.entry(call.target, call.name) if call.kind == "workflow" else None
        if entry is None or entry.admit:
            return None
        refused = NotAdmitted(call.target, call.name, reason=entry.reason, message=entry.message)
        return Failure(
            error_type=codes.START_NOT_ADMITTED.name, message=str(refused), code=codes.START_NOT_ADMITTED.number
        )

    def is_settled(self, target: str) -> bool:
        """Tell whether a replica of the target is seen on this store."""
        return any(self.shares(each) for each in self._view().of_app(target))

    def is_known(self, target: str) -> bool:
        """Tell whether an app exists, or once did."""
        known = self.registry.record(target) is not None or target in self._seen()
        return known or bool(self._view().of_app(target))

    def not_found(self, call: Call) -> Failure:
        """Return the failure of a call to an app that is not known."""
        apps = {each.app for each in self._view().replicas.values()} | self.registry.apps()
        return Failure(
            error_type=codes.TARGET_APP_NOT_FOUND.name,
            message=(
                f"{codes.TARGET_APP_NOT_FOUND}: {described(call, self._app)}, but no app of that ID was ever seen "
                f"here; known apps: {codes.listing(apps)}.{codes.nearest(call.target, apps)} The call fails, and is "
                "tried again only by a retry policy. Fix the app ID, or start that app with the same namespace and "
                "state store."
            ),
            code=codes.TARGET_APP_NOT_FOUND.number,
        )


def described(call: Call, app: str) -> str:
    """Say which call it is."""
    verb = "calls activity" if call.kind == "activity" else "starts workflow"
    return f'instance "{call.instance_id}" ({app}) {verb} "{call.name}" in app "{call.target}"'


def activity_not_registered(call: Call, app: str, connected: Sequence[Registration]) -> Failure:
    """Return the failure of a call of an activity that no worker offers; `connected`: the target's replicas."""
    offered = {name for each in connected for name in each.activities}
    workers = sum(each.workers for each in connected)
    return Failure(
        error_type=codes.ACTIVITY_NOT_REGISTERED.name,
        message=(
            f"{codes.ACTIVITY_NOT_REGISTERED}: {described(call, app)}; {call.target} offers: "
            f"{codes.listing(offered)} ({workers} worker{'s' if workers != 1 else ''})."
            f"{codes.nearest(call.name, offered)} The call fails, and is tried again only by a retry policy. "
            f"Fix the name in {app}, or register it in {call.target}."
        ),
        code=codes.ACTIVITY_NOT_REGISTERED.number,
    )


def _denied(call: Call, app: str, allowed: Collection[str]) -> Failure:
    return Failure(
        error_type=codes.CALL_DENIED.name,
        message=(
            f"{codes.CALL_DENIED}: {described(call, app)}, which takes calls only from: {codes.listing(allowed)}. "
            f"The call fails for good. Let allowFrom of the AppRegistration of {call.target} name {app}."
        ),
        non_retriable=True,
        code=codes.CALL_DENIED.number,
    )


def _other_store(call: Call, app: str) -> Failure:
    return Failure(
        error_type=codes.STATE_STORE_MISMATCH.name,
        message=(
            f"{codes.STATE_STORE_MISMATCH}: {described(call, app)}, but the sidecars of {call.target} keep their state "
            f"in another store than those of {app}, so that one commit cannot hold both sides. The call fails for "
            "good. Give both apps the same state store; two databases are two stores, also when one is a copy of the "
            "other."
        ),
        non_retriable=True,
        code=codes.STATE_STORE_MISMATCH.number,
    )
