"""The SQLite store's threads: one that writes, with one COMMIT for everything that waits, and one that reads.

Used by `sqlite` alone. A lane owns its connection; the event loop hands it jobs and is woken once for each
batch. What the jobs do is not its business.
"""

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from antiphon_sidecar.stores.errors import (
    OutcomeUnknown,
    StoreDamaged,
    StoreError,
    StoreFull,
    StoreNotWritable,
    Unreachable,
)

T = TypeVar("T")

#: Jobs of one COMMIT, so that a long queue does not make its first caller wait for all of it.
BATCH_MOST = 512
#: Jobs that may wait; beyond it callers are told to try again.
WAITING_MOST = 20_000


@dataclass(slots=True)
class Job:
    """Work for a lane's connection, whose result or error belongs to `future`."""

    work: Callable[[sqlite3.Connection], Any]
    future: asyncio.Future[Any]
    result: Any = None
    error: Exception | None = None


class Lane:
    """A thread with a connection of its own that works off jobs in the order they came."""

    def __init__(self, path: Path, connection: sqlite3.Connection, *, writes: bool) -> None:
        self._path = path
        self._connection = connection
        self._writes = writes
        self._loop = asyncio.get_running_loop()
        self._waiting: deque[Job] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._work, name=f"sqlite {'writer' if writes else 'reader'}")
        # The thread holds nothing that a COMMIT has not made durable, so it need not outlive the loop.
        self._thread.daemon = True
        self._thread.start()

    async def run(self, work: Callable[[sqlite3.Connection], T]) -> T:
        """Have the thread do it and wait; a writer's work is durable on return.

        Raises:
            StoreError: SQLite refused; for a writer nothing was applied, unless it is OutcomeUnknown.
        """
        future: asyncio.Future[T] = self._loop.create_future()
        with self._wake:
            if self._closing:
                raise Unreachable(f"this process has closed {self._path}, because it ends. Ask the next one.")
            if len(self._waiting) >= WAITING_MOST:
                raise Unreachable(
                    f"{len(self._waiting)} calls wait for {self._path}. Try again later; look whether its disk is slow."
                )
            self._waiting.append(Job(work, future))
            self._wake.notify()
        return await future

    async def close(self) -> None:
        """Let the thread finish what waits, then close the connection."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        await asyncio.to_thread(self._thread.join)

    def _work(self) -> None:
        run = self._write if self._writes else self._read
        while batch := self._take():
            run(batch)
            self._loop.call_soon_threadsafe(_resolve, batch)
        self._connection.close()

    def _take(self) -> list[Job]:
        with self._wake:
            self._wake.wait_for(lambda: self._waiting or self._closing)
            count = min(len(self._waiting), BATCH_MOST)
            return [self._waiting.popleft() for _ in range(count)]

    def _read(self, batch: list[Job]) -> None:
        for job in batch:
            try:
                # One transaction for all the statements of a job: they see one state of the store.
                self._connection.execute("BEGIN")
                job.result = job.work(self._connection)
            except Exception as error:  # noqa: BLE001 - the outermost frame of the job; its caller gets the error
                job.error = _translated(error, self._path)
            finally:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")

    def _write(self, batch: list[Job]) -> None:
        """Run a batch in one transaction; when SQLite ends it early, the jobs so far share the error."""
        rest = deque(batch)
        while rest:
            done: list[Job] = []
            try:
                self._connection.execute("BEGIN IMMEDIATE")
            except sqlite3.Error as error:
                # Whoever holds the file would make each of them wait as long as the first one.
                self._fail(rest, _translated(error, self._path))
                return
            try:
                while rest:
                    done.append(rest.popleft())
                    self._attempt(done[-1])
            except sqlite3.Error as error:
                self._fail(done, _translated(error, self._path))
            else:
                self._commit(done)

    def _attempt(self, job: Job) -> None:
        """Run a job so that its failure undoes it alone.

        Raises:
            sqlite3.Error: there is no savepoint to go back to: SQLite has undone the whole transaction.
        """
        self._connection.execute("SAVEPOINT job")
        try:
            job.result = job.work(self._connection)
        except Exception as error:
            job.error = _translated(error, self._path)
            if not self._connection.in_transaction and isinstance(error, sqlite3.Error):
                raise
            self._connection.execute("ROLLBACK TO job")
        self._connection.execute("RELEASE job")

    def _commit(self, done: list[Job]) -> None:
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            failure: StoreError = translated(error, self._path)
            if error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_IOERR:
                # The pages may be on the disk although the answer was an error.
                failure = OutcomeUnknown(str(failure).removeprefix(f"{failure.code}: "))
            self._fail(done, failure)

    def _fail(self, done: Iterable[Job], failure: Exception) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        for job in done:
            job.error = job.error or failure


def _resolve(batch: list[Job]) -> None:
    for job in batch:
        if job.future.done():
            continue
        if job.error is not None:
            job.future.set_exception(job.error)
        else:
            job.future.set_result(job.result)


def _translated(error: Exception, path: Path) -> Exception:
    return translated(error, path) if isinstance(error, sqlite3.Error) else error


def translated(error: sqlite3.Error, path: Path) -> StoreError:
    """Return what an error of SQLite means for the caller, with the file and the fix."""
    code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    if code == sqlite3.SQLITE_FULL:
        return StoreFull(f"no space is left for {path} ({error}). Make space; work goes on by itself then.")
    if code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
        return Unreachable(f"another process holds {path} ({error}). Let it finish, or end it; nothing was applied.")
    if code in (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT):
        return StoreDamaged(
            f"{path} is damaged or no SQLite file ({error}). Put a backup in its place, or move the file and its"
            " -wal and -shm away to begin with an empty store."
        )
    if code in (sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_PERM, sqlite3.SQLITE_AUTH):
        return StoreNotWritable(
            f"{path} cannot be opened for writing ({error}). This user needs write access to the file and to the"
            f" folder {path.parent}."
        )
    if code == sqlite3.SQLITE_ERROR:
        return StoreDamaged(
            f"{path} does not have the tables that its version says ({error}). Put a backup in its place, or move the"
            " file and its -wal and -shm away to begin with an empty store."
        )
    return Unreachable(f"{path} does not answer ({error}). Nothing was applied. Look at the disk that it is on.")
