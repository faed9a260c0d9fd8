"""`antiphon workflow ...`: the commands about instances.

Each reads its options, asks the host and shows the answer; what is asked lives in `instances`, how it looks in
`views` and `prose`. Commands of one kind have a module of their own, as `steering` and `histories` have.
"""

import secrets
from collections.abc import Callable
from typing import NoReturn

import click
from google.protobuf.wrappers_pb2 import StringValue

from antiphon import _payloads
from antiphon_cli import histories, inputs, instances, listing, output, steering, views
from antiphon_cli.asking import asking, host_options, instance_argument
from antiphon_cli.connection import Connection
from antiphon_cli.failures import Refused
from antiphon_cli.instances import Key
from antiphon_cli.options import duration
from antiphon_proto.v1 import client_pb2

# Enough that two never meet, short enough for a line of a terminal.
_ID_BYTES = 10


@click.group()
def workflow() -> None:
    """Start instances of workflows, look at them and steer them."""


workflow.add_command(histories.history)
workflow.add_command(listing.list_instances)
workflow.add_command(steering.suspend)
workflow.add_command(steering.resume)
workflow.add_command(steering.terminate)


def _start_options(command: Callable[..., None]) -> Callable[..., None]:
    for option in (
        click.option("--version", "version", metavar="VERSION", help="Version of the workflow, where it has several."),
        click.option("--id", "instance", metavar="ID", help="ID of the instance; a random one if not given."),
        click.argument("name"),
    ):
        command = option(command)
    return inputs.input_options(command)


_timeout_option = click.option(
    "--timeout",
    type=duration,
    metavar="DURATION",
    help="Give up waiting after this time, such as 30s; the instance goes on.",
)
_recursive_option = click.option(
    "--recursive/--not-recursive", default=True, show_default=True, help="Child workflows too, in whatever app."
)


@workflow.command()
@_start_options
@host_options
@asking
def start(
    connection: Connection,
    *,
    app: str | None,
    name: str,
    text: str | None,
    instance: str | None,
    version: str | None,
) -> None:
    """Start workflow NAME and print the ID of the instance."""
    key = _started(connection, app=app, name=name, text=text, instance=instance, version=version)
    click.echo(key.instance)


@workflow.command()
@_start_options
@_timeout_option
@host_options
@asking
def run(
    connection: Connection,
    *,
    app: str | None,
    name: str,
    text: str | None,
    instance: str | None,
    version: str | None,
    timeout: float | None,
) -> None:
    """Start workflow NAME, wait for it and print its output as JSON.

    Exits with 0 when it completed, with 1 when it failed, was terminated or is not finished in time.
    """
    key = _started(connection, app=app, name=name, text=text, instance=instance, version=version)
    output.say(f'Instance {key.instance} of workflow "{name}" started in {key.app}.')
    _report_end(connection, key, timeout_s=timeout)


@workflow.command()
@instance_argument
@_timeout_option
@host_options
@asking
def wait(connection: Connection, *, app: str | None, instance: str, timeout: float | None) -> None:
    """Wait until instance ID is finished, then print its output as JSON; exits as `run` does."""
    _report_end(connection, instances.find(connection, instance, app=app), timeout_s=timeout)


@workflow.command()
@instance_argument
@output.format_option
@host_options
@asking
def get(connection: Connection, *, app: str | None, instance: str, form: str) -> None:
    """Show instance ID: status, times, input and output."""
    key = instances.find(connection, instance, app=app)
    state = instances.existing(connection, key)
    if form == "table":
        output.fields(views.state_fields(key, state))
    else:
        output.document(views.state_value(key, state), form=form)


@workflow.command("raise")
@instance_argument
@click.argument("event")
@inputs.input_options
@host_options
@asking
def raise_event(connection: Connection, *, app: str | None, instance: str, event: str, text: str | None) -> None:
    """Raise EVENT for instance ID."""
    key = instances.find(connection, instance, app=app)
    request = client_pb2.RaiseEventRequest(
        instance_id=key.instance, name=event, input=_optional(text), router=instances.router(key.app)
    )
    connection.task_hub("RaiseEvent", request, client_pb2.RaiseEventResponse)
    output.say(f'Event "{event}" raised for {key}.')


@workflow.command()
@instance_argument
@_recursive_option
@click.option("--force", is_flag=True, help="Also an instance that is not finished.")
@host_options
@asking
def purge(connection: Connection, *, app: str | None, instance: str, recursive: bool, force: bool) -> None:
    """Delete instance ID and its history from the store."""
    key = instances.find(connection, instance, app=app)
    instances.existing(connection, key)
    request = client_pb2.PurgeInstancesRequest(
        instance_id=key.instance, recursive=recursive, force=force, router=instances.router(key.app)
    )
    answer = connection.task_hub("PurgeInstances", request, client_pb2.PurgeInstancesResponse)
    if not answer.deleted_instance_count:
        raise Refused(f"Nothing was purged: {key} was gone already.")
    output.say(f"Purged {key}; instances deleted: {answer.deleted_instance_count}.")


def _started(
    connection: Connection, *, app: str | None, name: str, text: str | None, instance: str | None, version: str | None
) -> Key:
    key = Key(instances.app_to_start_in(connection, app), instance or secrets.token_hex(_ID_BYTES))
    request = client_pb2.CreateInstanceRequest(
        instance_id=key.instance,
        name=name,
        version=_optional(version),
        input=_optional(text),
        router=instances.router(key.app),
    )
    answer = connection.task_hub("StartInstance", request, client_pb2.CreateInstanceResponse)
    return Key(key.app, answer.instance_id or key.instance)


def _report_end(connection: Connection, key: Key, *, timeout_s: float | None) -> None:
    state = instances.wait(connection, key, timeout_s=timeout_s)
    if state is None:
        _report_unfinished(connection, key, timeout_s=timeout_s)
    status = instances.status_name(state.workflow_status)
    if status == "COMPLETED":
        # As the workflow wrote it, so that numbers keep every digit; nothing at all is JSON's null.
        click.echo(_payloads.readable(state.output.value) or "null")
        return
    reason = views.failure_text(state.failure_details) if state.HasField("failure_details") else state.output.value
    raise Refused(f"Instance {key} ended {status}{f': {reason}' if reason else '.'}")


def _report_unfinished(connection: Connection, key: Key, *, timeout_s: float | None) -> NoReturn:
    answer = instances.why(connection, key)
    reasons = "".join(f"\n  {line}" for line in views.why_lines(answer))
    waits = f" It waits for:{reasons}" if reasons else ""
    raise Refused(
        f"Instance {key} is not finished after {timeout_s:g}s: {instances.status_name(answer.status)}.{waits}\n"
        f"It goes on. Wait again with: antiphon workflow wait {key.instance} --app {key.app}"
    )


def _optional(text: str | None) -> StringValue | None:
    return None if text is None else StringValue(value=text)
