"""An authority is followed by another while an API server goes on calling: no call fails."""

import asyncio
import base64
import ssl
from collections.abc import Callable
from datetime import timedelta

from antiphon_operator.certificates import keeper, material, rotation
from antiphon_operator.certificates.keeper import Keeper
from antiphon_operator.certificates.rotation import Terms
from tests.unit.certificates.clocks import now
from tests.unit.webhook.reviews import recorded
from tests.unit.webhook.world import PLACE, World, until, world

#: How late the kubelet brings what is in the Secret.
BROUGHT_S = 0.5


async def call_again_and_again(running: World, stop: asyncio.Event, trust: Callable[[], ssl.SSLContext]) -> list[str]:
    """Call on new connections until told to stop; return what went wrong, and the number of calls at the end."""
    failures, calls = [], 0
    while not stop.is_set():
        try:
            status, _ = await running.post("/validate/workflowruns", recorded("workflowrun"), trust())
            if status != 200:
                failures.append(f"status {status}")
        except Exception as error:  # noqa: BLE001 - whatever goes wrong is what is being looked for
            failures.append(repr(error))
        calls += 1
        await asyncio.sleep(0.005)
    assert calls >= 10
    return failures


async def bring_again_and_again(running: World) -> None:
    """Bring the Secret's files as a kubelet does, late, and let the webhook look at them."""
    while True:
        seen = running.secret()
        await asyncio.sleep(BROUGHT_S)
        running.bring_certificate(seen)
        running.webhook.certificate.look()


def aged(running: World, by: timedelta) -> None:
    """Put an authority and a certificate that were made some time ago into the Secret, and trust them."""
    then = now() - by
    authority = material.authority(now=then, life=timedelta(days=3650))
    server = material.server(authority, names=PLACE.names(), now=now() - timedelta(days=10), life=timedelta(days=90))
    kept = rotation.Material(authority, server)
    running.api.put({**running.secret(), "data": dict(keeper._data(kept))})
    for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        found = running.api.get(plural, "antiphon")
        for webhook in found["webhooks"]:
            webhook["clientConfig"]["caBundle"] = base64.b64encode(kept.bundle().encode()).decode()
        running.api.put(found)
    running.bring_certificate()
    running.webhook.certificate.look()


async def test_no_call_fails_while_an_authority_is_followed_by_another(tmp_path):
    terms = Terms(overlap=timedelta(seconds=2))
    async with world(tmp_path, terms=terms) as running:
        aged(running, timedelta(days=2434))
        await running.webhook.look_at_trust("antiphon")
        await running.ready()
        old = running.bundle()
        stop = asyncio.Event()
        calls = asyncio.create_task(call_again_and_again(running, stop, running.caller), name="calls")
        kubelet = asyncio.create_task(bring_again_and_again(running), name="kubelet")
        keeping = asyncio.create_task(running.keeper.run(), name="keeper")
        await until(lambda: old not in running.bundle() and running.bundle().count("BEGIN") == 1, within_s=30)
        await until(lambda: running.webhook.unready() is None)
        stop.set()
        assert await calls == []
        for task in (kubelet, keeping):
            task.cancel()
        await asyncio.gather(kubelet, keeping, return_exceptions=True)


async def test_a_keeper_that_takes_over_goes_on_where_the_last_one_ended(tmp_path):
    async with world(tmp_path) as running:
        aged(running, timedelta(days=2434))
        await running.keeper.step()
        assert running.bundle().count("BEGIN") == 2
        begun = running.secret()
        clock = [0.0]
        other = Keeper(running.keeper.rest, PLACE, now=now, monotonic=lambda: clock[0])
        await other.step()
        assert running.secret() == begun, "not settled for the new keeper"
        clock[0] += 61
        await other.step()
        assert running.secret() != begun
