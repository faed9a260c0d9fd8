"""`antiphon run`: a host together with the processes of its apps, ended by one Ctrl-C.

From a file with several apps, or for one command. When another process of this machine holds the store already, this
one joins it, and may take its place later.
"""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path

import click

from antiphon_cli import GRPC_FORK_VARIABLE, GRPC_FORK_WAS_SET, logs, multiapp, ports
from antiphon_cli.failures import Misused, Refused
from antiphon_cli.hosting import Place, announce, app_environment, leaving_when_forced, opened_or_joined, run_loop
from antiphon_cli.multiapp import App, Plan
from antiphon_cli.options import duration, load_settings, store_options
from antiphon_cli.output import say
from antiphon_cli.processes import Program, Supervisor
from antiphon_cli.stopping import stopped_by_signals
from antiphon_sidecar import bootstrap, marked_yaml
from antiphon_sidecar.settings import Concurrency, Settings

_COLOURS = ("cyan", "yellow", "green", "magenta", "blue", "red")
_OWN_NAME = "antiphon"


@click.command()
@click.option("-f", "--file", "file", metavar="FILE", type=Path, help="antiphon.yaml or dapr.yaml: several apps.")
@click.option("--app", metavar="APP", help="One app; its command follows after --.")
@click.option("--grpc-port", type=click.IntRange(1, 65535), help="gRPC port of the one app.")
@click.option("--http-port", type=click.IntRange(1, 65535), help="HTTP port of the one app.")
@click.option("--namespace", metavar="NAME", help="Namespace of the apps.")
@click.option("--grace", type=duration, default="10s", show_default=True, help="Time for apps to end after Ctrl-C.")
@store_options
@logs.log_options
@click.argument("command", nargs=-1, type=click.UNPROCESSED)
def run(
    *,
    command: tuple[str, ...],
    grace: float,
    file: Path | None,
    app: str | None,
    grpc_port: int | None,
    http_port: int | None,
    **flags: str | None,
) -> None:
    """Serve apps and run their processes until Ctrl-C, or until all have ended.

    Either several apps, antiphon run -f antiphon.yaml, or one: antiphon run --app APP -- COMMAND...

    When another process of this machine holds the store, the apps join it. When that one ends, one of those that joined
    takes its place.

    Exits with 1 if a process failed.
    """
    one = ports.AppPorts(app or "", grpc_port=grpc_port, http_port=http_port)
    plan = _plan(file=file, one=one, command=command)
    settings = _settings(plan, **flags)
    if plan.ignored:
        say(f"{file}: not used here: {', '.join(plan.ignored)}")
    # What a command reads and writes is its own business as long as it is the only one.
    raise SystemExit(run_loop(_run(settings, plan, piped=file is not None, grace_s=grace)))


def _plan(*, file: Path | None, one: ports.AppPorts, command: tuple[str, ...]) -> Plan:
    if file is not None:
        if one != ports.AppPorts("") or command:
            raise click.UsageError("-f says which apps run; --app, its ports and a command are for one app without it.")
        try:
            return multiapp.read(file)
        except marked_yaml.FileInvalid as error:
            raise Misused(str(error)) from error
    if not one.app or not command:
        raise click.UsageError("Give a file with -f, or one app: antiphon run --app APP -- COMMAND...")
    ports.check_app_id(one.app)
    return Plan(apps=(App(ports=one, directory=Path.cwd(), command=command, env={}),))


def _settings(plan: Plan, *, store: str | None, db: str | None, namespace: str | None, config: str | None) -> Settings:
    """Return the settings; what the file of apps says stands between the environment and the settings file."""
    if plan.store and not (store or db or os.environ.get("ANTIPHON_STORE")):
        store = plan.store
    if plan.namespace and not (namespace or os.environ.get("ANTIPHON_NAMESPACE")):
        namespace = plan.namespace
    settings = load_settings(store=store, db=db, config=config, namespace=namespace)
    limits = {app.ports.app: app.concurrency for app in plan.apps if app.concurrency != Concurrency()}
    return dataclasses.replace(settings, app_concurrency=limits)


async def _run(settings: Settings, plan: Plan, *, piped: bool, grace_s: float) -> int:
    with stopped_by_signals() as stop:
        async with AsyncExitStack() as ending, opened_or_joined(settings) as host:
            if host.joined and settings.app_concurrency:
                say("As long as another process holds the store, its limits count, and not those of this file.")
            wanted = [app.ports for app in plan.apps]
            listeners = [
                await _added(host, app, usual=usual) for app, usual in zip(wanted, _usual(host, wanted), strict=True)
            ]
            announce(settings, listeners)
            programs = [
                _program(app, {**_inherited(), **app.env, **app_environment(settings, listener)}, piped=piped)
                for app, listener in zip(plan.apps, listeners, strict=True)
                if app.command
            ]
            voices = _Voices(programs)
            supervisor = Supervisor(stop, grace_s=grace_s, write_line=voices.write, say=voices.say)
            succeeded = await supervisor.run(programs)
            if len(programs) < len(plan.apps):
                # Apps without a command are started by somebody else, who needs the host.
                await stop.asked.wait()
            # From here on the host drains, and nothing is left that has to be killed first.
            await ending.enter_async_context(leaving_when_forced(stop))
    return 0 if succeeded else 1


def _usual(host: Place, wanted: Sequence[ports.AppPorts]) -> Sequence[ports.AppPorts]:
    """Return the apps with the usual ports for the first; those of a host that was joined are its own first app's."""
    return wanted if host.joined else ports.with_defaults(wanted)


async def _added(host: Place, app: ports.AppPorts, *, usual: ports.AppPorts) -> bootstrap.Listener:
    """Add an app; if the usual ports are taken it gets others, for its process is told which."""
    try:
        return await host.add(usual)
    except Refused as refusal:
        if usual == app:
            raise
        say(f"{refusal.format_message()} App {app.app} gets other ports, since it did not ask for these.")
        return await host.add(app)


def _inherited() -> dict[str, str]:
    """Return this process's environment without what the command line set for itself."""
    ours = () if GRPC_FORK_WAS_SET else (GRPC_FORK_VARIABLE,)
    return {name: value for name, value in os.environ.items() if name not in ours}


def _program(app: App, env: Mapping[str, str], *, piped: bool) -> Program:
    # Lines shall appear when they are printed, also where Python sees that nobody sits there.
    env = {"PYTHONUNBUFFERED": "1", **env}
    return Program(name=app.ports.app, command=app.command, directory=app.directory, env=env, piped=piped)


class _Voices:
    """Writes lines under the name of who says them, in colour on a terminal."""

    def __init__(self, programs: Sequence[Program]) -> None:
        names = [program.name for program in programs]
        self._width = max(len(name) for name in (*names, _OWN_NAME))
        self._colours = {name: _COLOURS[index % len(_COLOURS)] for index, name in enumerate(names)}

    def write(self, name: str, to_stderr: bool, line: str) -> None:
        """Write a line of a program to where the program wrote it."""
        prefix = click.style(f"{name:<{self._width}} |", fg=self._colours.get(name, "white"))
        click.echo(f"{prefix} {line}", err=to_stderr)

    def say(self, sentence: str) -> None:
        """Write a line of our own."""
        click.echo(f"{click.style(f'{_OWN_NAME:<{self._width}} |', bold=True)} {sentence}", err=True)
