"""`antiphon check`: whether what runs with a store is as it should be, by the word of a process, or of the store."""

import socket
from collections import Counter
from collections.abc import Iterable, Iterator
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
    """Check the host or sidecar, store, clock, etcd, replicas, and each app: workers, and calls that nobody can take.

    Exits with 0 when all is well and with 1 when there is a problem or nobody to ask.
    """
    told = connection.control("Check", control_pb2.CheckRequest(), control_pb2.CheckResponse)
    known = [] if told.store_error else instances.apps(connection).apps
    findings = [
        *_process(told),
        *_store(told),
        *_coordination(told),
        *_replicas(told, app=app),
        *(
            found
            for summary in known
            if app in (None, summary.app_id)
            for found in _app(summary, near=not told.replica_id)
        ),
        *_partitions(told, app=app),
        *_calls(told, app=app),
    ]
    if form == "table":
        output.rows(_COLUMNS, [(found.result, found.what, found.text) for found in findings])
    else:
        values: list[Json] = [{"result": found.result, "what": found.what, "found": found.text} for found in findings]
        output.document(values, form=form)
    if any(found.good is False for found in findings):
        raise SystemExit(1)


def _process(told: control_pb2.CheckResponse) -> Iterator[Finding]:
    if told.coordination.kind == control_pb2.Coordination.KIND_NONE:
        text = f"{codes.HOST_NOT_FOUND}: nothing runs on this machine with this store; it is read without"
        yield Finding(False, "host", text)
        return
    what = "sidecar" if told.replica_id else "host"
    name = f"{told.replica_id}, process {told.pid}," if told.replica_id else f"process {told.pid}"
    yield Finding(True, what, f"{name} serves namespace {told.namespace}")
    ours = _version()
    same = told.version == ours
    text = (
        told.version if same else f"the {what} is {told.version or 'unknown'}, this command {ours}; restart the older"
    )
    yield Finding(same, "version", text)


def _store(told: control_pb2.CheckResponse) -> Iterator[Finding]:
    if told.store_error:
        yield Finding(False, "store", told.store_error)
        return
    yield Finding(True, "store", f"{told.store} answers in {told.store_us / 1000:.1f} ms")
    off_s = abs(told.store_time.ToNanoseconds() - told.host_time.ToNanoseconds()) / 1e9
    near = off_s <= _CLOCK_OFF_S
    text = f"that of the store and of this machine differ by {off_s:.1f} s"
    if not near:
        text += "; the store's counts. Set this machine's clock"
    yield Finding(near, "clock", text)
    if told.metrics_port and not told.replica_id:
        yield _listens("metrics", f"127.0.0.1:{told.metrics_port}")


def _coordination(told: control_pb2.CheckResponse) -> Iterator[Finding]:
    etcd = told.coordination
    if etcd.kind != control_pb2.Coordination.KIND_ETCD:
        return
    if etcd.HasField("away_since"):
        since = instances.moment(etcd.away_since, timespec="seconds")
        text = (
            f"{codes.ETCD_UNREACHABLE}: {etcd.endpoints} has not answered since {since}; owners go on, nothing is "
            "claimed, and what is told of other replicas is as of then. Bring it back, or mend the network between"
        )
        yield Finding(False, "etcd", text)
    elif not etcd.lease:
        yield Finding(False, "etcd", f"{etcd.endpoints} answers, but this replica has no lease there yet")
    else:
        yield Finding(True, "etcd", f"{etcd.endpoints} answers")


def _replicas(told: control_pb2.CheckResponse, *, app: str | None) -> Iterator[Finding]:
    versions = Counter(replica.version for replica in told.replicas if replica.version)
    for replica in told.replicas:
        if app not in (None, replica.app_id):
            continue
        what = f"replica {replica.replica_id}"
        if replica.HasField("heard_at"):
            heard = instances.moment(replica.heard_at, timespec="seconds")
            yield Finding(None, what, f"of {replica.app_id} runs elsewhere, and wrote to the store at {heard}")
        elif replica.problem:
            yield Finding(False, what, replica.problem)
        else:
            workers = _counted(replica.workers, "worker")
            owned = _counted(replica.partitions, "partition")
            yield Finding(True, what, f"of {replica.app_id} at {replica.address}: {workers}, {owned}")
    if len(versions) > 1:
        shown = ", ".join(f"{count} of {version}" for version, count in sorted(versions.items()))
        yield Finding(None, "versions", f"replicas run different releases: {shown}. Finish the upgrade")


def _partitions(told: control_pb2.CheckResponse, *, app: str | None) -> Iterator[Finding]:
    for unowned in told.unowned:
        if app not in (None, unowned.app_id):
            continue
        count = _counted(len(unowned.partitions), "partition")
        if unowned.held_by:
            text = f"{count} held by replica {unowned.held_by}, which is gone; others take them within a lease time"
        else:
            text = f"{count} without owner: {_ranges(unowned.partitions)}; instances there wait until one takes them"
        yield Finding(False, f"app {unowned.app_id}", text)


def _ranges(numbers: Iterable[int]) -> str:
    """Return `0-3, 7` for 0, 1, 2, 3, 7."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][1] + 1:
            runs[-1][1] = number
        else:
            runs.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _app(app: control_pb2.AppSummary, *, near: bool) -> Iterator[Finding]:
    """Look at an app; `near`: its listeners are on this machine."""
    what = f"app {app.app_id}"
    if app.away:
        seen = instances.moment(app.changed_at, timespec="seconds")
        yield Finding(None, what, f"does not run; it was last seen at {seen}")
        return
    if app.unasked:
        yield Finding(None, what, "runs elsewhere; whether it has workers was not asked")
        return
    if app.grpc_address and near:
        yield _listens(what, app.grpc_address)
    if app.workers:
        yield Finding(True, what, f"{app.workers} of its workers connected, {len(app.offers)} names offered")
        return
    text = f"{codes.WORKER_NOT_CONNECTED}: no worker of {app.app_id} is connected. Start the app."
    yield Finding(False, what, text)


def _calls(told: control_pb2.CheckResponse, *, app: str | None) -> Iterator[Finding]:
    for held in told.held:
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
