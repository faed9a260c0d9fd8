"""A host in this process: opens it, adds apps, and says what went wrong in its own words.

Used by `antiphon dev` and `antiphon run`. What a host is made of is for `antiphon_sidecar.bootstrap` to know.
"""

import asyncio
import functools
import os
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

import click
import uvloop

from antiphon_cli import logs, output, ports
from antiphon_cli.failures import Misused, Refused
from antiphon_cli.options import load_settings, store_options
from antiphon_cli.stopping import Stop, stopped_by_signals
from antiphon_names import errors as codes
from antiphon_names import hosts
from antiphon_sidecar import bootstrap
from antiphon_sidecar.settings import Settings

_FORCED_EXIT_CODE = 130
_MEMORY = "memory:"

AddApp = Callable[[ports.AppPorts], Awaitable[bootstrap.Listener]]


@click.command()
@click.option(
    "--app",
    "apps",
    multiple=True,
    type=ports.parse,
    metavar="APP[:PORT]",
    help="An app to serve, and its gRPC port; may be repeated. Without any: one app named app.",
)
@click.option("--namespace", metavar="NAME", help="Namespace of the apps.")
@click.option("--retention", metavar="STATUS=TIME,...", help="Delete finished runs: completed=7d,failed=30d.")
@click.option("--metrics-port", metavar="PORT", help="Port for /metrics and probes; none if not given.")
@store_options
@logs.log_options
def dev(
    *,
    apps: tuple[ports.AppPorts, ...],
    store: str | None,
    db: str | None,
    config: str | None,
    **flags: str | None,
) -> None:
    """Serve apps of this machine until Ctrl-C: you start the apps yourself."""
    settings = load_settings(store=store, db=db, config=config, **flags)
    wanted = ports.with_defaults(apps or (ports.AppPorts("app"),))
    run_loop(_serve(settings, wanted))


def run_loop(work: Coroutine[None, None, int | None]) -> int:
    """Run a host's event loop to its end; return the exit code."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(work) or 0


async def _serve(settings: Settings, wanted: Sequence[ports.AppPorts]) -> None:
    with stopped_by_signals() as stop:
        async with leaving_when_forced(stop), opened(settings) as host:
            listeners = [await added(host, app) for app in wanted]
            announce(settings, listeners)
            _explain(settings, listeners, metrics_port=host.metrics_port)
            await stop.asked.wait()
            output.say("Stopping; a second signal does not wait.")


def _explain(settings: Settings, listeners: Sequence[bootstrap.Listener], *, metrics_port: int | None) -> None:
    click.echo("\nAn app finds its sidecar by these variables:")
    for listener in listeners:
        variables = app_environment(settings, listener)
        shown = ("ANTIPHON_GRPC_PORT", "DAPR_GRPC_PORT", "DAPR_HTTP_PORT")
        click.echo(f"  {listener.app}: {' '.join(f'{name}={variables[name]}' for name in shown)}")
    if metrics_port is not None:
        click.echo(f"Metrics: http://127.0.0.1:{metrics_port}/metrics")
    click.echo("Stop with Ctrl-C.")


@asynccontextmanager
async def leaving_when_forced(stop: Stop) -> AsyncIterator[None]:
    """End this process at once, whatever it is doing, when a stop is forced within the block."""
    watch = asyncio.create_task(_leave(stop), name="leave when forced")
    try:
        yield
    finally:
        watch.cancel()


async def _leave(stop: Stop) -> None:
    await stop.forced.wait()
    # Whatever was acknowledged is in the store; a host may be killed at any moment.
    os._exit(_FORCED_EXIT_CODE)


@asynccontextmanager
async def opened(settings: Settings) -> AsyncIterator[bootstrap.Host]:
    """Open a host.

    Raises:
        Refused: the store cannot be used, or another process holds it.
        Misused: the URL names no kind of store.
    """
    _check_store(settings)
    try:
        async with bootstrap.open_host(settings) as host:
            yield host
    except bootstrap.HostRunning as error:
        raise Refused(f"{error}\nAn app can join it: antiphon run --app APP -- COMMAND") from error
    except bootstrap.StoreError as error:
        raise Refused(str(error)) from error


@dataclass(frozen=True, slots=True)
class Place:
    """Where apps can be added: a host of this process, or one that was `joined`."""

    add: AddApp
    joined: bool


@asynccontextmanager
async def opened_or_joined(settings: Settings) -> AsyncIterator[Place]:
    """Open a host, or join the one that holds the store already, and take its place when it ends.

    Raises:
        Refused: the store cannot be used, or a process of another machine holds it.
        Misused: the URL names no kind of store, or the process that holds it serves another namespace.
    """
    _check_store(settings)
    async with AsyncExitStack() as stack:
        try:
            host: bootstrap.Host | bootstrap.Member = await stack.enter_async_context(bootstrap.open_host(settings))
        except bootstrap.HostRunning as running:
            host = await _joined(stack, settings, running)
        except bootstrap.StoreError as error:
            raise Refused(str(error)) from error
        yield Place(functools.partial(added, host), joined=isinstance(host, bootstrap.Member))


async def _joined(stack: AsyncExitStack, settings: Settings, running: bootstrap.HostRunning) -> bootstrap.Member:
    if running.elsewhere:
        raise Refused(str(running)) from running
    try:
        member = await stack.enter_async_context(bootstrap.open_member(settings, running))
    except bootstrap.NamespaceHeld as error:
        raise Misused(str(error)) from error
    except bootstrap.HostRunning as error:
        raise Refused(f"{error}\nIt cannot be joined: it does not answer, or is of an older release.") from error
    output.say("Another process of this machine holds the store; the apps join it.")
    if settings.metrics_port is not None:
        output.say("Metrics and probes are those of that process; this one serves its own when it takes its place.")
    return member


def _check_store(settings: Settings) -> None:
    if settings.store == _MEMORY:
        output.say("Everything is kept in memory and gone at the end; other commands cannot find this host.")
        return
    try:
        hosts.socket_path(settings.store, schema=settings.store_schema, namespace=settings.namespace)
    except ValueError as error:
        raise Misused(f"{codes.STORE_URL_INVALID}: {error}.") from error


async def added(host: bootstrap.Host | bootstrap.Member, app: ports.AppPorts) -> bootstrap.Listener:
    """Add an app to a host.

    Raises:
        Refused: a port is taken, or the host that was joined does not answer.
        Misused: the app ID has a wrong form.
    """
    try:
        return await host.add_app(app.app, grpc_port=app.grpc_port, http_port=app.http_port)
    except (bootstrap.PortInUse, bootstrap.HostRunning) as error:
        raise Refused(str(error)) from error
    except bootstrap.AppIdInvalid as error:
        raise Misused(str(error)) from error


def announce(settings: Settings, listeners: Sequence[bootstrap.Listener]) -> None:
    """Tell where each app finds its sidecar."""
    store = hosts.without_password(bootstrap.store_url(settings))
    click.echo(f"Everything is kept in {store}, namespace {settings.namespace}.\n")
    cells = [(listener.app, str(listener.grpc_port), str(listener.http_port)) for listener in listeners]
    output.rows(("APP", "GRPC", "HTTP"), cells)


def app_environment(settings: Settings, listener: bootstrap.Listener) -> dict[str, str]:
    """Return the variables by which an app, whatever its SDK, finds its sidecar."""
    grpc_port = str(listener.grpc_port)
    found = {
        "ANTIPHON_APP_ID": listener.app,
        "ANTIPHON_GRPC_PORT": grpc_port,
        "DAPR_GRPC_PORT": grpc_port,
        "DAPR_HTTP_PORT": str(listener.http_port),
        "DAPR_GRPC_ENDPOINT": f"http://127.0.0.1:{grpc_port}",
    }
    if settings.api_token:
        found["DAPR_API_TOKEN"] = settings.api_token
    return found
