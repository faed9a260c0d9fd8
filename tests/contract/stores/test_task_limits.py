"""What task rows hold for the timeouts of activities, and what activities say of their progress."""

from antiphon_sidecar.stores.base import Outcome, Store, TaskRef, TaskRow
from tests.contract.stores.rows import APP, EVERY_PARTITION, ID, take, task, turn


async def rows(store: Store) -> list[TaskRow]:
    loaded = await store.load(app=APP, instance_id=ID)
    assert loaded is not None
    return list(loaded.tasks)


async def add(store: Store, *added: TaskRow) -> None:
    assert await store.commit([turn(None, await take(store), tasks=added)]) == [Outcome.COMMITTED]


async def test_a_row_keeps_its_limits(store: Store) -> None:
    limited = task(1, start_by=1, close_by=2, start_to_close=3, heartbeat=4, details=b"half")
    await add(store, limited, task(2))
    assert await rows(store) == [limited, task(2)]
    page = await store.due_tasks(app=APP, partitions=EVERY_PARTITION, until=5, limit=9, after=None)
    assert page.rows == (limited, task(2))


async def test_progress_is_written_where_the_row_is_there(store: Store) -> None:
    await add(store, task(1), task(2))
    gone = TaskRef(APP, ID, "run-1/0", 9)
    await store.note_details([(task(2).ref, b"a"), (gone, b"b")])
    await store.note_details([(task(2).ref, b"c")])
    await store.note_details([])
    assert [row.details for row in await rows(store)] == [None, b"c"]


async def test_the_next_attempt_keeps_limits_and_progress(store: Store) -> None:
    await add(store, task(1, start_to_close=3))
    await store.note_details([(task(1).ref, b"half")])
    (row,) = await rows(store)
    epochs = {(APP, row.slot >> 11): 1}
    assert await store.bump_attempts(epochs=epochs, items=[(row.ref, 1)], due_at=9) == [True]
    (row,) = await rows(store)
    assert (row.attempt, row.start_to_close, row.details) == (2, 3, b"half")
