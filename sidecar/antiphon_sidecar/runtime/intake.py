"""The target's side of tasks: what callers sent, which worker runs it, and what became of each result.

Round robin over caller apps. A result is acknowledged to its worker only after the caller's owner committed it, or
after this replica turned the task row into an inbox row itself (protocol.md 16, 17). Nothing here awaits: claims and
replacements are asked of `Ports` and come back by `claimed` and `replaced`.
"""

from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Protocol

from antiphon_names.hashing import partition_of
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.engine import sizes
from antiphon_sidecar.engine.events import TaskFailed
from antiphon_sidecar.peers.base import Answer, Dispatch, InHand, Message, Result, Verdict
from antiphon_sidecar.runtime.clock import Clock, StoreClock
from antiphon_sidecar.runtime.tokens import task_token
from antiphon_sidecar.runtime.workers import ActivityItem, Workers, WorkerStream
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import TaskRef

#: How long an owner may take to answer a result before the target replaces the task row itself.
ANSWER_S = 1.0
#: Finished tasks that are remembered, to drop a dispatch that comes late.
FINISHED_MAX = 20_000
#: Requests above this size may be more than a worker receives; what an item holds beside its request.
_LARGE = 256 * 1024
_ITEM_BYTES = 2_000


@dataclass(slots=True, eq=False)
class Hand:
    """A task that this replica has in hand, until its result is settled."""

    ref: TaskRef
    incarnation: bytes
    slot: int
    name: str = ""
    request: bytes = b""
    attempt: int = 1
    caller: str = ""
    stream: WorkerStream | None = None
    event: bytes | None = None
    asked: int = 0
    deadline: float = 0.0
    #: Until when, on the monotonic clock, it may begin without asking the store.
    fresh_until: float = 0.0
    #: When a worker was handed it last, in store time.
    begun: int = 0
    replacing: bool = False
    settled: list[Callable[[], None]] = field(default_factory=list)


class Ports(Protocol):
    """What the intake needs done by others."""

    def claim(self, hand: Hand) -> None:
        """Claim the task in the store, then call `Intake.claimed`."""

    def replace(self, hand: Hand) -> None:
        """Turn the task row into an inbox row, then call `Intake.replaced`."""


class Intake:
    """The tasks of other apps' instances, and our own, that this replica's workers run."""

    def __init__(
        self,
        *,
        clock: Clock,
        store_clock: StoreClock,
        limits: Limits,
        workers: Workers,
        view: Callable[[], View],
        send: Callable[[str, Message], None],
        ports: Ports,
    ) -> None:
        self._clock = clock
        self._store_clock = store_clock
        self._limits = limits
        self._workers = workers
        self._view = view
        self._send = send
        self._ports = ports
        self.hands: dict[TaskRef, Hand] = {}
        self._queues: OrderedDict[str, deque[Hand]] = OrderedDict()
        self._finished: OrderedDict[TaskRef, int] = OrderedDict()
        self.unanswered: dict[TaskRef, Hand] = {}
        self.draining = False

    # dispatches

    def dispatched(self, sender: str, dispatch: Dispatch) -> None:
        """Take a task, or drop a delivery that is known."""
        held = self.hands.get(dispatch.ref)
        if held is not None:
            held.caller = sender
            held.attempt = max(held.attempt, dispatch.attempt)
            if held.event is not None and not held.replacing:
                self._report(held)
            return
        if self._finished.get(dispatch.ref, -1) >= dispatch.attempt:
            return
        if self.draining:
            self._send(sender, Answer(dispatch.ref, Verdict.RETURNED))
            return
        hand = Hand(
            ref=dispatch.ref,
            incarnation=dispatch.incarnation,
            slot=dispatch.slot,
            name=dispatch.name,
            request=dispatch.request,
            attempt=dispatch.attempt,
            caller=sender,
        )
        self.hands[dispatch.ref] = hand
        age_s = (self._store_clock.now() - dispatch.dispatched_at) / 1e9
        hand.fresh_until = self._clock.monotonic() + self._limits.lease_s / 2 - age_s
        if dispatch.attempt > 1 or self._stale(hand):
            self._ports.claim(hand)
        else:
            self._enqueue(hand)
            self.feed()

    def claimed(self, hand: Hand, *, ours: bool) -> None:
        """Run a claimed task; forget one that is gone or another's."""
        if self.hands.get(hand.ref) is not hand:
            return
        if ours:
            hand.fresh_until = self._clock.monotonic() + self._limits.lease_s / 2
            self._enqueue(hand)
            self.feed()
        else:
            del self.hands[hand.ref]
            self._send(hand.caller, Answer(hand.ref, Verdict.RETURNED))

    def _stale(self, hand: Hand) -> bool:
        """Tell whether the store must be asked before the task may begin (protocol.md 15)."""
        return self._clock.monotonic() >= hand.fresh_until

    def _enqueue(self, hand: Hand) -> None:
        self._queues.setdefault(hand.ref.app, deque()).append(hand)

    def feed(self) -> None:
        """Give waiting tasks to workers that can take them, one caller app after the other."""
        progress = True
        while progress and self._queues and self._workers.have_room():
            progress = False
            for app in list(self._queues):
                if self._feed_one(app):
                    progress = True

    def _feed_one(self, app: str) -> bool:
        """Hand out the oldest task of a caller that a worker can take; the caller then waits for its next turn."""
        queue = self._queues[app]
        skipped: list[Hand] = []
        given = False
        while queue and not given:
            hand = queue.popleft()
            if self.hands.get(hand.ref) is not hand or hand.event is not None:
                continue
            if len(hand.request) > _LARGE and self._refuse_large(hand):
                continue
            stream = self._workers.for_activity(hand.name, hand.ref, size=len(hand.request) + _ITEM_BYTES)
            if stream is None:
                skipped.append(hand)
            elif self._stale(hand):
                # It waited here too long: its result may have come from an earlier delivery.
                self._ports.claim(hand)
            else:
                self._hand_out(hand, stream)
                self._queues.move_to_end(app)
                given = True
        queue.extendleft(reversed(skipped))
        if not queue:
            del self._queues[app]
        return given

    def _refuse_large(self, hand: Hand) -> bool:
        """Fail a task that none of the workers can receive: its stream would end each time, and take others with it."""
        most = self._workers.most_bytes(hand.name)
        size = len(hand.request) + _ITEM_BYTES
        if most is None or size <= most:
            return False
        failure = sizes.item_failure(f'activity "{hand.name}"', size, most=most)
        hand.event = codec.seal(TaskFailed(self._store_clock.now(), hand.ref.task_id, failure))
        self._report(hand)
        return True

    def _hand_out(self, hand: Hand, stream: WorkerStream) -> None:
        hand.stream = stream
        hand.begun = self._store_clock.now()
        stream.activities += 1
        stream.out[hand.ref.instance_id, hand.ref.task_id] = hand.ref
        token = task_token(hand.ref, incarnation=hand.incarnation, slot=hand.slot, attempt=hand.attempt)
        stream.send(ActivityItem(token, hand.ref, hand.request, hand.attempt))

    # results

    def find(self, *, instance_id: str, task_id: int) -> Hand | None:
        """Return the task that a result without a token belongs to."""
        for stream in self._workers.streams:
            ref = stream.out.get((instance_id, task_id))
            if ref is not None:
                return self.hands.get(ref)
        return None

    def finished(
        self, ref: TaskRef, *, incarnation: bytes, slot: int, event: bytes, echoed: bool, settled: Callable[[], None]
    ) -> None:
        """Take a worker's result; `settled` is called once it is durable or known to be unwanted."""
        if ref in self._finished and ref not in self.hands:
            settled()
            return
        hand = self.hands.get(ref)
        if hand is None:
            hand = self.hands[ref] = Hand(ref=ref, incarnation=incarnation, slot=slot)
        if hand.stream is not None and echoed:
            hand.stream.echoes_tokens = True
        self._leave_stream(hand)
        hand.settled.append(settled)
        if hand.event is None:
            hand.event = event
            self._report(hand)
        self.feed()

    def _leave_stream(self, hand: Hand) -> None:
        stream = hand.stream
        if stream is not None:
            stream.activities -= 1
            if stream.out.get((hand.ref.instance_id, hand.ref.task_id)) == hand.ref:
                del stream.out[hand.ref.instance_id, hand.ref.task_id]
            hand.stream = None

    def _report(self, hand: Hand) -> None:
        """Send the result to whoever owns the caller's instance now."""
        assert hand.event is not None
        owner = self._view().owners.get((hand.ref.app, partition_of(hand.slot)))
        hand.deadline = self._clock.monotonic() + ANSWER_S
        self.unanswered[hand.ref] = hand
        if owner is None:
            self._replace(hand)
        else:
            hand.caller = owner
            self._send(owner, Result(hand.ref, hand.incarnation, hand.event))

    def answered(self, answer: Answer) -> None:
        """Take an owner's answer to a result."""
        hand = self.hands.get(answer.ref)
        if hand is None or hand.event is None or hand.replacing:
            return
        if answer.verdict in (Verdict.COMMITTED, Verdict.GONE):
            self._settle(hand)
        elif answer.verdict is Verdict.REFUSED:
            hand.asked += 1
            if hand.asked > 1:
                self._replace(hand)
            else:
                self._report(hand)

    def _replace(self, hand: Hand) -> None:
        if not hand.replacing:
            hand.replacing = True
            self._ports.replace(hand)

    def replaced(self, hand: Hand) -> None:
        """The task row has become an inbox row, or was gone: either way the result is settled."""
        self._settle(hand)

    def _settle(self, hand: Hand) -> None:
        self.unanswered.pop(hand.ref, None)
        if self.hands.get(hand.ref) is hand:
            del self.hands[hand.ref]
        self._finished[hand.ref] = hand.attempt
        if len(self._finished) > FINISHED_MAX:
            self._finished.popitem(last=False)
        for settled in hand.settled:
            settled()
        hand.settled.clear()

    def tick(self) -> None:
        """Replace what no owner has answered in time."""
        now = self._clock.monotonic()
        for hand in list(self.unanswered.values()):
            if now >= hand.deadline:
                self._replace(hand)

    # leaving

    def stream_removed(self, stream: WorkerStream) -> None:
        """A worker is gone: what it had goes to another worker here, or back to its caller's owner."""
        lost = [hand for hand in self.hands.values() if hand.stream is stream]
        for hand in lost:
            self._leave_stream(hand)
            self._enqueue(hand)
        self.return_orphans()
        self.feed()

    def return_orphans(self) -> None:
        """Give back the tasks that no connected worker can run."""
        for app, queue in list(self._queues.items()):
            kept: deque[Hand] = deque()
            for hand in queue:
                if any(stream.runs_activity(hand.name) for stream in self._workers.streams):
                    kept.append(hand)
                elif self.hands.get(hand.ref) is hand and hand.event is None:
                    del self.hands[hand.ref]
                    self._send(hand.caller, Answer(hand.ref, Verdict.RETURNED))
            if kept:
                self._queues[app] = kept
            else:
                del self._queues[app]

    def in_hand(self, app: str, partitions: Iterable[int]) -> InHand:
        """Say which tasks of these partitions of `app` are in hand here."""
        asked = frozenset(partitions)
        refs = tuple(
            (hand.ref, hand.attempt)
            for hand in self.hands.values()
            if hand.ref.app == app and partition_of(hand.slot) in asked
        )
        return InHand(app, asked, refs)
