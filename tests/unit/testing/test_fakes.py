"""Fakes of other teams' apps, and the contracts they are checked against: from a worker's hints to a test's failure."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from antiphon import ContractInvalid, Status, Worker, activity, testing, workflow
from antiphon_cli.main import main
from antiphon_sidecar.bootstrap import open_host
from antiphon_sidecar.settings import Settings


@dataclass
class Payment:
    amount: int
    currency: str = "EUR"


@activity.define
async def charge(payment: Payment) -> str:
    return f"{payment.amount}"


@activity.define(name="send-mail")
async def send_mail(text: str) -> None: ...


@workflow.define
async def refund(ctx: workflow.Context, payment: Payment) -> list[str]:
    return []


@dataclass
class Order:
    amount: Any
    refunded: bool = False


@workflow.define
async def buy(ctx: workflow.Context, order: Order) -> Any:
    receipt = await ctx.call_activity("charge", {"amount": order.amount}, app="payments")
    await ctx.call_activity("send-mail", receipt, app="payments")
    if order.refunded:
        return await ctx.call_workflow("refund", {"amount": order.amount}, app="payments")
    return receipt


async def command(*words: str) -> Result:
    """Run a command beside the host that it asks."""
    return await asyncio.to_thread(CliRunner().invoke, main, list(words))


@pytest.fixture
async def contracts(tmp_path: Path) -> Path:
    """A file as the command line writes it, of a worker that really offers these."""
    store = f"sqlite:///{tmp_path}/s.db"
    file = tmp_path / "contracts.json"
    async with open_host(Settings(store=store)) as host:
        listener = await host.add_app("payments")
        async with Worker(
            workflows=[refund], activities=[charge, send_mail], address=f"127.0.0.1:{listener.grpc_port}"
        ):
            done = await command("apps", "export", "payments", "--store", store)
            while '"inputDigest"' not in done.stdout:
                await asyncio.sleep(0.02)
                done = await command("apps", "export", "payments", "--store", store)
            unknown = await command("apps", "export", "payment", "--store", store)
        # The app has no worker any more; what it offered is still known.
        done = await command("apps", "export", "--store", store, "--file", str(file))
    assert done.exit_code == 0, done.output
    assert unknown.exit_code == 1
    assert 'no app "payment" was ever seen here; there are: payments. Did you mean "payments"?' in unknown.stderr
    return file


async def run(env: testing.Environment, order: Order) -> Any:
    app = await env.app("orders", workflows=[buy])
    return await app.client.wait(await app.client.start(buy, order))


def test_an_export_says_what_an_app_declares(contracts: Path):
    content = json.loads(contracts.read_text())
    assert content["format"] == "antiphon.dev/contracts/v1"
    offers = {offer["name"]: offer for offer in content["apps"]["payments"]["offers"]}
    assert {name: offer["kind"] for name, offer in offers.items()} == {
        "refund": "workflow",
        "charge": "activity",
        "send-mail": "activity",
    }
    assert offers["charge"]["output"] == {"type": "string"}
    assert offers["charge"]["input"]["$defs"]["Payment"]["required"] == ["amount"]
    assert len(offers["charge"]["inputDigest"]) == 64


async def test_fakes_answer_for_another_app(contracts: Path):
    async with testing.Environment(contracts=contracts) as env:
        mails: list[object] = []
        await env.fake(
            "payments",
            charge=lambda payment: f"receipt over {payment['amount']}",
            activities={"send-mail": lambda *given: mails.extend(given)},
            refund=["back"],
        )
        assert (await run(env, Order(5))).output == "receipt over 5"
        assert (await run(env, Order(5, refunded=True))).output == ["back"]
        assert mails == ["receipt over 5"] * 2


async def test_a_fake_gets_what_its_hint_says(antiphon_env: testing.Environment):
    async def typed(payment: Payment) -> str:
        return f"{payment.amount} {payment.currency}"

    await antiphon_env.fake("payments", charge=typed, activities={"send-mail": None})
    assert (await run(antiphon_env, Order(5))).output == "5 EUR"


async def test_a_fake_may_fail(antiphon_env: testing.Environment):
    await antiphon_env.fake("payments", charge=ValueError("no money"))
    state = await run(antiphon_env, Order(5))
    assert state.status is Status.FAILED
    assert state.failure.find(ValueError).message == "no money"


async def test_an_input_that_does_not_fit_fails_the_test(contracts: Path):
    async with testing.Environment(contracts=contracts) as env:
        await env.fake("payments", charge="receipt", activities={"send-mail": None})
        text = (
            r'input of activity "charge" in app "payments", as it was called, does not fit .* at \$.amount: .five. is'
        )
        with pytest.raises(testing.ContractBroken, match=text):
            await run(env, Order("five"))


async def test_a_result_that_does_not_fit_fails_the_test(contracts: Path):
    async with testing.Environment(contracts=contracts) as env:
        await env.fake("payments", charge=5)
        with pytest.raises(testing.ContractBroken, match=r'result of activity "charge".* at \$: 5 is not of type'):
            await run(env, Order(5))


async def test_a_test_that_does_not_wait_fails_at_the_end(contracts: Path):
    env = testing.Environment(contracts=contracts)
    await env.__aenter__()
    await env.fake("payments", charge=5)
    app = await env.app("orders", workflows=[buy])
    instance_id = await app.client.start(buy, Order(5))
    while not (await app.client.get(instance_id)).status.finished:
        await asyncio.sleep(0.01)
    with pytest.raises(testing.ContractBroken):
        await env.__aexit__(None, None, None)


@pytest.mark.parametrize(
    ("app", "names", "says"),
    [
        ("payments", {"activities": {"chargeBack": 1}}, r'offers no activity "chargeBack".*Did you mean "charge"'),
        ("payments", {"workflows": {"charge": 1}}, 'offers no workflow "charge".*it offers: refund'),
        ("payment", {"charge": 1}, 'no contract of app "payment".*there are: payments.*Did you mean "payments"'),
    ],
)
async def test_a_fake_of_what_is_not_there_is_refused(contracts: Path, app: str, names: Any, says: str):
    async with testing.Environment(contracts=contracts) as env:
        with pytest.raises(ContractInvalid, match=f"AN532.*{says}"):
            await env.fake(app, **names)


@pytest.mark.parametrize("content", ["{", "[]", '{"format": "x", "apps": {}}', '{"format": 1}'])
def test_a_file_that_is_no_export_is_refused(tmp_path: Path, content: str):
    (tmp_path / "c.json").write_text(content)
    with pytest.raises(ContractInvalid, match=r"c\.json"):
        testing.Environment(contracts=[tmp_path / "c.json"])


def test_a_file_that_is_not_there_is_named():
    with pytest.raises(ContractInvalid, match=r"nowhere\.json cannot be read"):
        testing.Environment(contracts="nowhere.json")


async def test_listing_apps_is_as_before(contracts: Path, tmp_path: Path):
    store = f"sqlite:///{tmp_path}/s.db"
    async with open_host(Settings(store=store)) as host:
        await host.add_app("payments")
        done = await command("apps", "--store", store, "-o", "json")
    assert [app["app"] for app in json.loads(done.stdout)] == ["payments"]
