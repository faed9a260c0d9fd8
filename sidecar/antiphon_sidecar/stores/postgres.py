"""The store contract on PostgreSQL 13 to 18: what production uses.

Each call is one statement on one of a few connections that are held open; `commit` applies a whole group in
one statement (see `postgres_statement`). Replicas of all apps of a namespace share the schema; the fence is a
row for each partition.
"""

import logging
import secrets
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import TypeVar

import asyncpg

from antiphon_sidecar.stores import (
    postgres_commits,
    postgres_counts,
    postgres_grants,
    postgres_orphans,
    postgres_presence,
    postgres_schema,
    postgres_statement,
)
from antiphon_sidecar.stores.base import (
    NEVER,
    AppRecord,
    Commit,
    Cursor,
    Heartbeat,
    HistoryRow,
    InboxRow,
    InstanceFilter,
    InstanceRow,
    Loaded,
    Old,
    Outcome,
    Page,
    Retired,
    StartOutcome,
    TaskRef,
    TaskRow,
    TimerRow,
)
from antiphon_sidecar.stores.counting import About, NameCounts, OpenTasks
from antiphon_sidecar.stores.errors import OutcomeUnknown, StoreFull, Unreachable
from antiphon_sidecar.stores.limits import Grant, Limited
from antiphon_sidecar.stores.pools import PoolUse
from antiphon_sidecar.stores.postgres_address import Address
from antiphon_sidecar.stores.postgres_connections import Connections, is_refused
from antiphon_sidecar.stores.postgres_lists import Lists
from antiphon_sidecar.stores.postgres_messages import RELEASED_AT_ONCE, Messages
from antiphon_sidecar.stores.postgres_reads import Reads, Sweep
from antiphon_sidecar.stores.postgres_retention import Retention
from antiphon_sidecar.stores.postgres_sessions import STATEMENT_TIMEOUT_S
from antiphon_sidecar.stores.postgres_statement import CLOCK

logger = logging.getLogger(__name__)

T = TypeVar("T")

#: Commits of one statement; a bigger group is sent in several.
GROUP_MOST = 256


class PostgresStore:
    """A `Store` in a schema of a PostgreSQL database.

    `url` may be a function that returns the URL, which is called for each new connection. `session_timeout_s`
    bounds waits for locks and idle transactions and belongs below the lease of an owner; `wait_s` bounds waits for a
    connection of the pool.
    """

    def __init__(
        self,
        url: str | Callable[[], str],
        *,
        namespace: str = "default",
        schema: str = "antiphon",
        pool_size: int = 4,
        session_timeout_s: float = 5.0,
        wait_s: float = STATEMENT_TIMEOUT_S,
        make_identity: Callable[[], str] = secrets.token_hex,
    ) -> None:
        self._address = Address(url if callable(url) else lambda: url)
        self._connections = Connections(
            self._address, size=pool_size, session_timeout_s=session_timeout_s, wait_s=wait_s
        )
        self._namespace = namespace
        self._schema_name = schema
        self._schema = postgres_schema.quoted(schema)
        self._make_identity = make_identity
        self._identity = ""
        self._statements: dict[postgres_statement.Shape, str] = {}
        self._reads = Reads(self._schema)
        self._messages = Messages(self._schema)
        self._lists = Lists(self._schema)
        self._retention = Retention(self._schema)
        self._orphans = postgres_orphans.Orphans(self._schema)
        self._grants = postgres_grants.Grants(self._schema)
        self._counts = postgres_counts.Counts(self._schema)
        self._presence = postgres_presence.Presence(self._schema)

    async def open(self) -> None:
        """Connect, bring the schema up to date and read the identity; a failure leaves no connection open."""
        try:
            self._identity = await self._read(
                lambda each: postgres_schema.prepare(each, self._schema_name, make_identity=self._make_identity)
            )
        finally:
            if not self._identity:
                await self._connections.drop_idle()

    async def attach(self) -> None:
        """Connect to a schema that is there as it is; nothing is made or migrated.

        Raises:
            StoreAbsent: there is no such schema, or it has no tables yet.
            StoreTooOld: an older release made it.
        """
        try:
            self._identity = await self._read(lambda each: postgres_schema.found(each, self._schema_name))
        finally:
            if not self._identity:
                await self._connections.drop_idle()

    async def close(self) -> None:
        """Close the connections."""
        await self._connections.close()

    @property
    def identity(self) -> str:
        """The identity that the schema got when it was made."""
        return self._identity

    @property
    def use(self) -> PoolUse:
        """How much of the pool of connections is in use now."""
        return self._connections.use

    async def now(self) -> int:
        """Ask the server for its time."""
        return int(await self._read(lambda connection: connection.fetchval(f"SELECT {CLOCK}")))

    async def _read(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        return await self._connections.call(work, writes=False)

    async def _write(self, work: Callable[[asyncpg.Connection], Awaitable[T]]) -> T:
        return await self._connections.call(work)

    # replicas and apps

    async def beat(self, *, app: str, replica: str, nonce: str, in_hand: int = 0) -> None:
        """Write this replica's heartbeat row."""
        row = (app, replica, nonce, in_hand)
        await self._write(lambda each: self._presence.beat(each, self._namespace, row))

    async def heartbeats(self) -> Mapping[tuple[str, str], Heartbeat]:
        """Return all heartbeat rows."""
        return await self._read(lambda each: self._presence.heartbeats(each, self._namespace))

    async def leave(self, *, app: str, replica: str) -> None:
        """Delete the heartbeat row."""
        await self._write(lambda each: self._presence.leave(each, self._namespace, app=app, replica=replica))

    async def remember_app(self, *, app: str, record: bytes) -> None:
        """Write what an app offers."""
        await self._write(lambda each: self._presence.remember(each, self._namespace, app=app, record=record))

    async def known_apps(self) -> Sequence[AppRecord]:
        """Return every remembered app by name."""
        return await self._read(lambda each: self._presence.known(each, self._namespace))

    async def copy_registry(self, changed: Mapping[str, bytes], *, gone: Collection[str] = ()) -> None:
        """Write what the operator says."""
        await self._write(lambda each: self._presence.copy(each, self._namespace, changed=changed, gone=gone))

    async def registry_copy(self) -> Mapping[str, bytes]:
        """Return what was copied."""
        return await self._read(lambda each: self._presence.copied(each, self._namespace))

    async def keep_schemas(self, schemas: Mapping[str, str]) -> None:
        """Write those that are not there."""
        query = (
            f"INSERT INTO {self._schema}.schemas (namespace, digest, text)"
            " SELECT $1, * FROM unnest($2::text[], $3::text[]) ON CONFLICT DO NOTHING"
        )
        # In key order: replicas that write the same ones never wait for each other in a circle.
        digests = sorted(schemas)
        texts = [schemas[digest] for digest in digests]
        await self._write(lambda each: each.fetch(query, self._namespace, digests, texts))

    async def schemas(self, digests: Collection[str]) -> Mapping[str, str]:
        """Return those that are there."""
        query = f"SELECT digest, text FROM {self._schema}.schemas WHERE namespace = $1 AND digest = ANY($2::text[])"
        found = await self._read(lambda each: each.fetch(query, self._namespace, sorted(digests)))
        return {row["digest"]: row["text"] for row in found}

    # counts

    async def count_instances(self, *, apps: Sequence[str], failed_since: int) -> Sequence[NameCounts]:
        """Count by app and workflow."""
        return await self._read(
            lambda each: self._counts.instances(each, self._namespace, apps=apps, failed_since=failed_since)
        )

    async def count_tasks(self, *, apps: Sequence[str]) -> Sequence[OpenTasks]:
        """Count the calls to each app."""
        return await self._read(lambda each: self._counts.tasks(each, self._namespace, apps=apps))

    async def about(self) -> About:
        """Ask the server for its version, and the schema for its own."""
        return await self._read(lambda each: self._counts.about(each))

    # ownership

    async def take_partition(self, *, app: str, partition: int, replica: str) -> int:
        """Raise the partition's epoch; waits for the commits under way, at most the session's lock timeout."""
        query = (
            f"INSERT INTO {self._schema}.partitions AS p (namespace, app, partition, epoch, replica)"
            " VALUES ($1, $2, $3, 1, $4) ON CONFLICT (namespace, app, partition)"
            " DO UPDATE SET epoch = p.epoch + 1, replica = excluded.replica RETURNING epoch"
        )
        return int(await self._write(lambda each: each.fetchval(query, self._namespace, app, partition, replica)))

    # turns

    async def load(self, *, app: str, instance_id: str, inbox_limit: int = 1000) -> Loaded | None:
        """Read an instance."""
        key = (self._namespace, app, instance_id)
        return await self._read(lambda each: self._reads.load(each, key, inbox_limit=inbox_limit))

    async def load_inbox(self, *, app: str, instance_id: str, limit: int = 1000) -> Sequence[InboxRow]:
        """Read an instance's inbox."""
        key = (self._namespace, app, instance_id)
        return await self._read(lambda each: self._reads.inbox(each, key, limit=limit))

    async def commit(self, group: Sequence[Commit]) -> Sequence[Outcome]:
        """Apply a group in one statement (more when it is large or names an inbox row twice)."""
        outcomes: dict[tuple[str, str], Outcome] = {}
        for commits in postgres_commits.separated(group, most=GROUP_MOST):
            ordered = sorted(commits, key=lambda commit: (commit.app, commit.instance_id))
            for commit, outcome in zip(ordered, await self._attempt(ordered, first=not outcomes), strict=True):
                outcomes[commit.app, commit.instance_id] = outcome
        return [outcomes[commit.app, commit.instance_id] for commit in group]

    async def _attempt(self, group: Sequence[Commit], *, first: bool) -> list[Outcome]:
        """Send a group; halve it when the statement is refused, until the one at fault is alone.

        `first`: nothing of the caller's group was applied so far, so that a clean failure may be reported as one.
        """
        try:
            return await self._connections.call(lambda connection: self._send(connection, group))
        except (Unreachable, StoreFull) as error:
            if first:
                raise
            raise OutcomeUnknown(f"a part of the group was applied, then: {error}") from error
        except (asyncpg.PostgresError, asyncpg.DataError) as error:
            if not is_refused(error):
                raise
            if len(group) == 1:
                if not isinstance(error, asyncpg.UniqueViolationError):
                    logger.error(
                        "A commit cannot be written", extra={"instance": group[0].instance_id, "error": str(error)}
                    )
                return [Outcome.CONFLICT]
        middle = len(group) // 2
        outcomes = await self._attempt(group[:middle], first=first)
        return outcomes + await self._attempt(group[middle:], first=False)

    async def _send(self, connection: asyncpg.Connection, group: Sequence[Commit]) -> list[Outcome]:
        shape, marks = postgres_commits.prepared(self._namespace, group)
        text = self._statements.get(shape)
        if text is None:
            text = self._statements[shape] = postgres_statement.statement(self._schema, shape)
        return postgres_commits.outcomes(await connection.fetch(text, *marks), count=len(group))

    async def has_commit(self, *, app: str, instance_id: str, commit_id: bytes) -> bool:
        """Tell whether this commit landed."""
        key = (self._namespace, app, instance_id)
        return await self._read(lambda each: self._reads.has_commit(each, key, commit_id=commit_id))

    async def replace_tasks(self, items: Sequence[tuple[TaskRef, InboxRow]]) -> Sequence[bool]:
        """Turn task rows into inbox rows."""
        if not items:
            return []
        return await self._write(lambda each: self._messages.replace(each, self._namespace, items=items))

    async def bump_attempts(
        self, *, epochs: Mapping[tuple[str, int], int], items: Sequence[tuple[TaskRef, int]], due_at: int
    ) -> Sequence[bool]:
        """Raise the attempts that still are the given ones."""
        if not items:
            return []
        fences = postgres_orphans.fences(epochs)
        return await self._write(
            lambda each: self._messages.bump(each, self._namespace, fences=fences, items=items, due_at=due_at)
        )

    async def claim_tasks(self, *, replica: str, items: Sequence[tuple[TaskRef, int]]) -> Sequence[bool]:
        """Claim attempts for a replica."""
        if not items:
            return []
        return await self._write(lambda each: self._messages.claim(each, self._namespace, replica=replica, items=items))

    async def have_tasks(self, refs: Sequence[TaskRef]) -> Sequence[bool]:
        """Tell which task rows are there."""
        if not refs:
            return []
        return await self._read(lambda each: self._messages.have(each, self._namespace, refs=refs))

    async def note_details(self, items: Sequence[tuple[TaskRef, bytes]]) -> None:
        """Write what tasks last said of their progress."""
        if items:
            await self._write(lambda each: self._messages.note_details(each, self._namespace, items=items))

    # limits

    async def acquire_grants(
        self, limited: Limited, *, replica: str, gone_ns: int, grants: Sequence[Grant]
    ) -> Sequence[bool]:
        """Give grants as far as the limit allows."""
        return await self._write(
            lambda each: self._grants.acquire(
                each, self._namespace, limited=limited, replica=replica, gone_ns=gone_ns, grants=grants
            )
        )

    async def release_grants(self, items: Sequence[tuple[Limited, Grant]]) -> None:
        """Take grants back."""
        if items:
            await self._write(lambda each: self._grants.release(each, self._namespace, items=items))

    # client calls that arrive anywhere

    async def start_instance(
        self, *, row: InstanceRow, start: InboxRow, unique: bool, until: int = NEVER
    ) -> StartOutcome:
        """Insert a PENDING instance and its START row."""
        return await self._write(
            lambda each: self._messages.start(each, self._namespace, row=row, start=start, unique=unique, until=until)
        )

    async def post(self, rows: Sequence[InboxRow]) -> Sequence[bool]:
        """Insert messages for instances that have not ended."""
        if not rows:
            return []
        return await self._write(lambda each: self._messages.post(each, self._namespace, rows=rows))

    async def get_instance(self, *, app: str, instance_id: str) -> InstanceRow | None:
        """Read the instance row."""
        key = (self._namespace, app, instance_id)
        return await self._read(lambda each: self._reads.instance(each, key))

    async def history(self, *, app: str, instance_id: str, limit: int | None = None) -> Sequence[HistoryRow]:
        """Read the history of the current generation."""
        key = (self._namespace, app, instance_id)
        return await self._read(lambda each: self._reads.history(each, key, limit=limit))

    async def list_instances(
        self, filter: InstanceFilter, *, limit: int, after: bytes | None = None
    ) -> tuple[Sequence[InstanceRow], bytes | None]:
        """Return a page, newest first."""
        return await self._read(
            lambda each: self._lists.page(each, self._namespace, wanted=filter, limit=limit, after=after)
        )

    async def purge(self, *, app: str, instance_id: str, incarnation: bytes, starts: Collection[bytes] = ()) -> bool:
        """Delete a finished run."""
        key = (self._namespace, app, instance_id)
        return await self._write(lambda each: self._messages.purge(each, key, incarnation=incarnation, starts=starts))

    async def retire(self, old: Old) -> Retired:
        """Delete a batch of runs that ended long ago."""
        return await self._write(lambda each: self._retention.retire(each, self._namespace, old=old))

    # sweeps

    async def any_due(self, *, app: str, partitions: Collection[int], until: int, timers_until: int) -> bool:
        """Tell whether anything is due."""
        sweep = Sweep(self._namespace, app, partitions, until, 1, None)
        return await self._read(lambda each: self._reads.any_due(each, sweep, timers_until=timers_until))

    async def due_inbox(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None = None
    ) -> Page[InboxRow]:
        """Return due inbox rows."""
        sweep = Sweep(self._namespace, app, partitions, until, limit, after)
        return await self._read(lambda each: self._reads.due_inbox(each, sweep))

    async def due_tasks(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None = None
    ) -> Page[TaskRow]:
        """Return due task rows."""
        sweep = Sweep(self._namespace, app, partitions, until, limit, after)
        return await self._read(lambda each: self._reads.due_tasks(each, sweep))

    async def due_timers(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None = None
    ) -> Page[TimerRow]:
        """Return due timer rows."""
        sweep = Sweep(self._namespace, app, partitions, until, limit, after)
        return await self._read(lambda each: self._reads.due_timers(each, sweep))

    async def defer_inbox(self, items: Sequence[tuple[bytes, int]]) -> None:
        """Move due_at of inbox rows."""
        if items:
            await self._write(lambda each: self._messages.defer_inbox(each, self._namespace, items=items))

    async def defer_tasks(self, items: Sequence[tuple[TaskRef, int]]) -> None:
        """Move due_at of task rows."""
        if items:
            await self._write(lambda each: self._messages.defer_tasks(each, self._namespace, items=items))

    async def defer_timers(self, items: Sequence[tuple[TaskRef, int]]) -> None:
        """Move due_at of timer rows."""
        if items:
            await self._write(lambda each: self._messages.defer_timers(each, self._namespace, items=items))

    async def release_tasks(self, *, app: str, target_app: str, now: int) -> int:
        """Make the rows of `app` for `target_app` due, in batches."""
        key, released = (self._namespace, app, target_app), 0
        while True:
            batch = await self._write(lambda each: self._messages.release(each, key, now=now))
            released += batch
            if batch < RELEASED_AT_ONCE:
                return released

    async def drop_orphans(
        self,
        *,
        epochs: Mapping[tuple[str, int], int],
        inbox: Sequence[InboxRow],
        tasks: Sequence[TaskRow],
        timers: Sequence[TimerRow],
    ) -> int:
        """Delete rows whose run is gone."""
        fences = postgres_orphans.fences(epochs)
        return await self._write(
            lambda each: self._orphans.drop(
                each, self._namespace, fences=fences, inbox=inbox, tasks=tasks, timers=timers
            )
        )
