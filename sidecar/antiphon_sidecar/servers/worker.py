"""The worker half of TaskHubSidecarService, and our own Worker service: work items out, results in.

One writer per stream drains a list; a worker that can take it gets many items in one message. How the stream of a
worker ends matters: OK on drain, since an SDK in the field dies on anything else (wire.md, trap 7).
"""

import asyncio
import hashlib
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import replace

import grpc

from antiphon_names import errors as codes
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.codec.actions import read_activity_response, read_response
from antiphon_sidecar.coordination.base import Contract
from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import sizes
from antiphon_sidecar.engine.events import Failure, Status, TaskFailed, TaskOutcome
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.tokens import read_task_token, token_attempt
from antiphon_sidecar.runtime.workers import (
    ActivityItem,
    CancelItem,
    Item,
    Offers,
    TurnItem,
    WorkerStream,
    items_at_once,
)
from antiphon_sidecar.servers.errors import Rejected
from antiphon_sidecar.servers.handlers import Context, Streaming, Unary
from antiphon_sidecar.servers.holder import AGENT_KEY
from antiphon_sidecar.servers.outbox import Outbox
from antiphon_sidecar.settings import Limits
from antiphon_sidecar.stores.base import TaskRef

logger = logging.getLogger(__name__)

#: Items that travel in one message at most.
_BATCH_MAX = 200
_BATCH_BYTES_MAX = 2 * 1024 * 1024
#: What an item holds beside its request or events.
_ITEM_BYTES = 500
#: How long settled results gather before the worker hears of them: nobody waits for it, and each message costs both.
_SETTLED_S = 0.2
_SCHEMAS_MAX = 1_000
_SCHEMA_CHARACTERS_MAX = 256 * 1024
_KINDS = {wk.OfferedName.KIND_WORKFLOW: "workflow", wk.OfferedName.KIND_ACTIVITY: "activity"}


class WorkerService:
    """Serves the workers of one app."""

    def __init__(self, replica: Replica, *, limits: Limits) -> None:
        self._replica = replica
        self._limits = limits
        self._draining = asyncio.Event()

    def task_hub(self) -> Mapping[str, Unary | Streaming]:
        """Return the calls that every SDK makes."""
        return {
            "GetWorkItems": self.work_items,
            "CompleteActivityTask": self.complete_activity,
            "CompleteOrchestratorTask": self.complete_turn,
            "CompleteWorkflowTask": self.complete_turn,
        }

    def own(self) -> Mapping[str, Unary | Streaming]:
        """Return the calls that only our SDK makes."""
        return {"Complete": self.complete, "Heartbeat": self.heartbeat, "Schemas": self.schemas}

    def drain(self) -> None:
        """End every worker stream with OK."""
        self._draining.set()

    async def work_items(self, request: wk.GetWorkItemsRequest, context: Context) -> AsyncIterator[wk.WorkItem]:
        """Stream work items until the worker leaves or the sidecar drains."""
        outbox = Outbox()
        batches = wk.WORKER_CAPABILITY_BATCH in request.capabilities
        stream = WorkerStream(offers=self._offers(request, _user_agent(context)), send=outbox.put)
        drained = asyncio.get_running_loop().create_task(self._draining.wait(), name="stream-drain")
        drained.add_done_callback(lambda _: outbox.close())
        # Asked for now: once the call is over its context must not be used any more, grpcio dies of it.
        who = {"app": self._replica.identity.app, "peer": context.peer()}
        try:
            # Inside: a worker that leaves while it connects must not stay behind as one that never answers.
            await self._replica.connect(stream)
            logger.info("a worker connected", extra=who)
            while items := await outbox.take(_BATCH_MAX if batches else 1):
                for message in _messages([item for item in items if self._replica.intake.may_send(item)]):
                    yield message
        finally:
            drained.cancel()
            await self._replica.disconnect(stream)
            logger.info("a worker left", extra=who)

    def _offers(self, request: wk.GetWorkItemsRequest, agent: str) -> Offers:
        turns_max, activities_max = items_at_once(agent, self._limits.items_per_stream_max)
        kinds = wk.OfferedName
        versions: dict[str, frozenset[str]] = {}
        for offer in request.offers:
            if offer.kind == kinds.KIND_WORKFLOW:
                versions[offer.name] = versions.get(offer.name, frozenset()) | {offer.version}
        return Offers(
            declares=request.declares_names,
            workflows=frozenset(versions),
            versions=versions,
            agent=agent,
            activities=frozenset(o.name for o in request.offers if o.kind == kinds.KIND_ACTIVITY),
            contracts=frozenset(
                Contract(_KINDS[o.kind], o.name, o.version, o.input_digest, o.output_digest)
                for o in request.offers
                if o.kind in _KINDS and (o.input_digest or o.output_digest)
            ),
            stateful_history=wk.WORKER_CAPABILITY_STATEFUL_HISTORY in request.capabilities,
            cancels=wk.WORKER_CAPABILITY_ACTIVITY_CANCEL in request.capabilities,
            turns_max=request.max_workflow_items or turns_max,
            activities_max=request.max_activity_items or activities_max,
        )

    async def schemas(self, request: wk.SchemasRequest, context: Context) -> wk.SchemasReply:
        """Keep schemas that a worker's offers name, and say which of the digests asked for are missing."""
        store = self._replica.parts.store
        if max(len(request.digests), len(request.schemas)) > _SCHEMAS_MAX:
            raise _schemas_refused(f"more than {_SCHEMAS_MAX} schemas in one message")
        if any(len(text) > _SCHEMA_CHARACTERS_MAX for text in request.schemas):
            raise _schemas_refused(f"a schema of more than {_SCHEMA_CHARACTERS_MAX} characters")
        if request.schemas:
            await store.keep_schemas({hashlib.sha256(text.encode()).hexdigest(): text for text in request.schemas})
        there = await store.schemas(request.digests) if request.digests else {}
        return wk.SchemasReply(missing=[digest for digest in request.digests if digest not in there])

    async def complete_turn(self, request: wk.WorkflowResponse, context: Context) -> wk.CompleteTaskResponse:
        """Take the answer to a turn; one that nobody waits for is discarded."""
        self._turn(request)
        return wk.CompleteTaskResponse()

    def _turn(self, request: wk.WorkflowResponse) -> None:
        self._replica.turn_answered(
            token=request.completion_token, instance_id=request.instance_id, response=_read_turn(request)
        )

    async def complete_activity(self, request: wk.ActivityResponse, context: Context) -> wk.CompleteTaskResponse:
        """Take a task's result; answers once it is durable or known to be unwanted."""
        settled: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def done() -> None:
            if not settled.done():
                settled.set_result(None)

        self._activity(request, done)
        await settled
        return wk.CompleteTaskResponse()

    def _activity(self, request: wk.ActivityResponse, settled: Callable[[], None]) -> None:
        token = request.completion_token
        known = read_task_token(token) if token else None
        attempt = None if known is None else token_attempt(token)
        if known is None:
            hand = self._replica.intake.find(instance_id=request.instance_id, task_id=request.task_id)
            if hand is None:
                settled()
                return
            known = hand.ref, hand.incarnation, hand.slot
        ref, incarnation, slot = known
        # The token says which task this is; no other number may get into the history.
        request.task_id = ref.task_id
        self._replica.task_answered(
            ref,
            incarnation=incarnation,
            slot=slot,
            event=codec.seal(self._with_details(ref, self._outcome(request))),
            echoed=bool(token),
            settled=settled,
            attempt=attempt,
        )

    async def heartbeat(self, request: wk.HeartbeatRequest, context: Context) -> wk.HeartbeatReply:
        """Take an activity's sign of life; nothing of it is written before it is answered."""
        known = read_task_token(request.completion_token)
        if known is None:
            raise Rejected(
                grpc.StatusCode.INVALID_ARGUMENT,
                codes.REQUEST_INVALID,
                "a heartbeat names its activity by the completion token of the work item; this one names none. "
                "Send the token as it came.",
            )
        details = request.details if request.HasField("details") else None
        if details is not None and len(details) > self._limits.payload_bytes_max:
            raise Rejected(
                grpc.StatusCode.INVALID_ARGUMENT,
                codes.PAYLOAD_TOO_LARGE,
                f"the heartbeat's details have {len(details)} bytes, the limit is {self._limits.payload_bytes_max}. "
                "Store large data elsewhere and send a reference.",
            )
        ref, _, slot = known
        attempt = token_attempt(request.completion_token)
        cancelled = self._replica.intake.beat(
            ref, slot=slot, attempt=attempt, details=details, only_asks=request.only_asks
        )
        return wk.HeartbeatReply(cancelled=cancelled)

    def _with_details(self, ref: TaskRef, outcome: TaskOutcome) -> TaskOutcome:
        """Add to a failure what the activity last said of its progress, for the next attempt."""
        hand = self._replica.intake.hands.get(ref) if isinstance(outcome, TaskFailed) else None
        if hand is None or hand.details is None:
            return outcome
        assert isinstance(outcome, TaskFailed)
        return replace(outcome, details=hand.details)

    def _outcome(self, request: wk.ActivityResponse) -> TaskOutcome:
        now = self._replica.parts.store_clock.now()
        limit = self._limits.payload_bytes_max
        size = sizes.excess(request.result.value, limit=limit)
        if not size:
            return read_activity_response(request, task_execution_id="", now=now)
        return TaskFailed(now, request.task_id, sizes.failure("the activity's result", size, limit=limit))

    async def complete(
        self, requests: AsyncIterator[wk.CompleteRequest], context: Context
    ) -> AsyncIterator[wk.CompleteReply]:
        """Take results in batches; a batch's sequence comes back when all of it is settled."""
        settled = Outbox()
        reader = asyncio.get_running_loop().create_task(self._read(requests, settled), name="results-reader")
        reader.add_done_callback(lambda _: settled.close())
        try:
            while sequences := await settled.take(1_000):
                yield wk.CompleteReply(settled=sequences)
                await asyncio.sleep(_SETTLED_S)
        finally:
            reader.cancel()

    async def _read(self, requests: AsyncIterator[wk.CompleteRequest], settled: Outbox) -> None:
        async for request in requests:
            batch = _Batch(request.sequence, len(request.activities), settled.put)
            for turn in request.workflows:
                self._turn(turn)
            for activity in request.activities:
                self._activity(activity, batch.one_settled)
            batch.check()


def _user_agent(context: Context) -> str:
    """Return what the worker's gRPC says of itself, also where its calls are forwarded."""
    said = dict(context.invocation_metadata() or ())
    agent = said.get(AGENT_KEY) or said.get("user-agent", "")
    return agent.decode(errors="replace") if isinstance(agent, bytes) else agent


def _schemas_refused(what: str) -> Rejected:
    return Rejected(grpc.StatusCode.INVALID_ARGUMENT, codes.REQUEST_INVALID, f"{what}; leave out what is not offered.")


class _Batch:
    """Counts the results of one message until all are settled."""

    def __init__(self, sequence: int, left: int, done: Callable[[int], None]) -> None:
        self._sequence = sequence
        self._left = left
        self._done = done

    def one_settled(self) -> None:
        self._left -= 1
        self.check()

    def check(self) -> None:
        if self._left == 0:
            self._left = -1
            self._done(self._sequence)


def _messages(items: list[Item]) -> list[wk.WorkItem]:
    """Pack items into as few messages as the sizes allow."""
    messages: list[wk.WorkItem] = []
    size = 0
    for item in items:
        length = _about_bytes(item)
        if messages and size + length <= _BATCH_BYTES_MAX:
            # Filled in where it stands: an item made for itself would be copied into its message.
            _fill(messages[-1].more.add(), item)
            size += length
        else:
            message = wk.WorkItem()
            _fill(message, item)
            messages.append(message)
            size = length
    return messages


def _about_bytes(item: Item) -> int:
    """Return about how long an item is on the wire."""
    match item:
        case ActivityItem():
            return _ITEM_BYTES + len(item.request) + len(item.details or b"")
        case CancelItem():
            return _ITEM_BYTES
        case TurnItem():
            return _ITEM_BYTES + item.bytes_over(0) + len(item.propagated)


def _fill(wire: wk.WorkItem, item: Item) -> None:
    wire.completion_token = item.token
    match item:
        case ActivityItem():
            activity = wire.activity_request
            activity.MergeFromString(item.request)
            activity.attempt = item.attempt
            if item.details is not None:
                activity.heartbeat_details = item.details
        case CancelItem():
            cancel = wire.activity_cancel
            cancel.instance_id = item.ref.instance_id
            cancel.task_id = item.ref.task_id
        case TurnItem():
            _fill_turn(wire.workflow_request, item)


def _fill_turn(turn: wk.WorkflowRequest, item: TurnItem) -> None:
    turn.instance_id = item.instance_id
    turn.execution_id.value = item.execution_id
    if item.past:
        turn.past_events.extend(item.past)
    if item.new:
        turn.new_events.extend(item.new)
    if item.cached is not None:
        turn.cached_history.event_count = item.cached
        turn.cached_history.SetInParent()
    if item.propagated:
        turn.propagated_history.MergeFromString(item.propagated)


def _read_turn(request: wk.WorkflowResponse) -> ac.Response:
    """Read a turn's answer; one that cannot be read fails the workflow instead of being asked for again."""
    try:
        return read_response(request)
    except ValueError as error:
        return ac.Response(
            actions=(
                ac.Complete(
                    id=-1,
                    status=Status.FAILED,
                    failure=Failure(
                        error_type=codes.REQUEST_INVALID.name,
                        message=(
                            f"{codes.REQUEST_INVALID}: the worker's answer cannot be read: {error}. Update its SDK."
                        ),
                        non_retriable=True,
                        code=codes.REQUEST_INVALID.number,
                    ),
                ),
            )
        )
