"""The store contract on one SQLite file: one machine, no server, the default.

A writer thread commits whatever waits in one transaction (group commit, synchronous=FULL); a reader thread
reads beside it. That only one process at a time runs a store on a file is ensured by local coordination's
lock; should two do it all the same, epochs keep the rows right and only speed suffers.
"""

import json
import secrets
import sqlite3
import time
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from pathlib import Path

from antiphon_sidecar.stores import (
    sqlite_commits,
    sqlite_counts,
    sqlite_grants,
    sqlite_lists,
    sqlite_messages,
    sqlite_reads,
    sqlite_retention,
    sqlite_schema,
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
from antiphon_sidecar.stores.errors import StoreAbsent, StoreNotWritable
from antiphon_sidecar.stores.limits import Grant, Limited
from antiphon_sidecar.stores.sqlite_lanes import Lane, translated


class SqliteStore:
    """A `Store` in the file `path`, whose folder is made when it is not there.

    `clock` returns nanoseconds since 1970: the store's clock is the host's.
    """

    def __init__(
        self,
        path: Path,
        *,
        namespace: str = "default",
        clock: Callable[[], int] = time.time_ns,
        make_identity: Callable[[], str] = secrets.token_hex,
    ) -> None:
        self._path = path.expanduser().absolute()
        self._namespace = namespace
        self._clock = clock
        self._make_identity = make_identity
        self._identity = ""
        self._lanes: tuple[Lane, Lane] | None = None

    async def open(self) -> None:
        """Open the file, check it, migrate it and start the threads."""
        # Before anything else runs; a check that takes long would be noticed by nobody but its caller.
        writer, reader = self._connect()
        self._lanes = (Lane(self._path, writer, writes=True), Lane(self._path, reader, writes=False))

    async def attach(self, *, writes: bool) -> None:
        """Open a file that is there as it is: nothing is made or migrated, and without `writes` nothing is written.

        Raises:
            StoreAbsent: there is no such file, or it has no tables yet.
            StoreTooOld: an older release wrote it.
        """
        opened: list[sqlite3.Connection] = []
        try:
            if not self._path.exists():
                raise StoreAbsent(f"{self._path} does not exist")
            opened.append(sqlite_schema.connect(self._path, writes=writes))
            opened.append(sqlite_schema.connect(self._path, writes=False))
            self._identity = sqlite_schema.found(self._path, opened[0])
            first, second = opened
        except sqlite3.Error as error:
            raise translated(error, self._path) from error
        else:
            opened.clear()
            self._lanes = (Lane(self._path, first, writes=writes), Lane(self._path, second, writes=False))
        finally:
            for connection in opened:
                connection.close()

    def _connect(self) -> tuple[sqlite3.Connection, sqlite3.Connection]:
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise StoreNotWritable(
                f"the folder {self._path.parent} cannot be made ({error}). Make it, or name another file."
            ) from error
        opened: list[sqlite3.Connection] = []
        try:
            opened.append(sqlite_schema.connect(self._path, writes=True))
            self._identity = sqlite_schema.prepare(self._path, opened[0], make_identity=self._make_identity)
            opened.append(sqlite_schema.connect(self._path, writes=False))
            writer, reader = opened
        except sqlite3.Error as error:
            raise translated(error, self._path) from error
        else:
            opened.clear()
            return writer, reader
        finally:
            for connection in opened:
                connection.close()

    async def close(self) -> None:
        """Finish what waits, then close the file."""
        if self._lanes is not None:
            # The reader first: the last connection to close writes the log back into the file.
            for lane in reversed(self._lanes):
                await lane.close()

    @property
    def _writer(self) -> Lane:
        assert self._lanes is not None, "the store is not open"
        return self._lanes[0]

    @property
    def _reader(self) -> Lane:
        assert self._lanes is not None, "the store is not open"
        return self._lanes[1]

    @property
    def identity(self) -> str:
        """The identity that the file got when it was made."""
        return self._identity

    async def now(self) -> int:
        """Return the host's time."""
        return self._clock()

    # replicas and apps

    async def beat(self, *, app: str, replica: str, nonce: str, in_hand: int = 0) -> None:
        """Write this replica's heartbeat row."""
        query = (
            "INSERT OR REPLACE INTO heartbeats (namespace, app, replica, nonce, written_at, in_hand)"
            " VALUES (?, ?, ?, ?, ?, ?)"
        )
        await self._write(query, (self._namespace, app, replica, nonce, self._clock(), in_hand))

    async def heartbeats(self) -> Mapping[tuple[str, str], Heartbeat]:
        """Return all heartbeat rows."""
        query = (
            "SELECT app, replica, nonce, written_at, in_hand FROM heartbeats WHERE namespace = ? ORDER BY app, replica"
        )
        rows = await self._reader.run(lambda connection: connection.execute(query, (self._namespace,)).fetchall())
        return {(app, replica): Heartbeat(*rest) for app, replica, *rest in rows}

    async def leave(self, *, app: str, replica: str) -> None:
        """Delete the heartbeat row."""
        query = "DELETE FROM heartbeats WHERE namespace = ? AND app = ? AND replica = ?"
        await self._write(query, (self._namespace, app, replica))

    async def remember_app(self, *, app: str, record: bytes) -> None:
        """Write what an app offers."""
        query = "INSERT OR REPLACE INTO apps (namespace, app, record, seen_at) VALUES (?, ?, ?, ?)"
        await self._write(query, (self._namespace, app, record, self._clock()))

    async def known_apps(self) -> Sequence[AppRecord]:
        """Return every remembered app by name."""
        query = "SELECT app, record, seen_at FROM apps WHERE namespace = ? ORDER BY app"
        rows = await self._reader.run(lambda connection: connection.execute(query, (self._namespace,)).fetchall())
        return [AppRecord(*row) for row in rows]

    async def copy_registry(self, changed: Mapping[str, bytes], *, gone: Collection[str] = ()) -> None:
        """Write what the operator says."""
        write = "INSERT OR REPLACE INTO registry (namespace, key, record, written_at) VALUES (?, ?, ?, ?)"
        rows = [(self._namespace, key, record, self._clock()) for key, record in sorted(changed.items())]
        lost = [(self._namespace, key) for key in sorted(gone)]

        def copy(connection: sqlite3.Connection) -> None:
            connection.executemany(write, rows).close()
            connection.executemany("DELETE FROM registry WHERE namespace = ? AND key = ?", lost).close()

        await self._writer.run(copy)

    async def registry_copy(self) -> Mapping[str, bytes]:
        """Return what was copied."""
        query = "SELECT key, record FROM registry WHERE namespace = ? ORDER BY key"
        return dict(await self._reader.run(lambda connection: connection.execute(query, (self._namespace,)).fetchall()))

    async def keep_schemas(self, schemas: Mapping[str, str]) -> None:
        """Write those that are not there."""
        query = "INSERT OR IGNORE INTO schemas (namespace, digest, text) VALUES (?, ?, ?)"
        rows = [(self._namespace, digest, text) for digest, text in sorted(schemas.items())]
        await self._writer.run(lambda connection: connection.executemany(query, rows).close())

    async def schemas(self, digests: Collection[str]) -> Mapping[str, str]:
        """Return those that are there."""
        query = (
            "SELECT digest, text FROM schemas"
            " WHERE namespace = ? AND digest IN (SELECT value FROM json_each(?)) ORDER BY digest"
        )
        values = (self._namespace, json.dumps(sorted(digests)))
        return dict(await self._reader.run(lambda connection: connection.execute(query, values).fetchall()))

    async def _write(self, query: str, values: tuple[object, ...]) -> None:
        await self._writer.run(lambda connection: connection.execute(query, values).close())

    # counts

    async def count_instances(self, *, apps: Sequence[str], failed_since: int) -> Sequence[NameCounts]:
        """Count by app and workflow."""
        return await self._reader.run(
            partial(sqlite_counts.instances, namespace=self._namespace, apps=apps, failed_since=failed_since)
        )

    async def count_tasks(self, *, apps: Sequence[str]) -> Sequence[OpenTasks]:
        """Count the calls to each app."""
        return await self._reader.run(partial(sqlite_counts.tasks, namespace=self._namespace, apps=apps))

    async def about(self) -> About:
        """Ask the file for its version."""
        return await self._reader.run(sqlite_counts.about)

    # ownership

    async def take_partition(self, *, app: str, partition: int, replica: str) -> int:
        """Raise the partition's epoch."""
        key = (self._namespace, app, partition)
        return await self._writer.run(partial(sqlite_messages.take_partition, key=key, replica=replica))

    # turns

    async def load(self, *, app: str, instance_id: str, inbox_limit: int = 1000) -> Loaded | None:
        """Read an instance."""
        key = (self._namespace, app, instance_id)
        return await self._reader.run(partial(sqlite_reads.load, key=key, inbox_limit=inbox_limit))

    async def load_inbox(self, *, app: str, instance_id: str, limit: int = 1000) -> Sequence[InboxRow]:
        """Read an instance's inbox."""
        key = (self._namespace, app, instance_id)
        return list(await self._reader.run(partial(sqlite_reads.inbox, key=key, limit=limit)))

    async def commit(self, group: Sequence[Commit]) -> Sequence[Outcome]:
        """Apply a group, together with whatever else waits for the writer."""
        if not group:
            return []
        return await self._writer.run(
            partial(sqlite_commits.apply, namespace=self._namespace, group=group, now=self._clock())
        )

    async def has_commit(self, *, app: str, instance_id: str, commit_id: bytes) -> bool:
        """Tell whether this commit landed."""
        key = (self._namespace, app, instance_id)
        return await self._reader.run(partial(sqlite_reads.has_commit, key=key, commit_id=commit_id))

    async def replace_tasks(self, items: Sequence[tuple[TaskRef, InboxRow]]) -> Sequence[bool]:
        """Turn task rows into inbox rows."""
        return await self._writer.run(
            partial(sqlite_messages.replace_tasks, namespace=self._namespace, items=items, now=self._clock())
        )

    async def bump_attempts(
        self, *, epochs: Mapping[tuple[str, int], int], items: Sequence[tuple[TaskRef, int]], due_at: int
    ) -> Sequence[bool]:
        """Raise the attempts that still are the given ones."""
        return await self._writer.run(
            partial(sqlite_messages.bump_attempts, namespace=self._namespace, epochs=epochs, items=items, due_at=due_at)
        )

    async def claim_tasks(self, *, replica: str, items: Sequence[tuple[TaskRef, int]]) -> Sequence[bool]:
        """Claim attempts for a replica."""
        return await self._writer.run(
            partial(sqlite_messages.claim_tasks, namespace=self._namespace, replica=replica, items=items)
        )

    async def have_tasks(self, refs: Sequence[TaskRef]) -> Sequence[bool]:
        """Tell which task rows are there."""
        return await self._reader.run(partial(sqlite_messages.have_tasks, namespace=self._namespace, refs=refs))

    async def note_details(self, items: Sequence[tuple[TaskRef, bytes]]) -> None:
        """Write what tasks last said of their progress."""
        await self._writer.run(partial(sqlite_messages.note_details, namespace=self._namespace, items=items))

    # limits

    async def acquire_grants(
        self, limited: Limited, *, replica: str, gone_ns: int, grants: Sequence[Grant]
    ) -> Sequence[bool]:
        """Give grants as far as the limit allows."""
        return await self._writer.run(
            partial(
                sqlite_grants.acquire,
                namespace=self._namespace,
                limited=limited,
                replica=replica,
                gone_ns=gone_ns,
                grants=grants,
                now=self._clock(),
            )
        )

    async def release_grants(self, items: Sequence[tuple[Limited, Grant]]) -> None:
        """Take grants back."""
        await self._writer.run(partial(sqlite_grants.release, namespace=self._namespace, items=items))

    # client calls that arrive anywhere

    async def start_instance(
        self, *, row: InstanceRow, start: InboxRow, unique: bool, until: int = NEVER
    ) -> StartOutcome:
        """Insert a PENDING instance and its START row."""
        return await self._writer.run(
            partial(
                sqlite_messages.start_instance,
                namespace=self._namespace,
                row=row,
                start=start,
                unique=unique,
                until=until,
                now=self._clock(),
            )
        )

    async def post(self, rows: Sequence[InboxRow]) -> Sequence[bool]:
        """Insert messages for instances that have not ended."""
        return await self._writer.run(
            partial(sqlite_messages.post, namespace=self._namespace, rows=rows, now=self._clock())
        )

    async def get_instance(self, *, app: str, instance_id: str) -> InstanceRow | None:
        """Read the instance row."""
        key = (self._namespace, app, instance_id)
        return await self._reader.run(partial(sqlite_reads.instance, key=key))

    async def history(self, *, app: str, instance_id: str, limit: int | None = None) -> Sequence[HistoryRow]:
        """Read the history of the current generation."""
        key = (self._namespace, app, instance_id)

        def read(connection: sqlite3.Connection) -> list[HistoryRow]:
            row = sqlite_reads.instance(connection, key)
            return list(sqlite_reads.history(connection, key, row=row, limit=limit))

        return await self._reader.run(read)

    async def list_instances(
        self, filter: InstanceFilter, *, limit: int, after: bytes | None = None
    ) -> tuple[Sequence[InstanceRow], bytes | None]:
        """Return a page, newest first."""
        return await self._reader.run(
            partial(sqlite_lists.page, namespace=self._namespace, wanted=filter, limit=limit, after=after)
        )

    async def purge(self, *, app: str, instance_id: str, incarnation: bytes, starts: Collection[bytes] = ()) -> bool:
        """Delete a finished run."""
        key = (self._namespace, app, instance_id)
        job = partial(sqlite_messages.purge, key=key, incarnation=incarnation, starts=starts, now=self._clock())
        return await self._writer.run(job)

    async def retire(self, old: Old) -> Retired:
        """Delete a batch of runs that ended long ago."""
        job = partial(sqlite_retention.retire, namespace=self._namespace, old=old, now=self._clock())
        return await self._writer.run(job)

    # sweeps

    async def any_due(self, *, app: str, partitions: Collection[int], until: int, timers_until: int) -> bool:
        """Tell whether anything is due."""
        sweep = sqlite_reads.Sweep(self._namespace, app, partitions, until, 1, None)
        return await self._reader.run(partial(sqlite_reads.any_due, sweep=sweep, timers_until=timers_until))

    async def due_inbox(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None = None
    ) -> Page[InboxRow]:
        """Return due inbox rows."""
        sweep = sqlite_reads.Sweep(self._namespace, app, partitions, until, limit, after)
        return await self._reader.run(partial(sqlite_reads.due_inbox, sweep=sweep))

    async def due_tasks(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None = None
    ) -> Page[TaskRow]:
        """Return due task rows."""
        sweep = sqlite_reads.Sweep(self._namespace, app, partitions, until, limit, after)
        return await self._reader.run(partial(sqlite_reads.due_tasks, sweep=sweep))

    async def due_timers(
        self, *, app: str, partitions: Collection[int], until: int, limit: int, after: Cursor | None = None
    ) -> Page[TimerRow]:
        """Return due timer rows."""
        sweep = sqlite_reads.Sweep(self._namespace, app, partitions, until, limit, after)
        return await self._reader.run(partial(sqlite_reads.due_timers, sweep=sweep))

    async def defer_inbox(self, items: Sequence[tuple[bytes, int]]) -> None:
        """Move due_at of inbox rows."""
        await self._writer.run(partial(sqlite_messages.defer_inbox, namespace=self._namespace, items=items))

    async def defer_tasks(self, items: Sequence[tuple[TaskRef, int]]) -> None:
        """Move due_at of task rows."""
        await self._writer.run(partial(sqlite_messages.defer_tasks, namespace=self._namespace, items=items))

    async def defer_timers(self, items: Sequence[tuple[TaskRef, int]]) -> None:
        """Move due_at of timer rows."""
        await self._writer.run(partial(sqlite_messages.defer_timers, namespace=self._namespace, items=items))

    async def release_tasks(self, *, app: str, target_app: str, now: int) -> int:
        """Make the rows of `app` for `target_app` due."""
        key = (self._namespace, app, target_app)
        return await self._writer.run(partial(sqlite_messages.release_tasks, key=key, now=now))

    async def drop_orphans(
        self,
        *,
        epochs: Mapping[tuple[str, int], int],
        inbox: Sequence[InboxRow],
        tasks: Sequence[TaskRow],
        timers: Sequence[TimerRow],
    ) -> int:
        """Delete rows whose run is gone."""
        return await self._writer.run(
            partial(
                sqlite_messages.drop_orphans,
                namespace=self._namespace,
                epochs=epochs,
                inbox=inbox,
                tasks=tasks,
                timers=timers,
            )
        )
