"""One app's runtime at one sidecar: puts the parts together and carries what one causes to the others.

Owner's side: `instances`, `dispatch`, `sweep`, `ownership`. Target's side: `intake`. Both share `workers`. Clients
come through `calls`, workers through the methods at the end. Listeners are elsewhere and hold no state of this.
"""

import asyncio
import contextlib
import functools
import logging
from collections.abc import Iterable
from typing import Unpack

from antiphon_names.hashing import partition_of
from antiphon_sidecar.engine import result as rs
from antiphon_sidecar.engine.actions import Response
from antiphon_sidecar.engine.events import Failure, PurgeRequested, TaskFailed
from antiphon_sidecar.engine.messages import Message as Incoming
from antiphon_sidecar.peers.base import (
    Answer,
    InHandAsked,
    Message,
    Verdict,
)
from antiphon_sidecar.runtime import doubts, hints, receiving, rows, spans
from antiphon_sidecar.runtime.callrules import CallRules
from antiphon_sidecar.runtime.dispatch import Dispatcher
from antiphon_sidecar.runtime.effects import Scope
from antiphon_sidecar.runtime.elsewhere import Askers, Elsewhere
from antiphon_sidecar.runtime.firing import fire
from antiphon_sidecar.runtime.hand import Answered, Hand, in_hand, with_workers
from antiphon_sidecar.runtime.handover import Handover
from antiphon_sidecar.runtime.instances import Instances
from antiphon_sidecar.runtime.intake import Intake
from antiphon_sidecar.runtime.lane import Lane
from antiphon_sidecar.runtime.limiting import Limiting
from antiphon_sidecar.runtime.ownership import Ownership
from antiphon_sidecar.runtime.parking import to_park
from antiphon_sidecar.runtime.parts import Identity, Parts
from antiphon_sidecar.runtime.placing import Placing
from antiphon_sidecar.runtime.presence import Presence
from antiphon_sidecar.runtime.storework import StoreWork
from antiphon_sidecar.runtime.sweep import Sweep
from antiphon_sidecar.runtime.tasks import Tasks
from antiphon_sidecar.runtime.timers import Timers
from antiphon_sidecar.runtime.watch import End, PendingCalls, Watchers
from antiphon_sidecar.runtime.workers import Workers, WorkerStream
from antiphon_sidecar.stores.base import InboxRow, InstanceRow, TaskRef, TaskRow, TimerRow
from antiphon_sidecar.stores.errors import StoreError

logger = logging.getLogger(__name__)

#: A turn in flight this long makes the results it carries durable on their own (protocol.md 18).
PATIENCE_S = 0.1
_TICK_S = 0.05
#: What coordination and the store are given each to hear that a replica leaves, in seconds; a pod has 30 to end in.
_LAST_S = 5.0


class Replica:
    """The runtime of one app; `start` it, connect workers, call it, `drain` and `stop` it."""

    def __init__(self, identity: Identity, parts: Parts) -> None:
        self.identity = identity
        self.parts = parts
        self.workers = Workers(
            item_bytes_max=parts.limits.worker_message_bytes_max, message_bytes_max=parts.limits.message_bytes_max
        )
        self.watchers = Watchers()
        self.elsewhere = Elsewhere(
            me=identity.replica,
            watchers=self.watchers,
            view=parts.coordinator.view,
            owns=lambda watch: watch.app == identity.app and self.instances.owns(watch.instance_id),
            send=self.send,
        )
        self.timers = Timers(parts.store_clock)
        self._tasks = Tasks(parts.died)
        #: Who sent a result that is not settled yet; filled by `receiving`.
        self.senders: dict[TaskRef, dict[str, None]] = {}
        self._calls = PendingCalls()
        #: By app and instance ID, starts here that have no rows yet; done once they have, or never will.
        self.beginning: dict[tuple[str, str], asyncio.Future[None]] = {}
        self.handover = Handover(
            clock=parts.clock,
            lease_s=parts.limits.lease_s,
            view=parts.coordinator.view,
            closed=lambda: self.sweep.soon(),
        )
        #: Apps that have a worker somewhere.
        self._attended: frozenset[str] = frozenset()
        self._tick_wake = asyncio.Event()
        self.presence = Presence(identity, parts, self.workers, lambda: with_workers(self.intake.hands.values()))
        self.rules = CallRules(
            identity.app,
            registry=parts.registry,
            view=parts.coordinator.view,
            shares=self.presence.apart.shares,
            seen=parts.known_apps.names,
        )
        self.ownership = Ownership(
            app=identity.app,
            replica=identity.replica,
            store=parts.store,
            coordinator=parts.coordinator,
            clock=parts.clock,
            taken=self._partitions_taken,
            dropped=self._partition_dropped,
        )
        self.limiting = Limiting(self)
        self.instances = Instances(self._scope(), self)
        self.askers = Askers(app=identity.app, lane=self.instances.get, send=self.send)
        self.dispatcher = Dispatcher(
            placing=Placing(identity.app, identity.replica),
            clock=parts.clock,
            store_clock=parts.store_clock,
            limits=parts.limits,
            unknown_apps=parts.unknown_apps,
            view=parts.coordinator.view,
            rules=self.rules,
            send=self.send,
            fail=self.fail_task,
            alarms=self.timers,
        )
        self.intake = Intake(
            clock=parts.clock,
            store_clock=parts.store_clock,
            limits=parts.limits,
            workers=self.workers,
            view=parts.coordinator.view,
            send=self.send,
            ports=self,
            grant_ports=self.limiting,
            app=identity.app,
            most=parts.concurrency.activities,
        )
        self.sweep = Sweep(self)
        self.work = StoreWork(self)
        self.retention = self.work.retention

    def _scope(self) -> Scope:
        parts = self.parts
        return Scope(
            app=self.identity.app,
            clock=parts.clock,
            store_clock=parts.store_clock,
            committer=parts.committer,
            workers=self.workers,
            gate=self.limiting,
            engine=rs.Scope(
                namespace=self.identity.namespace,
                payload_bytes_max=parts.limits.payload_bytes_max,
                new_execution_id=lambda: parts.clock.new_id().hex(),
                refuse=self.rules.at_commit,
            ),
            epochs=self.ownership.epochs,
            hot_max=parts.limits.hot_instances_max,
            hot_bytes_max=parts.limits.hot_history_bytes_max,
            recovery_s=parts.limits.lease_s,
        )

    # life

    async def start(self) -> None:
        """Register, and begin to own, sweep and serve."""
        parts, who = self.parts, self.identity
        parts.peers.receive(functools.partial(receiving.received, self))
        parts.peers.relinked(functools.partial(receiving.relinked, self))
        parts.coordinator.watch(self._view_changed)
        await self.presence.beat()
        await self.presence.publish()
        await self.ownership.balance()
        self.work.start(self._tasks)
        self._tasks.spawn(self.ownership.run(), f"{who.app}-ownership")
        self._tasks.spawn(self.sweep.run(), f"{who.app}-sweep")
        self._tasks.spawn(self._tick(), f"{who.app}-tick")
        self._tasks.spawn(self.presence.keep(self._renewed), f"{who.app}-registration")

    async def drain(self) -> None:
        """Take nothing new, hand back what can be, and give up the partitions, as far as etcd answers.

        Others are told to take the partitions before the keys are free, so that each is claimed as soon as it is.
        """
        self.intake.draining = True
        self.presence.serving.leaving = True
        owned = self.ownership.stop()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_LAST_S):
                await self.presence.publish()
                await self.ownership.free(owned)

    async def stop(self) -> None:
        """End all tasks and leave the others' view; call `drain` first unless it is an emergency."""
        self.timers.close()
        self.parts.peers.close()
        await self.parts.coordinator.leave()
        await self._tasks.close()
        self._calls.close()
        if not self.intake.holds_grants():
            with contextlib.suppress(StoreError, TimeoutError):
                async with asyncio.timeout(_LAST_S):
                    await self.parts.store.leave(app=self.identity.app, replica=self.identity.replica)

    def _renewed(self) -> None:
        # A task may have come after the last worker for it had left: others see that by now.
        self.intake.return_orphans()
        self.intake.tend()

    def tick_soon(self) -> None:
        """Look after fast messages and unanswered results: there is one now."""
        self._tick_wake.set()

    async def _tick(self) -> None:
        """Look after fast messages and unanswered results, while there are any."""
        while True:
            await self._tick_wake.wait()
            self._tick_wake.clear()
            while self.instances.fast or self.intake.unanswered:
                await asyncio.sleep(_TICK_S)
                for lane in list(self.instances.fast.values()):
                    self.park(lane, patience_s=PATIENCE_S)
                self.intake.tick()

    # coordination

    def _view_changed(self) -> None:
        self.ownership.wake()
        self.handover.settle()
        view = self.parts.coordinator.view()
        self.presence.view_changed()
        self.limiting.follow()
        self.elsewhere.view_changed()
        self.askers.view_changed(view)
        for row in self.dispatcher.stranded():
            self.work.redispatches.add(row)
        self.dispatcher.retry_held()
        attended = frozenset(r.app for r in view.replicas.values() if r.workers > 0)
        for app in sorted(attended - self._attended):
            self.work.releases.add(app)
        self._attended = attended

    def _partitions_taken(self, partitions: frozenset[int]) -> None:
        """Ask everybody what they have in hand for these, before anything is dispatched again."""
        self.instances.partitions_taken(partitions)
        others = [r for r in self.parts.coordinator.view().replicas if r != self.identity.replica]
        self.handover.asked(partitions, others)
        for replica in others:
            self.send(replica, InHandAsked(self.identity.app, partitions))
        self.handover.answered(
            self.identity.replica, in_hand(self.intake.hands.values(), self.identity.app, partitions)
        )
        self.sweep.taken(partitions)
        self.elsewhere.taken(self.identity.app, partitions)

    def _partition_dropped(self, partition: int) -> None:
        self.handover.dropped(partition)
        self.askers.dropped(partition)
        self.instances.drop_partition(partition)
        self.dispatcher.forget_if(lambda row: partition_of(row.slot) == partition)

    # peers

    def send(self, to: str, message: Message) -> None:
        """Say something to a replica, also to this one."""
        if to == self.identity.replica:
            asyncio.get_running_loop().call_soon(receiving.received, self, to, message)
        else:
            self.parts.peers.send(to, message)

    # what lanes cause (instances.Effects)

    def load(self, lane: Lane) -> None:
        """Read an instance, soon."""
        self.work.loads.add(lane)

    def read_inbox(self, lane: Lane) -> None:
        """Read the inbox of a hot lane, soon: rows were written that it does not know."""
        self.work.inbox_reads.add(lane)

    def park(self, lane: Lane, *, patience_s: float = 0.0) -> None:
        """Turn a lane's fast messages into inbox rows, unless they are about to be committed."""
        self._tick_wake.set()
        for message in to_park(lane, now=self.parts.clock.monotonic(), patience_s=patience_s):
            self.work.parks.add((lane, message))

    def owned(self, partition: int, at: int) -> None:
        """Note that a commit made at this store time has passed the fence."""
        self.dispatcher.owned(partition, at)

    def tasks_committed(self, tasks: Iterable[TaskRow]) -> None:
        """Dispatch tasks that have just become durable."""
        self.dispatcher.offer(tasks)

    def timers_committed(self, timers: Iterable[TimerRow]) -> None:
        """Arm the timers that fire before the next sweeps would find them."""
        horizon = self.parts.store_clock.now() + self.sweep.horizon_ns
        for row in timers:
            if row.due_at <= horizon:
                self.arm(row)

    def arm(self, row: TimerRow) -> None:
        """Fire a timer row at its time."""
        self.timers.arm(row.ref, row.due_at, lambda: fire(self, row))

    def child_check_at(self, app: str) -> int | None:
        """Return when to look after a child in an app of which no replica is seen on this store."""
        if app == self.identity.app or self.rules.is_settled(app):
            return None
        return self.parts.store_clock.now() + int(self.parts.unknown_apps.grace_s * 1e9)

    def wake_at(self, instance_id: str, at: int) -> None:
        """Look at a lane again at a store time."""
        self.timers.arm(("wake", instance_id, at), at, lambda: self.instances.wake(instance_id))

    def messages_committed(self, messages: Iterable[InboxRow]) -> None:
        """Tell the owners; an instance without owner is found by the sweep of its next one."""
        owners = self.parts.coordinator.view().owners
        for row in messages:
            owner = owners.get((row.app, partition_of(row.slot)))
            if owner is not None:
                self.send(owner, hints.hint_of(row))

    def instance_written(self, start: InboxRow, *, created_at: int) -> None:
        """Tell the owner of an instance that was written together with its start."""
        owner = self.parts.coordinator.view().owners.get((start.app, partition_of(start.slot)))
        if owner is not None:
            self.send(owner, hints.hint_of(start, created_at=created_at))

    def execution_ended(self, instance_id: str, execution_id: str) -> None:
        """Forget what was dispatched for a generation that is over."""
        self.dispatcher.forget_execution(instance_id, execution_id)
        lane = self.instances.get(instance_id)
        if self.parts.spans is not None and lane is not None and lane.state is not None:
            for span in spans.of_generation(lane.state, execution_id, now=self.parts.store_clock.now()):
                self.parts.spans.write(span)

    def results_settled(self, refs: Iterable[TaskRef], verdict: Verdict) -> None:
        """Answer the targets."""
        for ref in refs:
            if verdict is not Verdict.REFUSED:
                self.dispatcher.done(ref)
            for sender in self.senders.pop(ref, ()):
                self.send(sender, Answer(ref, verdict))

    def results_unwanted(self, messages: Iterable[Incoming], lane: Lane) -> None:
        """Take unwanted task rows out of the way; the inbox rows that replace them are discarded when read."""
        for message in messages:
            self.work.parks.add((lane, message))

    def call_settled(self, message_id: bytes, *, applied: bool) -> bool:
        """Answer a client call that waits here; False when nobody waits for it any more."""
        return self._calls.settle(message_id, applied=applied)

    def purge(self, instance_id: str, request: PurgeRequested) -> None:
        """Purge a run that has ended, soon; until it is gone, its inbox row asks again."""
        self.work.purges.add((instance_id, request))

    def changed(self, lane: Lane, ended: InstanceRow | None = None) -> None:
        """Wake those who wait for the instance."""
        status = None if lane.state is None else lane.state.status
        end = None if ended is None else End(ended, lane.history)
        self.watchers.notify(self.identity.app, lane.instance_id, status, end)
        self.askers.changed(lane.instance_id, status, end)

    def fenced(self, partition: int, epoch: int) -> None:
        """Another owner has the partition: stop at once."""
        self.ownership.drop(partition, epoch)

    def outcome_unknown(self, lane: Lane, partition: int) -> None:
        """Take a new epoch, then read what really happened (protocol.md 9)."""
        self._tasks.spawn(doubts.settle_outcome(self, lane, partition), f"{self.identity.app}-unknown-outcome")

    def fail_task(self, row: TaskRow, failure: Failure) -> None:
        """Let a task fail without a worker's word."""
        failed = TaskFailed(self.parts.store_clock.now(), row.task_id, failure, details=row.details)
        message = rows.task_result(row.ref, incarnation=row.incarnation, event=failed)
        self.instances.deliver(row.instance_id, [message])

    # what the intake asks for (intake.Ports)

    def claim(self, hand: Hand) -> None:
        """Claim a task before it runs a second time."""
        self.work.claims.add(hand)

    def replace(self, hand: Hand) -> None:
        """Make a result durable without the caller's owner."""
        self.work.replaces.add(hand)

    def dispatch_again(self, row: TaskRow) -> None:
        """Raise the attempt in the store, then dispatch."""
        self.work.redispatches.add(row)

    # clients

    def expect_call(self, message_id: bytes) -> "asyncio.Future[bool]":
        """Return a future for a call that goes straight into a turn: True once durable, False to write a row."""
        self._tick_wake.set()
        return self._calls.expect(message_id)

    def forget_call(self, message_id: bytes) -> None:
        """Note that nobody waits for a call any more."""
        self._calls.forget(message_id)

    # workers

    async def connect(self, stream: WorkerStream) -> None:
        """Connect a worker; it gets what waits."""
        self.workers.add(stream)
        await self.presence.offers_changed()
        self.instances.stream_connected()
        self.intake.feed()

    async def disconnect(self, stream: WorkerStream) -> None:
        """Disconnect a worker; what it had in hand goes elsewhere."""
        self.workers.remove(stream)
        self.instances.stream_removed(stream)
        self.intake.stream_removed(stream)
        await self.presence.offers_changed()

    def turn_answered(self, *, token: str, instance_id: str, response: Response) -> None:
        """Take a worker's answer to a turn."""
        self.instances.answered(token=token, instance_id=instance_id, response=response)
        if self.instances.line.waiting or self.instances.line.suspects:
            self.instances.stream_added()

    def task_answered(self, ref: TaskRef, **answer: Unpack[Answered]) -> None:
        """Take a worker's answer to a task; `settled` once it may be acknowledged."""
        hand, now = self.intake.hands.get(ref), self.parts.store_clock.now()
        if hand is not None and hand.started_at:
            self.dispatcher.placing.took(hand.name, (now - hand.started_at) / 1e9)
        if self.parts.spans is not None:
            span = spans.of_activity(hand, answer["event"], app=self.identity.app, now=now)
            if span is not None:
                self.parts.spans.write(span)
        self.intake.finished(ref, **answer)
        self._tick_wake.set()
