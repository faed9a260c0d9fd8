"""The target's side of tasks: what callers sent, which worker runs it, and what became of each result.

Round robin over caller apps. A result is acknowledged to its worker only after the caller's owner committed it, or
after this replica turned the task row into an inbox row itself (protocol.md 16, 17). Nothing here awaits: claims and
replacements are asked of `Ports` and come back by `claimed` and `replaced`.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping

from antiphon_names import errors as codes
from antiphon_names.hashing import partition_of
from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.peers.base import Answer, Dispatch, Message, Progress, Result, Verdict
from antiphon_sidecar.runtime.clock import Clock, StoreClock
from antiphon_sidecar.runtime.grants import Asked, Grants
from antiphon_sidecar.runtime.hand import GrantPorts, Hand, Lapsing, Ports, claim, hand_of, holder_of, token_of
from antiphon_sidecar.runtime.queues import TurnQueue
from antiphon_sidecar.runtime.workers import ActivityItem, CancelItem, Item, Workers, WorkerStream
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import TaskRef
from antiphon_sidecar.stores.limits import Grant, GrantKind

#: How long an owner may take to answer a result before the target replaces the task row itself.
ANSWER_S = 1.0
#: Finished tasks that are remembered, to drop a dispatch that comes late.
FINISHED_MAX = 20_000
#: How long a worker may take to end a task that was cancelled; then its place is given to others.
CANCEL_S = 10.0
#: Signs of life of one task are passed on at most this often.
_SAY_S = 0.1
#: Above every attempt: the task is over for good.
_OVER = 1 << 62
#: Above this a request may be more than a worker receives.
_LARGE = 256 * 1024


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
        grant_ports: GrantPorts,
        app: str = "",
        most: Mapping[str, int] | None = None,
    ) -> None:
        self._clock = clock
        self._store_clock = store_clock
        self._limits = limits
        self._workers = workers
        self._view = view
        self._send = send
        self._ports = ports
        self.hands: dict[TaskRef, Hand] = {}
        #: By caller app, then by instance: each gets its turn.
        self._queues: OrderedDict[str, TurnQueue[Hand]] = OrderedDict()
        self._finished: OrderedDict[TaskRef, int] = OrderedDict()
        self.unanswered: dict[TaskRef, Hand] = {}
        self.draining = False
        self.grants: Grants[Hand] = Grants(
            app=app,
            kind=GrantKind.ACTIVITY,
            most=most or {},
            ask=grant_ports.ask_grants,
            give_back=grant_ports.give_grant_back,
            granted=self._granted,
        )
        #: Grants of attempts that were lost with their worker, and may still run there until then.
        self._lapsing: list[Lapsing] = []

    # dispatches

    def dispatched(self, sender: str, dispatch: Dispatch) -> None:
        """Take a task, or drop a delivery that is known."""
        held = self.hands.get(dispatch.ref)
        if held is not None:
            held.caller = sender
            held.attempt = max(held.attempt, dispatch.attempt)
            if held.event is not None and not held.replacing:
                self._report(held)
            elif held.started_at and dispatch.watched:
                self._say(held, sender)
            return
        if self._finished.get(dispatch.ref, -1) >= dispatch.attempt:
            return
        if self.draining:
            self._send(sender, Answer(dispatch.ref, Verdict.RETURNED))
            return
        hand = hand_of(dispatch, sender)
        self.hands[dispatch.ref] = hand
        age_s = (self._store_clock.now() - dispatch.dispatched_at) / 1e9
        hand.fresh_until = self._clock.monotonic() + self._limits.lease_s / 2 - age_s
        if dispatch.attempt > 1 or self._stale(hand):
            self._claim(hand)
        else:
            self._enqueue(hand, fresh=True)
            self.feed()

    def _claim(self, hand: Hand) -> None:
        hand.sure = False
        claim(hand, self._ports, until=self._clock.monotonic() + self._limits.lease_s / 2)

    def claimed(self, hand: Hand, *, ours: bool) -> None:
        """Run a claimed task; forget one that is gone or another's."""
        if self.hands.get(hand.ref) is not hand:
            return
        if ours:
            hand.fresh_until = hand.claimed_until
            self._enqueue(hand)
            self.feed()
        else:
            self._return(hand)

    def _return(self, hand: Hand) -> None:
        """Give a task back to its caller's owner."""
        del self.hands[hand.ref]
        self._free(hand)
        self._send(hand.caller, Answer(hand.ref, Verdict.RETURNED))

    def _stale(self, hand: Hand) -> bool:
        """Tell whether the store must be asked before the task may begin (protocol.md 15)."""
        return self._clock.monotonic() >= hand.fresh_until

    def _enqueue(self, hand: Hand, *, fresh: bool = False) -> None:
        """Queue a task; a `fresh` one is handed out at once when nobody waits before it and a worker can take it."""
        if self.grants.limits(hand.name) and not (hand.granted and hand.sure):
            hand.watched = True
            if hand.grant is None:
                hand.grant = Grant(holder_of(hand.ref), str(hand.attempt), hand.lapses_ns)
            self.grants.wait(hand.name, Asked(hand.grant, hand.ref.app, hand), first=hand.granted)
            self._say(hand, hand.caller)
            return
        if fresh and not self._queues and len(hand.request) <= _LARGE:
            stream = self._workers.for_activity(hand.name, hand.ref, size=hand.item_bytes)
            if stream is not None:
                self._hand_out(hand, stream)
                return
        self._queues.setdefault(hand.ref.app, TurnQueue()).add(hand.ref.instance_id, hand)

    def _granted(self, hand: Hand) -> None:
        hand.granted = hand.sure = True
        if self.hands.get(hand.ref) is hand and hand.event is None:
            self._enqueue(hand)
            self.feed()
        else:
            self._free(hand)

    def _free(self, hand: Hand) -> None:
        """Give back what the limit of its name has given a task, or let it wait no longer."""
        if hand.grant is not None:
            self.grants.forget(hand.name, hand.grant)
            if hand.granted:
                self.grants.give_back(hand.name, hand.grant)
        hand.grant, hand.granted = None, False

    def holds_grants(self) -> bool:
        """Tell whether anything runs, or may run, under a limit."""
        return bool(self._lapsing) or any(hand.granted for hand in self.hands.values())

    def _let_lapse(self, hand: Hand) -> None:
        """Keep the grant of an attempt that may go on where nobody hears of it, for as long as it is allowed to."""
        if hand.grant is not None and hand.granted and hand.lapses_ns:
            until = self._clock.monotonic() + hand.lapses_ns / 1e9
            self._lapsing.append(Lapsing(hand.ref, hand.attempt, until, hand.name, hand.grant))
            hand.grant, hand.granted = None, False
        self._free(hand)

    def _end_lapsing(self, over: Callable[[Lapsing], bool]) -> None:
        for kept in [kept for kept in self._lapsing if over(kept)] if self._lapsing else ():
            self._lapsing.remove(kept)
            self.grants.give_back(kept.name, kept.grant)

    def feed(self) -> None:
        """Give waiting tasks to workers that can take them, one caller app after the other."""
        progress = True
        while self._queues and progress and self._workers.have_room():
            progress = False
            for app in list(self._queues):
                if self._feed_one(app):
                    progress = True

    def _feed_one(self, app: str) -> bool:
        """Hand out the next task of a caller that a worker can take; the caller then waits for its next turn."""
        queue = self._queues[app]
        skipped: list[Hand] = []
        given = False
        while queue and not given:
            hand = queue.take()
            if self.hands.get(hand.ref) is not hand or hand.event is not None:
                continue
            if len(hand.request) > _LARGE and self._refuse_large(hand):
                continue
            stream = self._workers.for_activity(hand.name, hand.ref, size=hand.item_bytes)
            if stream is None:
                skipped.append(hand)
            elif self._stale(hand):
                # It waited here too long: its result may have come from an earlier delivery, its grant be void.
                self._claim(hand)
            else:
                self._hand_out(hand, stream)
                self._queues.move_to_end(app)
                given = True
        for hand in reversed(skipped):
            queue.put_back(hand.ref.instance_id, hand)
        if not queue:
            del self._queues[app]
        return given

    def _refuse_large(self, hand: Hand) -> bool:
        """Fail a task that none of the workers can receive: its stream would end each time, and take others with it."""
        hand.event = hand.refusal(self._workers, now=self._store_clock.now())
        if hand.event is None:
            return False
        self._free(hand)
        self._report(hand)
        return True

    def _hand_out(self, hand: Hand, stream: WorkerStream) -> None:
        hand.stream = stream
        stream.activities += 1
        stream.out[hand.ref.instance_id, hand.ref.task_id] = hand.ref
        hand.started_at = self._store_clock.now()
        stream.send(ActivityItem(token_of(hand), hand.ref, hand.request, hand.attempt, hand.details))
        if hand.watched:
            self._say(hand, hand.caller)

    def may_send(self, item: Item) -> bool:
        """Tell whether an item that is about to be written still is to be: what became old since is claimed first."""
        hand = self.hands.get(item.ref) if isinstance(item, ActivityItem) else None
        if hand is None or hand.stream is None or hand.event is not None or not self._stale(hand):
            return True
        self._leave_stream(hand)
        self._claim(hand)
        return False

    # signs of life, and their end

    def _say(self, hand: Hand, owner: str) -> None:
        hand.said_at = self._clock.monotonic()
        waits = hand.grant is not None and not hand.granted
        reason = codes.CONCURRENCY_LIMITED.name if waits else ""
        self._send(owner, Progress(hand.ref, hand.attempt, hand.started_at, hand.beat_at, hand.details, reason))

    def beat(self, ref: TaskRef, *, slot: int, attempt: int, details: bytes | None, only_asks: bool = False) -> bool:
        """Take a worker's sign of life, or its mere question; True when nobody waits for the task any more."""
        hand = self.hands.get(ref)
        owner = self._owner(ref, slot)
        now = self._store_clock.now()
        if hand is None:
            if ref in self._finished:
                return True
            # Begun under a sidecar that is no more; the owner knows whether it is still wanted.
            if owner is not None:
                self._send(owner, Progress(ref, attempt, 0, 0 if only_asks else now, details))
            return False
        if hand.cancelled_at is not None or only_asks:
            return hand.cancelled_at is not None
        hand.beat_at = now
        if details is not None:
            hand.details = details
        if owner is not None and self._clock.monotonic() - hand.said_at >= _SAY_S:
            self._say(hand, owner)
        return False

    def cancelled(self, ref: TaskRef) -> None:
        """End a task that is over for good: its workflow has ended, or its time is up."""
        self._note_finished(ref, _OVER)
        hand = self.hands.get(ref)
        if hand is None or hand.event is not None:
            return
        stream = hand.stream
        if stream is None:
            del self.hands[ref]
            self._free(hand)
        elif hand.cancelled_at is None:
            hand.cancelled_at = self._clock.monotonic()
            self._tell(hand, stream)

    def tend(self) -> None:
        """Say again what runs, and give up on what does not end; the replica calls it a few times in a lease."""
        now = self._clock.monotonic()
        for hand in list(self.hands.values()):
            if hand.cancelled_at is not None:
                if now - hand.cancelled_at >= CANCEL_S:
                    self._leave_stream(hand)
                    self._let_lapse(hand)
                    self._settle(hand)
            elif (hand.started_at or hand.grant is not None) and hand.event is None:
                owner = self._owner(hand.ref, hand.slot)
                if owner is not None:
                    self._say(hand, owner)
        self._end_lapsing(lambda kept: now >= kept.until)
        self.feed()

    def _owner(self, ref: TaskRef, slot: int) -> str | None:
        return self._view().owners.get((ref.app, partition_of(slot)))

    # results

    def find(self, *, instance_id: str, task_id: int) -> Hand | None:
        """Return the task that a result without a token belongs to."""
        for stream in self._workers.streams:
            ref = stream.out.get((instance_id, task_id))
            if ref is not None:
                return self.hands.get(ref)
        return None

    def finished(
        self,
        ref: TaskRef,
        *,
        incarnation: bytes,
        slot: int,
        event: bytes,
        echoed: bool,
        settled: Callable[[], None],
        attempt: int | None = None,
    ) -> None:
        """Take a result, of delivery `attempt` if known; `settled` is called once it is durable or known unwanted."""
        self._end_lapsing(lambda kept: kept.ref == ref and attempt in (None, kept.attempt))
        if ref in self._finished and ref not in self.hands:
            settled()
            return
        hand = self.hands.get(ref)
        if hand is None:
            hand = self.hands[ref] = Hand(ref=ref, incarnation=incarnation, slot=slot)
        if hand.stream is not None and echoed:
            hand.stream.echoes_tokens = True
        if hand.stream is not None and attempt is not None and attempt < hand.attempt:
            # An earlier delivery was faster: the one that runs here is of no use any more.
            self._tell(hand, hand.stream)
            self._let_lapse(hand)
        self._leave_stream(hand)
        self._free(hand)
        hand.settled.append(settled)
        if hand.cancelled_at is not None:
            self._settle(hand)
        elif hand.event is None:
            hand.event = event
            self._report(hand)
        self.feed()

    def _tell(self, hand: Hand, stream: WorkerStream) -> None:
        if stream.offers.cancels:
            stream.send(CancelItem(token_of(hand), hand.ref))

    def _leave_stream(self, hand: Hand) -> None:
        stream = hand.stream
        if stream is not None:
            stream.activities -= 1
            if stream.out.get((hand.ref.instance_id, hand.ref.task_id)) == hand.ref:
                del stream.out[hand.ref.instance_id, hand.ref.task_id]
            hand.stream, hand.started_at = None, 0

    def _report(self, hand: Hand) -> None:
        """Send the result to whoever owns the caller's instance now."""
        assert hand.event is not None
        owner = self._owner(hand.ref, hand.slot)
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
        self._note_finished(hand.ref, hand.attempt)
        for settled in hand.settled:
            settled()
        hand.settled.clear()

    def _note_finished(self, ref: TaskRef, attempt: int) -> None:
        self._finished[ref] = max(attempt, self._finished.get(ref, 0))
        if len(self._finished) > FINISHED_MAX:
            self._finished.popitem(last=False)

    def tick(self) -> None:
        """Replace what no owner has answered in time."""
        now = self._clock.monotonic()
        for hand in [hand for hand in self.unanswered.values() if now >= hand.deadline]:
            self._replace(hand)

    # leaving

    def stream_removed(self, stream: WorkerStream) -> None:
        """A worker is gone: what it had goes to another worker here, or back to its caller's owner."""
        lost = [hand for hand in self.hands.values() if hand.stream is stream]
        for hand in lost:
            self._leave_stream(hand)
            if hand.cancelled_at is not None:
                self._let_lapse(hand)
                self._settle(hand)
            elif hand.granted:
                # It may go on in the lost worker: another run of it is another attempt, with a grant of its own.
                self._let_lapse(hand)
                self._return(hand)
            else:
                self._enqueue(hand)
        self.return_orphans()
        self.feed()

    def return_orphans(self) -> None:
        """Give back the tasks that no connected worker can run."""
        for app, queue in list(self._queues.items()):
            kept: TurnQueue[Hand] = TurnQueue()
            for hand in queue:
                if any(stream.runs_activity(hand.name) for stream in self._workers.streams):
                    kept.add(hand.ref.instance_id, hand)
                elif self.hands.get(hand.ref) is hand and hand.event is None:
                    self._return(hand)
            if kept:
                self._queues[app] = kept
            else:
                del self._queues[app]
