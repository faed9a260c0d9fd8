"""`antiphon workflow list`: which instances there are, by all that they can be found by."""

import itertools
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import click
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon_cli import instances, output, views
from antiphon_cli.asking import asking, host_options
from antiphon_cli.connection import Connection
from antiphon_names import errors as codes
from antiphon_proto.v1 import control_pb2
from antiphon_sidecar import quantities

_NS = 1_000_000_000


def _moment(text: str) -> Timestamp:
    """Return a time that was written as ISO 8601, or as the time that has gone by since: a type for click."""
    try:
        ago_ns = int(quantities.seconds(text) * _NS)
    except ValueError:
        ago_ns = None
    if ago_ns is not None:
        at = max(0, time.time_ns() - ago_ns)
        return Timestamp(seconds=at // _NS, nanos=at % _NS)
    try:
        read = datetime.fromisoformat(text)
    except ValueError as error:
        raise click.BadParameter(
            f'"{text}" is neither a time such as 2026-11-23T05:29:48Z nor how long it was ago, such as 2h'
        ) from error
    stamp = Timestamp()
    stamp.FromDatetime(read.astimezone(UTC) if read.tzinfo else read)
    return stamp


def _tag(text: str) -> tuple[str, str]:
    """Return the name and the value of NAME=VALUE: a type for click."""
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise click.BadParameter(f'"{text}" is not NAME=VALUE')
    return name, value


def _code_name(text: str) -> str:
    """Return the name of a code, given as it or as the code's number: a type for click."""
    known = {code.number: code.name for code in codes.CODES}
    name = known.get(text, text)
    if name not in known.values():
        raise click.BadParameter(
            f'"{text}" is no code\'s name.{codes.nearest(text, known.values())} See docs/errors.md'
        )
    return name


def _status_numbers(context: click.Context, option: click.Parameter, names: tuple[str, ...]) -> list[int]:
    return [instances.status_number(name) for name in names]


def _one_value_each(
    context: click.Context, option: click.Parameter, tags: tuple[tuple[str, str], ...]
) -> dict[str, str]:
    found = dict(tags)
    for name, value in tags:
        if found[name] != value:
            raise click.UsageError(f'--tag gives "{name}" two values, "{value}" and "{found[name]}"; a tag has one.')
    return found


#: Named as the fields of the request that they fill.
_OPTIONS = (
    click.option(
        "--status",
        "statuses",
        multiple=True,
        type=click.Choice(instances.STATUS_NAMES, case_sensitive=False),
        callback=_status_numbers,
        help="Only with this status; may be repeated.",
    ),
    click.option("--name", metavar="NAME", help="Only of this workflow."),
    click.option(
        "--tag",
        "tags",
        metavar="NAME=VALUE",
        multiple=True,
        type=_tag,
        callback=_one_value_each,
        help="Only with this tag; may be repeated.",
    ),
    click.option(
        "--since", "created_from", metavar="TIME", type=_moment, help="Only those made since then: 2h (ago), or a time."
    ),
    click.option("--until", "created_until", metavar="TIME", type=_moment, help="Only those made before."),
    click.option(
        "--ended-since", "completed_from", metavar="TIME", type=_moment, help="Only those that ended since then."
    ),
    click.option(
        "--ended-until", "completed_until", metavar="TIME", type=_moment, help="Only those that ended before."
    ),
    click.option("--prefix", "id_prefix", metavar="TEXT", help="Only those whose ID begins so."),
    click.option("--parent", metavar="ID", help="Only those that this instance started."),
    click.option("--parent-app", metavar="APP", help="App of the parent; not needed where only one can be."),
    click.option("--roots", is_flag=True, help="Only those that no instance started."),
    click.option("--waiting-on", metavar="CODE", type=_code_name, help="Only those that cannot go on for this reason."),
    click.option(
        "--waiting-for-app",
        "waiting_for_app_id",
        metavar="APP",
        help="Only those with an activity that this app has to answer.",
    ),
)


def _filters(command: Callable[..., None]) -> Callable[..., None]:
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


@click.command("list")
@_filters
@click.option("--limit", type=click.IntRange(min=1), default=100, show_default=True, help="At most so many.")
@click.option("--all", "everything", is_flag=True, help="All of them, however many.")
@output.format_option
@host_options
@asking
def list_instances(
    connection: Connection,
    *,
    app: str | None,
    limit: int,
    everything: bool,
    form: str,
    parent: str | None,
    parent_app: str | None,
    **wanted: object,
) -> None:
    """List instances of all apps, or of one, newest first: those to which all that is given applies."""
    given: dict[str, Any] = {field: value for field, value in wanted.items() if value}
    request = control_pb2.ListInstancesRequest(app_id=app or "", **given)
    if parent is not None:
        key = instances.find(connection, parent, app=parent_app)
        request.parent_app_id, request.parent_instance_id = key.app, key.instance
    elif parent_app is not None:
        raise click.UsageError("--parent-app says in which app --parent ID is; give both.")
    found = instances.listed(connection, request)
    shown = list(found if everything else itertools.islice(found, limit))
    if form == "table":
        output.rows(views.INSTANCE_COLUMNS, (views.summary_row(summary) for summary in shown))
    else:
        output.document([views.summary_value(summary) for summary in shown], form=form)
    if not everything and len(shown) == limit and next(found, None) is not None:
        output.say(f"There are more than these {limit}; see more with --limit, or all with --all.")
