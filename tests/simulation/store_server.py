"""The state store behind a network: latency, lost requests, lost answers, requests that land late, outages.
Sequence numbers are drawn when a request is sent, so that rows become visible in another order.

One `StoreServer` holds the memory store that all hosts share; each host has a `SimStore`. A request that was sent
is carried out even when its sender is dead by then. Observers see every commit that lands.
"""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Any

from antiphon_sidecar.stores.base import Commit, InstanceRow, Outcome
from antiphon_sidecar.stores.errors import OutcomeUnknown, Unreachable
from antiphon_sidecar.stores.memory import MemoryStore
from antiphon_sidecar.stores.memory_tables import MemoryData
from tests.simulation.loop import Host, SimLoop
from tests.simulation.trace import Trace

NAMESPACE = "default"
#: Store time at loop time zero.
EPOCH_NS = 1_800_000_000_000_000_000

_READS = frozenset(
    ("now", "heartbeats", "known_apps", "load", "load_inbox", "has_commit", "get_instance", "registry_copy")
)
_READS |= frozenset(("history", "list_instances", "any_due", "have_tasks", "due_inbox", "due_tasks", "due_timers"))
_WRITES = frozenset(("beat", "leave", "remember_app", "take_partition", "commit", "replace_tasks", "bump_attempts"))
_WRITES |= frozenset(("claim_tasks", "start_instance", "post", "purge", "defer_inbox", "defer_tasks", "defer_timers"))
_WRITES |= frozenset(
    ("copy_registry", "release_tasks", "drop_orphans", "retire", "note_details", "acquire_grants", "release_grants")
)
#: More than the rows of one request.
_NUMBERS = 1_000_000


@dataclass(slots=True)
class Weather:
    """How bad it is now: probabilities per request."""

    latency_s: float = 0.002
    lost: float = 0.0
    cut: float = 0.0
    late: float = 0.0
    late_takes: float = 0.0


@dataclass(frozen=True, slots=True)
class _Call:
    """A request on its way; `drawn`: the sequence number below those of its rows."""

    host: Host
    name: str
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    drawn: int


class StoreServer:
    """The store and the way to it."""

    def __init__(self, loop: SimLoop, rng: Random, trace: Trace) -> None:
        self.loop = loop
        self._rng = rng
        self._trace = trace
        self.data = MemoryData()
        self.memory = MemoryStore(NAMESPACE, clock=self.clock, data=self.data)
        self.tables = self.data.tables(NAMESPACE)
        self.weather = Weather()
        self.down_for: dict[str, float] = {}
        self.down_until = 0.0
        self.on_take: Callable[[str, str, int], None] = lambda host, app, partition: None
        #: Called with the rows of the runs that retention deleted.
        self.on_retire: Callable[[list[InstanceRow]], None] = lambda rows: None
        #: Called with the host, its commit and the instance row that was there before.
        self.observers: list[Callable[[str, Commit, InstanceRow | None], None]] = []

    def clock(self) -> int:
        """Return the store's time."""
        return EPOCH_NS + round(self.loop.time() * 1e9)

    def _delay(self) -> float:
        mean = self.weather.latency_s
        return mean * (0.5 + self._rng.random()) * (20.0 if self._rng.random() < 0.01 else 1.0)

    def _down(self, host: Host) -> bool:
        now = self.loop.time()
        return now < self.down_until or now < self.down_for.get(host.name, 0.0)

    async def request(self, host: Host, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Carry out a call of one host."""
        future = self.loop.create_future()
        world, write = self.loop.world, name in _WRITES
        if self._down(host):
            world.later(0.05 + self._delay(), self._fail, future, Unreachable("connection refused"))
            return await future
        call = _Call(host, name, args, kwargs, self._draw_numbers() if write else 0)
        draw, weather = self._rng.random(), self.weather
        late = max(weather.late, weather.late_takes) if name == "take_partition" else weather.late
        if draw < weather.lost:
            self._trace.note(host.name, "store-lost", name)
            world.later(self._delay(), self._fail, future, Unreachable("connection reset"))
        elif draw < weather.lost + weather.cut:
            self._trace.note(host.name, "store-cut", name)
            world.later(self._delay(), self._apply, call, None)
            error = OutcomeUnknown("connection reset") if write else Unreachable("connection reset")
            world.later(0.05 + self._delay(), self._fail, future, error)
        elif write and draw < weather.lost + weather.cut + late:
            self._trace.note(host.name, "store-late", name)
            world.later(self._delay() + self._rng.choice((0.05, 0.5, 3.0)), self._apply, call, None)
            world.later(self._delay(), self._fail, future, OutcomeUnknown("connection reset"))
        else:
            world.later(self._delay(), self._apply, call, future)
        return await future

    def _draw_numbers(self) -> int:
        """Reserve the numbers of a request's rows: they are drawn before the rows can be seen (protocol.md 3)."""
        drawn = self.tables.seq
        self.tables.seq += _NUMBERS
        return drawn

    def _fail(self, future: Any, error: Exception) -> None:
        if not future.done():
            future.set_exception(error)
            future.exception()  # Whoever waited may be gone: nobody need read it.

    def _apply(self, call: "_Call", future: Any) -> None:
        host, name, args, kwargs = call.host, call.name, call.args, call.kwargs
        last = self.tables.seq
        if name in _WRITES:
            self.tables.seq = call.drawn
        found = [self.tables.row(each.app, each.instance_id) for each in args[0]] if name == "commit" else []
        ended = self._ended() if name == "retire" else {}
        answer = _finish(getattr(self.memory, name)(*args, **kwargs))
        self.tables.seq = last
        if name == "commit":
            self._observe(host, args[0], found, answer)
        elif name == "take_partition":
            self._trace.note(host.name, name, kwargs["partition"], answer)
            self.on_take(host.name, kwargs["app"], kwargs["partition"])
        elif name == "retire":
            self._trace.note(host.name, name, answer.deleted)
            self.on_retire([row for key, row in ended.items() if self.tables.row(*key) is None])
        elif name in ("replace_tasks", "bump_attempts", "claim_tasks", "start_instance", "purge"):
            self._trace.note(host.name, name, answer)
        if future is not None:
            self.loop.world.later(self._delay(), self._answer, future, answer)

    def _ended(self) -> dict[tuple[str, str], InstanceRow]:
        return {key: run.row for key, run in self.tables.runs.items() if run.row is not None}

    def _observe(
        self, host: Host, group: list[Commit], found: list[InstanceRow | None], outcomes: list[Outcome]
    ) -> None:
        for commit, before, outcome in zip(group, found, outcomes, strict=True):
            self._trace.note(
                host.name,
                "commit",
                outcome.value,
                commit.app,
                commit.instance_id,
                f"v{commit.row.version}",
                f"e{commit.epoch}",
                f"in={len(commit.consume_inbox)},{len(commit.consume_tasks)},{len(commit.consume_timers)}",
                f"out={len(commit.messages)},{len(commit.tasks)},{len(commit.timers)}",
                f"status={commit.row.status}",
            )
            if outcome is Outcome.COMMITTED:
                for observer in self.observers:
                    observer(host.name, commit, before)

    def _answer(self, future: Any, answer: Any) -> None:
        if not future.done():
            future.set_result(answer)


def _finish(coroutine: Any) -> Any:
    """Run a coroutine of the memory store, which never waits."""
    try:
        coroutine.send(None)
    except StopIteration as stop:
        return stop.value
    raise AssertionError("the memory store waited")


class SimStore:
    """One host's access to the store."""

    def __init__(self, server: StoreServer, host: Host) -> None:
        self._server = server
        self._host = host

    @property
    def identity(self) -> str:
        """The identity of the content."""
        return self._server.memory.identity

    def __getattr__(self, name: str) -> Any:
        if name not in _READS and name not in _WRITES:
            raise AttributeError(name)

        async def call(*args: Any, **kwargs: Any) -> Any:
            return await self._server.request(self._host, name, args, kwargs)

        return call
