"""`antiphon check`: whether what runs on this machine with a store is as it should be."""

import socket
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata

import click

from antiphon_cli import instances, output
from antiphon_cli.asking import asking, host_options
from antiphon_cli.connection import Connection
from antiphon_cli.output import Json
from antiphon_names import errors as codes
from antiphon_proto.v1 import control_pb2

_COLUMNS = ("RESULT", "WHAT", "FOUND")
#: Clocks that differ by more than this make times of different apps hard to compare.
_CLOCK_OFF_S = 2.0
_CONNECT_S = 2.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at; `good` is None for what is only told."""

    good: bool | None
    what: str
    text: str

    @property
    def result(self) -> str:
        """Return one word."""
        return {True: "ok", False: "problem", None: "note"}[self.good]


@click.command()
@output.format_option
@host_options
@asking
def check(connection: Connection, *, app: str | None, form: str) -> None:
    """Check the host, its store, its clock, and each app: listener, workers, and calls that nobody can take.

    Exits with 0 when all is well and with 1 when there is a problem or no host.
    """
    host = connection.control("Check", control_pb2.CheckRequest(), control_pb2.CheckResponse)
    known = [summary for summary in instances.apps(connection).apps if app in (None, summary.app_id)]
    findings = [*_host(host), *(found for summary in known for found in _app(summary)), *_calls(host, app=app)]
    if form == "table":
        output.rows(_COLUMNS, [(found.result, found.what, found.text) for found in findings])
    else:
        values: list[Json] = [{"result": found.result, "what": found.what, "found": found.text} for found in findings]
        output.document(values, form=form)
    if any(found.good is False for found in findings):
        raise SystemExit(1)


def _host(host: control_pb2.CheckResponse) -> Iterator[Finding]:
    yield Finding(True, "host", f"process {host.pid} serves namespace {host.namespace}")
    ours = _version()
    same = host.version == ours
    text = host.version if same else f"the host is {host.version or 'unknown'}, this command {ours}; restart the older"
    yield Finding(same, "version", text)
    if host.store_error:
        yield Finding(False, "store", host.store_error)
        return
    yield Finding(True, "store", f"{host.store} answers in {host.store_us / 1000:.1f} ms")
    off_s = abs(host.store_time.ToNanoseconds() - host.host_time.ToNanoseconds()) / 1e9
    near = off_s <= _CLOCK_OFF_S
    text = f"that of the store and of this machine differ by {off_s:.1f} s"
    if not near:
        text += "; the store's counts. Set this machine's clock"
    yield Finding(near, "clock", text)
    if host.metrics_port:
        yield _listens("metrics", f"127.0.0.1:{host.metrics_port}")


def _app(app: control_pb2.AppSummary) -> Iterator[Finding]:
    what = f"app {app.app_id}"
    if app.away:
        seen = instances.moment(app.changed_at, timespec="seconds")
        yield Finding(None, what, f"does not run; it was last seen at {seen}")
        return
    if app.grpc_address:
        yield _listens(what, app.grpc_address)
    if app.workers:
        yield Finding(True, what, f"{app.workers} of its workers connected, {len(app.offers)} names offered")
        return
    text = f"{codes.WORKER_NOT_CONNECTED}: no worker of {app.app_id} is connected. Start the app."
    yield Finding(False, what, text)


def _calls(host: control_pb2.CheckResponse, *, app: str | None) -> Iterator[Finding]:
    for held in host.held:
        if app not in (None, held.caller_app_id, held.target_app_id):
            continue
        calls = f"{held.count} {'call' if held.count == 1 else 'calls'}"
        text = f'{calls} of {held.caller_app_id} to activity "{held.name}" wait: {held.reason}. antiphon why tells more'
        yield Finding(False, f"app {held.target_app_id}", text)


def _listens(what: str, address: str) -> Finding:
    host, _, port = address.rpartition(":")
    with socket.socket() as probe:
        probe.settimeout(_CONNECT_S)
        open_ = probe.connect_ex((host, int(port))) == 0
    if open_:
        return Finding(True, what, f"listens on {address}")
    return Finding(False, what, f"does not listen on {address}; restart the host")


def _version() -> str:
    try:
        return metadata.version("antiphon")
    except metadata.PackageNotFoundError:
        return ""
