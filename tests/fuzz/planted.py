"""Planted bugs of the servicers and the runtime behind them; the fuzzer must find each."""

from collections.abc import Callable, Mapping
from typing import Any

from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec import actions
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.runtime.instances import Instances
from antiphon_sidecar.runtime.intake import Intake
from antiphon_sidecar.runtime.tokens import read_task_token
from antiphon_sidecar.servers import client, worker
from antiphon_sidecar.servers.worker import WorkerService

Patch = Callable[[Any, str, Any], None]


def names_are_not_checked(patch: Patch) -> None:
    """What the databases cannot keep gets as far as them."""
    patch(actions, "checked_name", lambda what, value: value)
    patch(client, "checked_name", lambda what, value: value)


def worker_says_which_task_it_was(patch: Patch) -> None:
    """The number in the answer counts, whatever the token names."""

    def activity(self: Any, request: wk.ActivityResponse, settled: Callable[[], None]) -> None:
        known = read_task_token(request.completion_token)
        if known is None:
            settled()
            return
        ref, incarnation, slot = known
        event = codec.seal(self._outcome(request))
        self._replica.task_answered(ref, incarnation=incarnation, slot=slot, event=event, echoed=True, settled=settled)

    patch(WorkerService, "_activity", activity)


def unreadable_answer_is_an_error(patch: Patch) -> None:
    """An answer that cannot be read ends the call with an error, and its turn is never over."""
    patch(worker, "_read_turn", actions.read_response)


def worker_that_left_keeps_its_turns(patch: Patch) -> None:
    """Turns that a stream had in hand when it ended are not begun again."""
    patch(Instances, "stream_removed", lambda self, stream: None)


def result_of_nobody_waits(patch: Patch) -> None:
    """A result for a task that is not in hand here is never settled."""
    finished = Intake.finished

    def only_known(self: Any, ref: Any, **kwargs: Any) -> None:
        if self.find(instance_id=ref.instance_id, task_id=ref.task_id) is not None:
            finished(self, ref, **kwargs)

    patch(Intake, "finished", only_known)


BUGS: Mapping[Callable[[Patch], None], frozenset[str]] = {
    names_are_not_checked: frozenset({"not storable"}),
    worker_says_which_task_it_was: frozenset({"illegal history"}),
    unreadable_answer_is_an_error: frozenset({"a call died"}),
    worker_that_left_keeps_its_turns: frozenset({"not ended"}),
    result_of_nobody_waits: frozenset({"a call hangs"}),
}
