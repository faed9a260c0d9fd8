"""Workers of each SDK, and their sidecar, that end and come back."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.driving import CallFailed, Driver
from tests.compat.sdks import PEER, SDKS
from tests.compat.wire import Wire, kinds
from tests.compat.worlds import Commands, World, until, world

pytestmark = pytest.mark.compat
feature = pytest.mark.feature

#: Dapr's SDKs wait up to 15 s between two attempts to connect.
RECONNECT_S = 45


@pytest.fixture
def shaken(dapr_python: Path, every_sdk: dict[str, Commands], tmp_path: Path, sdk: str) -> Iterator[World]:
    """A host with one SDK's app, for one test."""
    with world(tmp_path, dapr_python, apps=(), others={sdk: every_sdk[sdk]}) as made:
        yield made


@pytest.fixture(scope="module")
def drained(
    dapr_python: Path, every_sdk: dict[str, Commands], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, dict[str, str]]]:
    """The apps of all SDKs, each with an instance that waits, after their sidecar was ended by SIGTERM."""
    with world(tmp_path_factory.mktemp("drained"), dapr_python, apps=(), others=every_sdk) as made:
        waiting = _all_waiting(made)
        assert made.host.terminate(within_s=20) == 0
        made.start_host()
        yield made, waiting


@pytest.fixture(scope="module")
def killed(
    dapr_python: Path, every_sdk: dict[str, Commands], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[World, dict[str, str]]]:
    """The same after SIGKILL."""
    with world(tmp_path_factory.mktemp("killed"), dapr_python, apps=(), others=every_sdk) as made:
        waiting = _all_waiting(made)
        made.host.kill()
        made.start_host()
        yield made, waiting


def _all_waiting(made: World) -> dict[str, str]:
    made.start()
    peer = made.client("sync", app=PEER)
    waiting = {sdk.id: peer.start("note_after_event", f"over {sdk.id}", app_id=sdk.id) for sdk in SDKS}
    for app, instance_id in waiting.items():
        until(lambda app=app, instance_id=instance_id: _status(peer, app, instance_id) == "RUNNING")
    return waiting


def _status(peer: Driver, app: str, instance_id: str) -> str | None:
    found = peer.get(instance_id, app_id=app)
    return None if found is None else found.status


def _goes_on(made: World, app: str, instance_id: str) -> None:
    """Make sure that what waited goes on, with the processes of before, and that new work is taken."""
    peer = made.clients[0]
    until(lambda: _raised(peer, app, instance_id), within_s=RECONNECT_S)
    assert peer.wait(instance_id, app_id=app, timeout_s=RECONNECT_S).result == f"over {app}"
    assert len(made.notes(f"over {app}")) == 1
    assert made.apps[app].alive
    assert peer.run("call", {"activity": "double", "input": 2, "app": app}).result == 4


def _raised(peer: Driver, app: str, instance_id: str) -> bool:
    """Raise the event; the client's channel may still believe that nobody listens."""
    try:
        peer.raise_event(instance_id, "go", app_id=app)
    except CallFailed as error:
        if error.code != "UNAVAILABLE":
            raise
        return False
    return True


@feature("sidecar-drained")
def test_item_7_a_worker_comes_back_after_its_stream_ended_with_ok(
    drained: tuple[World, dict[str, str]], sdk: str
) -> None:
    made, waiting = drained
    _goes_on(made, sdk, waiting[sdk])


@feature("sidecar-killed")
def test_a_worker_comes_back_after_its_sidecar_was_killed(killed: tuple[World, dict[str, str]], sdk: str) -> None:
    made, waiting = killed
    _goes_on(made, sdk, waiting[sdk])


def test_a_javascript_app_that_is_started_again_goes_on_after_its_sidecar_was_killed(
    killed: tuple[World, dict[str, str]],
) -> None:
    made, waiting = killed
    app = made.apps["javascript"]
    assert any("Worker failed" in line for line in app.lines())
    app.kill()
    app.start()
    made.wait_until_ready("javascript")
    _goes_on(made, "javascript", waiting["javascript"])


@feature("worker-killed")
def test_item_9_an_activity_runs_again_when_its_worker_was_killed(shaken: World, sdk: str) -> None:
    shaken.start()
    client = shaken.client("sync", app=sdk)
    instance_id = client.start("steps_with_gate", "killed")
    until(lambda: len(shaken.notes("killed")) == 1)
    shaken.apps[sdk].kill()
    shaken.apps[sdk].start()
    until(lambda: len(shaken.notes("killed")) == 2)
    shaken.open_gate("killed")
    assert client.wait(instance_id).result == ["killed before", "killed", "killed after"]
    assert [len(shaken.notes(f"killed{step}")) for step in (" before", "", " after")] == [1, 2, 1]


@feature("versions")
def test_item_24_what_runs_stays_with_its_version(shaken: World, sdk: str) -> None:
    _start_with(shaken, sdk, versions="v1")
    client = shaken.client("sync", app=sdk)
    old, lacking = (client.start("versioned") for _ in range(2))
    for instance_id in (old, lacking):
        until(lambda instance_id=instance_id: _first_turns_are_over(shaken, sdk, instance_id))
    _start_with(shaken, sdk, versions="v1,v2")
    new = client.start("versioned")
    for instance_id in (old, new):
        client.raise_event(instance_id, "go")
    assert [client.wait(instance_id).result for instance_id in (old, new)] == ["v1", "v2"]
    _start_with(shaken, sdk, versions="v2")
    client.raise_event(lacking, "go")
    assert client.run("one", 1).result == 2
    _start_with(shaken, sdk, versions="v1,v2")
    assert client.wait(lacking).result == "v1"


def _first_turns_are_over(made: World, app: str, instance_id: str) -> bool:
    """Tell whether the activity has answered, so that a version has been chosen."""
    wire = Wire(made.ports[app])
    try:
        return "task_completed" in kinds(wire.history(instance_id))
    finally:
        wire.close()


def _start_with(made: World, app: str, *, versions: str) -> None:
    """Run an app's process with these versions of a workflow, and no other process of it."""
    if not made.host.alive:
        made.start_host()
    program = made.apps[app]
    if program.alive:
        program.kill()
    program.environment = {**program.environment, "VERSIONS": versions}
    program.start()
    made.wait_until_ready(app)
