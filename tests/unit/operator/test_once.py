"""An operator that is killed before or after any of its calls, and another that goes on: every run starts once."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from antiphon_names import labels
from antiphon_operator.clock import Clock
from antiphon_operator.reconcile import objects
from antiphon_operator.reconcile.conditions import stamp
from tests.unit.operator.building import body, contract, registration, replica
from tests.unit.operator.twins import ControlTwin, KubeTwin, RegistryTwin, controlled, until

READY = {"conditions": [{"type": "Ready", "status": "True", "reason": "Resolved"}]}
#: More calls than an operator makes until its work is done.
_CALLS_MOST = 40


class Grave:
    """Lets so many calls through and kills the operator before or after the last of them: it waits for ever there."""

    def __init__(self, calls: int, *, after: bool) -> None:
        self._left = calls
        self._after = after
        self.dead = asyncio.Event()

    def within(self, served: Any) -> Any:
        """What the operator calls instead."""
        return _Through(served, self)

    async def passing(self, call: Any) -> Any:
        self._left -= 1
        if self._left < 0 or (self._left == 0 and not self._after):
            await self._end()
        answer = await call()
        if self._left == 0:
            await self._end()
        return answer

    async def _end(self) -> None:
        self.dead.set()
        await asyncio.Event().wait()


class _Through:
    _READS = frozenset(("all", "get"))

    def __init__(self, served: Any, grave: Grave) -> None:
        self._served = served
        self._grave = grave

    def __getattr__(self, name: str) -> Any:
        call = getattr(self._served, name)
        if name in self._READS:
            return call
        return lambda *words, **more: self._grave.passing(lambda: call(*words, **more))


class Scene:
    """A namespace in which `buy` can be started, and the twins of all that the operator speaks with."""

    def __init__(self) -> None:
        self.kube, self.etcd, self.control = KubeTwin(), RegistryTwin(), ControlTwin()
        self.kube.put(registration("orders", workflows=["buy"]))
        self.kube.put(contract(status=READY))
        self.etcd.live([replica("orders", workflows={"buy"})])

    def operator(self, grave: Grave | None = None) -> Any:
        """An operator, which may be about to be killed."""
        if grave is None:
            return controlled(self.kube, self.etcd, control=self.control)
        return controlled(self.kube, self.etcd, control=grave.within(self.control), through=grave.within(self.kube))

    async def dies(self, grave: Grave, done: Any) -> bool:
        """Let an operator work until it is killed, or is done; tell whether it was killed."""
        async with self.operator(grave):
            await until(lambda: grave.dead.is_set() or done())
        return grave.dead.is_set()

    def run(self, **spec: Any) -> Any:
        """A run that is applied now."""
        made = body("WorkflowRun", "first", {"workflowRef": {"name": "buy"}, **spec}, uid="1a2b3c4d-0000")
        made["metadata"]["creationTimestamp"] = stamp(Clock().now())
        return self.kube.put(made)

    def phase(self, run: Any) -> Any:
        return self.kube.status(run).get("phase")

    def all_end(self) -> None:
        """Let everything that runs complete."""
        for key, found in list(self.control.instances.items()):
            if not found.ended:
                self.control.end(key)


async def at_every_call(check: Any) -> None:
    """Have an operator killed before and after each of its calls, all at once, each in a scene of its own."""
    cases = [(calls, after) for calls in range(1, _CALLS_MOST) for after in (False, True)]
    killed = await asyncio.gather(*(check(Grave(calls, after=after)) for calls, after in cases))
    assert True in killed
    assert False in killed, "it makes more calls than are tried"


async def test_a_run_starts_once_wherever_the_operator_is_killed() -> None:
    async def check(grave: Grave) -> bool:
        scene = Scene()
        run = scene.run()

        def done() -> bool:
            scene.all_end()
            return scene.phase(run) == "Completed"

        killed = await scene.dies(grave, done)
        # Whatever becomes of the Workflow meanwhile, a run that may have been started belongs to the app of then.
        moved = contract(status=READY, entry={"appId": "others"})
        scene.kube.put(moved)
        scene.etcd.live([replica("orders", workflows={"buy"}), replica("others", workflows={"buy"})])
        async with scene.operator():
            await until(done)
        assert len(scene.control.begun) == 1
        assert scene.control.begun == [(scene.kube.status(run)["appId"], "first-1a2b3c4d")]
        return killed

    await at_every_call(check)


async def test_a_guarded_run_is_ended_before_it_is_deleted_wherever_the_operator_is_killed() -> None:
    async def check(grave: Grave) -> bool:
        scene = Scene()
        run = scene.run(deletionPolicy="Terminate")
        async with scene.operator():
            await until(lambda: scene.phase(run) == "Running")
        key = ("workflowruns", "shop", "first")
        assert scene.kube.objects[key]["metadata"]["finalizers"] == [labels.FINALIZER]
        scene.kube.ask_to_delete(run)
        killed = await scene.dies(grave, lambda: key not in scene.kube.objects)
        async with scene.operator():
            await until(lambda: key not in scene.kube.objects)
        (found,) = scene.control.instances.values()
        assert found.state == "TERMINATED"
        return killed

    await at_every_call(check)


async def test_a_tick_makes_one_run_and_that_starts_once_wherever_the_operator_is_killed() -> None:
    async def check(grave: Grave) -> bool:
        scene = Scene()
        now = Clock().now()
        spec = {"workflowRef": {"name": "buy"}, "schedule": f"{(now - timedelta(minutes=1)).minute} * * * *"}
        created = stamp(now - timedelta(minutes=5))
        schedule = scene.kube.put(body("WorkflowSchedule", "often", spec, creationTimestamp=created))

        def done() -> bool:
            scene.all_end()
            return "lastSuccessfulTime" in scene.kube.status(schedule)

        killed = await scene.dies(grave, done)
        async with scene.operator():
            await until(done)
        runs = [each for (plural, _, _), each in scene.kube.objects.items() if plural == "workflowruns"]
        assert len(runs) == 1
        assert scene.control.begun == [("orders", objects.meta(runs[0]).name)]
        assert [name for plural, name in scene.kube.writes if plural == "workflowruns"].count("often") == 0
        return killed

    await at_every_call(check)


@pytest.mark.parametrize("policy", ["Allow", "Forbid", "Replace"])
async def test_a_tick_that_meets_a_run_does_as_its_policy_says(policy: str) -> None:
    scene = Scene()
    now = Clock().now()
    spec = {"workflowRef": {"name": "buy"}, "schedule": "* * * * *", "concurrencyPolicy": policy}
    created = stamp(now - timedelta(minutes=3))
    schedule = scene.kube.put(body("WorkflowSchedule", "often", spec, creationTimestamp=created))
    owner = {"kind": "WorkflowSchedule", "name": "often", "uid": "uid-often", "controller": True}
    old = body("WorkflowRun", "often-7", {"workflowRef": {"name": "buy"}}, uid="old", ownerReferences=[owner])
    scene.kube.put(old)
    async with scene.operator():
        await until(lambda: scene.phase(old) == "Running" or scene.phase(old) == "Terminated")
        if policy == "Forbid":
            await until(lambda: "lastSkippedTime" in scene.kube.status(schedule))
            assert scene.control.begun == [("orders", "often-7")]
            return
        await until(lambda: len(scene.control.begun) == 2)
        first, second = (scene.control.instances[key] for key in scene.control.begun)
        assert first.state == ("RUNNING" if policy == "Allow" else "TERMINATED")
        assert second.state == "RUNNING"


async def test_an_instance_is_suspended_and_resumed_as_desired() -> None:
    scene = Scene()
    run = scene.run()
    async with scene.operator():
        for desired, phase in (("Running", "Running"), ("Suspended", "Suspended"), ("Running", "Running")):
            found = scene.kube.objects["workflowruns", "shop", "first"]
            scene.kube.put({**found, "spec": {**found["spec"], "desired": desired}})
            await until(lambda phase=phase: scene.phase(run) == phase)
    assert [each for each in scene.control.asked if each != "get"] == ["start", "suspend", "resume"]


async def test_a_run_starts_as_soon_as_its_workflow_is_there() -> None:
    scene = Scene()
    workflow = scene.kube.objects["workflows", "shop", "buy"]
    scene.kube.remove(workflow)
    run = scene.run()
    async with scene.operator():
        await until(lambda: scene.phase(run) == "Pending")
        assert scene.control.begun == []
        scene.kube.put({**contract(status=READY), "metadata": {**workflow["metadata"], "uid": "another"}})
        await until(lambda: scene.control.begun)
