"""Processes that die and come back while Dapr apps run: workers, the sidecar, and an app that was not there at all."""

from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest

from antiphon_proto.v1 import client_pb2 as cl
from tests.compat.driving import CallFailed, Driver
from tests.compat.wire import Wire
from tests.compat.worlds import World, until, world

pytestmark = pytest.mark.compat

#: The SDK waits up to 15 s between two attempts to connect.
RECONNECT_S = 45


@pytest.fixture(scope="module", params=["deltas", "full histories"])
def shaken(
    request: pytest.FixtureRequest, dapr_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A world whose processes are killed; app3 is not started at first."""
    folder = tmp_path_factory.mktemp("shaken")
    with world(folder, dapr_python, deltas=request.param == "deltas") as made:
        made.start("app1", "app2")
        yield made


@pytest.fixture(scope="module")
def dapr(shaken: World) -> Driver:
    return shaken.client("sync" if shaken.deltas else "aio")


def test_item_35_a_call_waits_for_an_app_that_is_not_there_yet(shaken: World, dapr: Driver) -> None:
    activity = dapr.start("call", {"activity": "length", "input": "abc", "app": "app3"})
    child = dapr.start("call_child", {"workflow": "reverse", "input": "abc", "app": "app3"})
    with pytest.raises(CallFailed) as caught:
        # Longer than the grace for apps that nobody knows.
        dapr.call("wait_for_workflow_completion", activity, timeout_in_seconds=7)
    assert caught.value.kind == "TimeoutError"
    shaken.apps["app3"].start()
    assert dapr.wait(activity).result == 3
    assert dapr.wait(child).result == "cba"


def test_item_9_an_activity_is_run_again_when_its_worker_was_killed(shaken: World, dapr: Driver) -> None:
    instance_id = dapr.start("call", {"activity": "gated", "input": "killed", "app": "app2"})
    until(lambda: len(shaken.notes("killed")) == 1)
    shaken.apps["app2"].kill()
    shaken.apps["app2"].start()
    until(lambda: len(shaken.notes("killed")) == 2)
    shaken.open_gate("killed")
    assert dapr.wait(instance_id).result == "killed"
    assert len(shaken.notes("killed")) == 2


def test_item_9_a_turn_is_run_again_when_its_worker_was_killed(shaken: World, dapr: Driver) -> None:
    instance_id = dapr.start("slow_turn", "turn")
    until(lambda: len(shaken.notes("turn")) == 1)
    shaken.apps["app1"].kill()
    shaken.apps["app1"].start()
    until(lambda: len(shaken.notes("turn")) == 2)
    shaken.open_gate("turn")
    assert dapr.wait(instance_id).result == 8


def test_a_killed_sidecar_loses_nothing_and_the_apps_go_on(shaken: World, dapr: Driver) -> None:
    ids = [dapr.start("sleep", 1) for _ in range(10)]
    ids += [dapr.start("many_steps", 40) for _ in range(3)]
    waiting = dapr.start("collect", 2)
    dapr.raise_event(waiting, "item", 1)
    family = dapr.start("call_child", {"workflow": "wait", "input": "go", "app": "app2", "id": "kept"})
    gated = dapr.start("call", {"activity": "gated", "input": "over the kill", "app": "app2"})
    until(lambda: shaken.notes("over the kill"))
    until(lambda: dapr.get("kept", app_id="app2") is not None)
    shaken.host.kill()
    shaken.open_gate("over the kill")
    shaken.start_host()
    assert [dapr.wait(instance_id, timeout_s=RECONNECT_S).status for instance_id in ids] == ["COMPLETED"] * 13
    dapr.raise_event(waiting, "item", 2)
    dapr.raise_event("kept", "go", "kept", app_id="app2")
    assert dapr.wait(waiting).result == [1, 2]
    assert dapr.wait(family).result == "kept"
    assert dapr.wait(gated, timeout_s=RECONNECT_S).result == "over the kill"
    assert all(app.alive for app in shaken.apps.values())


def test_item_7_a_sidecar_that_is_asked_to_end_ends_streams_with_ok_and_sdks_come_back(
    shaken: World, dapr: Driver
) -> None:
    wire = Wire(shaken.ports["app3"])
    stream = wire.work()
    waiting = dapr.start("wait", "go")
    # The stream is open once the sidecar has answered a later call.
    wire.call("GetInstance", cl.GetInstanceRequest(instance_id=waiting))
    assert shaken.host.terminate(within_s=20) == 0
    assert stream.ended() is grpc.StatusCode.OK
    wire.close()
    shaken.start_host()
    until(lambda: raised(dapr, waiting), within_s=RECONNECT_S)
    assert dapr.wait(waiting, timeout_s=RECONNECT_S).result == 5
    assert dapr.wait(dapr.start("across", "ab"), timeout_s=RECONNECT_S).result == ["AB", 2, ["AB", "BA"], 8]


def raised(dapr: Driver, instance_id: str) -> bool:
    """Raise the event; the client's channel may still believe that nobody listens."""
    try:
        dapr.raise_event(instance_id, "go", 5)
    except CallFailed as error:
        if error.code != "UNAVAILABLE":
            raise
        return False
    return True


def test_item_4_a_sidecar_with_a_token_serves_only_those_who_have_it(dapr_python: Path, tmp_path: Path) -> None:
    with world(tmp_path, dapr_python, token="secret") as made:
        made.start("app1")
        assert made.client("sync").run("one", 4).result == 8
        assert made.client("aio").run("one", 4).result == 8
        for token in (None, "wrong"):
            wire = Wire(made.ports["app1"], token=token)
            with pytest.raises(grpc.RpcError) as caught:
                wire.call("GetInstance", cl.GetInstanceRequest(instance_id="a"))
            assert caught.value.code() is grpc.StatusCode.UNAUTHENTICATED
            assert wire.work().ended() is grpc.StatusCode.UNAUTHENTICATED
            wire.close()


@pytest.mark.soak
def test_item_5_a_client_may_wait_for_minutes(dapr_python: Path, tmp_path: Path) -> None:
    with world(tmp_path, dapr_python) as made:
        made.start("app1")
        for kind in ("sync", "aio"):
            made.client(kind)
        ids = [client.start("wait", "go") for client in made.clients]
        waits = [
            client.begin("wait_for_workflow_completion", instance_id, timeout_in_seconds=0)
            for client, instance_id in zip(made.clients, ids, strict=True)
        ]
        with pytest.raises(TimeoutError):
            waits[0].result(timeout=200)
        assert not any(wait.done() for wait in waits)
        for client, instance_id in zip(made.clients, ids, strict=True):
            client.raise_event(instance_id, "go", 1)
        assert [wait.result(timeout=20)["runtime_status"] for wait in waits] == ["COMPLETED"] * 2
        assert not any("too_many_pings" in file.read_text(errors="replace") for file in tmp_path.glob("*.log"))
