"""A store without space: what cannot be kept is refused, what was acknowledged stays, and work goes on with space.

The disk is a small tmpfs, which is made larger while everything runs. Where nothing can be mounted, SQLite's files are
limited in size instead; PostgreSQL has to have the disk.
"""

import asyncio
import os
import resource
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from antiphon import Client, Status
from antiphon.errors import RequestError
from antiphon_names import errors as codes
from tests import postgres, tmpfs
from tests.integration import clients
from tests.integration.clients import Deadline
from tests.integration.programs import Stack, Store, stack

pytestmark = pytest.mark.integration

MIB = 1024 * 1024
#: Space for a database and a few megabytes in it.
SQLITE_BYTES = 6 * MIB
#: Without the write-ahead log, and most of it taken by what every cluster has.
POSTGRES_BYTES = 48 * MIB
ENOUGH_BYTES = 400 * MIB
FILE_BYTES = 3 * MIB
TEXT = os.urandom(50_000).hex()
#: More than fit, whatever the store does with its files.
STARTS_MOST = 3 * POSTGRES_BYTES // len(TEXT)


@dataclass(frozen=True, slots=True)
class Narrow:
    """A stack whose store has little space."""

    stack: Stack
    disk: tmpfs.Disk | None

    def widen(self) -> None:
        """Make space while the host runs."""
        if self.disk is not None:
            self.disk.resize(ENOUGH_BYTES)
            return
        unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        resource.prlimit(self.stack.host.running.pid, resource.RLIMIT_FSIZE, unlimited)

    def replace(self) -> None:
        """Kill the host and start another one, which has space."""
        self.stack.host.kill()
        if self.disk is not None:
            self.disk.resize(ENOUGH_BYTES)
        self.stack.host.prepare = None
        self.stack.host.start()


def _limit() -> None:
    # Only the soft limit: it can be lifted again.
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, resource.RLIM_INFINITY))


@contextmanager
def _sqlite(folder: Path) -> Iterator[Narrow]:
    with tmpfs.small(size_bytes=SQLITE_BYTES) as disk:
        store = Store(f"sqlite:///{folder if disk is None else disk.folder}/state.db")
        with stack(folder, store, prepare=_limit if disk is None else None) as made:
            yield Narrow(made, disk)


@contextmanager
def _postgres(folder: Path) -> Iterator[Narrow]:
    with tmpfs.small(size_bytes=ENOUGH_BYTES) as disk:
        if disk is None and os.environ.get("CI"):
            pytest.fail("a tmpfs cannot be mounted, and CI must not leave out what needs it; run the tests as root")
        if disk is None:
            pytest.skip("a tmpfs cannot be mounted here: PostgreSQL without space is tested as root only")
        with postgres.started(disk=disk.folder) as server, stack(folder, Store(server.url)) as made:
            disk.resize(POSTGRES_BYTES)
            yield Narrow(made, disk)


@pytest.fixture(params=[_sqlite, _postgres], ids=["sqlite", "postgres"])
def narrow(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Narrow]:
    with request.param(tmp_path) as made:
        yield made


async def fill(client: Client) -> tuple[list[str], RequestError]:
    """Start instances until one is refused; return those that were acknowledged, and the refusal."""
    started: list[str] = []
    for number in range(STARTS_MOST):
        try:
            started.append(await client.start("hoard", TEXT, instance_id=f"hoard-{number}", unique=True))
        except RequestError as error:
            return started, error
    raise AssertionError(f"{len(started)} instances of {len(TEXT)} bytes fit onto a small disk")


@pytest.mark.parametrize("make_space", [Narrow.widen, Narrow.replace])
async def test_keeps_what_it_acknowledged_and_goes_on_with_space(
    narrow: Narrow, make_space: Callable[[Narrow], None]
) -> None:
    narrow_stack = narrow.stack
    narrow_stack.start()
    async with Client(address=narrow_stack.address()) as client:
        started, refusal = await fill(client)
        assert len(started) > 3
        assert refusal.code == codes.STORE_FULL.number or narrow.disk is None, refusal
        # The process lives, and still answers what needs no space.
        assert (await client.get(started[0], payloads=False)).instance_id == started[0]
        make_space(narrow)
        deadline = Deadline(60)
        for instance_id in started:
            await clients.raise_until_acknowledged(client, instance_id, "go", deadline=deadline)
        states = await clients.outcomes(client, started, deadline=deadline)
    hanging = [instance_id for instance_id, state in states.items() if state is None]
    assert not hanging, (hanging, narrow_stack.cli("why", hanging[0], "--app", "orders"), narrow_stack.host.tail())
    assert {(state.status, state.output) for state in states.values() if state} == {(Status.COMPLETED, len(TEXT))}


async def test_an_event_is_acknowledged_only_when_it_is_kept(narrow: Narrow) -> None:
    narrow_stack = narrow.stack
    narrow_stack.start()
    deadline = Deadline(90)
    marks = clients.Marks("listener")
    enough = asyncio.Event()
    async with Client(address=narrow_stack.address()) as client:
        await clients.start(client, "listener", None, instance_id="listener", deadline=deadline)
        raising = asyncio.create_task(
            clients.raise_marks(client, marks, pause_s=0.01, enough=enough, deadline=deadline), name="marks"
        )
        await fill(client)
        narrow.widen()
        enough.set()
        await raising
        state = (await clients.outcomes(client, ["listener"], deadline=deadline))["listener"]
    assert state is not None, narrow_stack.host.tail()
    assert [mark for mark in state.output if mark not in marks.unknown] == marks.acknowledged
    assert len(set(state.output)) == len(state.output)
