"""An intake with real workers, registry and store around it; what it sends is written down."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from antiphon_names.hashing import PARTITIONS, partition_of, slot_of
from antiphon_sidecar.coordination.local import LocalRegistry
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.state import State
from antiphon_sidecar.peers.base import Answer, Dispatch, Message, Result, Verdict
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.runtime.grants import Grants
from antiphon_sidecar.runtime.hand import Hand
from antiphon_sidecar.runtime.intake import Intake
from antiphon_sidecar.runtime.workers import ActivityItem, CancelItem, Item, Offers, Workers, WorkerStream
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import Commit, Outcome, TaskRef, TaskRow
from antiphon_sidecar.stores.limits import Grant, Limited
from antiphon_sidecar.stores.memory import MemoryStore
from tests.unit.runtime.fakes import FakeClock

ME = "p1"
OWNER = "o1"


@dataclass
class Worker:
    """A connected worker and what it was sent."""

    stream: WorkerStream
    items: list[ActivityItem]

    def refs(self) -> list[TaskRef]:
        return [item.ref for item in self.items]


class Desk:
    """App "payments" is called by others; "o1" owns all their instances."""

    def __init__(self, most: Mapping[str, int] | None = None, **limits: Any) -> None:
        self.clock = FakeClock()
        self.registry = LocalRegistry(self.clock.monotonic)
        self.store = MemoryStore(clock=self.clock.wall_ns)
        self.workers = Workers()
        self.sent: list[tuple[str, Message]] = []
        self.acknowledged: list[TaskRef] = []
        self.told: list[CancelItem] = []
        self.to_claim: list[Hand] = []
        self.to_replace: list[Hand] = []
        self.to_ask: list[tuple[Grants[Hand], str]] = []
        self.given_back: list[tuple[str, Grant]] = []
        self.store_clock = self.clock.store_clock()
        self.intake = Intake(
            clock=self.clock,
            store_clock=self.store_clock,
            limits=Limits(**limits),
            workers=self.workers,
            view=lambda: self.registry.view,
            send=lambda to, message: self.sent.append((to, message)),
            ports=self,
            grant_ports=self,
            app="payments",
            most=most,
        )
        for app in ("orders", "shop"):
            self.own(app, OWNER)

    def own(self, app: str, replica: str | None) -> None:
        for partition in range(PARTITIONS):
            for owner in {OWNER, "o2"}:
                self.registry.release(app=app, partition=partition, replica=owner)
            if replica is not None:
                self.registry.claim(app=app, partition=partition, replica=replica)

    # the intake's ports, as the replica carries them out

    def claim(self, hand: Hand) -> None:
        self.to_claim.append(hand)

    def replace(self, hand: Hand) -> None:
        self.to_replace.append(hand)

    def ask_grants(self, grants: Grants[Hand], name: str) -> None:
        self.to_ask.append((grants, name))

    def give_grant_back(self, grants: Grants[Hand], limited: Limited, grant: Grant) -> None:
        self.given_back.append((limited.name, grant))

    async def grants(self) -> None:
        """Ask the store for the grants that were asked for, once those given back are free."""
        for name, grant in self.given_back:
            await self.store.release_grants([(self.intake.grants.limited(name), grant)])
            self.intake.grants.retry(name)
        self.given_back.clear()
        asks, self.to_ask = dict.fromkeys(self.to_ask), []
        for grants, name in asks:
            front = grants.front(name)
            wanted = [asked.grant for asked in front]
            await self.store.beat(app="payments", replica=ME, nonce="n")
            given = await self.store.acquire_grants(grants.limited(name), replica=ME, gone_ns=1 << 60, grants=wanted)
            for asked, yes in zip(front, given, strict=True):
                grants.answered(name, asked, given=yes)

    async def ports(self) -> None:
        """Do in the store what was asked for."""
        claims, self.to_claim = self.to_claim, []
        ours = await self.store.claim_tasks(replica=ME, items=[(hand.ref, hand.attempt) for hand in claims])
        for hand, mine in zip(claims, ours, strict=True):
            self.intake.claimed(hand, ours=mine)
        replaces, self.to_replace = self.to_replace, []
        made = [
            rows.replaced_result(hand.ref, slot=hand.slot, incarnation=hand.incarnation, event=hand.event or b"")
            for hand in replaces
        ]
        await self.store.replace_tasks([(hand.ref, row) for hand, row in zip(replaces, made, strict=True)])
        for hand in replaces:
            self.intake.replaced(hand)

    # around it

    def worker(self, *names: str, **offers: Any) -> Worker:
        """Connect a worker; without names it declares nothing and takes everything."""
        items: list[ActivityItem] = []

        def send(item: Item) -> None:
            if isinstance(item, CancelItem):
                self.told.append(item)
            else:
                assert isinstance(item, ActivityItem)
                items.append(item)

        made = Offers(declares=bool(names), activities=frozenset(names))
        stream = WorkerStream(replace(made, **offers), send)
        self.workers.add(stream)
        self.intake.feed()
        return Worker(stream, items)

    def leave(self, worker: Worker) -> None:
        self.workers.remove(worker.stream)
        self.intake.stream_removed(worker.stream)

    def dispatch(self, number: int = 1, *, app: str = "orders", instance: str = "i1", **over: Any) -> TaskRef:
        ref = TaskRef(app, instance, "x0", number)
        made = Dispatch(ref, b"r" * 16, slot_of(instance), "charge", b"request", 1, self.store_clock.now())
        self.intake.dispatched(OWNER, replace(made, **over))
        return ref

    def finish(self, ref: TaskRef, *, echoed: bool = True) -> None:
        self.intake.finished(
            ref,
            incarnation=b"r" * 16,
            slot=slot_of(ref.instance_id),
            event=b"done",
            echoed=echoed,
            settled=lambda: self.acknowledged.append(ref),
        )

    def answer(self, ref: TaskRef, verdict: Verdict) -> None:
        self.intake.answered(Answer(ref, verdict))

    def results(self) -> list[tuple[str, TaskRef]]:
        return [(to, message.ref) for to, message in self.sent if isinstance(message, Result)]

    def returned(self) -> list[TaskRef]:
        return [m.ref for _, m in self.sent if isinstance(m, Answer) and m.verdict is Verdict.RETURNED]

    async def row(self, number: int = 1, *, instance: str = "i1", attempt: int = 1) -> TaskRow:
        """Store an instance of "orders" with one task row."""
        state = State("orders", instance, b"r" * 16, "x0", version=1, status=ev.Status.RUNNING, name="w")
        slot = slot_of(instance)
        epoch = await self.store.take_partition(app="orders", partition=partition_of(slot), replica=OWNER)
        task = TaskRow(
            "orders", instance, slot, b"r" * 16, "x0", number, "payments", "charge", b"request", attempt=attempt
        )
        commit = Commit(
            app="orders",
            instance_id=instance,
            slot=slot,
            epoch=epoch,
            commit_id=b"c" * 16,
            expect_incarnation=None,
            expect_version=None,
            row=rows.instance_row(state, now=self.clock.wall_ns()),
            tasks=(task,),
        )
        assert await self.store.commit([commit]) == [Outcome.COMMITTED]
        return task
