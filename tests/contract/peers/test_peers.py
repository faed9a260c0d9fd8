"""Every way between replicas: what is sent arrives whole, from whom it says, and never at somebody else."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from antiphon_proto import methods
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.engine.ids import TaskRef
from antiphon_sidecar.peers.base import (
    Answer,
    Await,
    Cancel,
    Dispatch,
    Ended,
    Freed,
    Hint,
    InHand,
    InHandAsked,
    Message,
    Missed,
    Notice,
    Peers,
    Progress,
    Result,
    Verdict,
)
from antiphon_sidecar.peers.grpc import Certificates, GrpcPeers, Self
from antiphon_sidecar.peers.memory import MemoryNetwork, MemoryPeers
from antiphon_sidecar.servers import listeners
from antiphon_sidecar.servers.handlers import TokenCheck, generic_handler
from antiphon_sidecar.servers.peer import PeerService
from tests import pki
from tests.ports import quiet_port

PATIENCE_S = 15.0
REF = TaskRef("App.1", "order/ä", "e1", 0)
EVERY_KIND: tuple[Message, ...] = (
    Dispatch(REF, b"i" * 16, 65535, "charge", b"\x00request", 3, 1_800_000_000_123_456_789),
    Dispatch(REF, b"i" * 16, 1, "charge", b"request", 1, 5, watched=True, details=b"", lapses_ns=9),
    Progress(REF, 2, 7, 8, b"half", "ConcurrencyLimited"),
    Progress(REF, 1, 0, 0),
    Cancel(REF),
    Freed("App.1", 1, "charge"),
    Result(REF, b"i" * 16, b"event\xff"),
    *(Answer(REF, verdict) for verdict in Verdict),
    Hint("App.1", "order", 7, b"r" * 16, 4, b"i" * 16, b"payload", "e1", -1),
    InHandAsked("App.1", frozenset({0, 31})),
    InHand("App.1", frozenset({5}), ((REF, 2), (TaskRef("App.1", "x", "", -1), 1))),
    Await("App.1", "order/ä", frozenset(Status)),
    Await("App.1", "order/ä", frozenset(), over=True),
    *(Notice("App.1", "order/ä", status) for status in Status),
    Notice("App.1", "order/ä"),
    Notice("App.1", "order/ä", look=True),
    Notice(
        "App.1",
        "order/ä",
        Status.FAILED,
        end=Ended(
            b"i" * 16, "e1", 2, 7, "ship", 1, 2, 3, 4, 5, "App.2", "p", b"half", b"", b"why", (("a", "b"),), b"s"
        ),
    ),
    Notice(
        "App.1",
        "order/ä",
        Status.COMPLETED,
        end=Ended(b"i" * 16, "", 0, 1, "", 1, 2, None, None, None, None, None, None, None, None, (), b""),
    ),
    Missed(),
)


class Mailbox:
    """What one replica has received."""

    def __init__(self) -> None:
        self.letters: list[tuple[str, Message]] = []
        self._more = asyncio.Event()

    def put(self, sender: str, message: Message) -> None:
        self.letters.append((sender, message))
        self._more.set()

    async def holds(self, wanted: Callable[[list[tuple[str, Message]]], bool]) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while not wanted(self.letters):
                self._more.clear()
                await self._more.wait()


class Town:
    """Replicas that reach each other, each with a mailbox; over gRPC each has a port."""

    def __init__(self, stack: AsyncExitStack, *, over: str, certificates: Callable[[str], Certificates | None]) -> None:
        self._stack = stack
        self._over = over
        self._certificates = certificates
        self._network = MemoryNetwork()
        self.addresses: dict[str, str] = {}
        self.servers: dict[str, object] = {}

    async def join(self, replica: str, *, namespace: str = "default", port: int | None = None) -> tuple[Peers, Mailbox]:
        mailbox = Mailbox()
        peers: Peers
        if self._over == "memory":
            peers = MemoryPeers(self._network, replica)
        else:
            peers = await self._served(replica, namespace, port or quiet_port())
        peers.receive(mailbox.put)
        self._stack.callback(peers.close)
        return peers, mailbox

    async def _served(self, replica: str, namespace: str, port: int) -> GrpcPeers:
        certificates = self._certificates(replica)
        peers = GrpcPeers(Self(namespace, "App.1", replica), address=self.addresses.get, certificates=certificates)
        handler = generic_handler(
            service=methods.PEER_SERVICE,
            methods=methods.PEER,
            implementations=PeerService(peers).implementations(),
            token=TokenCheck(None),
        )
        server = await listeners.serve_grpc(
            [f"127.0.0.1:{port}"],
            [handler],
            message_bytes_max=1 << 24,
            credentials=None if certificates is None else certificates.for_server(),
        )
        self.servers[replica] = server
        self._stack.push_async_callback(server.stop, 0)
        self.addresses[replica] = f"127.0.0.1:{port}"
        return peers

    async def leave(self, replica: str) -> None:
        await self.servers.pop(replica).stop(0)  # type: ignore[attr-defined]


@pytest.fixture(params=["memory", "grpc", "grpc with TLS"])
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    certificates: Certificates | None = None
    if request.param == "grpc with TLS":
        files = pki.made(tmp_path)
        certificates = Certificates(files.ca, files.server_cert, files.server_key)
    async with AsyncExitStack() as stack:
        yield Town(stack, over=request.param.split()[0], certificates=lambda _: certificates)


@pytest.fixture
async def grpc_town() -> AsyncIterator[Town]:
    async with AsyncExitStack() as stack:
        yield Town(stack, over="grpc", certificates=lambda _: None)


async def test_every_kind_of_message_arrives_whole(town: Town) -> None:
    one, _ = await town.join("one")
    _, two = await town.join("two")
    for message in EVERY_KIND:
        one.send("two", message)
    await two.holds(lambda letters: len(letters) >= len(EVERY_KIND))
    assert {sender for sender, _ in two.letters} == {"one"}
    assert sorted(map(repr, (message for _, message in two.letters))) == sorted(map(repr, EVERY_KIND))


async def test_messages_of_one_kind_keep_their_order(town: Town) -> None:
    one, _ = await town.join("one")
    _, two = await town.join("two")
    sent = [Answer(TaskRef("a", f"i{n}", "", n), Verdict.GONE) for n in range(2_000)]
    for message in sent:
        one.send("two", message)
    await two.holds(lambda letters: len(letters) == len(sent))
    assert [message for _, message in two.letters] == sent


async def test_both_directions_at_once(town: Town) -> None:
    (one, first), (two, second) = await town.join("one"), await town.join("two")
    one.send("two", EVERY_KIND[0])
    two.send("one", EVERY_KIND[1])
    await first.holds(lambda letters: letters == [("two", EVERY_KIND[1])])
    await second.holds(lambda letters: letters == [("one", EVERY_KIND[0])])


async def test_what_is_sent_to_nobody_disturbs_nobody(town: Town) -> None:
    one, _ = await town.join("one")
    _, two = await town.join("two")
    one.send("nobody", EVERY_KIND[0])
    one.send("two", EVERY_KIND[1])
    await two.holds(lambda letters: [message for _, message in letters] == [EVERY_KIND[1]])


async def repeat(peers: Peers, to: str, mailbox: Mailbox) -> None:
    """Send until it arrives: what is sent while nobody is reached is lost."""
    async with asyncio.timeout(PATIENCE_S):
        while not mailbox.letters:
            peers.send(to, EVERY_KIND[0])
            await asyncio.sleep(0.1)


async def test_finds_a_replica_again_that_was_away(grpc_town: Town) -> None:
    one, _ = await grpc_town.join("one")
    _, two = await grpc_town.join("two")
    await repeat(one, "two", two)
    await grpc_town.leave("two")
    one.send("two", EVERY_KIND[0])
    _, again = await grpc_town.join("two")
    await repeat(one, "two", again)


async def test_tells_that_a_replica_is_reached_again_and_not_that_it_is_reached(grpc_town: Town) -> None:
    one, _ = await grpc_town.join("one")
    _, two = await grpc_town.join("two", port=(port := quiet_port()))
    again: asyncio.Queue[str] = asyncio.Queue()
    one.relinked(again.put_nowait)
    await repeat(one, "two", two)
    assert again.empty()
    await grpc_town.leave("two")
    await grpc_town.join("two", port=port)
    async with asyncio.timeout(PATIENCE_S):
        assert await again.get() == "two"


async def test_a_link_that_often_broke_is_made_again_as_soon_as_one_that_never_did(grpc_town: Town) -> None:
    one, _ = await grpc_town.join("one")
    port = quiet_port()
    _, two = await grpc_town.join("two", port=port)
    took: list[float] = []
    for _ in range(8):
        await repeat(one, "two", two)
        begun = time.monotonic()
        await grpc_town.leave("two")
        _, two = await grpc_town.join("two", port=port)
        await repeat(one, "two", two)
        took.append(time.monotonic() - begun)
    # The longest pause between two tries is 2 s.
    assert sum(took[4:]) < sum(took[:4]) + 3.0, took


async def test_nothing_reaches_another_replica_that_got_the_address(grpc_town: Town) -> None:
    one, _ = await grpc_town.join("one")
    _, other = await grpc_town.join("other")
    grpc_town.addresses["two"] = grpc_town.addresses["other"]
    for _ in range(5):
        one.send("two", EVERY_KIND[0])
        await asyncio.sleep(0.1)
    one.send("other", EVERY_KIND[1])
    await other.holds(lambda letters: bool(letters))
    assert other.letters == [("one", EVERY_KIND[1])]


async def test_nothing_crosses_namespaces(grpc_town: Town) -> None:
    one, _ = await grpc_town.join("one")
    _, other = await grpc_town.join("two", namespace="another")
    for _ in range(5):
        one.send("two", EVERY_KIND[0])
        await asyncio.sleep(0.1)
    assert not other.letters


async def test_a_stranger_without_the_right_authority_is_not_heard(tmp_path: Path) -> None:
    ours, theirs = pki.made(tmp_path, name="ours-"), pki.made(tmp_path, name="theirs-")
    files = {"two": ours, "stranger": theirs, "friend": ours}

    def of(replica: str) -> Certificates:
        shown = files[replica]
        # The stranger trusts our authority; we do not trust its.
        return Certificates(ours.ca, shown.client_cert, shown.client_key)

    async with AsyncExitStack() as stack:
        town = Town(stack, over="grpc", certificates=of)
        _, two = await town.join("two")
        stranger, _ = await town.join("stranger")
        friend, _ = await town.join("friend")
        for _ in range(5):
            stranger.send("two", EVERY_KIND[0])
            await asyncio.sleep(0.1)
        await repeat(friend, "two", two)
        assert {sender for sender, _ in two.letters} == {"friend"}


async def test_certificates_that_change_are_used_without_a_restart(tmp_path: Path) -> None:
    first = pki.made(tmp_path)
    used = Certificates(first.ca, first.server_cert, first.server_key)
    async with AsyncExitStack() as stack:
        town = Town(stack, over="grpc", certificates=lambda _: used)
        one, _ = await town.join("one")
        _, two = await town.join("two")
        await repeat(one, "two", two)
        # A new authority under the same names: who still showed or trusted the old one would not be understood.
        pki.made(tmp_path)
        three, _ = await town.join("three")
        two.letters.clear()
        await repeat(three, "two", two)


async def test_answers_wait_for_what_goes_next_and_never_long(grpc_town: Town) -> None:
    one, _ = await grpc_town.join("one")
    _, two = await grpc_town.join("two")
    one.send("two", Cancel(REF))
    await two.holds(lambda letters: len(letters) == 1)
    began = time.monotonic()
    one.send("two", Answer(REF, Verdict.COMMITTED))
    one.send("two", Answer(REF, Verdict.GONE))
    await two.holds(lambda letters: len(letters) == 3)
    assert 0.03 < time.monotonic() - began < 1.0
    one.send("two", Answer(REF, Verdict.COMMITTED))
    one.send("two", Cancel(REF))
    one.send("two", Answer(REF, Verdict.GONE))
    await two.holds(lambda letters: len(letters) == 6)


async def test_answers_behind_more_than_a_batch_are_sent(grpc_town: Town) -> None:
    one, _ = await grpc_town.join("one")
    _, two = await grpc_town.join("two")
    for number in range(3_000):
        one.send("two", Cancel(REF))
        if number % 250 == 0:
            await asyncio.sleep(0)
        one.send("two", Answer(REF, Verdict.COMMITTED))
    await two.holds(lambda letters: len(letters) == 6_000)
