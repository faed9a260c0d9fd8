"""Apps and Antiphon itself change while work goes on."""

import re
import time
from datetime import UTC, datetime

import pytest

from tests.e2e import world
from tests.e2e.figures import Figures
from tests.e2e.installation import RELEASE, Installation
from tests.e2e.kubernetes import Kubernetes, eventually
from tests.e2e.world import World


@pytest.fixture(scope="module")
def choir(installation: Installation, shared_namespace: Kubernetes) -> World:
    return world.choir(shared_namespace)


def test_a_rolling_update_loses_nothing(choir: World) -> None:
    choir.start("rolled", 20, steps=4, seconds=0.3)
    for app in ("payments", "orders", "shipping"):
        choir.kubernetes.run("rollout", "restart", f"deployment/{app}")
    choir.ready()
    assert choir.ended("rolled", 20, within_s=120) == {"COMPLETED": 20}


def test_calls_wait_for_an_app_that_is_scaled_to_zero(choir: World) -> None:
    choir.kubernetes.run("scale", "deployment/payments", "--replicas=0")
    choir.kubernetes.wait("pods", "delete", timeout_s=60, others=("--selector=app=payments",))
    choir.start("waiting", 5)
    assert choir.ended("waiting", 5, within_s=3) == {"RUNNING": 5}
    choir.kubernetes.run("scale", "deployment/payments", "--replicas=1")
    assert choir.ended("waiting", 5, within_s=90) == {"COMPLETED": 5}


def test_a_run_of_an_app_at_zero_replicas_is_started_and_waits(choir: World) -> None:
    choir.kubernetes.run("scale", "deployment/orders", "--replicas=0")
    choir.kubernetes.wait("pods", "delete", timeout_s=60, others=("--selector=app=orders",))
    choir.kubernetes.apply(world.run("early"))
    choir.kubernetes.wait("awfrun/early", "condition=Started", timeout_s=60)
    choir.kubernetes.run("scale", "deployment/orders", "--replicas=1")
    choir.kubernetes.wait("awfrun/early", "condition=Succeeded", timeout_s=90)


def test_a_schedule_fires_once_with_two_operators(choir: World, installation: Installation) -> None:
    """Also when the one that leads dies around the minute's turn."""
    choir.kubernetes.apply(world.schedule("often", "* * * * *"))
    eventually(lambda: choir.kubernetes.get("awfrun"), within_s=75, what="a first run of the schedule")
    leader = eventually(installation.leader, within_s=30, what="an operator leads")
    _wait_for_second(58)
    installation.system.delete("pod", leader, "--grace-period=0", "--force", wait=False)
    began = datetime.now(UTC).timestamp() // 60 + 1  # noqa: TID251  (the schedule's own clock)

    def runs() -> list[str]:
        found = choir.kubernetes.get("awfrun")
        return [run["metadata"]["name"] for run in found if run["metadata"]["name"].startswith("often-")]

    eventually(lambda: f"often-{began:.0f}" in runs(), within_s=45, what="the run of the minute in which it died")
    choir.kubernetes.patch("awfsched/often", {"spec": {"suspend": True}})
    names = runs()
    for name in names:
        choir.kubernetes.wait(f"awfrun/{name}", "condition=Succeeded", timeout_s=60)
    instances = [choir.kubernetes.get(f"awfrun/{name}")["status"]["instanceId"] for name in names]
    assert instances == names
    assert len(set(names)) == len(names)
    installation.system.rolled_out(f"deployment/{RELEASE}-operator")


def _wait_for_second(second: int) -> None:
    """Wait for a second of the minute, which is what the schedule goes by."""
    time.sleep((second - datetime.now(UTC).second) % 60)  # noqa: TID251  (the schedule's own clock)


def test_nothing_differs_from_the_chart_once_it_is_installed(installation: Installation) -> None:
    """What the operator writes (the authority's bundle) is no difference: the chart says nothing about it."""
    made = installation.helm("template", RELEASE, "charts/antiphon", "--namespace", "antiphon-system", "--no-hooks")
    differing = installation.system.attempt("diff", "--filename=-", input=made)
    assert (differing.returncode, differing.stdout) == (0, ""), differing.stderr


def test_helm_test_passes(installation: Installation) -> None:
    assert re.search(r"Phase:\s+Succeeded", installation.test())


def test_an_upgrade_disturbs_nobody(choir: World, installation: Installation) -> None:
    choir.start("upgraded", 20, steps=4, seconds=0.3)
    installation.upgrade(
        "--set", "operator.podAnnotations.revision=two", "--set", "webhook.podAnnotations.revision=two"
    )
    choir.kubernetes.run("rollout", "restart", "deployment/payments")
    choir.ready()
    assert choir.ended("upgraded", 20, within_s=120) == {"COMPLETED": 20}
    installation.upgrade()


def test_memory_stays_modest(choir: World, installation: Installation, figures: Figures) -> None:
    operator = installation.system.resident_mib(installation.leader(), "operator")
    figures.note("operator, memory", f"{operator:.0f} MiB")
    sidecar = choir.kubernetes.resident_mib(choir.pods("shipping")[0]["metadata"]["name"], world.SIDECAR)
    figures.note("sidecar when idle, memory", f"{sidecar:.0f} MiB")
    assert sidecar < 160
