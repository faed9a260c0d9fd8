"""`antiphon workflow ...`: the commands about instances.

Each reads its options, asks the host and shows the answer; what is asked lives in `instances`, how it looks in
`views` and `prose`. Commands of one kind have a module of their own, as `steering` and `histories` have.
"""

from typing import NoReturn

import click

from antiphon import _payloads
from antiphon_cli import histories, inputs, instances, listing, output, purging, steering, views
from antiphon_cli.asking import asking, asking_a_process, host_options, instance_argument, writing
from antiphon_cli.connection import Connection
from antiphon_cli.failures import Refused
from antiphon_cli.instances import Key
from antiphon_cli.options import duration
from antiphon_cli.starting import Start, optional, rerun, start_options, started
from antiphon_proto.v1 import client_pb2


@click.group()
def workflow() -> None:
    """Start instances of workflows, look at them and steer them."""


workflow.add_command(histories.history)
workflow.add_command(listing.list_instances)
workflow.add_command(steering.suspend)
workflow.add_command(steering.resume)
workflow.add_command(steering.terminate)
workflow.add_command(purging.purge)
workflow.add_command(rerun)


_timeout_option = click.option(
    "--timeout",
    type=duration,
    metavar="DURATION",
    help="Give up waiting after this time, such as 30s; the instance goes on.",
)


@workflow.command()
@start_options
@host_options
@writing
def start(
    connection: Connection,
    *,
    app: str | None,
    new: Start,
) -> None:
    """Start workflow NAME and print the ID of the instance."""
    key = started(connection, new, app=app)
    if later := connection.later(key.app):
        output.say(f"Written to the store: start {key}. {later}")
    click.echo(key.instance)


@workflow.command()
@start_options
@_timeout_option
@host_options
@asking_a_process
def run(
    connection: Connection,
    *,
    app: str | None,
    new: Start,
    timeout: float | None,
) -> None:
    """Start workflow NAME, wait for it and print its output as JSON.

    Exits with 0 when it completed, with 1 when it failed, was terminated or is not finished in time.
    """
    key = started(connection, new, app=app)
    output.say(f'Instance {key.instance} of workflow "{new.name}" started in {key.app}.')
    _report_end(connection, key, timeout_s=timeout)


@workflow.command()
@instance_argument
@_timeout_option
@host_options
@asking_a_process
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
@writing
def raise_event(connection: Connection, *, app: str | None, instance: str, event: str, text: str | None) -> None:
    """Raise EVENT for instance ID."""
    key = instances.find(connection, instance, app=app)
    request = client_pb2.RaiseEventRequest(
        instance_id=key.instance, name=event, input=optional(text), router=instances.router(key.app)
    )
    connection.task_hub("RaiseEvent", request, client_pb2.RaiseEventResponse)
    done = f'Event "{event}" raised for {key}'
    instances.told(connection, key, done=done, asked=f'Written to the store: event "{event}" for {key}')


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
