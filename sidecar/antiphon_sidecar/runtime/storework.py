"""What a replica asks of the store outside of commits and sweeps: in batches, each kind one batch at a time.

Results come back to the parts that asked, as plain calls on the event loop. A store that does not answer is asked
again; nothing is acknowledged meanwhile.
"""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Any, Protocol

from antiphon_names.hashing import partition_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine.events import PurgeRequested
from antiphon_sidecar.engine.messages import Kind, Message, Row
from antiphon_sidecar.peers.base import Cancel, Verdict
from antiphon_sidecar.peers.base import Message as PeerMessage
from antiphon_sidecar.runtime import direct, rows
from antiphon_sidecar.runtime.dispatch import Dispatcher
from antiphon_sidecar.runtime.grants import Grants
from antiphon_sidecar.runtime.hand import Hand
from antiphon_sidecar.runtime.intake import Intake
from antiphon_sidecar.runtime.lane import Lane
from antiphon_sidecar.runtime.ownership import Ownership
from antiphon_sidecar.runtime.parking import parked
from antiphon_sidecar.runtime.purging import purge_run
from antiphon_sidecar.runtime.retention import Retention
from antiphon_sidecar.runtime.tasks import Batches, Tasks
from antiphon_sidecar.stores.base import InboxRow, TaskRef, TaskRow
from antiphon_sidecar.stores.limits import Grant, Limited

_NS = 1_000_000_000


class Side(direct.Side, Protocol):
    """The parts of a replica that get the answers."""

    dispatcher: Dispatcher
    intake: Intake
    ownership: Ownership

    def send(self, to: str, message: PeerMessage) -> None:
        """Queue a message for a replica."""

    def results_settled(self, refs: Iterable[TaskRef], verdict: Verdict) -> None:
        """Answer the targets."""

    def messages_committed(self, messages: Iterable[InboxRow]) -> None:
        """Tell the owners of rows that were written."""


class StoreWork:
    """The queues of store work of one replica."""

    def __init__(self, side: Side) -> None:
        self._side = side
        self._store = side.parts.store
        self._app = side.identity.app
        self.retention = Retention(
            app=side.identity.app,
            store=side.parts.store,
            clock=side.parts.clock,
            store_clock=side.parts.store_clock,
            epochs=side.ownership.epochs,
            keep_s=side.parts.retention,
            named=lambda: side.parts.registry.retention(side.identity.app),
        )
        self.loads = Batches(self._load, most=16)
        self.inbox_reads = Batches(self._read_inboxes, most=16)
        self.parks = Batches(self._park)
        self.claims = Batches(self._claim)
        self.replaces = Batches(self._replace)
        self.redispatches = Batches(self._redispatch)
        self.releases = Batches(self._release)
        self._doubted: set[tuple[str, TaskRef]] = set()
        self._doubts = Batches(self._settle_doubts)
        self.purges = Batches(self._purge, most=16)
        self._asked: dict[tuple[Grants[Any], str], dict[Grant, None]] = {}
        self.grant_asks = Batches(self._ask_grants)
        self.grant_returns = Batches(self._give_grants_back)

    def start(self, tasks: Tasks) -> None:
        """Begin to work the queues off, and to delete what is old."""
        for batches, name in (
            (self.loads, "loads"),
            (self.inbox_reads, "inbox-reads"),
            (self.parks, "parks"),
            (self.claims, "claims"),
            (self.replaces, "replaces"),
            (self.redispatches, "redispatches"),
            (self.releases, "releases"),
            (self._doubts, "doubts"),
            (self.purges, "purges"),
            (self.grant_asks, "grant-asks"),
            (self.grant_returns, "grant-returns"),
        ):
            tasks.spawn(batches.run(), f"{self._app}-{name}")
        if self._side.parts.retention or self._side.parts.registry.speaks:
            tasks.spawn(self.retention.run(), f"{self._app}-retention")

    async def _load(self, lanes: Sequence[Lane]) -> None:
        async def one(lane: Lane) -> None:
            if not lane.gone:
                found = await self._store.load(app=self._app, instance_id=lane.instance_id)
                self._side.instances.loaded(lane, found)

        await asyncio.gather(*(one(lane) for lane in lanes))

    async def _read_inboxes(self, lanes: Sequence[Lane]) -> None:
        for lane in lanes:
            if not lane.gone:
                inbox = await self._store.load_inbox(app=self._app, instance_id=lane.instance_id)
                self._side.instances.inbox_read(lane, inbox)

    async def _park(self, items: Sequence[tuple[Lane, Message]]) -> None:
        """Replace task rows and post client messages; whoever waits for them may then be answered."""
        for lane, message in items:
            if message.kind is Kind.START:
                direct.parked(self._side, lane, message)
        tasks = [(self._side.instances.ref(lane, m), lane, m) for lane, m in items if m.row is Row.TASK]
        posts = [(lane, m) for lane, m in items if m.row is Row.NONE and m.kind is not Kind.START]
        if tasks:
            replaced = await self._store.replace_tasks([(ref, _replacement(ref, lane, m)) for ref, lane, m in tasks])
            for (ref, lane, message), there in zip(tasks, replaced, strict=True):
                parked(lane, message, there=there)
                self._side.results_settled([ref], Verdict.COMMITTED if there else Verdict.GONE)
        if posts:
            posted = await self._store.post([rows.posted_row(self._app, lane.instance_id, m) for lane, m in posts])
            for (lane, message), there in zip(posts, posted, strict=True):
                parked(lane, message, there=there)
                self._side.call_settled(message.message_id, applied=there)
                self.inbox_reads.add(lane)
        for lane in {id(lane): lane for lane, m in items if m.kind is not Kind.START}.values():
            self._side.instances.parking_over(lane)

    async def _claim(self, hands: Sequence[Hand]) -> None:
        claimed = await self._store.claim_tasks(
            replica=self._side.identity.replica, items=[(hand.ref, hand.attempt) for hand in hands]
        )
        for hand, ours in zip(hands, claimed, strict=True):
            self._side.intake.claimed(hand, ours=ours)

    async def _replace(self, hands: Sequence[Hand]) -> None:
        made = [
            rows.replaced_result(hand.ref, slot=hand.slot, incarnation=hand.incarnation, event=hand.event or b"")
            for hand in hands
        ]
        replaced = await self._store.replace_tasks([(hand.ref, row) for hand, row in zip(hands, made, strict=True)])
        self._side.messages_committed([row for row, there in zip(made, replaced, strict=True) if there])
        for hand in hands:
            self._side.intake.replaced(hand)

    async def _redispatch(self, tasks: Sequence[TaskRow]) -> None:
        """Raise the attempts in the store, then dispatch those that still were what we thought (protocol.md 15)."""
        epochs = {(self._app, partition): epoch for partition, epoch in self._side.ownership.epochs.items()}
        mine = [row for row in tasks if (row.app, partition_of(row.slot)) in epochs]
        now = self._side.parts.store_clock.now()
        due_at = now + int(self._side.parts.limits.sweep_s * 2 * _NS)
        details = [(row.ref, row.details) for row in mine if row.details is not None]
        if details:
            await self._store.note_details(details)
        raised = await self._store.bump_attempts(
            epochs=epochs, items=[(row.ref, row.attempt) for row in mine], due_at=due_at
        )
        for row, ok in zip(mine, raised, strict=True):
            if ok:
                self._side.dispatcher.owned(partition_of(row.slot), now)
        self._side.dispatcher.offer(rows.next_attempt(row) for row, ok in zip(mine, raised, strict=True) if ok)
        for row in (row for row, ok in zip(mine, raised, strict=True) if not ok):
            partition = partition_of(row.slot)
            held = epochs.get((self._app, partition))
            if held is not None and held == self._side.ownership.epochs.get(partition):
                await self._look_why(row, partition, held)

    async def _look_why(self, row: TaskRow, partition: int, epoch: int) -> None:
        """Stop owning the partition when only an old epoch can be why a task's attempt was not raised.

        A take whose outcome was unknown may land after a later one. As a rule a refused commit tells, but where all
        wait for tasks that have to be dispatched again, there is none.
        """
        found = await self._store.load(app=row.app, instance_id=row.instance_id)
        if found is not None and any((task.ref, task.attempt) == (row.ref, row.attempt) for task in found.tasks):
            self._side.ownership.drop(partition, epoch)

    async def _purge(self, requests: Sequence[tuple[str, PurgeRequested]]) -> None:
        """Purge runs that have ended and whose inbox asks for it."""
        for instance_id, request in requests:
            row = await self._store.get_instance(app=self._app, instance_id=instance_id)
            if row is not None and row.incarnation == request.incarnation:
                now = self._side.parts.store_clock.now()
                await purge_run(self._store, row, recursive=request.recurse, now=now)

    async def _release(self, targets: Sequence[str]) -> None:
        """Apps have workers again: what rests for them is due at once."""
        now = self._side.parts.store_clock.now()
        for target in dict.fromkeys(targets):
            await self._store.release_tasks(app=self._app, target_app=target, now=now)

    def doubt(self, replica: str, ref: TaskRef) -> None:
        """Have the store asked whether anybody waits for a task that a replica runs: once, however often it says so."""
        if (replica, ref) not in self._doubted:
            self._doubted.add((replica, ref))
            self._doubts.add((replica, ref))

    async def _settle_doubts(self, doubts: Sequence[tuple[str, TaskRef]]) -> None:
        """Tell those who run tasks that nobody waits for."""
        wanted = await self._store.have_tasks([ref for _, ref in doubts])
        self._doubted.difference_update(doubts)
        for (sender, ref), yes in zip(doubts, wanted, strict=True):
            if not yes:
                self._side.send(sender, Cancel(ref))

    async def _ask_grants(self, asks: Sequence[tuple[Grants[Any], str]]) -> None:
        """Ask for those who come next; more ask again once what is out was given back."""
        for grants, name in dict.fromkeys(asks):
            front = grants.front(name)
            if front:
                # What is asked for may be given though no answer comes, and not be wanted when it is asked again.
                asked_before = self._asked.pop((grants, name), {})
                self._asked[grants, name] = asked_before | {asked.grant: None for asked in front}
                given = await self._store.acquire_grants(
                    grants.limited(name),
                    replica=self._side.identity.replica,
                    gone_ns=int(self._side.parts.limits.lease_s * 2 * _NS),
                    grants=[asked.grant for asked in front],
                )
                for asked, yes in zip(front, given, strict=True):
                    grants.answered(name, asked, given=yes)
                for grant in asked_before.keys() - {asked.grant for asked in front}:
                    grants.not_wanted(name, grant)
                del self._asked[grants, name]
                if all(given):
                    grants.retry(name)

    async def _give_grants_back(self, items: Sequence[tuple[Grants[Any], Limited, Grant]]) -> None:
        await self._store.release_grants([(limited, grant) for _, limited, grant in items])
        for grants, limited in dict.fromkeys((grants, limited) for grants, limited, _ in items):
            self._side.limiting.freed(grants, limited)


def _replacement(ref: TaskRef, lane: Lane, message: Message) -> InboxRow:
    return rows.replaced_result(
        ref, slot=lane.slot, incarnation=message.incarnation, event=codec.seal(message.events[0])
    )
