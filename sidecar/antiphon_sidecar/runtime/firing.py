"""What a timer row does at its time: it goes to its instance; a child check may withdraw the start it looks after."""

from typing import TYPE_CHECKING

from antiphon_sidecar.engine.messages import Message
from antiphon_sidecar.runtime import childchecks, rows
from antiphon_sidecar.runtime.dispatch import app_not_found
from antiphon_sidecar.stores.base import TimerRow

if TYPE_CHECKING:
    from antiphon_sidecar.runtime.replica import Replica


def fire(replica: "Replica", row: TimerRow) -> None:
    """Deliver a timer that is due."""
    messages = [rows.timer_message(row)]
    if childchecks.is_child_check(row):
        target = childchecks.child_check_target(row)
        if not replica.app_known(target):
            if not replica.parts.unknown_apps.fails:
                return
            messages.append(_withdrawn(replica, row, target))
    replica.instances.deliver(row.instance_id, messages)


def _withdrawn(replica: "Replica", row: TimerRow, target: str) -> Message:
    call = f"{childchecks.child_check_call(row)} ({replica.identity.app})"
    failure = app_not_found(target, call, replica.parts.coordinator.view())
    return childchecks.withdrawn_child(row, failure, now=replica.parts.store_clock.now())
