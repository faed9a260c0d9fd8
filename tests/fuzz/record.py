"""Record the SDKs for Python: `python -m tests.fuzz.record` writes the conversations that are missing.

Ours with the workflows of the golden histories, Dapr's 1.19.0 with the apps of `tests/compat`, against a real host.
"""

import asyncio
import contextlib
import os
import sys
import tempfile
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from antiphon import Client, Worker, activity
from tests.compat.driving import Driver
from tests.compat.environments import ROOT, python_with
from tests.compat.worlds import APPS, World, world
from tests.fuzz.conversations import FOLDER, Conversation, Said, write
from tests.fuzz.proxy import Proxy
from tests.histories import workflows
from tests.ports import quiet_port

_DAPR = Path(__file__).parents[1] / "compat" / "requirements-dapr-1.19.0.txt"


@activity.define(name="add")
def add(number: int) -> int:
    return number + 1


@activity.define(name="résumé")
def summary(part: str) -> str:
    return part.upper()


@activity.define(name="charge")
def charge(card: str) -> str:
    raise ValueError(f"{card} is refused")


@activity.define(name="explode")
def explode() -> str:
    raise RuntimeError("boom")


@asynccontextmanager
async def _proxies(made: World, said: list[Said]) -> AsyncIterator[dict[str, int]]:
    """Put a proxy before the sidecar of each app; yields their ports."""
    ports, running = {}, []
    for app, to in made.ports.items():
        proxy = Proxy(app, to=to, said=said)
        ports[app] = quiet_port()
        await proxy.start(ports[app])
        running.append(proxy)
    yield ports
    for proxy in running:
        await proxy.stop()


async def _ours(folder: Path, said: list[Said]) -> None:
    with world(folder, Path(), apps=("orders", "calculator", "payments", "stock")) as made:
        await asyncio.to_thread(made.start_host)
        async with _proxies(made, said) as ports:
            acts = (add, summary, charge, explode)
            workers = [
                Worker(
                    workflows=workflows.ALL if app == "orders" else (),
                    activities=acts,
                    address=f"127.0.0.1:{port}",
                    grace=timedelta(seconds=1),
                )
                for app, port in ports.items()
            ]
            async with contextlib.AsyncExitStack() as stack:
                for worker in workers:
                    await stack.enter_async_context(worker)
                async with Client(address=f"127.0.0.1:{ports['orders']}") as client:
                    await _use_ours(client)


async def _use_ours(client: Client) -> None:
    for name, value in (("chain", 1), ("fan_out", ["a", "b", "c"]), ("stubborn", "4711"), ("doomed", None)):
        await client.start(name, value, instance_id=name)
    await client.start("approvals", instance_id="approvals")
    await client.start("counter", 1, instance_id="counter")
    await client.start("endless", instance_id="endless")
    for value in ("yes", "no"):
        await client.raise_event("approvals", "approval", value)
    await client.suspend("counter", "wait")
    for amount in (2, 3, 0):
        await client.raise_event("counter", "add", amount)
    await client.resume("counter")
    await client.terminate("endless", "enough")
    for name in ("chain", "fan_out", "stubborn", "approvals", "counter", "endless"):
        await client.wait(name, timeout=timedelta(seconds=20))
    await client.get("chain")
    await client.purge("chain")


async def _dapr(folder: Path, said: list[Said], *, deltas: bool) -> None:
    python = await asyncio.to_thread(python_with, _DAPR)
    with world(folder, python, deltas=deltas) as made:
        await asyncio.to_thread(made.start_host)
        async with _proxies(made, said) as ports:
            for app in APPS:
                made.apps[app].environment = {**made.environment(app), "DAPR_GRPC_PORT": str(ports[app])}
                made.apps[app].start()
            for app in APPS:
                await asyncio.to_thread(made.wait_until_ready, app)
            environment = {**made.environment("app1"), "DAPR_GRPC_PORT": str(ports["app1"])}
            driver = Driver(python, "sync", environment=environment, log=folder / "client.log")
            await asyncio.to_thread(_use_dapr, driver)
            driver.close()
            for app in APPS:
                await asyncio.to_thread(made.apps[app].terminate, within_s=20.0)


def _use_dapr(dapr: Driver) -> None:
    for name, value in (("one", 21), ("fan", 5), ("across", "abc"), ("sleep", 0.1), ("sleep_until_past", None)):
        dapr.run(name, value)
    waiting = dapr.start("wait", "go")
    dapr.call("pause_workflow", waiting)
    dapr.call("raise_workflow_event", waiting, "go", data="now")
    dapr.call("resume_workflow", waiting)
    dapr.wait(waiting)
    collecting = dapr.start("collect", 3)
    for number in range(3):
        dapr.call("raise_workflow_event", collecting, "item", data=number)
    dapr.wait(collecting)
    ended = dapr.start("wait_at_most", 100)
    dapr.call("terminate_workflow", ended)
    dapr.wait(ended)
    dapr.call("purge_workflow", ended)
    dapr.wait(dapr.start("rely", "abc"))


async def _record(name: str, sdk: str, note: str, use: Callable[[Path, list[Said]], Any]) -> None:
    path = FOLDER / f"{name}.jsonl"
    if path.exists():
        return
    said: list[Said] = []
    with tempfile.TemporaryDirectory() as folder:
        await use(Path(folder), said)
        private = (str(ROOT), folder, sys.base_prefix, str(Path.home()), os.uname().nodename)
    write(path, Conversation(sdk, note, tuple(replace(one, message=_blank(one.message, private)) for one in said)))
    print(f"{path.name}: {len(said)} messages")


def _blank(message: bytes, private: Iterable[str]) -> bytes:
    """Hide where it was recorded; lengths stay, so that messages stay whole."""
    for text in private:
        message = message.replace(text.encode(), b"x" * len(text.encode()))
    return message


async def main() -> None:
    await _record("antiphon", "antiphon", "deltas, batches, names declared", _ours)
    for deltas, name in ((True, "dapr-1.19.0-deltas"), (False, "dapr-1.19.0")):
        note = "deltas" if deltas else "full histories"
        await _record(name, "dapr-python 1.19.0", note, lambda folder, said, d=deltas: _dapr(folder, said, deltas=d))


if __name__ == "__main__":
    asyncio.run(main())
