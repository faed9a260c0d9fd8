"""`antiphon workflow suspend|resume|terminate`: what a person does to an instance that runs."""

import click
from google.protobuf.wrappers_pb2 import StringValue

from antiphon_cli import inputs, instances
from antiphon_cli.asking import host_options, instance_argument, writing
from antiphon_cli.connection import Connection
from antiphon_cli.instances import Key
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
@writing
def suspend(connection: Connection, *, app: str | None, instance: str, reason: str | None, recursive: bool) -> None:
    """Suspend instance ID: it takes no further step until it is resumed."""
    key = instances.find(connection, instance, app=app)
    request = client_pb2.SuspendRequest(
        instance_id=key.instance, reason=_optional(reason), recursive=recursive, router=instances.router(key.app)
    )
    connection.task_hub("SuspendInstance", request, client_pb2.SuspendResponse)
    _told(connection, key, "suspend", recursive=recursive)


@click.command()
@instance_argument
@_reason_option
@_with_children_option
@host_options
@writing
def resume(connection: Connection, *, app: str | None, instance: str, reason: str | None, recursive: bool) -> None:
    """Resume instance ID after it was suspended."""
    key = instances.find(connection, instance, app=app)
    request = client_pb2.ResumeRequest(
        instance_id=key.instance, reason=_optional(reason), recursive=recursive, router=instances.router(key.app)
    )
    connection.task_hub("ResumeInstance", request, client_pb2.ResumeResponse)
    _told(connection, key, "resume", recursive=recursive)


@click.command()
@instance_argument
@click.option("--result", metavar="JSON", help="What the instance shows as its output.")
@click.option(
    "--recursive/--not-recursive", default=True, show_default=True, help="Child workflows too, in whatever app."
)
@host_options
@writing
def terminate(connection: Connection, *, app: str | None, instance: str, result: str | None, recursive: bool) -> None:
    """End instance ID where it stands; activities that run are not interrupted."""
    text = None if result is None else inputs.checked(result, source="--result")
    key = instances.find(connection, instance, app=app)
    request = client_pb2.TerminateRequest(
        instance_id=key.instance, output=_optional(text), recursive=recursive, router=instances.router(key.app)
    )
    connection.task_hub("TerminateInstance", request, client_pb2.TerminateResponse)
    _told(connection, key, "terminate", recursive=recursive)


def _told(connection: Connection, key: Key, verb: str, *, recursive: bool) -> None:
    whom = f"{key}{' and its child workflows' if recursive else ''}"
    done = f"{verb.removesuffix('e').capitalize()}ed"
    instances.told(connection, key, done=f"{done} {whom}", asked=f"Written to the store: {verb} {whom}")


def _optional(text: str | None) -> StringValue | None:
    return None if text is None else StringValue(value=text)
