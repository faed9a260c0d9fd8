"""Deployments of a Dapr app: versions and patches of what runs, and what happens without them (checklist 24)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from antiphon_proto.v1 import history_pb2 as pb
from tests.compat.driving import Driver
from tests.compat.wire import Wire, kinds
from tests.compat.worlds import World, until, world

pytestmark = pytest.mark.compat
APP = "rolling"


@pytest.fixture(scope="module", params=["deltas", "full histories"])
def rolling(
    request: pytest.FixtureRequest, dapr_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    with world(tmp_path_factory.mktemp(APP), dapr_python, deltas=request.param == "deltas", apps=(APP,)) as made:
        made.start_host()
        yield made


@pytest.fixture(scope="module")
def dapr(rolling: World) -> Driver:
    return rolling.client("sync", app=APP)


@pytest.fixture(scope="module")
def wire(rolling: World) -> Iterator[Wire]:
    made = Wire(rolling.ports[APP], app=APP)
    yield made
    made.close()


def deploy(rolling: World, release: str) -> None:
    """Replace the app's process by one whose code has these versions and patches."""
    program = rolling.apps[APP]
    if program.alive:
        program.kill()
    (rolling.folder / "release").write_text(release)
    program.start()
    rolling.wait_until_ready(APP)


def status(wire: Wire, instance_id: str) -> tuple[int, str]:
    found = wire.get(instance_id)
    return found.workflow_status, found.waiting_on


def waits(wire: Wire, instance_id: str) -> bool:
    """Whether an instance is where the tests want it: waiting for its event."""
    return kinds(wire.history(instance_id))[-1:] == ["timer_created"]


def test_item_24_what_runs_keeps_its_version_and_what_is_new_takes_the_latest(
    rolling: World, dapr: Driver, wire: Wire
) -> None:
    deploy(rolling, "v1")
    old = dapr.start("buy")
    until(lambda: waits(wire, old))
    deploy(rolling, "v1 v2")
    new = dapr.start("buy")
    for instance_id in (old, new):
        dapr.raise_event(instance_id, "go")
    assert dapr.wait(old).result == "v1"
    assert dapr.wait(new).result == "v2"


def test_item_24_an_instance_whose_version_is_gone_stalls_until_it_is_back(
    rolling: World, dapr: Driver, wire: Wire
) -> None:
    deploy(rolling, "v1")
    instance_id = dapr.start("buy")
    until(lambda: waits(wire, instance_id))
    deploy(rolling, "v2")
    dapr.raise_event(instance_id, "go")
    stalled = (pb.INSTANCE_STATUS_STALLED, "VersionNotAvailable")
    until(lambda: status(wire, instance_id) == stalled)
    found = dapr.get(instance_id)
    assert found is not None
    assert found.status == "STALLED"
    # The others go on meanwhile.
    other = dapr.start("buy")
    dapr.raise_event(other, "go")
    assert dapr.wait(other).result == "v2"
    deploy(rolling, "v1 v2")
    assert dapr.wait(instance_id).result == "v1"
    assert kinds(wire.history(instance_id)).count("execution_stalled") == 1


def test_item_24_patches_keep_an_instance_on_its_way(rolling: World, dapr: Driver, wire: Wire) -> None:
    deploy(rolling, "plain")
    before = dapr.start("ship")
    until(lambda: waits(wire, before))
    deploy(rolling, "patched")
    after = dapr.start("ship")
    until(lambda: waits(wire, after))
    deploy(rolling, "plain")
    for instance_id in (before, after):
        dapr.raise_event(instance_id, "go")
    assert dapr.wait(before).result == ["pack", "send"]
    until(lambda: status(wire, after) == (pb.INSTANCE_STATUS_STALLED, "PatchMismatch"))
    deploy(rolling, "patched")
    assert dapr.wait(after).result == ["pack", "insure", "send"]


def test_a_stalled_instance_can_be_terminated(rolling: World, dapr: Driver, wire: Wire) -> None:
    deploy(rolling, "v1")
    instance_id = dapr.start("buy")
    until(lambda: waits(wire, instance_id))
    deploy(rolling, "v2")
    dapr.raise_event(instance_id, "go")
    until(lambda: status(wire, instance_id) == (pb.INSTANCE_STATUS_STALLED, "VersionNotAvailable"))
    dapr.call("terminate_workflow", instance_id)
    assert dapr.wait(instance_id).status == "TERMINATED"
