"""`antiphon workflow purge`: some instances by ID, or all that options describe.

By options nothing is deleted without a yes, given as --yes or at the prompt, after the instances were counted.
"""

import math
from dataclasses import dataclass

import click

from antiphon_cli import instances, output
from antiphon_cli.asking import host_options, writing
from antiphon_cli.connection import Connection
from antiphon_cli.failures import Refused
from antiphon_cli.instances import Key
from antiphon_cli.options import duration
from antiphon_proto.v1 import client_pb2

_PURGE_S = 60.0


@dataclass(frozen=True, slots=True)
class _How:
    """What all requests of one command share."""

    recursive: bool
    force: bool
    dry_run: bool


@click.command()
@click.argument("ids", nargs=-1, metavar="[ID]...")
@click.option(
    "--status",
    "statuses",
    multiple=True,
    type=click.Choice(instances.STATUS_NAMES, case_sensitive=False),
    help="All with this status; may be repeated. Without --force only finished ones are deleted.",
)
@click.option("--older-than", type=duration, metavar="DURATION", help="All created longer ago than this, such as 30d.")
@click.option("--name", metavar="NAME", help="All of this workflow.")
@click.option(
    "--recursive/--not-recursive", default=True, show_default=True, help="Child workflows too, in whatever app."
)
@click.option("--force", is_flag=True, help="Also instances that are not finished: they are terminated first.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--dry-run", is_flag=True, help="Say how many would be deleted, and delete nothing.")
@host_options
@writing
def purge(
    connection: Connection,
    *,
    app: str | None,
    ids: tuple[str, ...],
    statuses: tuple[str, ...],
    older_than: float | None,
    name: str | None,
    recursive: bool,
    force: bool,
    yes: bool,
    dry_run: bool,
) -> None:
    """Delete instances and their histories from the store: those named, or all that the options describe."""
    how = _How(recursive, force, dry_run)
    described = bool(statuses) or older_than is not None or name is not None
    if bool(ids) == described:
        raise click.UsageError(
            "say which instances: by ID, or by --status, --older-than and --name"
            + (", not both." if ids else "; see antiphon workflow purge --help.")
        )
    if ids:
        for instance in ids:
            _purge_one(connection, instances.find(connection, instance, app=app), how)
        return
    wanted = _filter(statuses, older_than, name)
    names = [app] if app else [found.app_id for found in instances.apps(connection).apps]
    if not yes and not dry_run:
        count = sum(_purge_many(connection, each, wanted, _How(recursive, force, True))[0] for each in names)
        if not count:
            output.say("There is nothing to purge.")
            return
        click.confirm(f"Delete {count} instances in {', '.join(names)}?", abort=True, err=True)
    for each in names:
        deleted, later = _purge_many(connection, each, wanted, how)
        output.say(_told(each, deleted, later, dry_run=dry_run))


def _purge_one(connection: Connection, key: Key, how: _How) -> None:
    instances.existing(connection, key)
    request = client_pb2.PurgeInstancesRequest(
        instance_id=key.instance,
        recursive=how.recursive,
        force=how.force,
        dry_run=how.dry_run,
        router=instances.router(key.app),
    )
    answer = connection.task_hub("PurgeInstances", request, client_pb2.PurgeInstancesResponse, timeout_s=_PURGE_S)
    if not answer.deleted_instance_count and not answer.later_instance_count:
        raise Refused(f"Nothing was purged: {key} was gone already.")
    output.say(_told(str(key), answer.deleted_instance_count, answer.later_instance_count, dry_run=how.dry_run))


def _purge_many(connection: Connection, app: str, wanted: client_pb2.PurgeInstanceFilter, how: _How) -> tuple[int, int]:
    """Purge in as many calls as it takes; return how many are gone, and how many go when they have ended."""
    deleted = later = 0
    while True:
        request = client_pb2.PurgeInstancesRequest(
            purge_instance_filter=wanted,
            recursive=how.recursive,
            force=how.force,
            dry_run=how.dry_run,
            router=instances.router(app),
        )
        answer = connection.task_hub("PurgeInstances", request, client_pb2.PurgeInstancesResponse, timeout_s=_PURGE_S)
        deleted += answer.deleted_instance_count
        later += answer.later_instance_count
        if not answer.more:
            return deleted, later


def _filter(statuses: tuple[str, ...], older_than: float | None, name: str | None) -> client_pb2.PurgeInstanceFilter:
    wanted = client_pb2.PurgeInstanceFilter(
        runtime_status=[f"INSTANCE_STATUS_{status.upper()}" for status in statuses], name=name or ""
    )
    if older_than is not None:
        wanted.created_time_to.GetCurrentTime()
        wanted.created_time_to.seconds -= math.ceil(older_than)
    return wanted


def _told(what: str, deleted: int, later: int, *, dry_run: bool) -> str:
    rest = f"; {later} more {'would be' if dry_run else 'will be'} as soon as they have ended" if later else ""
    if dry_run:
        return f"{what}: {deleted} instances would be deleted{rest}."
    return f"Purged {what}; instances deleted: {deleted}{rest}."
