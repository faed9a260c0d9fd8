"""Bugs for sidecars of the fault matrix: each cell fails where the sidecars have the one that stands for it here.

`python -m tests.integration.matrix_bugs NAME sidecar ...` is `antiphon sidecar ...` with that bug. None of this is in
the product: the bugs replace parts of it in the process that they are for.
"""

import sys
from collections.abc import Callable
from typing import Any

from antiphon_proto.etcd.cluster import Cluster
from antiphon_sidecar.coordination.etcd import EtcdCoordinator
from antiphon_sidecar.coordination.etcd_view import Registry
from antiphon_sidecar.peers.base import Answer, Verdict
from antiphon_sidecar.runtime import receiving
from antiphon_sidecar.runtime.clock import StoreClock
from antiphon_sidecar.runtime.committer import Committer
from antiphon_sidecar.runtime.dispatch import Dispatcher
from antiphon_sidecar.runtime.instances import Instances
from antiphon_sidecar.runtime.intake import Intake
from antiphon_sidecar.runtime.ownership import Ownership
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.serving import Serving
from antiphon_sidecar.runtime.sweep import Sweep
from antiphon_sidecar.runtime.timers import Timers


def _replace(owner: object, name: str, by: Callable[..., Any]) -> None:
    setattr(owner, name, by)


async def _nothing_later(*_: object, **__: object) -> None:
    return None


def _nothing(*_: object, **__: object) -> None:
    return None


def timers_do_not_fire() -> None:
    """What sleeps does not wake."""
    _replace(Timers, "arm", _nothing)


def sweep_is_dropped() -> None:
    """What was lost on the way, or was another owner's, is not found."""
    _replace(Sweep, "once", _nothing_later)


def work_of_lost_workers_is_forgotten() -> None:
    """What a worker had in hand is nobody's when it is gone."""
    _replace(Instances, "stream_removed", _nothing)
    _replace(Intake, "stream_removed", _nothing)


def what_is_held_is_not_looked_at_again() -> None:
    """A task that waits for its app goes on waiting when the app is back."""
    _replace(Dispatcher, "retry_held", _nothing)


def share_is_kept_without_workers() -> None:
    """A replica without workers keeps its partitions."""
    _replace(Serving, "look", lambda self: not self.leaving)


def result_is_acknowledged_before_the_commit() -> None:
    """A worker hears that its result is safe when it is in memory."""
    received = receiving.result_received

    def eager(replica: Any, sender: str, result: Any) -> None:
        if replica.instances.owns(result.ref.instance_id):
            replica.send(sender, Answer(result.ref, Verdict.COMMITTED))
        received(replica, sender, result)

    _replace(receiving, "result_received", eager)


def refused_epoch_is_kept() -> None:
    """An owner goes on believing that it is one when the store, or etcd, says otherwise."""
    _replace(Ownership, "drop", _nothing)


def results_are_said_once() -> None:
    """A target that gets no answer to a result neither says it again nor writes it itself."""
    report, said = Intake._report, set()

    def once(self: Any, hand: Any) -> None:
        if hand.ref not in said:
            said.add(hand.ref)
            report(self, hand)

    _replace(Intake, "_report", once)
    _replace(Intake, "tick", _nothing)


def unknown_outcomes_are_ignored() -> None:
    """A commit whose answer was lost is not looked into."""
    _replace(Replica, "outcome_unknown", _nothing)


def refused_commits_are_not_tried_again() -> None:
    """What the store could not take once waits for ever, and all that comes after it."""
    commit = Committer._commit

    async def once(self: Any, group: Any) -> None:
        self._retry_s = 3_600.0
        await commit(self, group)

    _replace(Committer, "_commit", once)


def etcd_is_read_once() -> None:
    """What is known of etcd stays as it was when the first watch ended."""
    follow = EtcdCoordinator._read_and_follow

    async def once(self: Any, channel: Any, first: Any) -> None:
        if not first.is_set():
            await follow(self, channel, first)

    _replace(EtcdCoordinator, "_read_and_follow", once)


def one_endpoint_is_used() -> None:
    """The other endpoints of etcd are never tried."""
    _replace(Cluster, "turn", _nothing)


def revisions_never_begin_again() -> None:
    """Changes of an etcd that lost its data look older than what is known."""
    reset = Registry.reset

    def stubborn(self: Any, found: Any, *, revision: int, now: float) -> bool:
        return False if revision < self._newest else reset(self, found, revision=revision, now=now)

    _replace(Registry, "reset", stubborn)


def time_is_that_of_the_host() -> None:
    """Timers and due rows go by the clock of the machine."""
    _replace(StoreClock, "now", lambda self: self._clock.wall_ns())


_BUGS = (
    timers_do_not_fire,
    sweep_is_dropped,
    work_of_lost_workers_is_forgotten,
    what_is_held_is_not_looked_at_again,
    share_is_kept_without_workers,
    result_is_acknowledged_before_the_commit,
    refused_epoch_is_kept,
    results_are_said_once,
    unknown_outcomes_are_ignored,
    refused_commits_are_not_tried_again,
    etcd_is_read_once,
    one_endpoint_is_used,
    revisions_never_begin_again,
    time_is_that_of_the_host,
)
BUGS: dict[str, Callable[[], None]] = {bug.__name__: bug for bug in _BUGS}

#: What makes each cell fail.
FAILS_ON: dict[str, Callable[[], None]] = {
    "nothing": timers_do_not_fire,
    "kill_sidecars": sweep_is_dropped,
    "kill_workers": work_of_lost_workers_is_forgotten,
    "lose_workers": share_is_kept_without_workers,
    "lose_app": what_is_held_is_not_looked_at_again,
    "kill_in_commit": result_is_acknowledged_before_the_commit,
    "pause_owners": refused_epoch_is_kept,
    "cut_peers": results_are_said_once,
    "cut_pair": sweep_is_dropped,
    "cut_pair_one_way": sweep_is_dropped,
    "cut_etcd": refused_epoch_is_kept,
    "cut_etcd_one_way": refused_epoch_is_kept,
    "cut_store": unknown_outcomes_are_ignored,
    "cut_store_one_way": unknown_outcomes_are_ignored,
    "restart_etcd": etcd_is_read_once,
    "kill_etcd_member": one_endpoint_is_used,
    "stop_etcd": etcd_is_read_once,
    "empty_etcd": revisions_never_begin_again,
    "restart_postgres": refused_commits_are_not_tried_again,
    "roll": sweep_is_dropped,
    "shift_clocks": time_is_that_of_the_host,
}


if __name__ == "__main__":
    from antiphon_cli.main import main

    BUGS[sys.argv.pop(1)]()
    main(prog_name="antiphon")
