"""Simulated clients: start instances, raise events in order, suspend, resume, terminate and purge.

A call that fails is made again until it is answered. What was answered goes into the model.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from random import Random
from typing import Any

from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.events import TERMINAL
from antiphon_sidecar.runtime.calls import Calls, NewInstance
from antiphon_sidecar.runtime.errors import Exists, NotFound, Refused, RuntimeFailure
from antiphon_sidecar.runtime.reruns import Rerun
from antiphon_sidecar.stores.base import InstanceRow
from antiphon_sidecar.stores.errors import StoreError
from tests.simulation.apps import Pod, Sidecar, Surroundings
from tests.simulation.interpreter import WORKFLOW
from tests.simulation.loop import Host
from tests.simulation.model import Raised, Started
from tests.simulation.programs import encode

_CALL_S = 12.0


class Lost(Exception):
    """A call was not answered; it may have had its effect."""


class Client:
    """One process that makes calls, one after another per instance."""

    def __init__(self, world: Surroundings, pods: list[Pod], rng: Random) -> None:
        self._world = world
        self._pods = pods
        self._rng = rng
        self.host = Host(world.loop, "client")
        self._calls = 0

    async def _sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _call(self, app: str, make: Callable[[Calls], Awaitable[Any]]) -> Any:
        """Make one call at some replica of an app.

        Raises:
            Lost: no answer.
            RuntimeFailure: the answer is an error.
        """
        able = [
            pod.sidecar
            for pod in self._pods
            if pod.app == app and pod.sidecar is not None and pod.sidecar.ready and not pod.sidecar.stopping
        ]
        if not able:
            raise Lost("no replica")
        sidecar = self._rng.choice(able)
        future = self._world.loop.create_future()
        sidecar.host.later(0.002 * self._rng.random(), self._serve, sidecar, make, future)
        done, _ = await asyncio.wait([future], timeout=_CALL_S * (0.2 + self._rng.random()))
        if not done:
            raise Lost("no answer")
        return future.result()

    def _serve(self, sidecar: Sidecar, make: Callable[[Calls], Awaitable[Any]], future: Any) -> None:
        assert sidecar.calls is not None
        sidecar.host.spawn(self._answer(make(sidecar.calls), future), "call")

    async def _answer(self, call: Awaitable[Any], future: Any) -> None:
        try:
            result = await call
        except StoreError:
            self.host.later(0.001, _fail, future, Lost("store"))
        except RuntimeFailure as failure:
            self.host.later(0.001, _fail, future, failure)
        else:
            self.host.later(0.001, _set, future, result)

    async def _insist(
        self, started: Started, make: Callable[[Calls], Awaitable[Any]], what: str, *, app: str | None = None
    ) -> Any:
        """Call until there is an answer."""
        while True:
            try:
                return await self._call(app or started.app, make)
            except Lost as lost:
                started.doubtful = True
                started.stray_suspend |= what.startswith("suspend")
                self._world.trace.note("client", "lost", what, lost)
                await self._sleep(0.1 + self._rng.random())

    # what clients do

    async def start(self, started: Started) -> None:
        """Start an instance; that it exists already is an answer too, since the ID is this client's own."""
        new = NewInstance(
            started.instance_id,
            WORKFLOW,
            input=encode(started.program),
            scheduled_at=started.scheduled_at,
            unique=True,
        )
        try:
            await self._insist(started, lambda calls: calls.start(new), f"start {started.instance_id}")
        except Exists:
            self._world.trace.note("client", "exists", started.instance_id)
        started.acknowledged = True
        self._world.trace.note("client", "started", started.app, started.instance_id)

    async def raise_events(self, started: Started, events: dict[str, int], pace_s: float) -> None:
        """Raise the events that an instance waits for, each after the one before was acknowledged."""
        for name in sorted(events):
            self.host.spawn(self._raise_all(started, name, events[name], pace_s), "raise")

    async def _raise_all(self, started: Started, name: str, count: int, pace_s: float) -> None:
        for number in range(count):
            await self._sleep(pace_s * self._rng.random() * 2)
            if not await self._raise(started, name, number):
                return

    async def _raise(self, started: Started, name: str, number: int) -> bool:
        while True:
            self._calls += 1
            raised = Raised(started.app, started.instance_id, name, number, self._calls, started.run)
            self._world.model.raised.append(raised)
            value = json.dumps([number, raised.call])
            try:
                await self._call(started.app, lambda calls, v=value: calls.raise_event(started.instance_id, name, v))
            except Lost as lost:
                started.doubtful = True
                self._world.trace.note("client", "lost", "raise", started.instance_id, name, number, lost)
                await self._sleep(0.1 + self._rng.random())
            except NotFound:
                self._world.trace.note("client", "not found", started.instance_id, name, number)
                return False
            else:
                raised.acknowledged = self._world.model.acknowledge()
                self._world.trace.note("client", "raised", started.instance_id, name, number, raised.call)
                return True

    async def suspend_for(self, started: Started, seconds: float, *, recursive: bool) -> None:
        """Suspend an instance, and resume it after a while."""
        if await self.suspend(started, recursive=recursive):
            await self._sleep(seconds)
            await self.resume(started, recursive=recursive)

    async def suspend(self, started: Started, *, recursive: bool) -> bool:
        """Suspend an instance; False when it has ended."""
        try:
            await self._insist(
                started,
                lambda calls: calls.suspend(started.instance_id, None, recursive=recursive),
                f"suspend {started.instance_id}",
            )
        except NotFound:
            return False
        self._world.trace.note("client", "suspended", started.instance_id)
        return True

    def resume_strays(self) -> None:
        """Resume once more whatever an unanswered suspend may have suspended after its resume."""
        for started in self._world.model.instances.values():
            if started.stray_suspend and not started.purged:
                self.host.spawn(self.resume(started, recursive=started.recursive), "resume")

    async def resume(self, started: Started, *, recursive: bool) -> None:
        """Resume an instance."""
        try:
            await self._insist(
                started,
                lambda calls: calls.resume(started.instance_id, None, recursive=recursive),
                f"resume {started.instance_id}",
            )
            self._world.trace.note("client", "resumed", started.instance_id)
        except NotFound:
            return

    async def ended(
        self, started: Started, app: str, instance_id: str, *, every_s: float = 0.05, or_gone: bool = False
    ) -> None:
        """Wait until an instance, or one that it has begun, has ended."""
        while True:
            snapshot = await self._insist(
                started, lambda calls: calls.get(instance_id, payloads=False), f"get {instance_id}", app=app
            )
            if or_gone if snapshot is None else snapshot.status in TERMINAL:
                return
            await self._sleep(every_s * (1 + 2 * self._rng.random()))

    async def wait(self, started: Started) -> tuple[float, InstanceRow | None]:
        """Wait for the end of an instance at any replica; return when the call was made that told, and the row."""
        while True:
            began = self._world.loop.time()
            try:
                found = await self._call(
                    started.app, lambda calls: calls.wait_finished(started.instance_id, payloads=False)
                )
            except Lost:
                await self._sleep(0.1 + self._rng.random())
            except NotFound:
                return began, None
            else:
                return began, found.row

    async def rerun(self, started: Started, *, new_id: str | None) -> None:
        """Run an instance again once it has ended, from an event that is drawn or from its start."""
        await self.ended(started, started.app, started.instance_id)
        history = await self._insist(
            started, lambda calls: calls.history(started.instance_id), f"history {started.instance_id}"
        )
        asked = [
            event.event_id
            for event in map(codec.unseal, history)
            if isinstance(event, ev.TaskScheduled | ev.ChildCreated | ev.TimerCreated)
        ]
        wish = Rerun(started.instance_id, self._rng.choice([None, *asked]), new_id)
        key = started.app, new_id or started.instance_id
        self._world.model.reruns.add(key)
        if new_id is not None:
            again = Started(started.app, new_id, started.program, recursive=started.recursive, acknowledged=True)
            self._world.model.instances[key] = again
        try:
            await self._insist(started, lambda calls: calls.rerun(wish), f"rerun {started.instance_id}")
        except (Exists, Refused):
            # An attempt that was not answered has begun it.
            self._world.trace.note("client", "runs again already", *key)
        self._world.trace.note("client", "runs again", *key, f"from={wish.event_id}")

    async def purge(
        self,
        started: Started,
        *,
        every_s: float = 0.5,
        family: bool = True,
        force: bool = False,
        recursive: bool = False,
    ) -> None:
        """Purge an instance, once it has ended unless by `force`; the `family` that it began one by one, or at once."""
        if not force:
            await self._sleep(every_s * (1 + 2 * self._rng.random()))
            await self.ended(started, started.app, started.instance_id, every_s=every_s)
        started.purged = True
        started.terminated |= force
        await self._insist(
            started,
            lambda calls: calls.purge(started.instance_id, force=force, recursive=recursive),
            f"purge {started.instance_id}",
        )
        # By force its owner purges it, once it has ended: what was answered is that this will be.
        while force and await self._get(started) is not None:
            await self._sleep(0.5 + self._rng.random())
        if force:
            await self._descendants_end(started)
        self._world.trace.note("client", "purged", started.instance_id)
        if recursive:
            self._world.model.purged_with_children(started.app, started.instance_id)
            return
        for app, child in self._world.model.children_of(started.app, started.instance_id) if family else ():
            await self._purge_child(started, app, child)

    async def _descendants_end(self, started: Started) -> None:
        """Wait until nothing runs that an instance began: until then a next run cannot give its children these IDs."""
        children = self._world.model.children_of
        family = children(started.app, started.instance_id)
        for app, child in family:
            await self.ended(started, app, child, every_s=0.5, or_gone=True)
            family += [each for each in children(app, child) if each not in family]

    async def _purge_child(self, started: Started, app: str, child: str) -> None:
        try:
            await self._insist(started, lambda calls: calls.purge(child, force=False), f"purge {child}", app=app)
        except RuntimeFailure:
            self._world.trace.note("client", "not purged", child)

    async def _get(self, started: Started) -> Any:
        return await self._insist(
            started, lambda calls: calls.get(started.instance_id, payloads=False), f"get {started.instance_id}"
        )

    async def terminate(self, started: Started, *, recursive: bool) -> None:
        """Terminate an instance."""
        started.terminated = True
        try:
            await self._insist(
                started,
                lambda calls: calls.terminate(started.instance_id, '"over"', recursive=recursive),
                f"terminate {started.instance_id}",
            )
        except NotFound:
            return
        self._world.trace.note("client", "terminated", started.instance_id)


def _set(future: Any, result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _fail(future: Any, error: Exception) -> None:
    if not future.done():
        future.set_exception(error)
        future.exception()  # Whoever waited may be gone: nobody need read it.
