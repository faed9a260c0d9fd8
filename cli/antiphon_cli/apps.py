"""`antiphon apps` and `antiphon why`: what runs here, and what an instance waits for."""

import click

from antiphon_cli import instances, output, views
from antiphon_cli.asking import asking, host_options, instance_argument
from antiphon_cli.connection import Connection
from antiphon_cli.failures import Refused
from antiphon_names import errors as codes


@click.command()
@output.format_option
@host_options
@asking
def apps(connection: Connection, *, app: str | None, form: str) -> None:
    """List the apps of this store's host: workers, ports and what they offer."""
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
