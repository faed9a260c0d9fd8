"""What a user's client does while hosts come and go: tries again, and remembers what was acknowledged."""

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from antiphon import Client, InstanceAlreadyExists, InstanceNotFound, InstanceState, SidecarUnavailable

_RETRY_S = 0.05


class Deadline:
    """A moment after which a test gives up; shared by all that wait for the same thing."""

    def __init__(self, seconds: float) -> None:
        self._at = time.monotonic() + seconds

    @property
    def left_s(self) -> float:
        """How many seconds are left, never below zero."""
        return max(0.0, self._at - time.monotonic())

    def check(self, what: str) -> None:
        """Fail when the time is over."""
        assert self.left_s > 0, f"too late: {what}"


@dataclass
class Marks:
    """Events raised for one listener: which were acknowledged, and which nobody knows about."""

    instance_id: str
    acknowledged: list[int] = field(default_factory=list)
    unknown: set[int] = field(default_factory=set)
    ended: bool = False


async def start(client: Client, workflow: str, arg: object, *, instance_id: str, deadline: Deadline) -> None:
    """Start an instance, as often as it takes; what has landed already is not started again."""
    while True:
        try:
            await client.start(workflow, arg, instance_id=instance_id, unique=True)
        except InstanceAlreadyExists:
            return
        except SidecarUnavailable:
            deadline.check(f"start {instance_id}")
            await asyncio.sleep(_RETRY_S)
        else:
            return


async def raise_marks(
    client: Client, marks: Marks, *, pause_s: float, enough: asyncio.Event, deadline: Deadline
) -> None:
    """Raise one mark after the other, each once, until there were enough; then the last, until it is acknowledged."""
    mark = 0
    while not enough.is_set():
        mark += 1
        try:
            await client.raise_event(marks.instance_id, "mark", mark)
        except SidecarUnavailable:
            marks.unknown.add(mark)
        else:
            marks.acknowledged.append(mark)
        deadline.check(f"marks for {marks.instance_id}")
        await asyncio.sleep(pause_s)
    while not marks.ended:
        try:
            await client.raise_event(marks.instance_id, "mark", -1)
        except SidecarUnavailable:
            deadline.check(f"the last mark for {marks.instance_id}")
            await asyncio.sleep(_RETRY_S)
        except InstanceNotFound:
            # An earlier attempt has landed, and the listener has ended.
            marks.ended = True
        else:
            marks.ended = True


async def raise_until_acknowledged(client: Client, instance_id: str, name: str, *, deadline: Deadline) -> None:
    """Raise an event, more than once where nobody can tell whether it has arrived."""
    while True:
        try:
            await client.raise_event(instance_id, name)
        except SidecarUnavailable:
            deadline.check(f"raise {name} for {instance_id}")
            await asyncio.sleep(_RETRY_S)
        except InstanceNotFound:
            # An earlier attempt has landed, and the instance has ended.
            return
        else:
            return


async def outcomes(
    client: Client, instance_ids: list[str], *, deadline: Deadline
) -> Mapping[str, InstanceState | None]:
    """Wait for all instances; None for those that have not finished in time."""

    async def outcome(instance_id: str) -> InstanceState | None:
        try:
            return await client.wait(instance_id, timeout=timedelta(seconds=max(0.5, deadline.left_s)))
        except TimeoutError:
            return None

    states = await asyncio.gather(*(outcome(instance_id) for instance_id in instance_ids))
    return dict(zip(instance_ids, states, strict=True))
