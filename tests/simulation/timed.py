"""Activities with timeouts, heartbeats and cancellation: what programs ask for, what workers do, what must come out.

Kinds: `start_to_close`, `heartbeat` and `schedule_to_close` hang for ever, so that the call
fails by the timeout of that name; `works` hangs a few times, is tried again until it does not, and says how far it is;
`left` hangs, and its workflow ends without waiting for it; `limited` is of a name with a concurrency limit.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

from antiphon_names import errors as codes
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.engine.events import Timeouts
from antiphon_sidecar.runtime.workers import ActivityItem

if TYPE_CHECKING:
    from tests.simulation.apps import Worker

WORKS, LEFT, LIMITED = "works", "left", "limited"
#: How many activities of the name LIMITED may run at once in an app, over all replicas.
MOST = 2
_S = 1_000_000_000
TIMEOUTS = {
    "start_to_close": Timeouts(start_to_close_ns=3 * _S),
    "heartbeat": Timeouts(heartbeat_ns=3 * _S),
    "schedule_to_close": Timeouts(schedule_to_close_ns=4 * _S),
    WORKS: Timeouts(start_to_close_ns=6 * _S, heartbeat_ns=3 * _S),
    LIMITED: Timeouts(start_to_close_ns=6 * _S),
    # So that a worker with one place goes on if the workflow waits for something else.
    LEFT: Timeouts(start_to_close_ns=30 * _S),
}
#: Kinds that always fail, and how.
ALWAYS = {
    "start_to_close": codes.ACTIVITY_START_TO_CLOSE_TIMED_OUT,
    "heartbeat": codes.ACTIVITY_HEARTBEAT_TIMED_OUT,
    "schedule_to_close": codes.ACTIVITY_SCHEDULE_TO_CLOSE_TIMED_OUT,
}
_BEAT_S = 0.8
_BEATS = 3


@dataclass(frozen=True, slots=True)
class Order:
    """What an activity gets; `chain` names all attempts of one call."""

    kind: str
    argument: str
    hangs: bool
    chain: str


def with_some(program: list[Any], apps: Sequence[str], rng: Random) -> list[Any]:
    """Add such activities to some programs, before their last step; the draws of the others stay as they are."""
    if rng.random() > 0.4 or program[0] != "seq":
        return program
    kinds = rng.sample([*ALWAYS, WORKS, WORKS, LEFT, LIMITED, LIMITED, LIMITED], rng.randint(1, 3))
    added = [
        ["timed", rng.choice(apps), kind, f"t{rng.randint(0, 1 << 40)}", rng.choice((0, 1, 1, 2))] for kind in kinds
    ]
    body = program[1]
    steps = [["par", added]] if rng.random() < 0.5 else added
    last = [body[-1]] if body and body[-1][0] in ("again", "fail") else []
    return ["seq", [*body[: len(body) - len(last)], *steps, *last]]


def value(program: list[Any]) -> Any:
    """Return what such a step gives."""
    _, _, kind, argument, _ = program
    if kind == LEFT:
        return None
    return ALWAYS[kind].name if kind in ALWAYS else argument[::-1]


def code_of(message: str) -> str:
    """Return the name of the code that a failure's text begins with."""
    return message.split()[1].rstrip(":")


def begin(worker: "Worker", item: ActivityItem, request: wk.ActivityRequest, order: Order) -> None:
    """Do as an activity of this kind does; a second delivery of what is under way joins it, as in our SDK."""
    model = worker.pod.world.model
    if order.kind == WORKS:
        details = request.heartbeat_details if request.HasField("heartbeat_details") else None
        model.details_given(order.chain, details)
    if order.kind == LIMITED:
        model.limited_began(worker.pod.app, (worker, item.token), worker.is_alive, lapses_s=6.0)
        worker.host.later(worker.pod.rng.choice((0.05, 1.0, 3.0)), _done, worker, item, order)
        return
    under_way = item.ref in worker.open
    worker.open[item.ref] = item
    if under_way or order.hangs or order.kind != WORKS:
        return
    worker.host.later(_BEAT_S, _beat, worker, item.ref, order, 1)


def _done(worker: "Worker", item: ActivityItem, order: Order) -> None:
    worker.pod.world.model.limited_ended(worker.pod.app, (worker, item.token))
    worker.finish(item, order.argument[::-1])


def _beat(worker: "Worker", ref: Any, order: Order, number: int) -> None:
    item = worker.open.get(ref)
    if item is None:
        return
    if number > _BEATS:
        del worker.open[ref]
        worker.finish(item, order.argument[::-1])
        return
    details = json.dumps([order.chain, item.attempt, number]).encode()
    worker.pod.world.model.details_said(order.chain, details)
    worker.beat(item, details)
    worker.host.later(_BEAT_S, _beat, worker, ref, order, number + 1)
