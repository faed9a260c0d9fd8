"""Which ports the apps of a host get, and how a person is told.

The first app that names no port gets the ones that SDKs look for by themselves, the others any free ones.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

import click

from antiphon_cli.failures import Misused
from antiphon_names import errors as codes
from antiphon_names.hashing import APP_ID_PATTERN

GRPC_PORT = 50001
HTTP_PORT = 3500
_PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class AppPorts:
    """An app and the ports asked for; None is any free one."""

    app: str
    grpc_port: int | None = None
    http_port: int | None = None


def parse(text: str) -> AppPorts:
    """Read `APP[:PORT]`: a parameter type for click.

    Raises:
        click.BadParameter: the port is none.
        Misused: the app ID has a wrong form.
    """
    app, colon, port = text.partition(":")
    check_app_id(app)
    if not colon:
        return AppPorts(app)
    if not re.fullmatch(r"\d{1,5}", port) or not 0 < int(port) <= _PORT_MAX:
        raise click.BadParameter(f'"{port}" is no port; write APP or APP:PORT')
    return AppPorts(app, grpc_port=int(port))


def check_app_id(app: str) -> None:
    """Refuse what cannot be an app ID.

    Raises:
        Misused: the app ID has a wrong form.
    """
    if not APP_ID_PATTERN.fullmatch(app):
        raise Misused(f'{codes.APP_ID_INVALID}: "{app}" has to be 1-63 letters, digits, ".", "_" or "-". Rename it.')


def with_defaults(wanted: Sequence[AppPorts]) -> list[AppPorts]:
    """Give the first app without ports the usual ones, unless another app asks for them.

    Raises:
        Misused: an app is given twice.
    """
    names = [app.app for app in wanted]
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise Misused(f'{codes.SETTING_INVALID}: app "{twice[0]}" is given twice. Name each app once.')
    taken = {app.grpc_port for app in wanted} | {app.http_port for app in wanted}
    result = list(wanted)
    for index, app in enumerate(wanted):
        if app.grpc_port is None:
            result[index] = replace(
                app,
                grpc_port=None if GRPC_PORT in taken else GRPC_PORT,
                http_port=app.http_port or (None if HTTP_PORT in taken else HTTP_PORT),
            )
            break
    return result
