"""`antiphon workflow suspend|resume|terminate`: what a person does to an instance that runs."""

import click
from google.protobuf.wrappers_pb2 import StringValue

from antiphon_cli import inputs, instances, output
from antiphon_cli.asking import asking, host_options, instance_argument
from antiphon_cli.connection import Connection
from antiphon_proto.v1 import client_pb2

_reason_option = click.option("--reason", metavar="TEXT", help="Kept in the history.")
_with_children_option = click.option(
    "--recursive/--not-recursive",
    default=False,
    show_default=True,
    help="Child workflows that run too, in whatever app.",
)


@click.command()
@instance_argument
@_reason_option
@_with_children_option
@host_options
@asking
def suspend(connection: Connection, *, app: str | None, instance: str, reason: str | None, recursive: bool) -> None:
    """Suspend instance ID: it takes no further step until it is resumed."""
    key = instances.find(connection, instance, app=app)
    request = client_pb2.SuspendRequest(
        instance_id=key.instance, reason=_optional(reason), recursive=recursive, router=instances.router(key.app)
    )
    connection.task_hub("SuspendInstance", request, client_pb2.SuspendResponse)
    output.say(f"Suspended {key}{_children(recursive)}.")


@click.command()
@instance_argument
@_reason_option
@_with_children_option
@host_options
@asking
def resume(connection: Connection, *, app: str | None, instance: str, reason: str | None, recursive: bool) -> None:
    """Resume instance ID after it was suspended."""
    key = instances.find(connection, instance, app=app)
    request = client_pb2.ResumeRequest(
        instance_id=key.instance, reason=_optional(reason), recursive=recursive, router=instances.router(key.app)
    )
    connection.task_hub("ResumeInstance", request, client_pb2.ResumeResponse)
    output.say(f"Resumed {key}{_children(recursive)}.")


@click.command()
@instance_argument
@click.option("--result", metavar="JSON", help="What the instance shows as its output.")
@click.option(
    "--recursive/--not-recursive", default=True, show_default=True, help="Child workflows too, in whatever app."
)
@host_options
@asking
def terminate(connection: Connection, *, app: str | None, instance: str, result: str | None, recursive: bool) -> None:
    """End instance ID where it stands; activities that run are not interrupted."""
    text = None if result is None else inputs.checked(result, source="--result")
    key = instances.find(connection, instance, app=app)
    request = client_pb2.TerminateRequest(
        instance_id=key.instance, output=_optional(text), recursive=recursive, router=instances.router(key.app)
    )
    connection.task_hub("TerminateInstance", request, client_pb2.TerminateResponse)
    output.say(f"Terminated {key}{_children(recursive)}.")


def _children(recursive: bool) -> str:
    return " and its child workflows" if recursive else ""


def _optional(text: str | None) -> StringValue | None:
    return None if text is None else StringValue(value=text)
