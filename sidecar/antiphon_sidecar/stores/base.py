"""The store contract: rows, commits and their outcomes.

The rules are those of protocol.md, whose numbers the comments give. A store holds one namespace's view: all
calls of one `Store` object concern the namespace it was opened with. It sees bytes and key columns only; what
the bytes mean is the codec's business. Times are nanoseconds of the store's own clock, since 1970 in UTC.

Nothing here decides anything about workflows; the engine does. Three implementations pass one contract suite:
`memory` (tests and simulator), `sqlite` and `postgres`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from antiphon_sidecar.engine.ids import TaskRef as TaskRef
from antiphon_sidecar.stores.asking import Cursor as Cursor
from antiphon_sidecar.stores.asking import InstanceFilter as InstanceFilter
from antiphon_sidecar.stores.asking import Old as Old
from antiphon_sidecar.stores.asking import Page as Page
from antiphon_sidecar.stores.asking import Retired as Retired
from antiphon_sidecar.stores.counting import CountStore
from antiphon_sidecar.stores.limits import GrantStore
from antiphon_sidecar.stores.outcomes import Outcome as Outcome
from antiphon_sidecar.stores.outcomes import StartOutcome as StartOutcome
from antiphon_sidecar.stores.presence import AppRecord as AppRecord
from antiphon_sidecar.stores.presence import Heartbeat as Heartbeat
from antiphon_sidecar.stores.presence import PresenceStore
from antiphon_sidecar.stores.schemas import SchemaStore
from antiphon_sidecar.stores.sweeping import SweptStore

#: The latest time that a store keeps: `due_at` of a row that is held until somebody releases it.
NEVER = (1 << 63) - 1


class InboxKind(IntEnum):
    """What an inbox row is, as far as a store must know it."""

    START = 0
    EVENT = 1
    TASK_RESULT = 2
    CHILD_RESULT = 3
    CONTROL = 4


@dataclass(frozen=True, slots=True)
class InstanceRow:
    """The current run of an instance, as lists and clients see it.

    `incarnation` names the run (16 bytes, the ID of the start message that made it), `execution_id` the
    generation. `version` counts the run's commits from zero (PENDING, nothing committed yet). `status` is the
    wire's number. `output`, `failure` and `custom_status` are opaque bytes, absent when None. `waiting_on`: why the
    instance cannot go on, by the name of a code, None when it can. `worker_deaths`: how often in a row a worker was
    lost with the instance's turn, as far as that was written down. `tags`: (name, value) pairs by which the run is
    found, each name once. `created_at` is the same in every commit of a run.
    """

    app: str
    instance_id: str
    slot: int
    incarnation: bytes
    execution_id: str
    generation: int
    version: int
    status: int
    name: str
    created_at: int
    updated_at: int
    started_at: int | None = None
    completed_at: int | None = None
    scheduled_at: int | None = None
    parent_app: str | None = None
    parent_instance: str | None = None
    custom_status: bytes | None = None
    output: bytes | None = None
    failure: bytes | None = None
    waiting_on: str | None = None
    worker_deaths: int = 0
    tags: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class HistoryRow:
    """One turn's events of one generation; `turn` grows by one from zero, without gaps.

    `events` is a serialized batch, `event_count` their number, `message_ids` the concatenated 16-byte IDs of
    the client messages applied, `commit_id` the ID of the commit that wrote it (rule 9).
    """

    generation: int
    turn: int
    events: bytes
    event_count: int
    commit_id: bytes
    message_ids: bytes = b""


@dataclass(frozen=True, slots=True)
class InboxRow:
    """A message on its way to an instance; takes effect only in the commit that deletes it (rule 2).

    `row_id`: 16 bytes, the message's ID, unique for ever by how it is made: a store knows it only while the row
    is there, and an ID that was consumed can be inserted again (rule 11 is the instance's memory).
    `incarnation`: the run it is meant for; for START the run that it begins. `execution_id`: the generation it
    is meant for, empty for any. `ref_id`: the task, child or timer id it answers (-1: none). `payload`: a
    serialized event batch. `seq` orders the rows of one instance and is given by the store at the insert;
    `due_at` too, always "now" (rule 4).
    """

    app: str
    instance_id: str
    slot: int
    row_id: bytes
    kind: InboxKind
    incarnation: bytes
    payload: bytes
    execution_id: str = ""
    ref_id: int = -1
    seq: int = 0
    due_at: int = 0


@dataclass(frozen=True, slots=True)
class TaskRow:
    """One activity execution asked for by an instance; belongs to the caller's partition (rule 15).

    `app`, `instance_id`, `slot`, `incarnation` and `execution_id` are the caller's. `request` is the serialized
    request for the worker. `attempt` counts dispatches from 1. `claimed_by`: the replica that claimed this attempt.
    Limits, None for none: `start_by` and `close_by` are store times by which a worker must have begun it and its
    result must be there; `start_to_close` and `heartbeat` are nanoseconds from when a worker began an attempt to its
    result, and between two signs of life. `details`: what an attempt last said of its progress.
    `instance_created_at`: as in the instance's row; orders the list of instances that wait for an app.
    """

    app: str
    instance_id: str
    slot: int
    incarnation: bytes
    execution_id: str
    task_id: int
    target_app: str
    name: str
    request: bytes
    attempt: int = 1
    start_by: int | None = None
    created_at: int = 0
    claimed_by: str = ""
    due_at: int = 0
    instance_created_at: int = 0
    close_by: int | None = None
    start_to_close: int | None = None
    heartbeat: int | None = None
    details: bytes | None = None

    @property
    def timed(self) -> bool:
        """Tell whether the task has any limit."""
        return not (self.start_by is self.close_by is self.start_to_close is self.heartbeat is None)

    @property
    def ref(self) -> TaskRef:
        """Return the row's key."""
        return TaskRef(self.app, self.instance_id, self.execution_id, self.task_id)


@dataclass(frozen=True, slots=True)
class TimerRow:
    """A timer of an instance; `due_at` is the time it fires. `payload`: the event batch it becomes."""

    app: str
    instance_id: str
    slot: int
    incarnation: bytes
    execution_id: str
    timer_id: int
    due_at: int
    payload: bytes

    @property
    def ref(self) -> TaskRef:
        """Return the row's key, in the same shape as a task's."""
        return TaskRef(self.app, self.instance_id, self.execution_id, self.timer_id)


@dataclass(frozen=True, slots=True)
class Commit:
    """One turn of one instance, all or nothing.

    Checked, in this order; the first that fails decides the outcome (CONFLICT also when the key of a new
    history, task or timer row is taken):

    1. the partition of (`app`, `slot`) has exactly `epoch` (FENCED otherwise, rule 7);
    2. the instance row has (`expect_incarnation`, `expect_version`), or, when both are None, does not exist
       (CONFLICT otherwise, rule 10);
    3. each row of `consume_inbox`, `consume_tasks` and `consume_timers` exists; the inbox rows by `row_id`, the
       others by their key (ROWS otherwise, rule 2); what `stores.spent` keeps under a `row_id` is no such row;
    4. when `known_inbox` is not None, the instance has no inbox row outside `known_inbox` and `consume_inbox`
       (UNREAD otherwise, rule 12).

    Then: consumed rows go; `discard_inbox` rows go if they are there; with `end_execution` all task and timer
    rows of that execution ID go, whatever their number (rule 5); with `drop_history` the history rows of this
    instance (any incarnation) other than those of (`row.incarnation`, `row.generation`) go; `row` replaces the
    instance row; `history` is added under (`row.incarnation`); `tasks`, `timers` and `messages` are added. A
    message whose `row_id` is there already is left as it is. `row.version` is `expect_version + 1`, or 1.

    `retag`: `row.tags` differ from those of the last commit of this run, so that what searches look at is written
    again; the first commit of a run writes them anyway.
    """

    app: str
    instance_id: str
    slot: int
    epoch: int
    commit_id: bytes
    expect_incarnation: bytes | None
    expect_version: int | None
    row: InstanceRow
    history: HistoryRow | None = None
    consume_inbox: tuple[bytes, ...] = ()
    consume_tasks: tuple[TaskRef, ...] = ()
    consume_timers: tuple[TaskRef, ...] = ()
    discard_inbox: tuple[bytes, ...] = ()
    known_inbox: tuple[bytes, ...] | None = None
    end_execution: str | None = None
    drop_history: bool = False
    retag: bool = False
    tasks: tuple[TaskRow, ...] = ()
    timers: tuple[TimerRow, ...] = ()
    messages: tuple[InboxRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Loaded:
    """What an owner reads when it takes up an instance: one consistent snapshot.

    `history`: rows of the current generation, oldest first. `inbox`: all of its rows by `seq` (at most
    `limit`, START rows first). `row` is None when only inbox rows exist (an unread start of a child).
    """

    row: InstanceRow | None
    history: tuple[HistoryRow, ...]
    inbox: tuple[InboxRow, ...]
    tasks: tuple[TaskRow, ...] = ()
    timers: tuple[TimerRow, ...] = ()


class Store(PresenceStore, SchemaStore, GrantStore, CountStore, SweptStore, Protocol):
    """A state store of one namespace. All methods may raise the errors of `stores.errors` and nothing else."""

    async def open(self) -> None:
        """Connect, create or migrate the schema under a lock, and make the identity if there is none.

        Raises:
            StoreTooNew: the schema was written by a newer release.
            StoreDamaged: the file or schema cannot be read.
            StoreNotWritable: rights or a read-only file.
        """

    async def close(self) -> None:
        """Finish what is under way and let go of connections and files."""

    @property
    def identity(self) -> str:
        """The random identity that the store got at its first use."""

    async def now(self) -> int:
        """Return the store's clock."""

    # ownership

    async def take_partition(self, *, app: str, partition: int, replica: str) -> int:
        """Raise the partition's epoch by one, note the owner and return the new epoch (rule 8).

        On return no commit with a lower epoch can land, and every one that did is visible to the next call.
        """

    # turns

    async def load(self, *, app: str, instance_id: str, inbox_limit: int = 1000) -> Loaded | None:
        """Read an instance; None when there is neither a row nor an inbox row."""

    async def load_inbox(self, *, app: str, instance_id: str, limit: int = 1000) -> Sequence[InboxRow]:
        """Read an instance's inbox by `seq`, START rows first."""

    async def commit(self, group: Sequence[Commit]) -> Sequence[Outcome]:
        """Apply a group, each commit all or nothing, outcomes in the order given; durable on return.

        No two commits of a group concern the same instance.

        Raises:
            OutcomeUnknown: the connection was lost before an answer; any of the group may have landed.
            Unreachable: nothing was applied.
        """

    async def has_commit(self, *, app: str, instance_id: str, commit_id: bytes) -> bool:
        """Tell whether this commit landed: it wrote a history row, or the instance row names it (rule 9)."""

    async def replace_tasks(self, items: Sequence[tuple[TaskRef, InboxRow]]) -> Sequence[bool]:
        """Turn task rows into inbox rows, each in one step; False where the task row was gone (rule 17).

        The inbox row takes `slot`, `incarnation` and `execution_id` from the deleted task row.
        """

    async def bump_attempts(
        self,
        *,
        epochs: Mapping[tuple[str, int], int],
        items: Sequence[tuple[TaskRef, int]],
        due_at: int,
    ) -> Sequence[bool]:
        """Set attempt to given + 1 where it still is the given one and the epoch holds; clears the claim.

        `epochs`: (app, partition) -> epoch for each partition that the items touch.
        """

    async def claim_tasks(self, *, replica: str, items: Sequence[tuple[TaskRef, int]]) -> Sequence[bool]:
        """Claim (task, attempt) for a replica; False where the row is gone, moved on or another's."""

    async def have_tasks(self, refs: Sequence[TaskRef]) -> Sequence[bool]:
        """Tell of each task whether its row is there; once it is not, it never is again."""

    async def note_details(self, items: Sequence[tuple[TaskRef, bytes]]) -> None:
        """Write what tasks last said of their progress; rows that are gone are skipped, the last writer wins."""

    # client calls that arrive anywhere

    async def start_instance(
        self, *, row: InstanceRow, start: InboxRow, unique: bool, until: int = NEVER
    ) -> StartOutcome:
        """Insert a PENDING instance row and its START row together; not later than `until` by the store's clock.

        A finished run of the same ID is replaced (its history goes with it), unless `unique`. Stamps `updated_at`
        with the store's clock. A start whose run was deleted is remembered for a while (`stores.spent`), whoever
        deleted it.
        """

    async def post(self, rows: Sequence[InboxRow]) -> Sequence[bool]:
        """Insert messages for instances that exist and have not ended; False for the others.

        An unread START row counts as existing. `incarnation` is overwritten with the current run's. A row whose
        `row_id` is there already stays as it is and answers True.
        """

    async def get_instance(self, *, app: str, instance_id: str) -> InstanceRow | None:
        """Read the instance row; an unread START row of a child answers as None."""

    async def history(self, *, app: str, instance_id: str, limit: int | None = None) -> Sequence[HistoryRow]:
        """Read the committed history of the current generation, oldest first; at most `limit` rows."""

    async def list_instances(
        self, filter: InstanceFilter, *, limit: int, after: bytes | None = None
    ) -> tuple[Sequence[InstanceRow], bytes | None]:
        """Return a page, newest `created_at` first, then by ID, and the opaque key of the next page or None.

        A call looks at a bounded number of rows: where few of many fit a filter, a page may hold less than `limit`,
        or nothing, although there are more. Only the key tells that it was the last one.

        Raises:
            ValueError: `after` is not a key that this method returned.
        """

    async def purge(self, *, app: str, instance_id: str, incarnation: bytes, starts: Collection[bytes] = ()) -> bool:
        """Delete a finished run with all its rows; False when it is not there, not that run or not finished.

        `starts`: the IDs of the START rows that the run emitted, read off its history by the caller, because
        a row does not name its sender; those that nobody consumed go too (rule 5).
        """

    async def retire(self, old: Old) -> Retired:
        """Look at a batch of runs that ended long ago, and delete them with all their rows, in one transaction.

        Left alone: runs outside `old.partitions`, and those whose parent has not ended, because what is done to a
        parent recursively concerns its children. A child's START row that nobody has read is not the run's any
        more: that child is still going to begin.
        """
