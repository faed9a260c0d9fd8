"""The controller on an API server and an etcd in memory: what it writes, when, and how often."""

import asyncio
import itertools
import logging
import time

from antiphon_names import registry
from tests.unit.operator.building import conditions, contract, registration, replica, store
from tests.unit.operator.twins import KubeTwin, RegistryTwin, controlled, until


def fresh(body):
    """An object as a user applies it now: the API server says when that was."""
    return {**body, "metadata": {key: value for key, value in body["metadata"].items() if key != "creationTimestamp"}}


CHARGE = {"appId": "Payments", "activity": "charge"}
ORDERS = fresh(registration("orders", status=None, workflows=["buy"]))
PAYMENTS = fresh(registration("Payments", status=None, activities=["charge"]))
BUY = fresh(contract(CHARGE, status=None))
LIVE = [replica("orders", workflows={"buy"}), replica("Payments", activities={"charge"})]
STORE = {**store(), "status": {}}


async def idle(controller, *, holds=lambda: True):
    """Wait until nothing is to be done that is due within a second."""
    await until(lambda: holds() and len(controller.queue) == 0 and controller.queue.busy == 0)


def moved(body, namespace):
    meta = body["metadata"]
    return {**body, "metadata": {**meta, "namespace": namespace, "uid": f"{namespace}-{meta['uid']}"}}


async def test_any_order_of_apply_comes_to_the_same():
    kube, etcd = KubeTwin(), RegistryTwin()
    orders = {
        f"shop{number}": order for number, order in enumerate(itertools.permutations([ORDERS, PAYMENTS, BUY, STORE]))
    }
    async with controlled(kube, etcd):
        for namespace, order in orders.items():
            etcd.live(LIVE, namespace=namespace)
            for body in order:
                kube.put(moved(body, namespace))
                await asyncio.sleep(0.002)
        ends = [moved(BUY, namespace) for namespace in orders]
        await until(lambda: all(kube.ready(body) == ("True", "Resolved") for body in ends))
    assert len({str(conditions(kube.status(body))) for body in ends}) == 1


async def test_a_first_sight_is_pending_and_then_judged():
    kube, etcd = KubeTwin(), RegistryTwin()
    async with controlled(kube, etcd):
        kube.put(BUY)
        await until(lambda: kube.ready(BUY) == ("Unknown", "Pending"))
        await until(lambda: kube.ready(BUY) == ("False", "TargetAppNotFound"))


async def test_what_is_unchanged_is_not_written_again():
    kube, etcd = KubeTwin(), RegistryTwin()
    async with controlled(kube, etcd) as controller:
        etcd.live(LIVE)
        for body in (ORDERS, PAYMENTS, BUY, STORE):
            kube.put(body)
        await idle(controller, holds=lambda: kube.ready(BUY) == ("True", "Resolved"))
        written = len(kube.writes)
        controller.touch_all()
        await idle(controller)
        assert len(kube.writes) == written


async def test_a_change_in_etcd_shows_in_the_status_and_is_reported_once():
    kube, etcd = KubeTwin(), RegistryTwin()
    async with controlled(kube, etcd) as controller:
        etcd.live(LIVE)
        undeclared = registration("Payments", status=None)
        for body in (ORDERS, undeclared, BUY):
            kube.put(body)
        await idle(controller, holds=lambda: kube.ready(BUY) == ("True", "Resolved"))
        etcd.live([LIVE[0], replica("Payments", activities={"chrage"})])
        await until(lambda: kube.ready(BUY) == ("False", "ActivityNotRegistered"))
        etcd.live(LIVE)
        await idle(controller, holds=lambda: kube.ready(BUY) == ("True", "Resolved"))
    assert [said for said in kube.reported if said[0] == "buy"] == [
        ("buy", "Warning", "ActivityNotRegistered"),
        ("buy", "Normal", "Resolved"),
    ]


async def test_records_are_written_after_everything_was_listed_and_follow_changes():
    kube, etcd = KubeTwin(), RegistryTwin()
    for body in (ORDERS, PAYMENTS, BUY):
        kube.put(body)
    async with controlled(kube, etcd):
        await until(lambda: etcd.written(registry.synced_key("shop")))
        payments = etcd.written(registry.app_key("shop", "Payments"))
        assert payments["declared"]
        assert [each["name"] for each in payments["activities"]] == ["charge"]
        orders = etcd.written(registry.app_key("shop", "orders"))
        assert orders["entries"]["buy"]["admit"]
        kube.put({**BUY, "spec": {**BUY["spec"], "suspend": True}})
        await until(lambda: not etcd.written(registry.app_key("shop", "orders"))["entries"]["buy"]["admit"])
        kube.remove(PAYMENTS)
        await until(lambda: etcd.written(registry.app_key("shop", "Payments")) is None)


async def test_nothing_is_written_while_objects_cannot_be_listed():
    kube, etcd = KubeTwin(), RegistryTwin()
    kube.put(ORDERS)
    kube.broken = OSError("the API server does not answer")
    async with controlled(kube, etcd) as controller:
        kube.saw("appregistrations", ORDERS)
        await until(lambda: len(controller.queue) == 0)
        assert (etcd.wanted, kube.writes) == ({}, [])
        kube.broken = None
        await until(lambda: etcd.wanted and kube.writes)


async def test_an_app_that_comes_and_goes_is_told_to_workflows_of_other_namespaces():
    kube, etcd = KubeTwin(), RegistryTwin()
    elsewhere = {**PAYMENTS, "metadata": {**PAYMENTS["metadata"], "namespace": "billing", "uid": "other"}}
    async with controlled(kube, etcd):
        for body in (ORDERS, BUY):
            kube.put(body)
        await until(lambda: kube.ready(BUY) == ("False", "TargetAppNotFound"))
        kube.put(elsewhere)
        await until(lambda: kube.ready(BUY) == ("False", "NamespaceMismatch"))
        kube.remove(elsewhere)
        await until(lambda: kube.ready(BUY) == ("False", "TargetAppNotFound"))


async def test_a_failed_write_is_tried_again_and_told_in_the_log(caplog):
    caplog.set_level(logging.INFO)
    kube, etcd = KubeTwin(), RegistryTwin()
    async with controlled(kube, etcd) as controller:
        await until(controller.listed.is_set)
        kube.broken = TimeoutError("slow")
        kube.put(ORDERS)
        await until(lambda: controller.tally.failures > 0)
        assert kube.ready(ORDERS) == ("", "")
        kube.broken = None
        await until(lambda: kube.ready(ORDERS) != ("", ""))
    told = next(record for record in caplog.records if record.message == "will try again")
    assert (told.namespace, told.object) == ("shop", ORDERS["metadata"]["name"])


async def test_an_etcd_that_stays_away_is_said_by_conditions():
    kube, etcd = KubeTwin(), RegistryTwin()
    async with controlled(kube, etcd) as controller:
        etcd.live(LIVE)
        for body in (ORDERS, PAYMENTS, BUY):
            kube.put(body)
        await idle(controller, holds=lambda: kube.ready(BUY) == ("True", "Resolved"))
        etcd.away_since = time.monotonic() - 60
        await until(lambda: kube.ready(BUY) == ("Unknown", "EtcdUnreachable"))
        etcd.away_since = None
        await until(lambda: kube.ready(BUY) == ("True", "Resolved"))


async def test_1000_workflows_settle_with_one_write_each_after_a_cold_start():
    kube, etcd = KubeTwin(), RegistryTwin()
    etcd.live(LIVE)
    for body in (ORDERS, PAYMENTS, STORE):
        kube.put(body)
    workflows = [contract(CHARGE, status=None, name=f"w{number}") for number in range(1_000)]
    for body in workflows:
        kube.put(body)
    async with controlled(kube, etcd) as controller:
        await until(lambda: all(kube.ready(body) == ("True", "Resolved") for body in workflows), seconds=30)
        await idle(controller)
    assert sum(plural == "workflows" for plural, _ in kube.writes) == 1_000
