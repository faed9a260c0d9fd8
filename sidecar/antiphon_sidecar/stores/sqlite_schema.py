"""The SQLite store's file: its connections, its tables and how they came to be.

Used by `sqlite` alone, in its threads. Migrations only go forward and run in one transaction each, so that a
file is always at a version that some release wrote on purpose.
"""

import contextlib
import sqlite3
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

from antiphon_sidecar.stores.errors import StoreAbsent, StoreDamaged, StoreTooNew, StoreTooOld

#: "anti" as a big-endian number: says whose SQLite file this is.
APPLICATION_ID = 0x616E7469
BUSY_TIMEOUT_S = 5.0
#: Files up to this size are checked page by page when they are opened; a bigger one would delay the start.
CHECKED_BYTES_MOST = 64 << 20

_FIRST = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE apps (
  namespace TEXT NOT NULL, app TEXT NOT NULL, record BLOB NOT NULL, seen_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, app)
) WITHOUT ROWID;
CREATE TABLE heartbeats (
  namespace TEXT NOT NULL, app TEXT NOT NULL, replica TEXT NOT NULL, nonce TEXT NOT NULL,
  written_at INTEGER NOT NULL, PRIMARY KEY (namespace, app, replica)
) WITHOUT ROWID;
CREATE TABLE partitions (
  namespace TEXT NOT NULL, app TEXT NOT NULL, partition INTEGER NOT NULL, epoch INTEGER NOT NULL,
  replica TEXT NOT NULL, PRIMARY KEY (namespace, app, partition)
) WITHOUT ROWID;
CREATE TABLE instances (
  namespace TEXT NOT NULL, app TEXT NOT NULL, instance_id TEXT NOT NULL, slot INTEGER NOT NULL,
  incarnation BLOB NOT NULL, execution_id TEXT NOT NULL, generation INTEGER NOT NULL,
  version INTEGER NOT NULL, status INTEGER NOT NULL, name TEXT NOT NULL, created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL, started_at INTEGER, completed_at INTEGER, scheduled_at INTEGER,
  parent_app TEXT, parent_instance TEXT, custom_status BLOB, output BLOB, failure BLOB,
  commit_id BLOB NOT NULL, PRIMARY KEY (namespace, app, instance_id)
);
CREATE INDEX instances_by_status ON instances (namespace, app, status, created_at DESC, instance_id);
CREATE INDEX instances_by_name ON instances (namespace, app, name, created_at DESC, instance_id);
CREATE TABLE history (
  namespace TEXT NOT NULL, app TEXT NOT NULL, instance_id TEXT NOT NULL, incarnation BLOB NOT NULL,
  generation INTEGER NOT NULL, turn INTEGER NOT NULL, events BLOB NOT NULL, event_count INTEGER NOT NULL,
  commit_id BLOB NOT NULL, message_ids BLOB NOT NULL,
  PRIMARY KEY (namespace, app, instance_id, incarnation, generation, turn)
);
CREATE TABLE inbox (
  namespace TEXT NOT NULL, app TEXT NOT NULL, instance_id TEXT NOT NULL, slot INTEGER NOT NULL,
  row_id BLOB NOT NULL, kind INTEGER NOT NULL, incarnation BLOB NOT NULL, payload BLOB NOT NULL,
  execution_id TEXT NOT NULL, ref_id INTEGER NOT NULL, seq INTEGER PRIMARY KEY AUTOINCREMENT,
  due_at INTEGER NOT NULL, UNIQUE (namespace, row_id)
);
CREATE INDEX inbox_by_instance ON inbox (namespace, app, instance_id);
CREATE INDEX inbox_by_due ON inbox (namespace, app, due_at);
CREATE TABLE tasks (
  namespace TEXT NOT NULL, app TEXT NOT NULL, instance_id TEXT NOT NULL, slot INTEGER NOT NULL,
  incarnation BLOB NOT NULL, execution_id TEXT NOT NULL, task_id INTEGER NOT NULL,
  target_app TEXT NOT NULL, name TEXT NOT NULL, request BLOB NOT NULL, attempt INTEGER NOT NULL,
  start_by INTEGER, created_at INTEGER NOT NULL, claimed_by TEXT NOT NULL, due_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, app, instance_id, execution_id, task_id)
);
CREATE INDEX tasks_by_due ON tasks (namespace, app, due_at);
CREATE TABLE timers (
  namespace TEXT NOT NULL, app TEXT NOT NULL, instance_id TEXT NOT NULL, slot INTEGER NOT NULL,
  incarnation BLOB NOT NULL, execution_id TEXT NOT NULL, timer_id INTEGER NOT NULL,
  due_at INTEGER NOT NULL, payload BLOB NOT NULL,
  PRIMARY KEY (namespace, app, instance_id, execution_id, timer_id)
);
CREATE INDEX timers_by_due ON timers (namespace, app, due_at);
"""

_STALLS = """
ALTER TABLE instances ADD COLUMN waiting_on TEXT;
ALTER TABLE instances ADD COLUMN worker_deaths INTEGER NOT NULL DEFAULT 0;
"""

_SCHEMAS = """
CREATE TABLE schemas (
  namespace TEXT NOT NULL, digest TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (namespace, digest)
) WITHOUT ROWID;
"""

_SEARCH = """
ALTER TABLE instances ADD COLUMN tags TEXT;
CREATE INDEX instances_by_parent ON instances
  (namespace, parent_app, parent_instance, created_at DESC, instance_id, app) WHERE parent_instance IS NOT NULL;
CREATE INDEX instances_by_waiting ON instances (namespace, waiting_on, created_at DESC, instance_id, app)
  WHERE waiting_on IS NOT NULL;
CREATE INDEX instances_by_completion ON instances (namespace, app, status, completed_at, instance_id)
  WHERE completed_at IS NOT NULL;
CREATE TABLE tags (
  namespace TEXT NOT NULL, app TEXT NOT NULL, instance_id TEXT NOT NULL, incarnation BLOB NOT NULL,
  name TEXT NOT NULL, value TEXT NOT NULL, created_at INTEGER NOT NULL
);
CREATE INDEX tags_by_instance ON tags (namespace, app, instance_id);
CREATE INDEX tags_by_value ON tags (namespace, name, value, created_at DESC, instance_id, app, incarnation);
ALTER TABLE tasks ADD COLUMN instance_created_at INTEGER NOT NULL DEFAULT 0;
UPDATE tasks SET instance_created_at = coalesce((SELECT i.created_at FROM instances i
  WHERE i.namespace = tasks.namespace AND i.app = tasks.app AND i.instance_id = tasks.instance_id), 0);
CREATE INDEX tasks_by_target ON tasks (namespace, target_app, instance_created_at DESC, instance_id, app);
"""

_ACTIVITY_TIMEOUTS = """
ALTER TABLE tasks ADD COLUMN close_by INTEGER;
ALTER TABLE tasks ADD COLUMN start_to_close INTEGER;
ALTER TABLE tasks ADD COLUMN heartbeat INTEGER;
ALTER TABLE tasks ADD COLUMN details BLOB;
"""

_GRANTS = """
CREATE TABLE grants (
  namespace TEXT NOT NULL, app TEXT NOT NULL, kind INTEGER NOT NULL, name TEXT NOT NULL, holder TEXT NOT NULL,
  mark TEXT NOT NULL, replica TEXT NOT NULL, given_at INTEGER NOT NULL, lapses_ns INTEGER NOT NULL,
  PRIMARY KEY (namespace, app, kind, name, holder, mark)
) WITHOUT ROWID;
"""

_IN_HAND = """
ALTER TABLE heartbeats ADD COLUMN in_hand INTEGER NOT NULL DEFAULT 0;
"""

_REGISTRY = """
CREATE TABLE registry (
  namespace TEXT NOT NULL, key TEXT NOT NULL, record BLOB NOT NULL, written_at INTEGER NOT NULL,
  PRIMARY KEY (namespace, key)
) WITHOUT ROWID;
"""

#: Each entry brings a file from the version of its index to the next.
MIGRATIONS = (_FIRST, _STALLS, _SCHEMAS, _SEARCH, _ACTIVITY_TIMEOUTS, _GRANTS, _IN_HAND, _REGISTRY)


def connect(path: Path, *, writes: bool) -> sqlite3.Connection:
    """Open a connection that commits only when told to; a reader's refuses every write."""
    mode = "rwc" if writes else "ro"
    connection = sqlite3.connect(
        f"file:{quote(str(path))}?mode={mode}",
        uri=True,
        timeout=BUSY_TIMEOUT_S,
        isolation_level=None,
        check_same_thread=False,
        cached_statements=256,
    )
    if writes:
        connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA cache_size = -16384")
    return connection


def prepare(path: Path, connection: sqlite3.Connection, *, make_identity: Callable[[], str]) -> str:
    """Check the file, bring its tables to this release's version and return the store's identity.

    Raises:
        StoreTooNew: a newer release wrote the file.
        StoreDamaged: the file is another program's, or its pages do not fit together.
        sqlite3.Error: anything else that SQLite finds; the caller translates it.
    """
    _check(path, connection)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN IMMEDIATE")
    try:
        identity = _migrate(path, connection, make_identity=make_identity)
        connection.execute("COMMIT")
    finally:
        if connection.in_transaction:
            # The first error is the one to report; a failed rollback follows from it.
            with contextlib.suppress(sqlite3.Error):
                connection.execute("ROLLBACK")
    return identity


def found(path: Path, connection: sqlite3.Connection) -> str:
    """Check a file that is there, change nothing, and return the store's identity.

    Raises:
        StoreAbsent: it has no tables.
        StoreTooOld, StoreTooNew: another release wrote it.
        StoreDamaged: it is another program's.
        sqlite3.Error: anything else that SQLite finds; the caller translates it.
    """
    _check_owner(path, connection)
    version = _number(connection, "PRAGMA user_version")
    if not version:
        raise StoreAbsent(f"{path} has no tables")
    if version > len(MIGRATIONS):
        raise _too_new(path, version)
    if version < len(MIGRATIONS):
        raise StoreTooOld(
            f"{path} has schema {version}, this release reads schema {len(MIGRATIONS)}. Start a host of this release "
            "on it once, which brings it up to date, or look with the release that wrote it."
        )
    (identity,) = connection.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
    return str(identity)


def _check(path: Path, connection: sqlite3.Connection) -> None:
    _check_owner(path, connection)
    if path.stat().st_size <= CHECKED_BYTES_MOST:
        (finding,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if finding != "ok":
            raise StoreDamaged(
                f"{path} is damaged: {finding}. Put a backup in its place, or move the file and its -wal and -shm"
                " away to begin with an empty store."
            )


def _check_owner(path: Path, connection: sqlite3.Connection) -> None:
    owner = _number(connection, "PRAGMA application_id")
    tables = _number(connection, "SELECT count(*) FROM sqlite_master")
    if tables and owner != APPLICATION_ID:
        raise StoreDamaged(
            f"{path} is an SQLite file of another program; nothing was changed. Name another file, for example"
            f" sqlite:///{path.with_name('antiphon.db')}."
        )


def _migrate(path: Path, connection: sqlite3.Connection, *, make_identity: Callable[[], str]) -> str:
    version = _number(connection, "PRAGMA user_version")
    if version > len(MIGRATIONS):
        raise _too_new(path, version)
    for migration in MIGRATIONS[version:]:
        for statement in migration.split(";"):
            if statement.strip():
                connection.execute(statement)
    if version < len(MIGRATIONS):
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('identity', ?) ON CONFLICT DO NOTHING", (make_identity(),)
    )
    (identity,) = connection.execute("SELECT value FROM meta WHERE key = 'identity'").fetchone()
    return str(identity)


def _too_new(path: Path, version: int) -> StoreTooNew:
    return StoreTooNew(
        f"{path} has schema {version}, this release knows schemas up to {len(MIGRATIONS)}; nothing was"
        " changed. Run the newer release, or name another file."
    )


def _number(connection: sqlite3.Connection, query: str) -> int:
    return int(connection.execute(query).fetchone()[0])
