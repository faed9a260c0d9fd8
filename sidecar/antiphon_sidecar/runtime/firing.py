"""What a timer row does at its time: it goes to its instance; a child check may withdraw the start it looks after."""

from typing import TYPE_CHECKING

from antiphon_sidecar.engine.events import Failure
from antiphon_sidecar.runtime import childchecks, rows
from antiphon_sidecar.stores.base import TimerRow

if TYPE_CHECKING:
    from antiphon_sidecar.runtime.replica import Replica


def fire(replica: "Replica", row: TimerRow) -> None:
    """Deliver a timer that is due; a child check that has nothing to say yet stays, and the sweep brings it again."""
    messages = [rows.timer_message(row)]
    if childchecks.is_child_check(row):
        failure = _failure_of_child(replica, row)
        if failure is not None:
            messages.append(childchecks.withdrawn_child(row, failure, now=replica.parts.store_clock.now()))
        elif not replica.rules.is_settled(childchecks.child_check_target(row)):
            return
    replica.instances.deliver(row.instance_id, messages)


def _failure_of_child(replica: "Replica", row: TimerRow) -> Failure | None:
    call, rules = childchecks.child_check_call(row), replica.rules
    refused = rules.refusal(call)
    if refused is not None:
        return refused
    unknown = not rules.is_known(call.target)
    if unknown and replica.parts.unknown_apps.fails and rules.registry.synced:
        return rules.not_found(call)
    return None
