"""PostgreSQL as it is run: standbys and fail-over, TLS, passwords, all connections taken, an old release."""

import asyncio
import contextlib
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import asyncpg
import pytest

from antiphon_sidecar.stores.base import Outcome, Store
from antiphon_sidecar.stores.errors import (
    OutcomeUnknown,
    ReadOnly,
    ServerTooOld,
    StoreError,
    StoreUrlInvalid,
    TlsRefused,
    TooManyConnections,
    Unreachable,
)
from antiphon_sidecar.stores.postgres import PostgresStore
from tests import pki, postgres
from tests.contract.stores.opening import beside, opened, works
from tests.contract.stores.rows import APP, ID, instance, take, turn
from tests.integration.proxies import Proxies

pytestmark = pytest.mark.integration


async def until_it_works(store: Store, name: str) -> None:
    """Go on as the runtime does: again and again, until it goes through."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await works(store, name)
            except (Unreachable, OutcomeUnknown):
                await asyncio.sleep(0.05)


# standbys and fail-over


@contextmanager
def pair() -> Iterator[tuple[postgres.Server, postgres.Server]]:
    """A primary, and a standby for whose answer every commit waits."""
    with postgres.started() as primary, primary.standby("second") as standby:
        primary.configure(synchronous_standby_names="second")
        primary.reload()
        yield primary, standby


def both(first: postgres.Server, second: postgres.Server) -> str:
    return f"postgresql://postgres@127.0.0.1:{first.port},127.0.0.1:{second.port}/postgres"


async def test_nothing_acknowledged_is_lost_when_the_synchronous_standby_takes_over() -> None:
    with pair() as (primary, standby):
        async with opened(both(primary, standby) + "?target_session_attrs=read-write", "ha") as store:
            acknowledged: list[str] = []

            async def load() -> None:
                for number in range(10_000):
                    try:
                        await works(store, f"order-{number}")
                        acknowledged.append(f"order-{number}")
                    except (Unreachable, OutcomeUnknown):
                        await asyncio.sleep(0.01)

            running = asyncio.create_task(load(), name="load")
            while len(acknowledged) < 100:
                await asyncio.sleep(0.01)
            await asyncio.to_thread(primary.kill)
            before = len(acknowledged)
            await asyncio.to_thread(standby.promote)
            async with asyncio.timeout(30):
                while len(acknowledged) < before + 100:
                    await asyncio.sleep(0.01)
            running.cancel()
            await asyncio.wait([running])
            async with opened(standby.url, "ha") as alone:
                lost = [name for name in acknowledged if await alone.get_instance(app=APP, instance_id=name) is None]
            assert lost == []


async def test_a_store_whose_server_has_become_a_standby_finds_the_primary_by_itself() -> None:
    """The old primary lives on as a read-only server, and says so in statements only."""
    with postgres.started() as old, old.standby("second") as new:
        async with opened(both(old, new), "ha") as store:
            await works(store)
            await asyncio.to_thread(new.promote)
            (old.folder / "data" / "standby.signal").touch()
            await asyncio.to_thread(old.stop, "fast")
            await asyncio.to_thread(old.start)
            await until_it_works(store, "order-2")
            async with beside(new.url) as admin:
                assert await admin.fetchval("SELECT count(*) FROM ha.instances") == 2


async def test_a_statement_that_is_refused_as_read_only_drops_all_connections(postgres_server: postgres.Server) -> None:
    async with opened(postgres_server.url) as store, beside(postgres_server.url) as admin:
        await works(store)
        await asyncio.gather(*(store.now() for _ in range(4)))
        pids = "SELECT array_agg(pid) FROM pg_stat_activity WHERE query LIKE '%clock\\_timestamp%'"
        held = set(await admin.fetchval(pids))

        async def refuse(connection: asyncpg.Connection) -> None:
            await connection.execute("SET TRANSACTION READ ONLY; CREATE TABLE nothing ()")

        with pytest.raises(ReadOnly, match=r"AN315 .*read-only transaction.*Name all servers"):
            await store._connections.call(refuse)
        await works(store, "order-2")
        async with asyncio.timeout(10):
            while held & set(await admin.fetchval("SELECT array_agg(pid) FROM pg_stat_activity")):
                await asyncio.sleep(0.01)


async def test_says_that_the_only_server_is_a_standby() -> None:
    with postgres.started() as primary, primary.standby("second") as standby:
        with pytest.raises(ReadOnly, match=r"AN315 .*is a standby and takes no writes. Name the primary"):
            await PostgresStore(standby.url).open()
        with pytest.raises(ReadOnly, match=r"AN315 .*none of the servers.*AN301 .*127\.0\.0\.1:1.*standby"):
            await PostgresStore(f"postgresql://postgres@127.0.0.1:1,127.0.0.1:{standby.port}/postgres").open()


async def test_refuses_a_url_that_asks_for_a_standby() -> None:
    with pytest.raises(StoreUrlInvalid, match=r"AN305 .*target_session_attrs=standby .*takes no writes"):
        await PostgresStore("postgresql://u@h1,h2/d?target_session_attrs=standby").open()


async def test_a_commit_that_stopped_waiting_for_its_standby_is_not_acknowledged() -> None:
    """The server answers such a commit with success and a warning."""
    with pair() as (primary, standby):
        async with opened(primary.url, "ha") as store, beside(primary.url) as admin:
            epoch = await take(store)
            await asyncio.to_thread(standby.stop)
            commit = asyncio.create_task(store.commit([turn(None, epoch)]), name="waits for the standby")
            waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
            async with asyncio.timeout(10):
                while not (pid := await admin.fetchval(waiting)):
                    await asyncio.sleep(0.01)
            await admin.fetchval("SELECT pg_cancel_backend($1)", pid)
            with pytest.raises(OutcomeUnknown, match=r"AN301 .*gave up waiting for its standbys"):
                await commit


async def test_a_server_at_its_maximum_is_waited_for() -> None:
    with postgres.started() as server:
        server.configure(max_connections="8", superuser_reserved_connections="0", max_wal_senders="0")
        server.stop("fast")
        server.start()
        others = [await asyncpg.connect(server.url) for _ in range(8)]
        with pytest.raises(TooManyConnections, match=r"AN314 .*too many clients already.*max_connections"):
            await PostgresStore(server.url).open()
        for each in others:
            await each.close()
        async with opened(server.url) as store:
            await until_it_works(store, ID)


# TLS and passwords


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[postgres.Server, pki.Files, pki.Files]]:
    """A server that wants TLS, and a client certificate of the user `certified`; its authority, and another one."""
    folder = tmp_path_factory.mktemp("pki")
    ours, others = pki.made(folder), pki.made(folder, name="other-")
    with postgres.started() as server:
        server.adopt(certificate=Path(ours.server_cert), key=Path(ours.server_key), authority=Path(ours.ca))
        server.configure(listen_addresses="127.0.0.1,127.0.0.2")
        server.admit(
            "hostssl all certified 127.0.0.0/8 trust clientcert=verify-ca",
            "hostssl all secretive 127.0.0.0/8 scram-sha-256",
            "hostssl all all 127.0.0.0/8 trust",
        )
        server.stop("fast")
        server.start()
        yield server, ours, others


async def test_works_over_verified_tls(tls: tuple[postgres.Server, pki.Files, pki.Files]) -> None:
    server, ours, _ = tls
    async with opened(f"{server.url}?sslmode=verify-full&sslrootcert={ours.ca}") as store:
        await works(store)
        query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
        assert await store._connections.call(lambda each: each.fetchval(query), writes=False) is True


async def test_tells_what_is_wrong_with_tls(tls: tuple[postgres.Server, pki.Files, pki.Files]) -> None:
    server, ours, others = tls
    elsewhere = server.url.replace("127.0.0.1", "127.0.0.2")
    certified = server.url.replace("postgres@", "certified@")
    for url, text in (
        (f"{server.url}?sslmode=verify-full&sslrootcert={others.ca}", "Let sslrootcert .*name the file"),
        (f"{elsewhere}?sslmode=verify-full&sslrootcert={ours.ca}", "certificate is for another name.*verify-ca"),
        (
            f"{server.url}?sslmode=verify-full&sslrootcert=/nowhere/ca.pem",
            "sslrootcert=/nowhere/ca.pem .* cannot be read",
        ),
        (f"{server.url}?sslmode=disable", "no encryption.*sslmode=require or verify-full"),
        (f"{certified}?sslmode=require", "client certificate.*sslcert and sslkey"),
        (f"{certified}?sslmode=require&sslcert=/nowhere/c.pem&sslkey=/nowhere/c.key", "sslcert=/nowhere/c.pem .*read"),
    ):
        with pytest.raises(TlsRefused, match=f"AN316 .*{text}"):
            await PostgresStore(url).open()


async def test_says_that_a_server_speaks_no_tls(postgres_server: postgres.Server) -> None:
    with pytest.raises(TlsRefused, match=r"AN316 .*speaks no TLS.*Turn ssl on there, or set sslmode=prefer"):
        await PostgresStore(f"{postgres_server.url}?sslmode=require").open()


async def test_shows_a_client_certificate(tls: tuple[postgres.Server, pki.Files, pki.Files]) -> None:
    server, ours, _ = tls
    async with beside(f"{server.url}?sslmode=require") as admin:
        await admin.execute("CREATE ROLE certified LOGIN; GRANT CREATE ON DATABASE postgres TO certified")
    files = f"sslrootcert={ours.ca}&sslcert={ours.client_cert}&sslkey={ours.client_key}"
    async with opened(f"{server.url.replace('postgres@', 'certified@')}?sslmode=verify-full&{files}") as store:
        await works(store)


async def test_goes_on_with_a_password_that_changed(
    tls: tuple[postgres.Server, pki.Files, pki.Files], tmp_path: Path
) -> None:
    server = tls[0]
    file = tmp_path / "url"

    def say(password: str) -> None:
        file.write_text(f"{server.url.replace('postgres@', f'secretive:{password}@')}?sslmode=require\n")

    async with beside(f"{server.url}?sslmode=require") as admin:
        await admin.execute(
            "CREATE ROLE secretive LOGIN PASSWORD 'one'; GRANT CREATE ON DATABASE postgres TO secretive"
        )
        say("one")
        async with opened(file.read_text, "secretive") as store:
            await works(store)
            await admin.execute("ALTER ROLE secretive PASSWORD 'two'")
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'secretive'")
            with contextlib.suppress(StoreError):
                # The end of its connection may or may not have reached the store before this.
                await store.now()
            with pytest.raises(StoreUrlInvalid, match=r"AN305 .*refuses the login: password authentication failed"):
                await store.now()
            say("two")
            await works(store, "order-2")


# releases


async def test_refuses_a_server_that_is_too_old() -> None:
    with postgres.started(version="12") as server:
        with pytest.raises(ServerTooOld, match=r"AN318 .*PostgreSQL 12\.\d+; stores need 13 or newer"):
            await PostgresStore(server.url).open()
        async with beside(server.url) as admin:
            assert await admin.fetchval("SELECT to_regnamespace('antiphon')") is None


# connections lost in a commit


@pytest.mark.parametrize("landed", [True, False], ids=["the answer is lost", "the commit is lost"])
async def test_a_commit_that_a_broken_network_hides_is_found_out_about(
    postgres_server: postgres.Server, landed: bool
) -> None:
    with Proxies.running() as proxies:
        proxy = proxies.open(target=postgres_server.port)
        schema = f"hidden_{secrets.token_hex(4)}"
        url = postgres_server.url.replace(f":{postgres_server.port}/", f":{proxy.port}/")
        async with opened(url, schema, pool_size=1) as store, beside(postgres_server.url) as admin:
            # Its statement is prepared before, so that the commit is one message and one answer.
            await works(store)
            epoch = await take(store, "order-2")
            await works(store, "order-3")
            epoch = await take(store, "order-2")
            proxy.cut(to=not landed, back=landed)
            row = instance("order-2")
            commit = asyncio.create_task(store.commit([turn(None, epoch, row=row)]), name="commits")
            if landed:
                found = f"SELECT count(*) FROM {schema}.instances WHERE instance_id = 'order-2'"
                async with asyncio.timeout(10):
                    while not await admin.fetchval(found):
                        await asyncio.sleep(0.01)
            await admin.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()")
            proxy.mend()
            with pytest.raises(OutcomeUnknown, match="AN301 "):
                await commit
            again = await take(store, "order-2")
            assert again == epoch + 1
            commit_id = turn(None, epoch, row=row).commit_id
            assert await store.has_commit(app=APP, instance_id="order-2", commit_id=commit_id) is landed
            if not landed:
                assert await store.commit([turn(None, again, row=row)]) == [Outcome.COMMITTED]
