"""The faults of the matrix: each goes wrong in a fleet, and is over when its function returns.

What a fault has killed runs again by then, or is starting. The last replica of each app is spared: clients are there.
"""

import asyncio
import json
import os
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager

import pytest

from antiphon_proto.etcd.cluster import Access
from antiphon_sidecar.coordination.base import Coordinator, View
from antiphon_sidecar.coordination.etcd import EtcdCoordinator
from tests.integration.fleets import LEASE_S, Fleet, Pod, clock_off_by
from tests.integration.leftovers import commits_of
from tests.integration.programs import Program
from tests.integration.proxies import Proxy, Ways

Cell = Callable[[Fleet], Awaitable[None]]

#: How long a replica may take to end when it is asked to, in seconds.
_STOP_S = 20.0
_SEEN_S = 30.0
#: Within this a commit is under way at every owner; between two looks at what has been committed.
_COMMIT_S, _PAUSE_S = 10.0, 0.5


def victims(made: Fleet) -> list[Pod]:
    """Return a replica of each app."""
    return [pods[0] for pods in made.pods.values()]


async def again(program: Program) -> None:
    """Kill a process and start it again, as a supervisor does."""
    await asyncio.to_thread(program.kill)
    program.start()


@contextmanager
def mended(*ways: Proxy | Ways) -> Iterator[None]:
    """Mend what the block cuts, whatever happens in it."""
    try:
        yield
    finally:
        for way in ways:
            way.mend()


async def nothing(made: Fleet) -> None:
    """Without any fault."""


async def kill_sidecars(made: Fleet) -> None:
    """SIGKILL for a sidecar of each app."""
    for pod in victims(made):
        await again(pod.sidecar)


async def kill_workers(made: Fleet) -> None:
    """SIGKILL for a worker of each app; what they had in hand has to wait until they are back."""
    for pod in victims(made):
        await again(pod.worker)
    for pod in victims(made):
        await asyncio.to_thread(pod.worker.wait_until_ready)


async def lose_workers(made: Fleet) -> None:
    """A worker of each app is away for longer than a lease: others of the app do its work."""
    for pod in victims(made):
        await asyncio.to_thread(pod.worker.kill)
    # Until its sidecar has told the others: at its next renewal after a lease without workers.
    await asyncio.sleep(LEASE_S * 4 / 3)


async def lose_app(made: Fleet) -> None:
    """SIGKILL for everything of one app: its callers wait, say what for, and go on when it is back."""
    pods = made.pods["payments"]
    programs = [program for pod in pods for program in (pod.sidecar, pod.worker)]
    for program in programs:
        await asyncio.to_thread(program.kill)
    try:
        async with asyncio.timeout(_SEEN_S):
            while not await asyncio.to_thread(_missed, made, "payments"):
                await asyncio.sleep(_PAUSE_S)
    finally:
        for program in programs:
            program.start()
        for program in programs:
            await asyncio.to_thread(program.wait_until_ready)


def _missed(made: Fleet, app: str) -> bool:
    """Tell whether an instance of the first app says that it waits for an app of which nothing runs."""
    at = [made.pods["orders"][-1]]
    listed = made.antiphon("workflow", "list", "--waiting-for-app", app, "--limit", "1", "-o", "json", at=at)
    for each in json.loads(listed.stdout):
        told = made.antiphon("why", each["id"], "--app", each["app"], at=at).stdout
        if f"{app} is known, but has no sidecar running" in told:
            return True
    return False


async def kill_in_commit(made: Fleet) -> None:
    """SIGKILL for an owner of each app whose commit has landed, before it hears of that."""
    await asyncio.gather(*(_kill_in_commit(made, pod) for pod in victims(made) if pod.app != "stock"))


async def _kill_in_commit(made: Fleet, pod: Pod) -> None:
    replica = await replica_of(made, pod)
    pod.to_store.cut(to=False)
    try:
        # Under load an owner commits several times within the pause. One that commits nothing any more waits for the
        # answer to a commit that has landed: there is one at a time.
        before = -1
        async with asyncio.timeout(_COMMIT_S):
            while before != (now := await commits_of(made.store, replica)) or not pod.to_store.held_bytes:
                before = now
                await asyncio.sleep(_PAUSE_S)
        await asyncio.to_thread(pod.sidecar.kill)
    finally:
        pod.to_store.mend()
    pod.sidecar.start()


async def replica_of(made: Fleet, pod: Pod) -> str:
    """Return the ID of a sidecar that runs: others find it at its proxy."""
    address = f"127.0.0.1:{pod.to_peers.port}"

    def found(view: View) -> list[str]:
        return [r.replica for r in view.replicas.values() if r.address == address]

    async with registry_of(made) as reader:
        # More than one: a life before this one whose lease is not over yet.
        (replica,) = found(await seen(reader, lambda view: len(found(view)) == 1))
        return replica


async def seen(reader: Coordinator, wanted: Callable[[View], bool]) -> View:
    """Wait until the view is as wanted."""
    changed = asyncio.Event()
    reader.watch(changed.set)
    async with asyncio.timeout(_SEEN_S):
        while not wanted(reader.view()):
            changed.clear()
            await changed.wait()
    return reader.view()


@asynccontextmanager
async def registry_of(made: Fleet) -> AsyncIterator[Coordinator]:
    """Read along what the fleet says of itself in etcd."""
    reader = EtcdCoordinator(
        Access(made.etcd.endpoints), namespace="default", replica="reader", lease_s=LEASE_S, monotonic=time.monotonic
    )
    await reader.start()
    try:
        yield reader
    finally:
        await reader.leave()


async def pause_owners(made: Fleet) -> None:
    """SIGSTOP for two leases: others take over, and what the paused ones commit afterwards is refused."""
    for pod in victims(made):
        pod.sidecar.running.send_signal(signal.SIGSTOP)
    await asyncio.sleep(LEASE_S * 2)
    for pod in victims(made):
        pod.sidecar.running.send_signal(signal.SIGCONT)


async def cut_peers(made: Fleet) -> None:
    """No sidecar reaches one of each app."""
    with mended(*(pod.to_peers for pod in victims(made))):
        for pod in victims(made):
            pod.to_peers.cut()
        await asyncio.sleep(LEASE_S * 2)


async def cut_pair(made: Fleet) -> None:
    """Two sidecars do not reach each other; all others reach both."""
    one, other = made.pods["orders"][0], made.pods["payments"][0]
    with mended(one.to_peers, other.to_peers):
        other.to_peers.cut(source=one.sidecar.running.pid)
        one.to_peers.cut(source=other.sidecar.running.pid)
        await asyncio.sleep(LEASE_S * 2)


async def cut_pair_one_way(made: Fleet) -> None:
    """Nothing that one sidecar sends reaches another one, which is heard."""
    one, other = made.pods["orders"][0], made.pods["payments"][0]
    with mended(one.to_peers, other.to_peers):
        other.to_peers.cut(back=False, source=one.sidecar.running.pid)
        one.to_peers.cut(to=False, source=other.sidecar.running.pid)
        await asyncio.sleep(LEASE_S * 2)


async def cut_etcd(made: Fleet) -> None:
    """A sidecar of each app does not reach etcd."""
    with mended(*(pod.to_etcd for pod in victims(made))):
        for pod in victims(made):
            pod.to_etcd.cut()
        await asyncio.sleep(LEASE_S * 3)


async def cut_etcd_one_way(made: Fleet) -> None:
    """What etcd says does not reach a sidecar of each app, though etcd hears it."""
    with mended(*(pod.to_etcd for pod in victims(made))):
        for pod in victims(made):
            pod.to_etcd.cut(to=False)
        await asyncio.sleep(LEASE_S * 3)


async def cut_store(made: Fleet) -> None:
    """A sidecar of each app does not reach PostgreSQL."""
    with mended(*(pod.to_store for pod in victims(made))):
        for pod in victims(made):
            pod.to_store.cut()
        await asyncio.sleep(LEASE_S * 2)


async def cut_store_one_way(made: Fleet) -> None:
    """What PostgreSQL answers does not reach a sidecar of each app: its commits land, and it does not know."""
    with mended(*(pod.to_store for pod in victims(made))):
        for pod in victims(made):
            pod.to_store.cut(to=False)
        await asyncio.sleep(LEASE_S * 2)


async def restart_etcd(made: Fleet) -> None:
    """SIGKILL for etcd; what happens after it has come back is seen."""
    await asyncio.to_thread(made.etcd.restart)
    # A restart makes leases longer: what is killed before that is over is missed later.
    await asyncio.sleep(LEASE_S)
    await kill_sidecars(made)


async def kill_etcd_member(made: Fleet) -> None:
    """SIGKILL for one of etcd's three members, which stays away: what happens is seen all the same."""
    await asyncio.to_thread(made.etcd.members[0].kill)
    # Another leader makes leases longer: what is killed before that is over is missed later.
    await asyncio.sleep(LEASE_S * 2)
    await kill_sidecars(made)


async def stop_etcd(made: Fleet) -> None:
    """No etcd for three leases; what happens after it has come back is seen."""
    await asyncio.to_thread(made.etcd.kill)
    try:
        await asyncio.sleep(LEASE_S * 3)
    finally:
        await asyncio.to_thread(made.etcd.start)
    await asyncio.sleep(LEASE_S)
    await kill_sidecars(made)


async def empty_etcd(made: Fleet) -> None:
    """Etcd loses all its data; what happens afterwards is seen."""
    await asyncio.to_thread(made.etcd.empty)
    await asyncio.sleep(LEASE_S)
    await kill_sidecars(made)


async def restart_postgres(made: Fleet) -> None:
    """SIGKILL for PostgreSQL."""
    await asyncio.to_thread(made.postgres.kill)
    await asyncio.to_thread(made.postgres.start)


async def roll(made: Fleet) -> None:
    """Every sidecar is stopped and started, one after the other, app by app at once."""
    await asyncio.gather(*(_roll_app(pods) for pods in made.pods.values()))


async def _roll_app(pods: list[Pod]) -> None:
    for pod in pods:
        await _stop(pod)
        pod.sidecar.start()
        await asyncio.to_thread(pod.sidecar.wait_until_ready)


async def _stop(pod: Pod) -> None:
    code = await asyncio.to_thread(pod.sidecar.terminate, within_s=_STOP_S)
    assert code == 0, f"{pod.sidecar.name} ended with {code}:\n{pod.sidecar.tail()}"


async def shift_clocks(made: Fleet) -> None:
    """The clock of a sidecar of each app is off by 10 minutes, in one app ahead and in the others behind."""
    told = [(pod, pod.sidecar.environment) for pod in victims(made)]
    for (pod, right), offset in zip(told, ("+10m", "-10m", "-10m"), strict=True):
        await _stop(pod)
        pod.sidecar.environment = {**right, **clock_off_by(offset)}
        pod.sidecar.start()
    try:
        for pod, _ in told:
            await asyncio.to_thread(pod.sidecar.wait_until_ready)
        await asyncio.sleep(LEASE_S * 2)
    finally:
        for pod, right in told:
            pod.sidecar.environment = right
            await again(pod.sidecar)


CELLS: tuple[Cell, ...] = (
    nothing,
    kill_sidecars,
    kill_workers,
    lose_workers,
    lose_app,
    kill_in_commit,
    pause_owners,
    cut_peers,
    cut_pair,
    cut_pair_one_way,
    cut_etcd,
    cut_etcd_one_way,
    cut_store,
    cut_store_one_way,
    restart_etcd,
    kill_etcd_member,
    stop_etcd,
    empty_etcd,
    restart_postgres,
    roll,
    shift_clocks,
)


def chosen() -> list[Cell]:
    """Return the cells that the variable CELLS names, with commas; all when it names none, or says so."""
    known = {cell.__name__: cell for cell in CELLS}
    names = [name for name in os.environ.get("CELLS", "").split(",") if name]
    if unknown := set(names) - {"all", *known}:
        raise pytest.UsageError(f"CELLS: no cell {', '.join(sorted(unknown))}; there are: all, {', '.join(known)}")
    return list(CELLS) if not names or "all" in names else [known[name] for name in names]
