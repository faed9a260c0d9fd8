"""The command line against a running host: steering and looking at workflows that span apps."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from antiphon import Client, Status, activity, workflow
from antiphon_sidecar.settings import Limits, Settings
from tests.integration.machines import PATIENCE_S, Machine, machine, until

pytestmark = pytest.mark.integration


@activity.define
async def pick(shelf: str) -> str:
    """Fail for a shelf that does not exist."""
    if shelf == "none":
        raise ValueError("no such shelf")
    return f"picked from {shelf}"


@workflow.define
async def pay(ctx: workflow.Context, shelf: str) -> str:
    """Wait for an approval, then pick."""
    await ctx.wait_for_event("approval")
    return await ctx.call_activity(pick, shelf, app="stock")


@workflow.define
async def buy(ctx: workflow.Context, shelf: str) -> str:
    """Have another app pay."""
    return await ctx.call_workflow(pay, shelf, app="payments", instance_id="pay-1")


@dataclass
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


@dataclass
class Desk:
    """A host with three apps, a client of the first, and the command line."""

    machine: Machine
    client: Client
    store: str

    async def antiphon(self, *words: str) -> Said:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "antiphon_cli", *words, "--store", self.store),
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), PATIENCE_S)
        assert process.returncode is not None
        return Said(process.returncode, out.decode(), err.decode())

    async def both_are(self, status: Status) -> bool:
        states = [await self.client.get("order-1"), await self.client.get("pay-1", app="payments")]
        return all(state.status is status for state in states)

    async def approve(self) -> None:
        await self.client.raise_event("pay-1", "approval", app="payments")


@pytest.fixture
async def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", ":".join(entry for entry in sys.path if entry))
    store = f"sqlite:///{tmp_path}/state.db"
    async with (
        machine(Settings(store=store, limits=Limits(sweep_s=0.1))) as made,
        made.worker("orders", workflows=[buy]),
        made.worker("payments", workflows=[pay]),
        made.worker("stock", activities=[pick]),
        made.client("orders") as client,
    ):
        yield Desk(made, client, store)


async def begun(desk: Desk, shelf: str = "a1") -> None:
    """Start an order and wait until its child waits for the approval."""
    await desk.client.start(buy, shelf, instance_id="order-1")

    async def waiting() -> bool:
        return any(wait.reason == "ExternalEvent" for wait in await desk.machine.why("payments", "pay-1"))

    await until(waiting)


async def test_suspend_and_resume_reach_children_in_other_apps(desk: Desk):
    await begun(desk)
    said = await desk.antiphon("workflow", "suspend", "order-1", "--app", "orders", "--recursive", "--reason", "audit")
    assert said.code == 0, said.err
    await until(lambda: desk.both_are(Status.SUSPENDED))
    why = await desk.antiphon("why", "order-1", "--app", "orders")
    assert 'workflow "buy" was suspended with the reason "audit"' in why.out
    assert 'workflow "pay" was suspended with the reason "audit", as is its parent "order-1" (orders)' in why.out
    await desk.approve()
    said = await desk.antiphon("workflow", "resume", "order-1", "--app", "orders", "--recursive")
    assert said.code == 0, said.err
    state = await desk.client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))
    assert (state.status, state.output) == (Status.COMPLETED, "picked from a1")


async def test_terminate_reaches_children_in_other_apps(desk: Desk):
    await begun(desk)
    await desk.antiphon("workflow", "terminate", "order-1", "--app", "orders")
    await until(lambda: desk.both_are(Status.TERMINATED))


async def test_a_tree_of_histories_shows_running_children_of_other_apps(desk: Desk):
    await begun(desk)
    said = await desk.antiphon("workflow", "history", "order-1", "--tree", "--type", "child", "--type", "start")
    lines = [line.split("Z  ")[-1] for line in said.out.splitlines()]
    assert lines == [
        '"order-1" (orders): workflow "buy", RUNNING',
        'workflow "buy" starts with "a1"',
        'starts child workflow "pay" in app "payments" as "pay-1" [1] with "a1"',
        '    "pay-1" (payments): workflow "pay", RUNNING',
        'workflow "pay" starts as child of "order-1" (orders) with "a1"',
    ]


async def test_why_follows_a_wait_through_apps_to_its_end(desk: Desk):
    await begun(desk)
    value = json.loads((await desk.antiphon("why", "order-1", "-o", "json")).out)
    (child,) = value["waitingOn"]
    (event,) = child["waitingOn"]
    assert (child["reason"], child["app"], child["id"]) == ("ChildRunning", "payments", "pay-1")
    assert (event["reason"], event["name"]) == ("ExternalEvent", "approval")
    # What it says to do is what helps.
    command = event["message"].rpartition("antiphon ")[2].split()
    assert (await desk.antiphon(*command)).code == 0
    assert (await desk.client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))).status is Status.COMPLETED


async def test_why_tells_a_failure_from_its_first_cause_on(desk: Desk):
    await begun(desk, shelf="none")
    await desk.approve()
    await desk.client.wait("order-1", timeout=timedelta(seconds=PATIENCE_S))
    said = await desk.antiphon("why", "order-1", "--app", "orders")
    lines = said.out.splitlines()
    assert said.code == 0
    assert lines[0] == '"order-1" (orders) is workflow "buy", FAILED.'
    starts = [line.strip() for line in lines if line.lstrip()[:2] in ("1.", "2.", "3.")]
    assert starts[0] == '1. activity "pick" (called by instance "pay-1") in app "stock": ValueError: no such shelf'
    assert starts[1].startswith('2. workflow "pay" (instance "pay-1") in app "payments": ')
    assert starts[2].startswith('3. workflow "buy" (instance "order-1") in app "orders": ')
    assert lines[-1] == (
        'What to do: Fix activity "pick" in app "stock", or what it is called with. '
        "Then start it again with: antiphon workflow start buy --app orders"
    )


async def test_check_finds_nothing_wrong_until_an_app_is_missed(desk: Desk):
    good = await desk.antiphon("check")
    assert (good.code, "problem" in good.out) == (0, False), good.out
    await desk.machine.app("idle")
    bad = await desk.antiphon("check")
    assert bad.code == 1
    assert "AN501 WorkerNotConnected: no worker of idle is connected. Start the app." in bad.out
