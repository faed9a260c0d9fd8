"""The keeper of certificates against an API server: what it writes, whom it tells, and what it does not undo."""

import asyncio
import base64
from datetime import timedelta

import pytest

from antiphon_operator.certificates.keeper import Keeper, Pace
from antiphon_operator.rest import RequestFailed, Rest
from tests.apiserver import ApiServer, client_of, serving
from tests.unit.certificates.clocks import now
from tests.unit.webhook.world import PLACE, configuration

CONFIGURATIONS = ("mutatingwebhookconfigurations", "validatingwebhookconfigurations")


@pytest.fixture
async def api():
    async with serving() as served:
        yield served


@pytest.fixture
async def keeper(api):
    async with client_of(api) as client:
        yield keeper_of(Rest(client))


def keeper_of(rest: Rest, **later) -> Keeper:
    return Keeper(rest, PLACE, now=lambda: now() + timedelta(**later), monotonic=lambda: 0.0, pace=Pace(settle_s=0))


def installed(api: ApiServer) -> None:
    api.put(configuration("Mutating", "pods", "namespaces"))
    api.put(configuration("Validating", "workflows"))


def bundles(api: ApiServer) -> set[str]:
    return {
        base64.b64decode(webhook["clientConfig"].get("caBundle", "")).decode()
        for plural in CONFIGURATIONS
        if (found := api.get(plural, "antiphon")) is not None
        for webhook in found["webhooks"]
    }


def secret(api: ApiServer) -> dict:
    found = api.get("secrets", PLACE.secret, PLACE.namespace)
    assert found is not None
    return found


def text(found: dict, name: str) -> str:
    return base64.b64decode(found["data"][name]).decode()


async def test_the_first_step_makes_everything_and_the_second_writes_nothing(api, keeper):
    installed(api)
    await keeper.step()
    made = secret(api)
    assert made["type"] == "kubernetes.io/tls"
    assert {"tls.crt", "tls.key", "ca.crt"} <= made["data"].keys()
    assert bundles(api) == {text(made, "ca.crt")}
    api.requests.clear()
    await keeper.step()
    assert {method for method, _ in api.requests} == {"GET"}


async def test_a_bundle_that_somebody_took_away_is_written_again(api, keeper):
    installed(api)
    await keeper.step()
    trusted = bundles(api)
    installed(api)
    await keeper.step()
    assert bundles(api) == trusted


async def test_nothing_but_the_bundle_of_a_configuration_is_touched(api, keeper):
    installed(api)
    before = api.get(CONFIGURATIONS[0], "antiphon")
    await keeper.step()
    after = api.get(CONFIGURATIONS[0], "antiphon")
    for webhook in after["webhooks"]:
        del webhook["clientConfig"]["caBundle"]
    assert after["webhooks"] == before["webhooks"]


async def test_configurations_that_do_not_exist_yet_are_told_when_they_do(api, keeper):
    await keeper.step()
    assert bundles(api) == set()
    installed(api)
    await keeper.step()
    assert bundles(api) == {text(secret(api), "ca.crt")}


async def test_a_secret_that_is_deleted_is_made_anew_and_the_old_authority_stays_trusted(api, keeper):
    installed(api)
    await keeper.step()
    old = secret(api)
    api.delete(old)
    await keeper.step()
    assert text(secret(api), "tls.crt") != text(old, "tls.crt")
    (bundle,) = bundles(api)
    assert bundle == text(secret(api), "ca.crt")
    assert text(old, "ca.crt") in bundle


@pytest.mark.parametrize("name", ["tls.crt", "tls.key", "authority.crt", "authority.key"])
async def test_a_secret_that_is_broken_is_made_anew(api, keeper, name):
    installed(api)
    await keeper.step()
    broken = secret(api)
    broken["data"][name] = base64.b64encode(b"nonsense").decode()
    api.put(broken)
    await keeper.step()
    assert text(secret(api), name) != "nonsense"
    assert bundles(api) == {text(secret(api), "ca.crt")}


async def test_of_two_leaders_that_overlap_one_writes_and_the_other_follows(api, keeper):
    installed(api)
    await keeper.step()
    other = keeper_of(keeper.rest, days=61)
    await asyncio.gather(keeper_of(keeper.rest, days=61).step(), other.step())
    await other.step()
    assert bundles(api) == {text(secret(api), "ca.crt")}


async def test_a_renewed_certificate_leaves_the_configurations_as_they_are(api, keeper):
    installed(api)
    await keeper.step()
    old = secret(api)
    api.requests.clear()
    await keeper_of(keeper.rest, days=61).step()
    assert text(secret(api), "tls.crt") != text(old, "tls.crt")
    assert [method for method, _ in api.requests if method != "GET"] == ["PUT"]


async def test_what_fails_is_tried_again(api, keeper):
    installed(api)
    api.failing = 500
    with pytest.raises(RequestFailed):
        await keeper.step()
    keeper.pace = Pace(look_s=0.01, settle_s=0)
    running = asyncio.create_task(keeper.run(), name="keeper")
    api.failing = None
    async with asyncio.timeout(15):
        while "" in bundles(api):
            await asyncio.sleep(0.01)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
