"""Planted bugs: each function breaks one rule of the protocol at run time; the simulator must find it.

A function is named after the rule it drops and takes `patch(owner, name, value)`, which replaces an attribute for
the length of a test. `BUGS` says with which runs to look, and which promises may break.
"""

import asyncio
import dataclasses
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from antiphon_sidecar.engine import endings, rerun, result
from antiphon_sidecar.peers.base import Answer, Cancel, Verdict
from antiphon_sidecar.runtime import elsewhere, handout, instances, purging, receiving, replica, rows, storework
from antiphon_sidecar.runtime.dispatch import Dispatcher
from antiphon_sidecar.runtime.elsewhere import Askers, Elsewhere
from antiphon_sidecar.runtime.instances import Instances
from antiphon_sidecar.runtime.intake import Intake
from antiphon_sidecar.runtime.lane import Lane
from antiphon_sidecar.runtime.ownership import Ownership
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.serving import Serving
from antiphon_sidecar.runtime.sweep import Sweep
from antiphon_sidecar.stores import memory_commits, memory_grants
from antiphon_sidecar.stores.base import Commit, Outcome, TaskRow
from antiphon_sidecar.stores.memory import MemoryStore
from antiphon_sidecar.stores.memory_tables import Tables
from tests.simulation import planted_rows, situations, timed
from tests.simulation.chaos import Plan
from tests.simulation.etcd import Etcd
from tests.simulation.planted_rows import Patch
from tests.simulation.programs import Program, Writer
from tests.simulation.world import DEPLOYMENTS, POISONED, Scenario

_judge = memory_commits.judge
_assemble = rows.assemble


def result_is_acknowledged_before_the_commit(patch: Patch) -> None:
    """Rule 16: the owner answers COMMITTED on receipt."""
    received = receiving.result_received

    def eager(replica: Any, sender: str, message: Any) -> None:
        if replica.instances.owns(message.ref.instance_id):
            replica.send(sender, Answer(message.ref, Verdict.COMMITTED))
        received(replica, sender, message)

    patch(receiving, "result_received", eager)


def limits_are_not_counted(patch: Patch) -> None:
    """Whoever asks for a grant gets one."""
    patch(memory_grants, "acquire", lambda tables, limited, *, grants, **rest: [True] * len(grants))


def grants_end_with_their_worker(patch: Patch) -> None:
    """An attempt that was lost with its worker counts no more, though it may go on there."""
    patch(Intake, "_let_lapse", Intake._free)


def new_owner_forgets_the_deadlines(patch: Patch) -> None:
    """A task that is found in hand elsewhere is waited for, however long it takes."""
    adopt = Dispatcher.adopt

    def patient(self: Any, row: TaskRow, replica: str) -> None:
        adopt(self, dataclasses.replace(row, start_to_close=None), replica)

    patch(Dispatcher, "adopt", patient)


def cancellations_are_said_once(patch: Patch) -> None:
    """Who runs a task that nobody waits for is told once, and whether it was heard is nobody's business."""

    async def nothing(self: Any, doubts: Any) -> None:
        return None

    patch(storework.StoreWork, "_settle_doubts", nothing)


def doubts_are_settled_from_memory(patch: Patch) -> None:
    """What an owner does not know of is over, though it may be the owner no more."""

    async def at_once(self: Any, doubts: Any) -> None:
        for sender, ref in doubts:
            self._side.send(sender, Cancel(ref))

    patch(storework.StoreWork, "_settle_doubts", at_once)


def sweep_is_dropped(patch: Patch) -> None:
    """Rule 4: what the fast path lost stays lost."""

    async def nothing(self: Any) -> None:
        return None

    patch(Sweep, "once", nothing)


def epoch_comes_from_etcd(patch: Patch) -> None:
    """Rule 8: the epoch is etcd's revision, which starts again when etcd is emptied."""
    clusters: list[Etcd] = []
    made = Etcd.__init__

    def noted(self: Any, *args: Any, **kwargs: Any) -> None:
        made(self, *args, **kwargs)
        clusters[:] = [self]

    async def take(self: Any, *, app: str, partition: int, replica: str) -> int:
        epoch = clusters[0].revision + 1
        self._tables.epochs[app, partition] = (epoch, replica)
        return epoch

    patch(Etcd, "__init__", noted)
    patch(MemoryStore, "take_partition", take)
    patch(Tables, "holds", lambda self, epoch, *, app, partition: epoch >= self.epoch(app, partition))


def commit_is_not_fenced(patch: Patch) -> None:
    """Rule 7: any epoch may commit."""
    patch(Tables, "holds", lambda self, epoch, *, app, partition: True)


def consumed_rows_need_not_exist(patch: Patch) -> None:
    """Rule 2: exactly one row is not asked for, and the version alone decides."""

    def judge(tables: Tables, commit: Commit) -> Outcome:
        return _judge(
            tables, dataclasses.replace(commit, consume_inbox=(), consume_tasks=(), consume_timers=(), known_inbox=None)
        )

    patch(memory_commits, "judge", judge)


def child_starts_without_its_row(patch: Patch) -> None:
    """Rule 2 for starts: the fast message starts the child, whether its row is there or not."""

    def judge(tables: Tables, commit: Commit) -> Outcome:
        if commit.expect_version is None:
            commit = dataclasses.replace(commit, consume_inbox=())
        return _judge(tables, commit)

    patch(memory_commits, "judge", judge)


def fast_message_overtakes_unread_rows(patch: Patch) -> None:
    """Rule 12."""

    def judge(tables: Tables, commit: Commit) -> Outcome:
        return _judge(tables, dataclasses.replace(commit, known_inbox=None))

    patch(memory_commits, "judge", judge)


def message_ids_are_not_remembered(patch: Patch) -> None:
    """Rule 11."""
    patch(result, "remember", lambda state, message_id: None)
    patch(rows, "remember", lambda state, message_id: None)


def task_row_is_copied_instead_of_replaced(patch: Patch) -> None:
    """Rule 17: a plain insert leaves the task row where it is."""

    def copied(self: Any, ref: Any, message: Any) -> bool:
        if ref in self._tables.tasks:
            self._tables.add_inbox(message, now=self._clock())
        return True

    patch(MemoryStore, "_replace", copied)


def second_dispatch_is_not_claimed(patch: Patch) -> None:
    """Rule 15: neither does the owner raise the attempt, nor does the target ask the store."""

    async def redispatch(self: Any, tasks: Any) -> None:
        self._side.dispatcher.offer(tasks)

    def claim(self: Any, hand: Any) -> None:
        asyncio.get_running_loop().call_soon(lambda: self.intake.claimed(hand, ours=True))

    patch(storework.StoreWork, "_redispatch", redispatch)
    patch(Replica, "claim", claim)


def unknown_outcome_counts_as_landed(patch: Patch) -> None:
    """Rule 9, one way to guess."""
    committed = Instances._committed

    def guess(self: Any, lane: Any, done: Any, assembled: Any, outcome: Any) -> None:
        committed(self, lane, done, assembled, Outcome.COMMITTED if outcome is None else outcome)

    patch(Instances, "_committed", guess)


def unknown_outcome_counts_as_lost(patch: Patch) -> None:
    """Rule 9, the other way: calls are told that nothing happened, and go on without a new message ID being known."""
    committed = Instances._committed

    def guess(self: Any, lane: Any, done: Any, assembled: Any, outcome: Any) -> None:
        if outcome is not None or lane.gone:
            committed(self, lane, done, assembled, outcome)
            return
        # As if the commit had never been: the same state goes on, and what it brought is applied once more.
        lane.state.version -= 1
        lane.give_back()
        lane.phase = instances.Phase.IDLE
        self._pump(lane)

    patch(Instances, "_committed", guess)


def sweep_neither_backs_off_nor_pages(patch: Patch) -> None:
    """Rule 4: rows that nobody can take hide the rest."""

    async def first_page(self: Any, due: Any, owned: Any, until: int) -> Any:
        page = await due(app=self._replica.identity.app, partitions=owned, until=until, limit=2, after=None)
        if page.rows:
            yield page.rows

    async def nothing(self: Any, items: Any) -> None:
        return None

    patch(Sweep, "_pages", first_page)
    for name in ("defer_inbox", "defer_tasks", "defer_timers"):
        patch(MemoryStore, name, nothing)


def rows_outlive_their_generation(patch: Patch) -> None:
    """Rule 5."""

    def assemble(*args: Any, **kwargs: Any) -> Any:
        made = _assemble(*args, **kwargs)
        made.commit = dataclasses.replace(made.commit, end_execution=None)
        return made

    patch(rows, "assemble", assemble)


def new_owner_does_not_ask(patch: Patch) -> None:
    """Rule 19."""

    def taken(self: Any, partitions: Any) -> None:
        self.handover.asked(partitions, [])
        self.sweep.taken(partitions)

    patch(Replica, "_partitions_taken", taken)


def results_wait_in_memory(patch: Patch) -> None:
    """Rule 18: nothing is parked while a turn is under way or an instance is suspended."""
    patch(replica, "to_park", lambda lane, *, now, patience_s: [])


def lost_epoch_is_kept(patch: Patch) -> None:
    """Rule 7 seen from the owner: a refused epoch does not end the ownership."""
    patch(Ownership, "drop", lambda self, partition, epoch=None: None)


def share_is_kept_without_workers(patch: Patch) -> None:
    """A replica that has no worker keeps its partitions beside others that have some."""
    patch(Serving, "look", lambda self: not self.leaving)


def refusals_are_forgotten(patch: Patch) -> None:
    """Wire 24: a worker is asked again and again for what it said it cannot do."""
    choose = handout.choose

    def forgetful(workers: Any, lane: Any, turn: Any, *, now: float) -> Any:
        lane.refused.clear()
        return choose(workers, lane, turn, now=now)

    patch(handout, "choose", forgetful)


def deaths_are_not_counted(patch: Patch) -> None:
    """Promise 6: an instance of whose turns workers die is tried for ever."""
    patch(handout, "lost", lambda lanes, stream, *, now: None)


def suspects_do_not_wait(patch: Patch) -> None:
    """Promise 6: whoever lost workers is tried again at once."""
    lost = handout.lost

    def at_once(lanes: Iterable[Lane], stream: Any, *, now: float) -> None:
        lanes = list(lanes)
        lost(lanes, stream, now=now)
        for each in lanes:
            each.not_before = now

    patch(handout, "lost", at_once)


def another_version_goes_on(patch: Patch) -> None:
    """Wire 24: whatever version and patches an answer has, it is taken."""
    patch(result, "judge", lambda state, response: None)


def controls_stay_with_the_parent(patch: Patch) -> None:
    """Rule 13: a recursive control is not passed on in the parent's commit."""
    patch(endings, "tell_children", lambda done, control: None)


def running_children_are_not_asked(patch: Patch) -> None:
    """Rule 5: a purge forgets the children that still run."""

    async def finished(store: Any, child: Any, *, now: int) -> Any:
        row = await store.get_instance(app=child.app, instance_id=child.instance_id)
        return row if row is not None and row.incarnation == child.incarnation else None

    patch(purging, "_finished_or_told", finished)


def rerun_asks_for_nothing(patch: Patch) -> None:
    """What is open in the history that a rerun keeps is not asked for again."""
    patch(rerun, "resume", lambda done, *, now: None)


def owner_does_not_tell(patch: Patch) -> None:
    """Who waits at another replica finds out by reading the store."""
    patch(Askers, "changed", lambda self, instance_id, status, end=None: None)


def next_owner_is_not_asked(patch: Patch) -> None:
    """Who waits relies on the promise of an owner that is none any more."""
    patch(Elsewhere, "view_changed", lambda self: None)


def what_may_not_be_durable_is_told(patch: Patch) -> None:
    """Who waits is told of an end that is only about to be committed."""
    patch(elsewhere, "_IN_DOUBT", ())


@dataclass(frozen=True, slots=True)
class Bug:
    """A planted bug: how to look for it, in how many seeds, and what it may break."""

    plant: Callable[[Patch], None]
    promises: frozenset[str]
    scenario: Scenario
    seeds: int = 60
    #: What may break before that in other seeds, where several rules are dropped at once.
    also: frozenset[str] = frozenset()


def _plan(*kinds: str, every_s: float = 2.0) -> Scenario:
    return Scenario(plan=Plan(every_s=every_s, kinds=kinds), apps=2, reruns=0.0, forces=0.0)


def _limited(writer: Writer, instance_id: str) -> Program:
    """Many activities of a name with a limit at once."""
    calls = [["timed", "app0", timed.LIMITED, f"{instance_id}/{writer.next()}", 0] for _ in range(5)]
    return ["seq", [["par", calls], ["par", [[*call[:3], f"{call[3]}b", 0] for call in calls]]]]


def _hanging(writer: Writer, instance_id: str) -> Program:
    """Activities that end by their timeouts only."""
    return ["seq", [["timed", f"app{n % 2}", "start_to_close", f"{instance_id}/{writer.next()}", 1] for n in range(3)]]


def _slow_children(writer: Writer, instance_id: str) -> Program:
    """Children that live far beyond their parent's end."""
    return ["par", [["child", f"app{n % 2}", f"{instance_id}/{n}", ["seq", [["timer", 70.0]]]] for n in range(3)]]


def _repeats(write: Callable[[Writer, str], Program]) -> Scenario:
    """A network that is always bad."""
    plan = Plan(every_s=0.5, kinds=("bad network",))
    return Scenario(plan=plan, apps=2, purges=0.9, write=write)


def _short(*kinds: str, every_s: float = 0.5, **more: Any) -> Scenario:
    """A run in which one situation comes up again and again."""
    plan = Plan(every_s=every_s, kinds=kinds)
    return dataclasses.replace(
        Scenario(plan=plan, apps=1, instances=8, active_s=25.0, spread_s=8.0, reruns=0.0, forces=0.0), **more
    )


#: Many are started at once, and purged as soon as they have ended.
_AT_ONCE = _short("bad store", instances=40, write=situations.at_once, live=situations.purge_at_once)
_ABANDONED = _short("bad network", apps=2, write=situations.slow_children, live=situations.abandon_children)
_ELSEWHERE = _short(
    "etcd down for one", every_s=0.3, apps=2, replicas=3, instances=24, purges=0.0, write=situations.work_elsewhere
)
#: Nothing is purged: a start that lands late, after its run was purged, begins the run again.
_TAKEN = _short("roll", "bad store", "bad store", every_s=1.0, active_s=40.0, purges=0.0)


#: One app at three replicas: of most instances that somebody waits for, another one is the owner.
_WAITED = Scenario(
    apps=1, replicas=3, instances=12, plan=Plan(every_s=0), purges=0.0, reruns=0.0, waits=1.0, told_within_s=0.3
)
_WAITED_OVER_OWNERS = dataclasses.replace(
    _WAITED, plan=Plan(every_s=5.0, kinds=("roll the first app",)), told_within_s=3.0, write=situations.slow_alone
)


def _bugs(*bugs: Bug) -> dict[str, Bug]:
    return {bug.plant.__name__: bug for bug in bugs}


BUGS = _bugs(
    Bug(
        result_is_acknowledged_before_the_commit,
        frozenset({"sent after settled"}),
        _plan("kill sidecar", "pause sidecar", "bad store"),
    ),
    Bug(sweep_is_dropped, frozenset({"not ended", "rows left"}), _plan("bad network", "kill sidecar")),
    Bug(epoch_comes_from_etcd, frozenset({"one owner"}), _plan("etcd emptied", "etcd down for one")),
    Bug(commit_is_not_fenced, frozenset({"one owner"}), _plan("etcd down for one")),
    Bug(
        consumed_rows_need_not_exist,
        frozenset({"applied twice", "started twice", "sent after settled", "wrong output", "event order"}),
        _repeats(situations.children),
    ),
    Bug(child_starts_without_its_row, frozenset({"started twice"}), _repeats(situations.children)),
    Bug(
        fast_message_overtakes_unread_rows,
        frozenset({"event order", "not ended"}),
        _repeats(situations.events),
    ),
    Bug(message_ids_are_not_remembered, frozenset({"applied twice"}), _plan("bad store"), 200),
    Bug(
        task_row_is_copied_instead_of_replaced,
        frozenset({"sent after settled", "rows left"}),
        _plan("cut network", "kill sidecar"),
    ),
    Bug(second_dispatch_is_not_claimed, frozenset({"sent after settled"}), _plan("pause sidecar", "bad network"), 200),
    Bug(
        unknown_outcome_counts_as_landed,
        frozenset({"sent after settled", "event lost", "not ended", "one owner", "illegal history", "wrong output"}),
        _plan("bad store"),
    ),
    Bug(
        unknown_outcome_counts_as_lost,
        frozenset({"applied twice", "illegal history", "not ended", "sent after settled"}),
        _plan("bad store"),
    ),
    Bug(
        sweep_neither_backs_off_nor_pages,
        frozenset({"not ended", "rows left", "instance lost"}),
        dataclasses.replace(_plan("bad network", "cut network"), far=6, quiet_s=120.0, replicas=1),
    ),
    Bug(rows_outlive_their_generation, frozenset({"rows left"}), Scenario(plan=Plan(every_s=0))),
    Bug(
        new_owner_does_not_ask,
        frozenset({"handed out twice"}),
        Scenario(apps=2, plan=Plan(every_s=12.0, kinds=("roll the first app",)), strict=True, write=situations.one_way),
    ),
    Bug(
        results_wait_in_memory,
        frozenset({"settled late"}),
        Scenario(plan=Plan(every_s=0), strict=True, thinks_s=(0.001, 2.0)),
    ),
    Bug(
        controls_stay_with_the_parent,
        frozenset({"child escaped"}),
        Scenario(apps=2, plan=Plan(every_s=0), terminates=1.0, write=_slow_children),
    ),
    Bug(
        running_children_are_not_asked,
        frozenset({"not purged"}),
        Scenario(apps=2, plan=Plan(every_s=0), terminates=0.0, purges=1.0, quiet_s=400.0, write=_slow_children),
    ),
    Bug(
        rerun_asks_for_nothing,
        frozenset({"not ended"}),
        Scenario(plan=Plan(every_s=0), reruns=1.0),
    ),
    Bug(
        lost_epoch_is_kept,
        frozenset({"not ended", "rows left", "spinning", "sent after settled"}),
        _plan("pause sidecar", "etcd emptied"),
        also=frozenset({"not cancelled"}),
    ),
    Bug(planted_rows.results_do_not_name_their_run, frozenset({"wrong output"}), _ABANDONED),
    Bug(planted_rows.rows_without_an_instance_stay, frozenset({"rows left"}), _ABANDONED),
    Bug(
        planted_rows.what_remembers_a_start_counts_as_its_row,
        frozenset({"started twice"}),
        _repeats(situations.children),
    ),
    Bug(
        planted_rows.deleted_runs_are_not_remembered,
        frozenset({"started twice"}),
        _AT_ONCE,
    ),
    Bug(
        planted_rows.withdrawn_starts_are_acknowledged,
        frozenset({"instance lost"}),
        _AT_ONCE,
    ),
    Bug(
        planted_rows.starts_are_acknowledged_while_their_commit_is_in_doubt,
        frozenset({"instance lost"}),
        _AT_ONCE,
    ),
    Bug(planted_rows.versions_are_not_compared, frozenset({"wrong run"}), _TAKEN),
    Bug(
        planted_rows.inbox_is_consumed_by_watermark,
        frozenset({"event lost", "not ended"}),
        _short("bad network", "bad store", write=situations.events),
    ),
    Bug(
        planted_rows.start_waits_for_its_place_in_the_inbox,
        frozenset({"illegal history"}),
        _short("bad network", write=situations.generations_with_events),
    ),
    Bug(
        planted_rows.inserter_holds_the_row,
        frozenset({"event lost", "not ended"}),
        _short(
            "cut network",
            "bad store",
            instances=20,
            spread_s=15.0,
            write=situations.one_event,
            live=situations.resume_while_the_event_comes,
        ),
    ),
    Bug(
        planted_rows.new_owner_lets_rest_what_rests,
        frozenset({"not ended"}),
        Scenario(
            apps=1,
            instances=8,
            plan=Plan(once_s=4.0, kinds=("no worker, then another owner",)),
            active_s=55.0,
            quiet_s=6.0,
            spread_s=6.0,
            purges=0.0,
            write=situations.at_once,
        ),
    ),
    Bug(
        planted_rows.messages_need_their_instance,
        frozenset({"not ended"}),
        dataclasses.replace(_ABANDONED, instances=2, quiet_s=40.0),
    ),
    Bug(
        planted_rows.refused_attempt_is_not_looked_into,
        frozenset({"not ended"}),
        _short("takes land late", every_s=14.0, active_s=40.0, spread_s=15.0, write=situations.few_tasks),
    ),
    Bug(
        planted_rows.load_begins_before_the_take_and_versions_are_not_compared,
        frozenset({"illegal history", "applied twice", "started twice", "wrong run"}),
        _TAKEN,
        also=frozenset({"not ended", "rows left", "sent after settled", "wrong output"}),
    ),
    Bug(
        planted_rows.version_is_compared_without_the_run,
        frozenset({"wrong run"}),
        _short(
            "etcd down for one",
            "pause sidecar",
            every_s=0.5,
            active_s=40.0,
            write=situations.one_event,
            live=situations.call_everywhere,
        ),
        also=frozenset({"one owner"}),
    ),
    Bug(
        planted_rows.control_does_not_name_the_start,
        frozenset({"wrong output"}),
        _short(
            "bad network",
            apps=2,
            write=situations.child_of_one_name,
            live=situations.terminate_with_an_ended_child,
        ),
    ),
    Bug(
        planted_rows.start_is_withdrawn_whether_or_not_it_is_there,
        frozenset({"withdrawn, but began"}),
        _short("etcd slow", every_s=0.7, apps=2, write=situations.late_children, late_s=(7.0, 13.0)),
    ),
    Bug(
        share_is_kept_without_workers,
        frozenset({"delayed"}),
        Scenario(
            apps=1,
            instances=12,
            plan=Plan(once_s=3.0, kinds=("one pod loses its worker",)),
            # The last one starts after 13 s; a lease, what is left of a renewal, and what workers may take come on top.
            active_s=40.0,
            spread_s=12.0,
            purges=0.0,
            prompt=True,
            write=situations.at_once,
        ),
    ),
    Bug(refusals_are_forgotten, frozenset({"asked again", "spinning"}), DEPLOYMENTS),
    Bug(deaths_are_not_counted, frozenset({"poison", "delayed"}), POISONED),
    Bug(suspects_do_not_wait, frozenset({"delayed"}), POISONED),
    Bug(another_version_goes_on, frozenset({"a callback failed", "not ended"}), DEPLOYMENTS),
    Bug(
        new_owner_forgets_the_deadlines,
        frozenset({"not ended", "rows left"}),
        Scenario(apps=2, plan=Plan(every_s=6.0, kinds=("stop sidecar", "kill sidecar")), write=_hanging),
    ),
    Bug(
        limits_are_not_counted,
        frozenset({"limit exceeded"}),
        Scenario(apps=1, plan=Plan(every_s=4.0, kinds=("kill sidecar", "break stream")), write=_limited),
    ),
    Bug(
        grants_end_with_their_worker,
        frozenset({"limit exceeded"}),
        Scenario(apps=1, plan=Plan(every_s=1.0, kinds=("break stream",)), write=_limited),
    ),
    Bug(owner_does_not_tell, frozenset({"told late"}), _WAITED),
    Bug(next_owner_is_not_asked, frozenset({"told late"}), _WAITED_OVER_OWNERS),
    Bug(cancellations_are_said_once, frozenset({"not cancelled"}), _plan("bad network", "kill sidecar")),
    Bug(
        doubts_are_settled_from_memory,
        frozenset({"wanted and cancelled", "sent after settled"}),
        _ELSEWHERE,
    ),
)

#: Rules that no run can miss, because another rule catches whatever they would have caught.
#: A load that is too old: its commits are refused by their version. Versions: within one epoch all changes come from
#: one lane, and a lane is read after the epoch was taken. The second look at the lease: whoever believes in a key that
#: is another's is refused by the store at its first commit, and the owner of the key takes the partition back.
#: A status that may not be durable: whoever was told of an end looks it up, and goes on waiting when it is none.
MASKED: dict[Callable[[Patch], None], Scenario] = {
    planted_rows.load_begins_before_the_take: _TAKEN,
    planted_rows.starts_without_rows_survive_a_read: _AT_ONCE,
    planted_rows.long_first_turns_are_committed_as_if_nothing_had_been_written: _AT_ONCE,
    planted_rows.lease_is_not_looked_at_again: _short(
        "pause sidecar", "etcd down for one", "bad store", every_s=1.0, active_s=40.0
    ),
    what_may_not_be_durable_is_told: dataclasses.replace(
        _WAITED,
        instances=30,
        plan=Plan(every_s=0.7, kinds=("bad store", "etcd slow")),
        told_within_s=None,
        write=situations.at_once,
    ),
}
