"""What can be asked of instances, as plain calls: find the app, start, look, wait.

Used by the workflow commands. Knows nothing of click's commands and writes nothing but what a person should know
while it waits.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC

import click
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon_cli.connection import Connection
from antiphon_cli.failures import Refused, TimedOut, Unreachable
from antiphon_cli.output import say
from antiphon_names import errors as codes
from antiphon_proto.v1 import client_pb2, control_pb2, history_pb2

_STATUS_PREFIX = "INSTANCE_STATUS_"
_FINISHED = frozenset({"COMPLETED", "FAILED", "CANCELED", "TERMINATED"})
#: A call that waits is asked again after this time, so that a host that came back is noticed.
_WAIT_SLICE_S = 20.0
#: How long a host may be away while somebody waits.
_AWAY_S = 60.0
_AWAY_STEP_S = 0.5
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Key:
    """Which instance is meant."""

    app: str
    instance: str

    def __str__(self) -> str:
        return f'"{self.instance}" ({self.app})'


def router(app: str) -> history_pb2.TaskRouter:
    """Return the part of a request that names the app."""
    return history_pb2.TaskRouter(target_app_id=app)


def status_name(status: history_pb2.InstanceStatus) -> str:
    """Return `RUNNING` for INSTANCE_STATUS_RUNNING; a number for one from a newer release."""
    try:
        return history_pb2.InstanceStatus.Name(status).removeprefix(_STATUS_PREFIX)
    except ValueError:
        return str(int(status))


#: Names of all statuses, as `status_name` returns them.
STATUS_NAMES = tuple(name.removeprefix(_STATUS_PREFIX) for name, _ in history_pb2.InstanceStatus.items())


def finished(state: client_pb2.WorkflowState) -> bool:
    """Return whether nothing will happen any more."""
    return status_name(state.workflow_status) in _FINISHED


def moment(stamp: Timestamp, *, timespec: str = "milliseconds") -> str | None:
    """Return a time as ISO 8601 in UTC; None for no time."""
    if not stamp.seconds and not stamp.nanos:
        return None
    return f"{stamp.ToDatetime(UTC).replace(tzinfo=None).isoformat(timespec=timespec)}Z"


def apps(connection: Connection) -> control_pb2.ListAppsResponse:
    """Return the apps of the host, and those that were seen before."""
    return connection.control("ListApps", control_pb2.ListAppsRequest(), control_pb2.ListAppsResponse)


def export_apps(connection: Connection, app_ids: Sequence[str]) -> control_pb2.ExportAppsResponse:
    """Return what apps offer and declare; of those that were never seen, nothing."""
    request = control_pb2.ExportAppsRequest(app_ids=app_ids)
    return connection.control("ExportApps", request, control_pb2.ExportAppsResponse)


def app_to_start_in(connection: Connection, given: str | None) -> str:
    """Return the app that is meant: the given one, else the only one.

    Raises:
        click.UsageError: there are several.
    """
    if given:
        return given
    names = _app_names(connection, away=False)
    if len(names) != 1:
        raise click.UsageError(f"{connection.place} serves {codes.listing(names)}; say which app with --app.")
    return names[0]


def find(connection: Connection, instance: str, *, app: str | None) -> Key:
    """Return the instance that is meant: in the given app, else in the only app that has it.

    Raises:
        Refused: no app has it.
        click.UsageError: several do.
    """
    if app:
        return Key(app, instance)
    names = _app_names(connection, away=True)
    holders = [name for name in names if look(connection, Key(name, instance), payloads=False) is not None]
    if len(holders) > 1:
        raise click.UsageError(f'{" and ".join(holders)} both have an instance "{instance}"; say which with --app.')
    if not holders:
        raise _not_found(instance, place=f"the apps that are known here: {codes.listing(names)}")
    return Key(holders[0], instance)


def look(connection: Connection, key: Key, *, payloads: bool = True) -> client_pb2.WorkflowState | None:
    """Return an instance's state, or None if there is no such instance."""
    answer = connection.task_hub("GetInstance", _get_request(key, payloads=payloads), client_pb2.GetInstanceResponse)
    return answer.workflow_state if answer.exists else None


def existing(connection: Connection, key: Key) -> client_pb2.WorkflowState:
    """Return an instance's state with input and output.

    Raises:
        Refused: there is no such instance.
    """
    state = look(connection, key)
    if state is None:
        raise _not_found(key.instance, place=key.app)
    return state


def wait(connection: Connection, key: Key, *, timeout_s: float | None) -> client_pb2.WorkflowState | None:
    """Return the state of an instance once it is finished, or None after `timeout_s`; a host may restart meanwhile.

    Raises:
        Refused: there is no such instance.
        Unreachable: the host stayed away for a minute.
    """
    deadline = None if timeout_s is None else time.monotonic() + timeout_s
    existing(connection, key)
    while True:
        left = _WAIT_SLICE_S if deadline is None else min(_WAIT_SLICE_S, deadline - time.monotonic())
        if left <= 0:
            return None
        try:
            answer = connection.task_hub(
                "WaitForInstanceCompletion",
                _get_request(key, payloads=True),
                client_pb2.GetInstanceResponse,
                timeout_s=left,
            )
        except TimedOut:
            continue
        except Unreachable as error:
            _await_return(connection, away=error, deadline=deadline)
            continue
        if not answer.exists:
            raise _not_found(key.instance, place=key.app)
        if finished(answer.workflow_state):
            return answer.workflow_state


def listed(connection: Connection, wanted: control_pb2.ListInstancesRequest) -> Iterator[control_pb2.InstanceSummary]:
    """Yield the instances that a request describes, in the host's order, page after page."""
    request = control_pb2.ListInstancesRequest(page_size=_PAGE)
    request.MergeFrom(wanted)
    while True:
        page = connection.control("ListInstances", request, control_pb2.ListInstancesResponse)
        yield from page.instances
        if not page.continuation_token:
            return
        request.continuation_token = page.continuation_token


def status_number(name: str) -> int:
    """Return the status of a name of STATUS_NAMES."""
    return int(history_pb2.InstanceStatus.Value(f"{_STATUS_PREFIX}{name}"))


def why(connection: Connection, key: Key) -> control_pb2.WhyResponse:
    """Return what an instance waits for.

    Raises:
        Refused: there is no such instance.
    """
    answer = connection.control(
        "Why", control_pb2.WhyRequest(app_id=key.app, instance_id=key.instance), control_pb2.WhyResponse
    )
    if answer.app_unknown:
        raise Refused(
            f'{codes.TARGET_APP_NOT_FOUND}: app "{key.app}" is not known here; known apps: '
            f"{codes.listing(answer.known_apps)}.{codes.nearest(key.app, answer.known_apps)} Fix the app ID."
        )
    if not answer.exists:
        raise _not_found(key.instance, place=key.app)
    return answer


def told(connection: Connection, key: Key, *, done: str, asked: str) -> None:
    """Say what was done, or, where nobody could do it at once, that it was asked for and who will."""
    later = connection.later(key.app)
    say(f"{asked}. {later}" if later else f"{done}.")


def _app_names(connection: Connection, *, away: bool) -> list[str]:
    return [app.app_id for app in apps(connection).apps if away or not app.away]


def _get_request(key: Key, *, payloads: bool) -> client_pb2.GetInstanceRequest:
    return client_pb2.GetInstanceRequest(
        instance_id=key.instance, get_inputs_and_outputs=payloads, router=router(key.app)
    )


def _not_found(instance: str, *, place: str) -> Refused:
    return Refused(
        f'{codes.INSTANCE_NOT_FOUND}: no instance "{instance}" exists in {place}. '
        "See what exists with: antiphon workflow list"
    )


def _await_return(connection: Connection, *, away: Unreachable, deadline: float | None) -> None:
    """Ask again until the host answers, for a minute at most and not beyond the deadline."""
    say(f"{away.format_message()}\nWaiting for it to come back; the instance is in the store.")
    latest = time.monotonic() + _AWAY_S
    while True:
        if deadline is not None and time.monotonic() >= deadline:
            return
        try:
            apps(connection)
            return
        except Unreachable:
            if time.monotonic() >= latest:
                raise
            time.sleep(_AWAY_STEP_S)
