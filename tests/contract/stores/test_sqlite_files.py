"""Files that the SQLite store refuses, with the file and the fix in the message, and a disk without space."""

import asyncio
import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from antiphon_sidecar.stores import sqlite_schema
from antiphon_sidecar.stores.base import Outcome
from antiphon_sidecar.stores.errors import StoreDamaged, StoreFull, StoreNotWritable, StoreTooNew
from antiphon_sidecar.stores.sqlite import SqliteStore
from tests.contract.stores.rows import APP, ID, instance, message, take, turn


@pytest.fixture
async def file(tmp_path: Path) -> Path:
    """A file with one instance in it."""
    path = tmp_path / "state.db"
    store = SqliteStore(path)
    await store.open()
    await store.commit([turn(None, await take(store))])
    await store.close()
    return path


@pytest.fixture
def as_nobody(tmp_path: Path) -> Iterator[None]:
    """Root may write everywhere; another user may not."""
    if os.geteuid() != 0:
        yield
        return
    for parent in tmp_path.parents[:2]:
        parent.chmod(parent.stat().st_mode | 0o011)
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


async def test_refuses_a_file_of_a_newer_release(file: Path) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA user_version = 99")
    with pytest.raises(StoreTooNew, match=r"AN302 .*state\.db has schema 99.*newer release"):
        await SqliteStore(file).open()


async def test_brings_a_file_of_the_first_release_up_to_date(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sqlite_schema.MIGRATIONS[0])
        connection.execute(f"PRAGMA application_id = {sqlite_schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 1")
        connection.execute(
            "INSERT INTO instances (namespace, app, instance_id, slot, incarnation, execution_id, generation, version,"
            " status, name, created_at, updated_at, commit_id) VALUES ('default', ?, ?, 1, x'01', 'x', 0, 1, 0, 'ship',"
            " 5, 5, x'02')",
            (APP, ID),
        )
        connection.commit()
    store = SqliteStore(path)
    await store.open()
    row = await store.get_instance(app=APP, instance_id=ID)
    await store.close()
    assert row is not None
    assert (row.name, row.waiting_on, row.worker_deaths) == ("ship", None, 0)


async def test_refuses_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("Not a database. " * 100)
    with pytest.raises(StoreDamaged, match=r"AN303 .*notes\.txt.*backup"):
        await SqliteStore(path).open()
    assert path.read_text().startswith("Not a database.")


async def test_refuses_another_programs_file(tmp_path: Path) -> None:
    path = tmp_path / "other.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (a)")
    with pytest.raises(StoreDamaged, match=r"other\.db is an SQLite file of another program"):
        await SqliteStore(path).open()


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    path.write_bytes(content)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


async def test_refuses_a_damaged_file(file: Path) -> None:
    damage(file)
    with pytest.raises(StoreDamaged, match=r"AN303 .*state\.db"):
        await SqliteStore(file).open()


async def test_refuses_a_truncated_file(file: Path) -> None:
    truncate(file)
    with pytest.raises(StoreDamaged, match=r"AN303 .*state\.db"):
        await SqliteStore(file).open()


async def test_takes_an_empty_file_for_a_new_store(tmp_path: Path) -> None:
    path = tmp_path / "empty.db"
    path.touch()
    store = SqliteStore(path)
    await store.open()
    assert store.identity
    await store.close()


async def test_refuses_a_folder_it_cannot_write_to(tmp_path: Path, as_nobody: None) -> None:
    with pytest.raises(StoreNotWritable, match=r"AN304 .*write access"):
        await SqliteStore(Path("/usr/antiphon-test.db")).open()
    with pytest.raises(StoreNotWritable, match=r"AN304 .*folder /usr/antiphon-test cannot be made"):
        await SqliteStore(Path("/usr/antiphon-test/state.db")).open()


async def test_refuses_a_file_it_may_only_read(file: Path, tmp_path: Path, as_nobody: None) -> None:
    with pytest.raises(StoreNotWritable, match=r"AN304 .*state\.db"):
        await SqliteStore(file).open()


async def test_says_that_the_disk_is_full_and_goes_on_when_it_is_not(file: Path) -> None:
    store = SqliteStore(file)
    await store.open()

    def limit(connection: sqlite3.Connection) -> None:
        pages = connection.execute("PRAGMA page_count").fetchone()[0]
        connection.execute(f"PRAGMA max_page_count = {pages}")

    def lift(connection: sqlite3.Connection) -> None:
        connection.execute("PRAGMA max_page_count = 1000000").fetchone()

    await store._writer.run(limit)
    epoch, row = await take(store), instance()
    big = turn(row, epoch, messages=(message("big", payload=bytes(1 << 20)),))
    with pytest.raises(StoreFull, match=r"AN306 .*state\.db"):
        await store.commit([big])
    assert await store.get_instance(app=APP, instance_id=ID) == row
    assert await store.load_inbox(app=APP, instance_id=ID) == []
    await store._writer.run(lift)
    assert await store.commit([big]) == [Outcome.COMMITTED]
    await store.close()


async def test_a_job_that_fails_harms_no_other_of_its_batch(file: Path) -> None:
    store = SqliteStore(file)
    await store.open()
    epoch = await take(store)

    def broken(connection: sqlite3.Connection) -> None:
        connection.execute("DELETE FROM instances")
        raise ZeroDivisionError

    results = await asyncio.gather(
        store._writer.run(broken), store.commit([turn(instance(), epoch)]), return_exceptions=True
    )
    assert isinstance(results[0], ZeroDivisionError)
    assert results[1] == [Outcome.COMMITTED]
    await store.close()
