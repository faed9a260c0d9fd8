"""The command line asks sidecars of a fleet by their addresses: any answers for all, and says who does not.

The lease is long here, so that there is time to ask while a replica that has died is still in etcd.
"""

import asyncio
import json
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from antiphon import Client, Status
from antiphon_cli.main import main
from antiphon_names.hashing import PARTITIONS, partition_of, slot_of
from antiphon_sidecar.coordination.base import View
from tests import pki
from tests.integration.faults import mended, registry_of, replica_of, seen
from tests.integration.fleets import Fleet, Pod, fleet
from tests.integration.programs import environment

pytestmark = pytest.mark.integration

LEASE_S = 20.0
REPLICAS = 2
#: In this an activity does not end; whoever waits for its end ends its worker before.
LONG_S = 600.0
SOON_S = 30.0


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Fleet]]:
    """Give a fleet of which everything runs; what a test has ended is started again."""
    with ExitStack() as stack:
        made: list[Fleet] = []

        def get() -> Fleet:
            if not made:
                # A third app that nobody has seen is waited for, so that there is time to ask about it.
                waits = {"ANTIPHON_UNKNOWN_APP": "wait"}
                prepared = fleet(
                    tmp_path_factory.mktemp("fleet"),
                    apps=("orders", "payments"),
                    replicas=REPLICAS,
                    lease_s=LEASE_S,
                    variables=waits,
                )
                made.append(stack.enter_context(prepared))
            made[0].start()
            return made[0]

        yield get


async def settled(made: Fleet) -> Fleet:
    """Wait until who has ended is out of etcd, who runs has its worker, and every partition its owner."""

    def wanted(view: View) -> bool:
        for app in made.pods:
            replicas = view.of_app(app)
            owners = {view.owners.get((app, partition)) for partition in range(PARTITIONS)}
            if [r.workers for r in replicas] != [1] * REPLICAS or owners != {r.replica for r in replicas}:
                return False
        return True

    async with registry_of(made) as reader:
        await seen(reader, wanted)
    return made


async def antiphon(
    made: Fleet, *words: str, at: list[Pod] | None = None, code: int | None = 0, **variables: str
) -> Result:
    """Run a command, at the given sidecars or at the store, and expect how it ends; None: anyhow."""
    whom = [f"--address={pod.address}" for pod in at or ()] or [f"--store={made.store.url}"]
    env = {"ANTIPHON_ADDRESS": "", **environment(made.folder, made.store), **variables}
    done = await asyncio.to_thread(CliRunner().invoke, main, [*words, *whom], env=env)
    assert code in (None, done.exit_code), f"{words}:\n{done.output}{done.exception!r}"
    return done


async def why(made: Fleet, instance_id: str, *, at: Pod, app: str = "orders") -> list[dict[str, Any]]:
    """Return what an instance waits for, as a sidecar tells it."""
    done = await antiphon(made, "why", instance_id, "--app", app, "-o", "json", at=[at])
    waits: list[dict[str, Any]] = json.loads(done.stdout)["waitingOn"]
    return waits


async def told(made: Fleet, instance_id: str, reason: str, *, at: Pod, app: str = "orders") -> dict[str, Any]:
    """Wait until a reason is among what an instance waits for."""
    waits: list[dict[str, Any]] = []
    async with asyncio.timeout(SOON_S):
        while True:
            waits = await why(made, instance_id, at=at, app=app)
            for wait in waits:
                if wait["reason"] == reason:
                    return wait
            await asyncio.sleep(0.2)


async def owner_of(made: Fleet, instance_id: str, app: str = "orders") -> tuple[Pod, Pod]:
    """Return the pod that owns an instance, and the other one of its app."""
    async with registry_of(made) as reader:
        place = app, partition_of(slot_of(instance_id))
        view = await seen(reader, lambda v: v.owners.get(place) in v.replicas)
        address = view.replicas[view.owners[place]].address
    first, second = made.pods[app]
    return (first, second) if first.address == address else (second, first)


@asynccontextmanager
async def started(made: Fleet, workflow: str, arg: object, *, instance_id: str) -> AsyncIterator[Client]:
    """Start an instance of orders, and end it afterwards however far it is."""
    async with Client(address=made.address()) as client:
        await client.start(workflow, arg, instance_id=instance_id)
        yield client
    await antiphon(made, "workflow", "terminate", instance_id, "--app", "orders", code=None)


async def test_every_sidecar_tells_the_same_of_every_app(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    async with Client(address=made.address()) as client:
        await client.start("alone", 0.0, instance_id="same-1")
        await client.wait("same-1", timeout=timedelta(seconds=30))
    commands = [
        ("workflow", "list", "--prefix", "same-", "-o", "json"),
        ("workflow", "get", "same-1", "-o", "json"),
        ("workflow", "history", "same-1", "--app", "orders", "-o", "json"),
        ("why", "same-1", "--app", "orders"),
    ]
    for words in commands:
        asked = [made.pods["orders"][0], made.pods["orders"][1], made.pods["payments"][0]]
        answers = [await antiphon(made, *words, at=[pod]) for pod in asked]
        assert answers[0].stdout
        assert len({answer.stdout for answer in answers}) == 1, words
    apps = json.loads((await antiphon(made, "apps", "-o", "json", at=[made.pods["payments"][1]])).stdout)
    assert [(app["app"], app["replicas"], app["workers"]) for app in apps] == [("orders", 2, 2), ("payments", 2, 2)]


async def test_an_instance_is_steered_at_the_sidecar_of_another_app(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    at = [made.pods["payments"][0]]
    given = ("--app", "orders")
    started = await antiphon(made, "workflow", "start", "listener", "--id", "steered", *given, at=at)
    assert started.stdout == "steered\n"
    await antiphon(made, "workflow", "suspend", "steered", *given, "--reason", "a look", at=at)
    assert 'with the reason "a look"' in (await antiphon(made, "why", "steered", *given, at=at)).stdout
    await antiphon(made, "workflow", "resume", "steered", *given, at=at)
    await antiphon(made, "workflow", "raise", "steered", "mark", *given, "--input", "7", at=at)
    await antiphon(made, "workflow", "raise", "steered", "mark", *given, "--input", "-1", at=at)
    assert (await antiphon(made, "workflow", "wait", "steered", *given, at=at)).stdout == "[7]\n"
    again = await antiphon(made, "workflow", "run", "alone", *given, "--input", "0", at=at)
    assert len(json.loads(again.stdout)) == 16
    await antiphon(made, "workflow", "purge", "steered", *given, at=at)
    assert "AN207" in (await antiphon(made, "workflow", "get", "steered", *given, at=at, code=1)).stderr


async def test_what_only_the_owner_and_the_target_know_is_asked_for_there(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    async with started(made, "once", LONG_S, instance_id="far"):
        for pod in made.all_pods():
            wait = await told(made, "far", "ActivityRunning", at=pod)
            assert (wait["app"], wait["attempt"]) == ("payments", 1)
            replicas = [await replica_of(made, target) for target in made.pods["payments"]]
            assert wait["replica"] in replicas
            assert f"runs at replica {wait['replica']} for" in wait["message"]


async def test_a_child_in_another_app_is_followed_to_its_own_owner(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    async with started(made, "parent", 0.0, instance_id="upper"):
        wait = await told(made, "upper", "ChildRunning", at=made.pods["orders"][0])
        # The third app of these tests is not there: the child's call of it is known to the child's owner alone.
        async with asyncio.timeout(SOON_S):
            while not (below := wait.get("waitingOn")) or below[0]["reason"] != "TargetAppNotFound":
                (wait,) = await why(made, "upper", at=made.pods["orders"][0])
        assert 'activity "work"' in below[0]["message"]


async def test_an_owner_that_was_killed_is_named_until_another_takes_over(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    async with started(made, "listener", None, instance_id="widow") as client:
        await told(made, "widow", "ExternalEvent", at=made.pods["payments"][0])
        owner, other = await owner_of(made, "widow")
        replica = await replica_of(made, owner)
        await asyncio.to_thread(owner.sidecar.kill)
        first, *rest = await why(made, "widow", at=made.pods["payments"][0])
        assert (first["reason"], first["replica"]) == ("OwnerSilent", replica)
        assert f"replica {replica} owns the instance, and cannot be reached" in first["message"]
        assert "take over within a lease time (20 s)" in first["message"]
        assert [wait["kind"] for wait in rest] == ["event"]
        checked = await antiphon(made, "check", at=[other], code=1)
        assert f"problem  replica {replica}" in checked.stdout
        assert "AN712 ReplicaSilent" in checked.stdout
        async with Client(address=f"127.0.0.1:{other.grpc_port}") as near:
            await near.raise_event("widow", "mark", -1)
            state = await near.wait("widow", timeout=timedelta(seconds=LEASE_S + SOON_S))
        assert state.status is Status.COMPLETED
        assert client is not near


async def test_an_owner_that_is_stopped_is_named_and_asked_again_when_it_goes_on(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    async with started(made, "once", LONG_S, instance_id="frozen"):
        await told(made, "frozen", "ActivityRunning", at=made.pods["payments"][0])
        owner, other = await owner_of(made, "frozen")
        replica = await replica_of(made, owner)
        owner.sidecar.running.send_signal(signal.SIGSTOP)
        try:
            first, second = await why(made, "frozen", at=other)
            assert (first["reason"], first["replica"]) == ("OwnerSilent", replica)
            assert "did not answer within 2 s" in first["message"]
            assert "known to the instance's owner alone" in second["message"]
            direct = await antiphon(made, "check", at=[owner], code=1)
            assert "AN711 AddressMistaken: something listens at" in direct.stderr
            either = await antiphon(made, "apps", at=[owner, other])
            assert "orders" in either.stdout
        finally:
            owner.sidecar.running.send_signal(signal.SIGCONT)
        await told(made, "frozen", "ActivityRunning", at=other)


async def test_an_owner_without_a_worker_is_told_from_an_app_without_workers(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    async with started(made, "listener", None, instance_id="idle"):
        await told(made, "idle", "ExternalEvent", at=made.pods["payments"][0])
        owner, other = await owner_of(made, "idle")
        await asyncio.to_thread(owner.worker.kill)
        wait = await told(made, "idle", "OwnerWithoutWorker", at=other)
        assert (await replica_of(made, other)) in wait["message"]
        await asyncio.to_thread(other.worker.kill)
        wait = await told(made, "idle", "WorkerNotConnected", at=other)
        assert wait["message"].startswith('AN501 WorkerNotConnected: workflow "listener" needs app "orders"')


async def test_an_activity_at_a_replica_that_is_stopped_is_told_with_what_will_be(
    running: Callable[[], Fleet],
) -> None:
    made = await settled(running())
    async with started(made, "once", LONG_S, instance_id="lost-task"):
        wait = await told(made, "lost-task", "ActivityRunning", at=made.pods["orders"][0])
        ids = {await replica_of(made, pod): pod for pod in made.pods["payments"]}
        target = ids[wait["replica"]]
        target.sidecar.running.send_signal(signal.SIGSTOP)
        try:
            (told_,) = await why(made, "lost-task", at=made.pods["orders"][0])
        finally:
            target.sidecar.running.send_signal(signal.SIGCONT)
    assert told_["reason"] == "ActivityHanded"
    assert f"was handed to replica {wait['replica']}, attempt 1, which did not answer within 2 s." in told_["message"]
    assert "another replica of payments gets the call once its lease has run out (20 s)" in told_["message"]


async def test_etcd_that_is_away_is_told_with_what_is_not_certain_then(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    async with started(made, "listener", None, instance_id="old-view"):
        pod = made.pods["orders"][0]
        await told(made, "old-view", "ExternalEvent", at=pod)
        with mended(pod.to_etcd):
            pod.to_etcd.cut()
            async with asyncio.timeout(LEASE_S + SOON_S):
                while (
                    "AN403" not in (done := await antiphon(made, "why", "old-view", "--app", "orders", at=[pod])).stdout
                ):
                    await asyncio.sleep(0.5)
            assert "\nNot certain: AN403 EtcdUnreachable: etcd has not answered this sidecar since" in done.stdout
            assert 'event "mark" has not come' in done.stdout
            checked = await antiphon(made, "check", at=[pod], code=1)
            assert "problem  etcd" in checked.stdout


async def test_check_finds_all_well_and_counts_partitions(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    await owner_of(made, "any")
    await owner_of(made, "any", app="payments")
    async with asyncio.timeout(SOON_S):
        while (done := await antiphon(made, "check", "-o", "json", at=[made.pods["payments"][0]], code=None)).exit_code:
            await asyncio.sleep(0.5)
    found = json.loads(done.stdout)
    whats = [each["what"] for each in found]
    assert whats[:5] == ["sidecar", "version", "store", "clock", "etcd"]
    replicas = [each["found"] for each in found if each["what"].startswith("replica ")]
    assert len(replicas) == 4
    owned = [int(text.rsplit(", ", 1)[1].split()[0]) for text in replicas]
    assert sum(owned) == 2 * PARTITIONS


async def refused(address: str) -> Result:
    """Ask at an address that is no sidecar's."""
    done = await asyncio.to_thread(CliRunner().invoke, main, ["apps", "--address", address])
    assert done.exit_code == 1
    return done


async def test_what_does_not_fit_is_refused_with_what_would(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    pod = made.pods["orders"][0]
    at = [pod]
    other = await antiphon(made, "apps", "--namespace", "shop", at=at, code=1)
    assert other.stderr.startswith(f'AN105 NamespaceMismatch: the sidecar at {pod.address} serves namespace "default"')
    unknown = await antiphon(made, "workflow", "get", "i", "--app", "ordres", at=at, code=1)
    assert unknown.stderr.startswith('AN103 TargetAppNotFound: app "ordres" is not known here; known apps: orders, ')
    assert 'Did you mean "orders"?' in unknown.stderr
    same = await antiphon(made, "why", "i", "--app", "ordres", at=at, code=1)
    assert same.stderr.startswith('AN103 TargetAppNotFound: app "ordres" is not known here')
    app_port = f"127.0.0.1:{pod.grpc_port}"
    mistaken = await refused(app_port)
    assert mistaken.stderr.startswith(f"AN711 AddressMistaken: {app_port} is where a sidecar's own app connects.")
    etcd = made.etcd.endpoints[0].removeprefix("http://")
    strange = await refused(etcd)
    assert strange.stderr.startswith("AN711 AddressMistaken: ")
    named = await antiphon(made, "apps", at=[], ANTIPHON_ADDRESS=f"127.0.0.1:1,{pod.address}")
    assert "Nothing runs on this machine with the store" in named.stderr, "a store that is named wins"


async def test_the_store_is_read_and_written_without_a_process(running: Callable[[], Fleet]) -> None:
    made = await settled(running())
    given = ("--app", "orders")
    async with started(made, "listener", None, instance_id="rows"):
        await told(made, "rows", "ExternalEvent", at=made.pods["orders"][0])
        beside = await antiphon(made, "why", "rows", *given)
        assert "an external event has not come" in beside.stdout
        assert "Sidecars elsewhere use it: orders-" in beside.stderr
        raised = await antiphon(made, "workflow", "raise", "rows", "mark", *given, "--input", "5")
        assert "A sidecar of orders that runs elsewhere carries it out." in raised.stderr
        async with asyncio.timeout(SOON_S):
            while 'event "mark"' not in (await antiphon(made, "workflow", "history", "rows", *given)).stdout:
                await asyncio.sleep(0.2)
        await asyncio.gather(
            *(asyncio.to_thread(program.terminate, within_s=2 * SOON_S) for program in made.programs())
        )
        listed = await antiphon(made, "workflow", "list", "--prefix", "rows", "-o", "json")
        assert [each["status"] for each in json.loads(listed.stdout)] == ["RUNNING"]
        assert listed.stderr.startswith("Nothing runs on this machine with the store postgresql://")
        lonely = await antiphon(made, "why", "rows", *given)
        assert "no sidecar of it has written to the store lately" in lonely.stdout
        apps = await antiphon(made, "apps", "-o", "json")
        assert {(each["app"], each["away"]) for each in json.loads(apps.stdout)} == {
            ("orders", True),
            ("payments", True),
        }
        checked = await antiphon(made, "check", code=1)
        assert "problem  host" in checked.stdout
        last = await antiphon(made, "workflow", "raise", "rows", "mark", *given, "--input", "-1")
        assert "No sidecar of orders runs: it is carried out when one does." in last.stderr
        new = await antiphon(made, "workflow", "start", "alone", "--id", "rows-2", *given, "--input", "0")
        assert (new.stdout, "Written to the store: start" in new.stderr) == ("rows-2\n", True)
        ran = await antiphon(made, "workflow", "run", "alone", *given, "--input", "0", code=1)
        assert ran.stderr.startswith("AN705 HostNotFound")
        made.start()
        async with Client(address=made.address()) as client:
            for instance_id, result in (("rows", [5]), ("rows-2", None)):
                state = await client.wait(instance_id, timeout=timedelta(seconds=LEASE_S + SOON_S))
                assert state.status is Status.COMPLETED
                assert result in (None, state.output)


async def test_a_sidecar_with_certificates_is_asked_with_certificates_alone(tmp_path: Path) -> None:
    files, others = pki.made(tmp_path), pki.made(tmp_path, name="others-")
    variables = {
        "ANTIPHON_PEER_CA_FILE": files.ca,
        "ANTIPHON_PEER_CERT_FILE": files.server_cert,
        "ANTIPHON_PEER_KEY_FILE": files.server_key,
    }
    ours = ("--ca-file", files.ca, "--cert-file", files.client_cert, "--key-file", files.client_key)
    with fleet(tmp_path, apps=("orders",), replicas=2, lease_s=LEASE_S, variables=variables) as made:
        made.start()
        at = [made.pods["orders"][0]]
        async with Client(address=made.address()) as client:
            await client.start("alone", LONG_S, instance_id="sealed")
        for pod in made.pods["orders"]:
            done = await antiphon(made, "why", "sealed", *ours, at=[pod])
            assert "ActivityRunning" in done.stdout
        named = ("apps", *ours, "--server-name", "localhost")
        assert "orders" in (await antiphon(made, *named, at=at)).stdout
        plain = await antiphon(made, "apps", at=at, code=1)
        assert (
            plain.stderr
            == f"AN710 TlsMismatch: {at[0].address} speaks TLS. Give --ca-file, --cert-file and --key-file.\n"
        )
        distrusted = ("apps", "--ca-file", others.ca, *ours[2:])
        assert "does not vouch for: " in (await antiphon(made, *distrusted, at=at, code=1)).stderr
        strange = ("apps", *ours[:2], "--cert-file", others.client_cert, "--key-file", others.client_key)
        assert f"does not accept {others.client_cert}" in (await antiphon(made, *strange, at=at, code=1)).stderr
        misnamed = await antiphon(made, "apps", *ours, "--server-name", "orders.example", at=at, code=1)
        assert "Name what it is made for with --server-name, if that is not orders.example." in misnamed.stderr
        assert (await antiphon(made, "apps", *ours[:2], at=at, code=2)).stderr.startswith("AN701 SettingInvalid")
