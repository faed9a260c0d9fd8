"""A store without space: what cannot be kept is refused, what was acknowledged stays, and work goes on with space.

The disk is full by a limit on the size of the host's files, which can be lifted while it runs.
"""

import asyncio
import resource
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from antiphon import Client, Status
from antiphon.errors import RequestError
from antiphon_names import errors as codes
from tests.integration import clients
from tests.integration.clients import Deadline
from tests.integration.programs import Stack, Store, stack

pytestmark = pytest.mark.integration

FILE_BYTES = 3 * 1024 * 1024
TEXT = "x" * 100_000
#: More than fit, whatever the store does with its files.
STARTS_MOST = 3 * FILE_BYTES // len(TEXT)


@pytest.fixture
def narrow_stack(tmp_path: Path, sqlite_store: Store) -> Iterator[Stack]:
    with stack(tmp_path, sqlite_store, prepare=_limit) as made:
        yield made


def _limit() -> None:
    # Only the soft limit: it can be lifted again.
    resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, resource.RLIM_INFINITY))


def lift(narrow: Stack) -> None:
    """Make space while the host runs."""
    resource.prlimit(narrow.host.running.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def replace(narrow: Stack) -> None:
    """Kill the host and start another one, which has space."""
    narrow.host.kill()
    narrow.host.prepare = None
    narrow.host.start()


async def fill(client: Client) -> tuple[list[str], RequestError]:
    """Start instances until one is refused; return those that were acknowledged, and the refusal."""
    started: list[str] = []
    for number in range(STARTS_MOST):
        try:
            started.append(await client.start("hoard", TEXT, instance_id=f"hoard-{number}", unique=True))
        except RequestError as error:
            return started, error
    raise AssertionError(f"{len(started)} instances of {len(TEXT)} bytes fit into {FILE_BYTES} bytes")


@pytest.mark.parametrize("make_space", [lift, replace])
async def test_keeps_what_it_acknowledged_and_goes_on_with_space(
    narrow_stack: Stack, make_space: Callable[[Stack], None]
) -> None:
    narrow_stack.start()
    async with Client(address=narrow_stack.address()) as client:
        started, refusal = await fill(client)
        assert len(started) > 3
        assert refusal.code in (codes.STORE_FULL.number, codes.STORE_UNREACHABLE.number), refusal
        # The process lives, and still answers what needs no space.
        assert (await client.get(started[0], payloads=False)).instance_id == started[0]
        make_space(narrow_stack)
        deadline = Deadline(60)
        for instance_id in started:
            await clients.raise_until_acknowledged(client, instance_id, "go", deadline=deadline)
        states = await clients.outcomes(client, started, deadline=deadline)
    hanging = [instance_id for instance_id, state in states.items() if state is None]
    assert not hanging, (hanging, narrow_stack.cli("why", hanging[0], "--app", "orders"), narrow_stack.host.tail())
    assert {(state.status, state.output) for state in states.values() if state} == {(Status.COMPLETED, len(TEXT))}


async def test_an_event_is_acknowledged_only_when_it_is_kept(narrow_stack: Stack) -> None:
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
        lift(narrow_stack)
        enough.set()
        await raising
        state = (await clients.outcomes(client, ["listener"], deadline=deadline))["listener"]
    assert state is not None, narrow_stack.host.tail()
    assert [mark for mark in state.output if mark not in marks.unknown] == marks.acknowledged
    assert len(set(state.output)) == len(state.output)
