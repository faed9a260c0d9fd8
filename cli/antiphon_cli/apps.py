"""`antiphon apps`: what runs here, and what was seen before."""

from pathlib import Path

import click

from antiphon_cli import instances, output, views
from antiphon_cli.asking import asking, host_options
from antiphon_cli.connection import Connection
from antiphon_cli.failures import Misused, Refused
from antiphon_names import errors as codes


@click.group(invoke_without_command=True)
@click.pass_context
@output.format_option
@host_options
def apps(context: click.Context, **options: str | None) -> None:
    """List the apps of this store: workers, port, last change and names; those that were seen before come last."""
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
        raise Misused(
            f"{codes.CONTRACT_INVALID}: {file} cannot be written: {error.strerror}. Name another file."
        ) from error
    output.say(f"{file}: {', '.join(sorted(there)) or 'no apps'}")
