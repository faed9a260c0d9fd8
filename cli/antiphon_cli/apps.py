"""`antiphon apps` and `antiphon why`: what runs here, and what an instance waits for."""

from pathlib import Path

import click

from antiphon_cli import instances, output, views
from antiphon_cli.asking import asking, host_options, instance_argument
from antiphon_cli.connection import Connection
from antiphon_cli.failures import Misused, Refused
from antiphon_names import errors as codes


@click.group(invoke_without_command=True)
@click.pass_context
@output.format_option
@host_options
def apps(context: click.Context, **options: str | None) -> None:
    """List the apps of this store's host: workers, ports and what they offer."""
    if context.invoked_subcommand is None:
        _list_apps(**options)


@asking
def _list_apps(connection: Connection, *, app: str | None, form: str) -> None:
    known = instances.apps(connection).apps
    shown = [summary for summary in known if app in (None, summary.app_id)]
    if app and not shown:
        names = [summary.app_id for summary in known]
        raise Refused(
            f'{codes.TARGET_APP_NOT_FOUND}: no app "{app}" runs here; there are: {codes.listing(names)}.'
            f"{codes.nearest(app, names)}"
        )
    if form == "table":
        output.rows(views.APP_COLUMNS, (views.app_row(summary) for summary in shown))
    else:
        output.document([views.app_value(summary) for summary in shown], form=form)


@apps.command()
@click.argument("app_ids", metavar="[APP]...", nargs=-1)
@click.option("--file", metavar="FILE", help="Write to this file, not to stdout.")
@host_options
@asking
def export(connection: Connection, *, app: str | None, app_ids: tuple[str, ...], file: str | None) -> None:
    """Write what apps offer, with the JSON schemas they declare: all apps ever seen, or each APP.

    Tests of other teams give the file to antiphon.testing, which checks its fakes against it.
    """
    wanted = [*app_ids, *([app] if app else [])]
    answer = instances.export_apps(connection, wanted)
    there = {contract.app_id for contract in answer.apps}
    for name in wanted:
        if name not in there:
            raise Refused(
                f'{codes.TARGET_APP_NOT_FOUND}: no app "{name}" was ever seen here; there are: '
                f"{codes.listing(answer.known)}.{codes.nearest(name, answer.known)}"
            )
    text = output.json_text(views.contracts_value(answer), indent=2) + "\n"
    if file is None:
        click.echo(text, nl=False)
        return
    try:
        Path(file).write_text(text, encoding="utf-8")
    except OSError as error:
        raise Misused(f"{codes.CONTRACT_INVALID}: {file} cannot be written: {error.strerror}.") from error
    output.say(f"{file}: {', '.join(sorted(there)) or 'no apps'}")


@click.command()
@instance_argument
@output.format_option
@host_options
@asking
def why(connection: Connection, *, app: str | None, instance: str, form: str) -> None:
    """Say what instance ID waits for."""
    key = instances.find(connection, instance, app=app)
    answer = instances.why(connection, key)
    if form != "table":
        output.document(views.why_value(key, answer), form=form)
        return
    reasons = views.why_lines(answer)
    click.echo(f"{key} is {instances.status_name(answer.status)}{', waiting for:' if reasons else '.'}")
    for reason in reasons:
        click.echo(f"  {reason}")
