"""Planted bugs of the rules on runs, rows and ownership (protocol.md 1-14); `planted` says how each is looked for."""

import dataclasses
from collections.abc import Callable, Sequence
from typing import Any
from weakref import WeakKeyDictionary

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.coordination.base import Unavailable
from antiphon_sidecar.engine import endings, turn
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.runtime import childchecks, instances, rows
from antiphon_sidecar.runtime.instances import Instances
from antiphon_sidecar.runtime.ownership import Ownership
from antiphon_sidecar.runtime.storework import StoreWork
from antiphon_sidecar.runtime.sweep import Sweep
from antiphon_sidecar.stores import memory_commits
from antiphon_sidecar.stores.base import NEVER, Commit, InboxKind, InboxRow, Outcome
from antiphon_sidecar.stores.errors import StoreError
from antiphon_sidecar.stores.memory import MemoryStore
from antiphon_sidecar.stores.memory_tables import Tables
from tests.simulation.loop import Host
from tests.simulation.store_server import StoreServer

Patch = Callable[[Any, str, Any], None]

_judge = memory_commits.judge
_apply = memory_commits.apply
_assemble = rows.assemble
_wanted = turn._wanted
_base = turn._base
_tell = endings.tell_children
_settle_starts = instances.settle_starts


def results_do_not_name_their_run(patch: Patch) -> None:
    """Rule 1: neither the incarnation nor the execution ID of a result is looked at.

    Both must go: either one tells the runs of an ID apart.
    """

    def wanted(base: State, message: Message) -> bool:
        return _wanted(base, dataclasses.replace(message, incarnation=b"", execution_id=""))

    patch(turn, "_wanted", wanted)


def rows_without_an_instance_stay(patch: Patch) -> None:
    """Rule 1: the sweep leaves rows alone whose run is gone."""

    async def nothing(self: Any, **kwargs: Any) -> int:
        return 0

    patch(MemoryStore, "drop_orphans", nothing)


def inbox_is_consumed_by_watermark(patch: Patch) -> None:
    """Rule 3: a commit deletes every row up to the highest sequence number that it consumes."""

    def apply(tables: Tables, commit: Commit, *, now: int) -> None:
        highest = max((tables.inbox[row_id].seq for row_id in commit.consume_inbox), default=0)
        below = [row for row in tables.inbox_of(commit.app, commit.instance_id) if row.seq <= highest]
        _apply(tables, commit, now=now)
        for row in below:
            tables.drop_inbox(row.row_id)

    patch(memory_commits, "apply", apply)


def start_waits_for_its_place_in_the_inbox(patch: Patch) -> None:
    """Rule 3: the start is a message like others, applied in its turn."""

    def base(state: State | None, messages: Sequence[Message]) -> Any:
        first = messages[0] if messages else None
        return _base(state, messages if first is not None and first.kind is Kind.START else ())

    def inbox(self: Any, app: str, instance_id: str) -> list[InboxRow]:
        return sorted(self._tables.inbox_of(app, instance_id), key=lambda row: row.seq)

    enqueue = Instances._enqueue

    def append(self: Any, lane: Any, message: Message) -> None:
        before = list(lane.queue)
        enqueue(self, lane, message)
        if message.kind is Kind.START and len(lane.queue) > len(before):
            lane.queue[:] = [*before, message]

    patch(turn, "_base", base)
    patch(MemoryStore, "_inbox", inbox)
    patch(Instances, "_enqueue", append)


def inserter_holds_the_row(patch: Patch) -> None:
    """Rule 4: whoever inserts reads the status, and writes infinity for a suspended instance."""
    add, request = Tables.add_inbox, StoreServer.request
    held: set[bytes] = set()

    async def read_first(self: Any, host: Host, name: str, args: Any, kwargs: Any) -> Any:
        for message in args[0] if name == "post" else ():
            found = self.tables.row(message.app, message.instance_id)
            if found is not None and found.status == Status.SUSPENDED and message.kind is InboxKind.EVENT:
                held.add(message.row_id)
        return await request(self, host, name, args, kwargs)

    def hold(self: Any, row: InboxRow, *, now: int) -> None:
        add(self, row, now=NEVER if row.row_id in held else now)

    patch(StoreServer, "request", read_first)
    patch(Tables, "add_inbox", hold)


def new_owner_lets_rest_what_rests(patch: Patch) -> None:
    """Rule 4: what the last owner put off is not looked at when the partition is taken."""
    patch(Sweep, "taken", lambda self, partitions: None)


def messages_need_their_instance(patch: Patch) -> None:
    """Rule 6: a foreign key from the inbox to the instance, for all but starts."""

    def judge(tables: Tables, commit: Commit) -> Outcome:
        for message in commit.messages:
            if message.kind is not InboxKind.START and tables.row(message.app, message.instance_id) is None:
                return Outcome.ROWS
        return _judge(tables, commit)

    patch(memory_commits, "judge", judge)


def refused_attempt_is_not_looked_into(patch: Patch) -> None:
    """Rule 8: an epoch that was raised behind the owner's back is noticed by refused commits alone."""

    async def nothing(self: Any, row: Any, partition: int, epoch: int) -> None:
        return None

    patch(StoreWork, "_look_why", nothing)


def load_begins_before_the_take(patch: Patch) -> None:
    """Rule 8: the take and the loads share one snapshot, which misses the old owner's last commits."""
    request = StoreServer.request
    # By store: hosts of another run have the same names.
    snapshots: WeakKeyDictionary[StoreServer, dict[tuple[str, str, str], Any]] = WeakKeyDictionary()

    async def snapshot(self: Any, host: Host, name: str, args: Any, kwargs: Any) -> Any:
        seen = snapshots.setdefault(self, {})
        if name == "take_partition":
            for app, instance_id in self.tables.runs:
                if app == kwargs["app"] and partition_of(slot_of(instance_id)) == kwargs["partition"]:
                    seen[host.name, app, instance_id] = await self.memory.load(app=app, instance_id=instance_id)
        answer = await request(self, host, name, args, kwargs)
        if name == "load":
            return seen.pop((host.name, kwargs["app"], kwargs["instance_id"]), answer)
        return answer

    patch(StoreServer, "request", snapshot)


def versions_are_not_compared(patch: Patch) -> None:
    """Rule 10, as far as it stands behind rule 8: a commit lands whatever was there, over a turn of the same number."""

    def judge(tables: Tables, commit: Commit) -> Outcome:
        row = tables.row(commit.app, commit.instance_id)
        found = (row.incarnation, row.version) if row else (None, None)
        return _judge(tables, dataclasses.replace(commit, expect_incarnation=found[0], expect_version=found[1]))

    patch(memory_commits, "judge", judge)
    patch(memory_commits, "_repeats", lambda tables, commit: False)


def load_begins_before_the_take_and_versions_are_not_compared(patch: Patch) -> None:
    """Rules 8 and 10: either alone is caught by the other."""
    load_begins_before_the_take(patch)
    versions_are_not_compared(patch)


def lease_is_not_looked_at_again(patch: Patch) -> None:
    """Rule 8: a partition counts as owned after the take, whatever became of its key meanwhile."""

    async def believe(self: Any, partition: int) -> bool:
        try:
            if not await self._coordinator.claim(app=self._app, partition=partition):
                return False
            self.epochs[partition] = await self._store.take_partition(
                app=self._app, partition=partition, replica=self._replica
            )
        except (Unavailable, StoreError):
            return False
        return True

    patch(Ownership, "_take", believe)


def version_is_compared_without_the_run(patch: Patch) -> None:
    """Rule 10, and rule 7 with it: within one epoch every change of an instance is made by one lane, which knows it."""

    def judge(tables: Tables, commit: Commit) -> Outcome:
        row = tables.row(commit.app, commit.instance_id)
        if row is not None and commit.expect_incarnation is not None:
            commit = dataclasses.replace(commit, expect_incarnation=row.incarnation)
        return _judge(tables, commit)

    patch(memory_commits, "judge", judge)
    patch(Tables, "holds", lambda self, epoch, *, app, partition: True)


def control_does_not_name_the_start(patch: Patch) -> None:
    """Rule 13: a control meets whichever run of the child's ID is there."""

    def tell(result: Any, control: Any) -> None:
        count = len(result.outgoing)
        _tell(result, control)
        result.outgoing[count:] = [dataclasses.replace(sent, incarnation=b"") for sent in result.outgoing[count:]]

    patch(endings, "tell_children", tell)


def start_is_withdrawn_whether_or_not_it_is_there(patch: Patch) -> None:
    """Rule 14: the row is deleted if it is still there, and the call fails in any case."""

    def assemble(result: Any, **kwargs: Any) -> Any:
        made = _assemble(result, **kwargs)
        withdrawn = tuple(m.message_id for m in result.turn.consumed if childchecks.is_withdrawal(m))
        made.commit = dataclasses.replace(
            made.commit,
            consume_inbox=tuple(row_id for row_id in made.commit.consume_inbox if row_id not in withdrawn),
            discard_inbox=(*made.commit.discard_inbox, *withdrawn),
        )
        return made

    patch(rows, "assemble", assemble)


def what_remembers_a_start_counts_as_its_row(patch: Patch) -> None:
    """Rule 2: a late hint of a start consumes the row that only keeps the message ID of the run that it began."""
    patch(Tables, "message", lambda self, row_id: self.inbox.get(row_id))


def deleted_runs_are_not_remembered(patch: Patch) -> None:
    """Rules 2 and 11: nothing is left of a run that is purged, though copies of its start may be on their way."""
    patch(Tables, "remember_start", lambda self, row, *, now: None)


def starts_without_rows_survive_a_read(patch: Patch) -> None:
    """Rule 11: a start whose commit did not land begins a run here, though its call has been told to write it."""

    def settle_starts(effects: Any, lane: Any, kept: Any) -> list[Message]:
        _settle_starts(effects, lane, kept)
        return list(kept)

    patch(instances, "settle_starts", settle_starts)


def withdrawn_starts_are_acknowledged(patch: Patch) -> None:
    """Rule 11: a start is answered though the commit that was to make it durable was refused."""

    def withdraw(self: Any, lane: Any) -> None:
        lane.give_back()
        for message in lane.queue:
            self._effects.call_settled(message.message_id, applied=True)
        self.forget_unknown(lane)

    patch(Instances, "_withdraw", withdraw)


def starts_are_acknowledged_while_their_commit_is_in_doubt(patch: Patch) -> None:
    """Rule 9: a start is answered though nobody knows whether the commit that was to make it durable landed."""

    def settle_starts(effects: Any, lane: Any, kept: Any) -> list[Message]:
        starts = [m for m in kept if m.kind is Kind.START and m.row is Row.NONE]
        for start in starts:
            effects.call_settled(start.message_id, applied=True)
        return [m for m in kept if m not in starts]

    patch(instances, "settle_starts", settle_starts)


def long_first_turns_are_committed_as_if_nothing_had_been_written(patch: Patch) -> None:
    """Rule 2: the start that was written meanwhile is not consumed."""

    def assemble(result: Any, **kwargs: Any) -> Any:
        made = _assemble(result, **kwargs)
        written = kwargs["meanwhile"].written
        made.commit = dataclasses.replace(
            made.commit, consume_inbox=tuple(row_id for row_id in made.commit.consume_inbox if row_id not in written)
        )
        return made

    patch(rows, "assemble", assemble)
