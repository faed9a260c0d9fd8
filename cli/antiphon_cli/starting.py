"""`antiphon workflow start`, `run` and `rerun`: what begins an instance, and the options that say how."""

import functools
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import click
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue

from antiphon_cli import inputs, instances
from antiphon_cli.asking import host_options, instance_argument, writing
from antiphon_cli.connection import Connection
from antiphon_cli.instances import Key
from antiphon_cli.options import duration
from antiphon_proto.v1 import client_pb2

# Enough that two never meet, short enough for a line of a terminal.
_ID_BYTES = 10
_NS = 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What is to be started. `at`: when, None for now."""

    name: str
    text: str | None
    instance: str | None
    version: str | None
    tags: Mapping[str, str]
    at: Timestamp | None


def moment(text: str) -> datetime:
    """Return an ISO 8601 time with a zone: a parameter type for click."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(f'"{text}" is not a time such as 2030-01-31T18:00:00+01:00') from error
    if found.tzinfo is None:
        raise click.BadParameter(f'"{text}" has no time zone; write {text}Z for UTC, or an offset such as +01:00')
    return found.astimezone(UTC)


def tag(text: str) -> tuple[str, str]:
    """Return NAME=VALUE as a pair: a parameter type for click."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f'"{text}" is not NAME=VALUE')
    return name, value


def start_options(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that make a `Start`, which the command gets as `new`."""

    @functools.wraps(command)
    def with_start(
        *args: object,
        name: str,
        text: str | None,
        instance: str | None,
        version: str | None,
        tags: tuple[tuple[str, str], ...],
        at: datetime | None,
        after: float | None,
        **others: object,
    ) -> None:
        when = _when(at, after)
        new = Start(name=name, text=text, instance=instance, version=version, tags=dict(tags), at=when)
        command(*args, new=new, **others)

    made: Callable[..., None] = with_start
    for option in (
        click.option("--after", type=duration, metavar="DURATION", help="Begin so much later, such as 2h."),
        click.option("--at", type=moment, metavar="TIME", help="Begin at this time, such as 2030-01-31T18:00:00Z."),
        click.option("--tag", "tags", type=tag, multiple=True, metavar="NAME=VALUE", help="Tag; may be repeated."),
        click.option("--version", "version", metavar="VERSION", help="Version of the workflow, where it has several."),
        click.option("--id", "instance", metavar="ID", help="ID of the instance; a random one if not given."),
        click.argument("name"),
    ):
        made = option(made)
    return inputs.input_options(made)


def _when(at: datetime | None, after: float | None) -> Timestamp | None:
    if at is not None and after is not None:
        raise click.UsageError("--at and --after both say when; give one of them.")
    stamp = Timestamp()
    if at is not None:
        stamp.FromDatetime(at)
    elif after is not None:
        stamp.GetCurrentTime()
        stamp.FromNanoseconds(stamp.ToNanoseconds() + int(after * _NS))
    else:
        return None
    return stamp


def started(connection: Connection, new: Start, *, app: str | None) -> Key:
    """Start an instance and return which it is."""
    key = Key(instances.app_to_start_in(connection, app), new.instance or secrets.token_hex(_ID_BYTES))
    request = client_pb2.CreateInstanceRequest(
        instance_id=key.instance,
        name=new.name,
        version=optional(new.version),
        input=optional(new.text),
        tags=new.tags,
        scheduled_start_timestamp=new.at,
        router=instances.router(key.app),
    )
    answer = connection.task_hub("StartInstance", request, client_pb2.CreateInstanceResponse)
    return Key(key.app, answer.instance_id or key.instance)


def optional(text: str | None) -> StringValue | None:
    """Return a wrapper, or None to leave the field out."""
    return None if text is None else StringValue(value=text)


@click.command()
@instance_argument
@click.option(
    "--from-event",
    type=click.IntRange(min=0),
    metavar="N",
    help="Keep the history up to event N, the number of an activity, child or timer; without it, nothing is kept.",
)
@click.option("--new-id", metavar="ID", help="ID of the new run; a random one if not given.")
@click.option("--same-id", is_flag=True, help="Run under the same ID; the history of the finished run then goes.")
@inputs.input_options
@host_options
@writing
def rerun(
    connection: Connection,
    *,
    app: str | None,
    instance: str,
    from_event: int | None,
    new_id: str | None,
    same_id: bool,
    text: str | None,
) -> None:
    """Run finished instance ID again, from an event or from its start, and print the ID of the new run.

    An input replaces that of the event, or of the workflow.
    """
    if new_id and same_id:
        raise click.UsageError("--new-id and --same-id contradict each other; give one of them.")
    key = instances.find(connection, instance, app=app)
    request = client_pb2.RerunWorkflowFromEventRequest(
        source_instance_id=key.instance,
        event_id=from_event or 0,
        from_start=from_event is None,
        same_instance_id=same_id,
        input=optional(text),
        overwrite_input=text is not None,
        router=instances.router(key.app),
    )
    if not same_id:
        request.new_instance_id = new_id or secrets.token_hex(_ID_BYTES)
    answer = connection.task_hub("RerunWorkflowFromEvent", request, client_pb2.RerunWorkflowFromEventResponse)
    where = "its start" if from_event is None else f"event {from_event}"
    asked = f"Written to the store: run {key} again from {where}"
    instances.told(connection, key, done=f"{key} runs again from {where}", asked=asked)
    click.echo(answer.new_instance_id)
