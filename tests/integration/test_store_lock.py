"""One host at a time holds a PostgreSQL store, and one that lost its lock owns nothing until it has it again."""

import asyncio
import dataclasses

import asyncpg
import pytest

from antiphon_cli import instances
from antiphon_cli.connection import connected
from antiphon_cli.failures import Unreachable
from antiphon_proto.v1 import control_pb2
from antiphon_sidecar.bootstrap import Host, HostRunning, Listener, NamespaceHeld, open_host, open_member
from antiphon_sidecar.settings import Limits, Settings
from tests import postgres
from tests.ports import listens

pytestmark = pytest.mark.integration


def _settings(server: postgres.Server, schema: str) -> Settings:
    limits = dataclasses.replace(Limits(), lease_s=1.5, sweep_s=0.2)
    return Settings(store=server.url, store_schema=schema, limits=limits)


async def _until(host: Host, *, owns: bool) -> None:
    async with asyncio.timeout(20):
        while bool(host.replicas()[0].ownership.epochs) is not owns:
            await asyncio.sleep(0.02)


async def test_a_second_host_is_refused_and_told_who_has_the_store(postgres_server, monkeypatch, tmp_path):
    settings = _settings(postgres_server, "lock_second")
    async with open_host(settings):
        # As on another machine, which has runtime directories of its own.
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
        with pytest.raises(HostRunning, match=r"AN401 HostRunning: antiphon host \S+ process \d+ already holds"):
            async with open_host(settings):
                pass


def _respelled(settings: Settings) -> Settings:
    return dataclasses.replace(settings, store=settings.store.replace("127.0.0.1", "localhost"))


async def test_a_second_host_of_this_machine_learns_where_to_join_whatever_its_url_calls_the_server(postgres_server):
    settings = _settings(postgres_server, "lock_joining")
    async with open_host(settings) as host:
        with pytest.raises(HostRunning, match=r"process \d+ on this machine already holds") as caught:
            async with open_host(_respelled(settings)):
                pass
        assert caught.value.socket_path == host.socket_path


async def test_the_command_line_finds_a_host_by_any_spelling_and_no_other(postgres_server):
    settings = _settings(postgres_server, "lock_finding")
    async with open_host(settings) as host:
        await host.add_app("a")
        for known in (settings, _respelled(settings)):
            assert await asyncio.to_thread(_served, known) == ["a"]
        for unknown in ({"namespace": "other"}, {"store_schema": "lock_empty"}):
            with pytest.raises(Unreachable, match="AN705 HostNotFound"):
                await asyncio.to_thread(_served, dataclasses.replace(settings, **unknown))
    with pytest.raises(Unreachable, match="AN705 HostNotFound"):
        await asyncio.to_thread(_served, settings)


def _served(settings: Settings) -> list[str]:
    with connected(settings) as connection:
        return [app.app_id for app in instances.apps(connection).apps]


async def test_who_serves_another_namespace_does_not_join_the_host_of_a_file(tmp_path):
    settings = Settings(store=f"sqlite:///{tmp_path}/state.db")
    async with open_host(settings):
        other = dataclasses.replace(settings, namespace="other")
        with pytest.raises(HostRunning) as running:
            async with open_host(other):
                pass
        with pytest.raises(NamespaceHeld, match=r'AN105 .* for namespace "default", not "other"'):
            async with open_member(other, running.value):
                pass


async def test_hosts_of_two_namespaces_share_a_server(postgres_server):
    settings = _settings(postgres_server, "lock_namespaces")
    other = dataclasses.replace(settings, namespace="other")
    async with open_host(settings) as one, open_host(other) as two:
        await one.add_app("a")
        await two.add_app("a")
        await _until(one, owns=True)
        await _until(two, owns=True)


async def test_a_host_whose_lock_is_broken_stops_owning_and_takes_it_again(postgres_server):
    async with open_host(_settings(postgres_server, "lock_broken")) as host:
        await host.add_app("a")
        await _until(host, owns=True)
        before = dict(host.replicas()[0].ownership.epochs)
        killer = await asyncpg.connect(postgres_server.url)
        ended = await killer.fetchval(
            "SELECT count(pg_terminate_backend(l.pid)) FROM pg_locks l WHERE l.locktype = 'advisory' AND l.granted"
        )
        await killer.close()
        assert ended >= 1
        async with asyncio.timeout(20):
            while not all(
                host.replicas()[0].ownership.epochs.get(partition, 0) > epoch for partition, epoch in before.items()
            ):
                await asyncio.sleep(0.02)


async def test_a_host_opens_listeners_for_an_app_of_a_command_that_does_not_listen_itself(tmp_path):
    settings = Settings(store=f"sqlite:///{tmp_path}/state.db")
    async with open_host(settings) as host:
        await host.join(Listener("late", 1, 2))
        answer = await asyncio.to_thread(_registered, settings, "late")
        assert host.listeners() == (Listener("late", answer.grpc_port, answer.http_port),)
        assert listens(answer.grpc_port)


def _registered(settings: Settings, app: str) -> control_pb2.RegisterAppResponse:
    with connected(settings) as connection:
        request = control_pb2.RegisterAppRequest(app_id=app)
        return connection.control("RegisterApp", request, control_pb2.RegisterAppResponse)
