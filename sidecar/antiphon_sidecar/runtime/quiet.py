"""Whether a replica has anything to do before its store's time moves on, and when that next matters.

For hosts whose time is moved by hand (`memory_host`): time may move only when nothing is under way, else a timer
would win against work that had begun before it. What one replica sends to another is seen by its rows.
"""

from antiphon_names.hashing import PARTITIONS
from antiphon_sidecar.engine.events import SENTINEL_NS, Status
from antiphon_sidecar.engine.messages import Kind
from antiphon_sidecar.runtime.lane import Lane, Phase
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.sweep import scheduled_at
from antiphon_sidecar.stores import spent
from antiphon_sidecar.stores.base import NEVER, Cursor, InboxRow, InstanceFilter, TaskRef, TimerRow

_ALL = tuple(range(PARTITIONS))
_PAGE = 500


async def under_way(replica: Replica) -> str | None:
    """Say what has to end before time may move; None when all that is left waits for time, or for somebody."""
    for lane in replica.instances.lanes():
        if lane.phase is not Phase.IDLE or lane.replacing or lane.posting:
            return f'a turn of instance "{lane.instance_id}" ({replica.identity.app})'
    for task in replica.dispatcher.outstanding.values():
        return f'activity "{task.row.name}" of instance "{task.row.instance_id}" in app "{task.row.target_app}"'
    return await _unread(replica)


async def _unread(replica: Replica) -> str | None:
    """Say which row is due and not in memory yet."""
    parts, app = replica.parts, replica.identity.app
    now = parts.store_clock.now()
    inbox = await parts.store.due_inbox(app=app, partitions=_ALL, until=now, limit=_PAGE, after=None)
    for message in inbox.rows:
        if not _held_message(replica, message, now=now):
            return f'a message to instance "{message.instance_id}" ({app})'
    tasks = await parts.store.due_tasks(app=app, partitions=_ALL, until=now, limit=_PAGE, after=None)
    for task in tasks.rows:
        if not replica.dispatcher.knows(task.ref):
            return f'activity "{task.name}" of instance "{task.instance_id}" ({app})'
    timers = await parts.store.due_timers(app=app, partitions=_ALL, until=now, limit=_PAGE, after=None)
    for timer in timers.rows:
        if not _held_timer(replica, timer):
            return f'a timer of instance "{timer.instance_id}" ({app})'
    return None


def _held_message(replica: Replica, row: InboxRow, *, now: int) -> bool:
    if row.instance_id == spent.NOBODY:
        return True
    begins = scheduled_at(row)
    if begins is not None and begins > now:
        return True
    lane = replica.instances.get(row.instance_id)
    return lane is not None and row.row_id in lane.known_rows


def _held_timer(replica: Replica, row: TimerRow) -> bool:
    lane = replica.instances.get(row.instance_id)
    return lane is not None and _holds(lane, row.ref)


def _holds(lane: Lane, ref: TaskRef) -> bool:
    """Tell whether a fired timer waits in an idle lane: for a resume, or for a worker."""
    return lane.phase is Phase.IDLE and (Kind.TIMER, ref.execution_id, ref.task_id) in lane.keys


async def next_due(replica: Replica) -> int | None:
    """Return the earliest store time at which anything of this app happens by itself; None: never."""
    found = [at for at in (await _next_timer(replica), await _next_start(replica)) if at is not None]
    found += [held.row.start_by for held in replica.dispatcher.held.values() if held.row.start_by is not None]
    now = replica.parts.store_clock.now()
    return min((at for at in found if at > now), default=None)


async def _next_timer(replica: Replica) -> int | None:
    """Return when the first timer fires that is not held; timers that stand for "never" do not count."""
    after: Cursor | None = None
    while True:
        page = await replica.parts.store.due_timers(
            app=replica.identity.app, partitions=_ALL, until=SENTINEL_NS - 1, limit=_PAGE, after=after
        )
        for row in page.rows:
            if not _held_timer(replica, row):
                return row.due_at
        if page.cursor is None:
            return None
        after = page.cursor


async def _next_start(replica: Replica) -> int | None:
    """Return when the first instance starts that was scheduled for later."""
    wanted = InstanceFilter(app=replica.identity.app, statuses=[Status.PENDING])
    earliest, after = NEVER, None
    while True:
        rows, after = await replica.parts.store.list_instances(wanted, limit=_PAGE, after=after)
        earliest = min([earliest, *(row.scheduled_at for row in rows if row.scheduled_at is not None)])
        if after is None:
            return None if earliest == NEVER else earliest


async def time_moved(replica: Replica) -> None:
    """Act on the store's new time now, instead of at the next sweep."""
    replica.timers.check()
    await replica.sweep.once()
