"""`antiphon why` and `antiphon explain`: what an instance waits for or how it failed, and what a code means."""

import click

from antiphon_cli import instances, output, views
from antiphon_cli.asking import asking, host_options, instance_argument
from antiphon_cli.connection import Connection
from antiphon_cli.failures import Misused
from antiphon_names import errors as codes
from antiphon_names.explanations import EXPLANATIONS


@click.command()
@instance_argument
@output.format_option
@host_options
@asking
def why(connection: Connection, *, app: str | None, instance: str, form: str) -> None:
    """Say what instance ID waits for, and its child workflows below it; of one that failed, how it came to that.

    A sidecar asks the replicas that have the instance and its activities; one that does not answer is named. Exits with
    0 when it could be told, whatever it is, and with 1 when there is no such instance or nobody to ask.
    """
    key = instances.find(connection, instance, app=app)
    answer = instances.why(connection, key)
    if form != "table":
        output.document(views.why_value(key, answer), form=form)
        return
    reasons = views.why_lines(answer)
    what = f'workflow "{answer.name}", ' if answer.name else ""
    click.echo(f"{key} is {what}{instances.status_name(answer.status)}{', waiting for:' if reasons else '.'}")
    for reason in reasons:
        click.echo(f"  {reason}")
    for line in views.failure_lines(answer):
        click.echo(line)
    for caveat in answer.caveats:
        click.echo(f"Not certain: {caveat}")


@click.command()
@click.argument("code", metavar="CODE")
@output.format_option
def explain(*, code: str, form: str) -> None:
    """Say what CODE means, such as AN101 or TargetAppNotFound: when it is seen, why, and what to do."""
    found = next((known for known in EXPLANATIONS if code.casefold() in _words(known)), None)
    if found is None:
        names = [word for known in EXPLANATIONS for word in (known.number, known.name)]
        raise Misused(
            f'{codes.CODE_UNKNOWN}: "{code}" is no code and no name of an error.{codes.nearest(code, names)} '
            "Look it up in docs/errors.md."
        )
    told = EXPLANATIONS[found]
    pairs = [
        ("code", found.number),
        ("name", found.name),
        ("meaning", found.summary),
        ("seen", told.seen),
        ("cause", told.cause),
        ("fix", told.fix),
        ("again", "can help" if found.retriable else "does not help; retry policies leave it alone"),
        ("example", f"{found}: {told.example}" if told.example else ""),
        ("reserved", "nothing of this release says it yet" if told.reserved else ""),
    ]
    if form == "table":
        output.fields(pairs)
    else:
        output.document({name: text for name, text in pairs if text}, form=form)


def _words(code: codes.Code) -> tuple[str, str, str]:
    return code.number.casefold(), code.name.casefold(), str(code).casefold()
