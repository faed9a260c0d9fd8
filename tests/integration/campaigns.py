"""A campaign: instances of every kind run while processes are killed, and then everything is checked."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field

from antiphon import Client, HistoryEntry, InstanceState, Status
from tests.integration import clients, ledgers
from tests.integration.clients import Deadline, Marks
from tests.integration.fleets import Fleet
from tests.integration.leftovers import rows_left
from tests.integration.programs import Program, Stack

#: Workflows by their share of all instances.
SHARES: Mapping[str, int] = {"chain": 6, "fan_out": 2, "parent": 4, "sleeper": 4, "cycle": 2, "listener": 2}
_CLEAN_S = 20.0
#: How long a program may take to end when it is asked to.
_STOP_S = 20.0


@dataclass(frozen=True)
class Plan:
    """What a campaign does; times in seconds, `pause_s` between two disturbances is drawn between these."""

    seed: int
    instances: int
    pause_s: tuple[float, float]
    work_s: float
    finish_s: float
    host_kills: int = 0
    app_kills: int = 0
    host_stops: int = 0
    app_stops: int = 0
    shares: Mapping[str, int] = field(default_factory=lambda: SHARES)


@dataclass
class Campaign:
    """One run of a plan against a stack."""

    stack: Stack | Fleet
    plan: Plan
    #: What goes wrong while instances run; the plan's kills and stops when none is given.
    disturb: Callable[[], Awaitable[None]] | None = None
    #: How long after an acknowledgement a delivery that was under way may still begin: half a lease between replicas.
    under_way_s: float = 0.0
    #: What all instance IDs begin with.
    tag: str = ""
    workflows: dict[str, str] = field(default_factory=dict)
    marks: dict[str, Marks] = field(default_factory=dict)

    async def run(self) -> None:
        """Do it all; fails with what is wrong, and with what the processes say when something hangs."""
        self.stack.start()
        self._draw_workflows()
        deadline = Deadline(self.plan.finish_s)
        async with Client(address=self.stack.address()) as client:
            await self._start(client, deadline)
            await self._disturb_while_marks_are_raised(client, deadline)
            states = await clients.outcomes(client, list(self.workflows), deadline=deadline)
            self._check_completed(states)
            await self._check_records(client, states)
        await self._check_rows()

    def _draw_workflows(self) -> None:
        chance = random.Random(self.plan.seed)
        shares = self.plan.shares
        # One of each, then by chance.
        names = list(shares) + chance.choices(
            list(shares), weights=list(shares.values()), k=max(0, self.plan.instances - len(shares))
        )
        for number, name in enumerate(names[: self.plan.instances]):
            instance_id = f"{self.tag}{name}-{number}"
            self.workflows[instance_id] = name
            if name == "listener":
                self.marks[instance_id] = Marks(instance_id)

    async def _start(self, client: Client, deadline: Deadline) -> None:
        inputs = {"cycle": (self.plan.work_s, []), "listener": None}
        await asyncio.gather(
            *(
                clients.start(
                    client, name, inputs.get(name, self.plan.work_s), instance_id=instance_id, deadline=deadline
                )
                for instance_id, name in self.workflows.items()
            )
        )

    async def _disturb_while_marks_are_raised(self, client: Client, deadline: Deadline) -> None:
        enough = asyncio.Event()
        raising = [
            asyncio.create_task(
                clients.raise_marks(client, marks, pause_s=self.plan.work_s, enough=enough, deadline=deadline),
                name=f"marks for {marks.instance_id}",
            )
            for marks in self.marks.values()
        ]
        try:
            await (self.disturb or self._disturb)()
        finally:
            enough.set()
            self.stack.seen_enough()
        await asyncio.gather(*raising)

    async def _disturb(self) -> None:
        assert isinstance(self.stack, Stack)
        chance = random.Random(self.plan.seed)
        plan, apps = self.plan, list(self.stack.apps.values())
        disturbances = [
            *((self.stack.host, _kill) for _ in range(plan.host_kills)),
            *((self.stack.host, _stop) for _ in range(plan.host_stops)),
            *((chance.choice(apps), _kill) for _ in range(plan.app_kills)),
            *((chance.choice(apps), _stop) for _ in range(plan.app_stops)),
        ]
        chance.shuffle(disturbances)
        for program, disturb in disturbances:
            if disturb is _stop:
                await asyncio.to_thread(program.wait_until_ready)
            await asyncio.sleep(chance.uniform(*plan.pause_s))
            await asyncio.to_thread(disturb, program)
            program.start()

    def _check_completed(self, states: Mapping[str, InstanceState | None]) -> None:
        hanging = [instance_id for instance_id, state in states.items() if state is None]
        assert not hanging, self._account(hanging)
        wrong = {i: state for i, state in states.items() if state is not None and state.status is not Status.COMPLETED}
        assert not wrong, wrong

    def _account(self, hanging: Sequence[str]) -> str:
        """Say what hangs and what all processes know about it."""
        parts = [f"seed {self.plan.seed}: {len(hanging)} instances did not finish: {', '.join(hanging)}"]
        parts += [self.stack.why(instance_id) for instance_id in hanging[:5]]
        parts += [f"== {program.name}\n{program.tail()}" for program in self.stack.programs()]
        return "\n".join(parts)

    async def _check_records(self, client: Client, states: Mapping[str, InstanceState | None]) -> None:
        ledger = ledgers.Ledger.read(self.stack.effects)
        print(f"seed {self.plan.seed}: {ledger.counts()}")
        found: list[str] = []
        for instance_id, state in states.items():
            assert state is not None
            found += await self._faults_of(client, state, ledger, app="orders")
            if instance_id in self.marks:
                found += _mark_faults(self.marks[instance_id], state.output)
            else:
                found += [
                    f"{instance_id}: {value} was never done" for value in ledger.results_without_effect(state.output)
                ]
        found += ledger.begun_after_settled(under_way_s=self.under_way_s)
        assert not found, f"seed {self.plan.seed}: {len(found)} faults\n" + "\n".join(found)

    async def _faults_of(self, client: Client, state: InstanceState, ledger: ledgers.Ledger, *, app: str) -> list[str]:
        history = await client.history(state.instance_id, app=app)
        found = [f"{state.instance_id}: {fault}" for fault in ledgers.faults(history)]
        found += _result_faults(state, history, ledger, app=app)
        for entry in history:
            if entry.kind == "child_workflow_instance_created":
                child = await client.get(str(entry.details["instance_id"]), app="payments")
                found += await self._faults_of(client, child, ledger, app="payments")
        return found

    async def _check_rows(self) -> None:
        """The store holds no work any more, at the latest after a few sweeps."""
        deadline = Deadline(_CLEAN_S)
        while left := await rows_left(self.stack.store):
            assert deadline.left_s > 0, f"rows left: {left}"
            await asyncio.sleep(0.1)


def _kill(program: Program) -> None:
    program.kill()


def _stop(program: Program) -> None:
    code = program.terminate(within_s=_STOP_S)
    assert code == 0, f"{program.name} ended with {code}:\n{program.tail()}"


def _result_faults(
    state: InstanceState, history: Sequence[HistoryEntry], ledger: ledgers.Ledger, *, app: str
) -> list[str]:
    """Each recorded result is that of an attempt of this very task."""
    names = ledgers.scheduled_names(history)
    found = []
    for task_id, result in ledgers.results(history).items():
        if names.get(task_id) == "more":
            continue
        line = ledger.finished.get(json.loads(result))
        if line is None or line.key != (app, state.instance_id, state.execution_id, task_id):
            found.append(f"{state.instance_id}: task {task_id} has result {result}, which is that of {line}")
    return found


def _mark_faults(marks: Marks, collected: Sequence[int]) -> list[str]:
    """Acknowledged marks were collected once each and in order; of the others, none twice."""
    found = []
    if sorted(set(collected)) != sorted(collected):
        found.append(f"{marks.instance_id}: collected twice: {collected}")
    if [mark for mark in collected if mark not in marks.unknown] != marks.acknowledged:
        found.append(f"{marks.instance_id}: acknowledged {marks.acknowledged}, collected {collected}")
    return found
