"""The API server and etcd in memory, as far as the controller uses them."""

import asyncio
from collections.abc import Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

from antiphon_names import registry
from antiphon_operator.clock import Clock
from antiphon_operator.contracts.replicas import Replica
from antiphon_operator.reconcile.conditions import stamp
from antiphon_operator.reconcile.observed import Absent, Instance
from antiphon_operator.registry.view import Change, View
from antiphon_operator.registry.wanted import Wanted, writes
from antiphon_operator.runtime.cache import Cache
from antiphon_operator.runtime.controller import Controller
from antiphon_operator.runtime.reconcilers import AppRegistrations, StateStores, Workflows
from antiphon_operator.runtime.runs import WorkflowRuns
from antiphon_operator.runtime.schedules import WorkflowSchedules
from antiphon_operator.runtime.world import World
from antiphon_operator.settings import Settings

PLURALS = {
    "AppRegistration": "appregistrations",
    "StateStore": "statestores",
    "Workflow": "workflows",
    "WorkflowRun": "workflowruns",
    "WorkflowSchedule": "workflowschedules",
}


class KubeTwin:
    """Objects by plural, namespace and name; a write gives a new resource version and is seen by the watch."""

    def __init__(self) -> None:
        self.objects: dict[tuple[str, str, str], Any] = {}
        self.writes: list[tuple[str, str]] = []
        self.reported: list[tuple[str, str, str]] = []
        self.saw: Callable[..., None] = lambda *_, **__: None
        self.broken: Exception | None = None
        self._version = 100

    def put(self, body: Any) -> Any:
        """Create or change an object, as a user does."""
        self._version += 1
        plural = PLURALS[body["kind"]]
        meta = {"creationTimestamp": stamp(Clock().now()), **body["metadata"], "resourceVersion": str(self._version)}
        key = (plural, meta["namespace"], meta["name"])
        before = self.objects.get(key)
        if before is not None and before["spec"] != body["spec"]:
            meta["generation"] = before["metadata"]["generation"] + 1
        kept = {**body, "metadata": meta}
        if before is not None and "status" in before and "status" not in body:
            kept["status"] = before["status"]
        self.objects[key] = kept
        self.saw(plural, kept)
        return kept

    def remove(self, body: Any) -> None:
        plural = PLURALS[body["kind"]]
        gone = self.objects.pop((plural, body["metadata"]["namespace"], body["metadata"]["name"]))
        self.saw(plural, gone, deleted=True)

    def status(self, body: Any) -> Any:
        key = (PLURALS[body["kind"]], body["metadata"]["namespace"], body["metadata"]["name"])
        return self.objects[key].get("status") or {}

    def ready(self, body: Any) -> tuple[str, str]:
        found = [each for each in self.status(body).get("conditions", ()) if each["type"] == "Ready"]
        return (found[0]["status"], found[0]["reason"]) if found else ("", "")

    async def all(self, plural: str) -> list[Any]:
        if self.broken is not None:
            raise self.broken
        return [body for (kind, _, _), body in self.objects.items() if kind == plural]

    async def apply_status(self, plural: str, body: Any, status: Any) -> Any:
        await asyncio.sleep(0)
        if self.broken is not None:
            raise self.broken
        meta = body["metadata"]
        known = self.objects.get((plural, meta["namespace"], meta["name"]))
        if known is None:
            return None
        self.writes.append((plural, meta["name"]))
        return self.put({**known, "status": status})

    async def create(self, plural: str, body: Any) -> Any:
        await asyncio.sleep(0)
        meta = body["metadata"]
        if (plural, meta["namespace"], meta["name"]) in self.objects:
            return None
        self.writes.append((plural, meta["name"]))
        return self.put({**body, "metadata": {"uid": f"uid-{meta['name']}-{self._version}", "generation": 1, **meta}})

    async def set_finalizers(self, plural: str, body: Any, finalizers: Any) -> Any:
        await asyncio.sleep(0)
        meta = body["metadata"]
        known = self.objects.get((plural, meta["namespace"], meta["name"]))
        if known is None:
            return None
        if known["metadata"]["resourceVersion"] != meta["resourceVersion"]:
            raise TimeoutError("somebody has changed it")
        if not finalizers and known["metadata"].get("deletionTimestamp"):
            return self.remove(known)
        return self.put({**known, "metadata": {**known["metadata"], "finalizers": list(finalizers)}})

    async def set_desired(self, plural: str, body: Any, desired: str) -> Any:
        await asyncio.sleep(0)
        meta = body["metadata"]
        known = self.objects.get((plural, meta["namespace"], meta["name"]))
        return None if known is None else self.put({**known, "spec": {**known["spec"], "desired": desired}})

    async def delete(self, plural: str, body: Any) -> None:
        await asyncio.sleep(0)
        meta = body["metadata"]
        known = self.objects.get((plural, meta["namespace"], meta["name"]))
        if known is not None and known["metadata"]["uid"] == meta["uid"]:
            self.ask_to_delete(known)

    def ask_to_delete(self, body: Any) -> None:
        """Delete an object, as a user does: one with finalizers stays for now."""
        meta = body["metadata"]
        known = self.objects[(PLURALS[body["kind"]], meta["namespace"], meta["name"])]
        if known["metadata"].get("finalizers"):
            self.put({**known, "metadata": {**known["metadata"], "deletionTimestamp": stamp(Clock().now())}})
        else:
            self.remove(known)

    async def report(self, body: Any, happening: Any) -> None:
        self.reported.append((body["metadata"]["name"], happening.kind, happening.reason))


class ControlTwin:
    """Sidecars of one store: instances by app and ID, which run until they are told to end."""

    def __init__(self) -> None:
        self.instances: dict[tuple[str, str], Instance] = {}
        self.begun: list[tuple[str, str]] = []
        self.asked: list[str] = []

    async def start(self, address: str, wish: Any, *, timeout_s: float) -> None:
        await asyncio.sleep(0)
        self.asked.append("start")
        key = (wish.app_id, wish.instance_id)
        if key not in self.instances:
            self.instances[key] = Instance("RUNNING", Clock().now())
            self.begun.append(key)

    async def get(self, address: str, app_id: str, instance_id: str) -> Any:
        await asyncio.sleep(0)
        self.asked.append("get")
        return self.instances.get((app_id, instance_id), Absent())

    async def steer(self, address: str, wish: Any) -> None:
        await asyncio.sleep(0)
        self.asked.append(wish.to)
        key = (wish.app_id, wish.instance_id)
        state = {"suspend": "SUSPENDED", "resume": "RUNNING", "terminate": "TERMINATED"}[wish.to]
        if not self.instances[key].ended:
            self.end(key, state) if wish.to == "terminate" else self.become(key, state)

    def become(self, key: tuple[str, str], state: str) -> None:
        self.instances[key] = replace(self.instances[key], state=state)

    def end(self, key: tuple[str, str], state: str = "COMPLETED") -> None:
        self.instances[key] = replace(self.instances[key], state=state, completed=Clock().now(), output='"done"')


class RegistryTwin:
    """Replicas that live, and the records that were asked for, written at once."""

    def __init__(self, *, seen: bool = True) -> None:
        self.view = View()
        self.seen = seen
        self.away_since: float | None = None
        self.wanted: dict[str, Wanted] = {}
        self.changed: Callable[[set[str]], None] = lambda _: None
        self._revision = 0

    def live(self, replicas: Iterable[Replica], *, namespace: str = "shop") -> None:
        """Make these the replicas that live in a namespace."""
        self._revision += 1
        prefix = f"{registry.prefix(namespace)}replicas/"
        changes = [
            Change(registry.replica_key(namespace, each.app, each.replica), record(each), self._revision)
            for each in replicas
        ]
        self.changed(self.view.reset(changes, revision=self._revision, prefix=prefix))

    def want(self, wanted: Wanted) -> None:
        self.wanted[wanted.namespace] = wanted
        self._revision += 1
        first, last = writes(wanted, self.view.written)
        put = [*first, *([] if last is None else [last])]
        self.view.apply([Change(each.key, each.value, self._revision) for each in put])

    def written(self, key: str) -> Any:
        value = self.view.written.get(key)
        return None if value is None else registry.read(value)


def record(replica: Replica) -> bytes:
    """What a replica writes of itself."""
    return registry.record(
        {
            "nonce": replica.nonce,
            "address": replica.address,
            "store": replica.store,
            "workers": replica.workers,
            "declares": replica.declares,
            "workflows": sorted(replica.workflows),
            "activities": sorted(replica.activities),
            "contracts": [list(each) for each in sorted(replica.contracts)],
            "apart": sorted(replica.apart),
        }
    )


@asynccontextmanager
async def controlled(kube: KubeTwin, etcd: RegistryTwin, *, control: Any = None, through: Any = None, **settings: Any):
    """Run a controller on the twins until the block ends; `through`: what stands between it and the API server."""
    clock, cache, api = Clock(), Cache(), through or kube

    def saw(plural: str, body: Any) -> None:
        controller.saw(plural, body)

    chosen = Settings(identity="test", settle=timedelta(milliseconds=5), **settings)
    world = World(cache, etcd, clock=clock, endpoints="twin", away=chosen.away)
    controller = Controller(
        settings=chosen,
        clock=clock,
        cache=cache,
        world=world,
        kube=api,
        events=kube,
        etcd=etcd,
        reconcilers=(
            StateStores(world),
            AppRegistrations(world),
            Workflows(world),
            WorkflowSchedules(world, kube=api, saw=saw),
            WorkflowRuns(world, control or ControlTwin(), kube=api, clock=clock, saw=saw),
        ),
    )
    kube.saw, etcd.changed = controller.saw, controller.touched
    running = asyncio.create_task(controller.run(), name="controller")
    try:
        yield controller
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


async def until(holds: Callable[[], object], *, seconds: float = 30.0) -> None:
    """Wait until something holds."""
    async with asyncio.timeout(seconds):
        while not holds():
            await asyncio.sleep(0.005)
