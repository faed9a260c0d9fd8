"""A process that commits turns as fast as it can and prints each turn once it is acknowledged; made to be killed.

`python -m tests.contract.stores.committer KIND WHERE`: each turn adds a task and consumes the one before.
"""

import asyncio
import sys
from dataclasses import replace
from pathlib import Path

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.stores.base import Outcome, Store
from antiphon_sidecar.stores.postgres import PostgresStore
from antiphon_sidecar.stores.sqlite import SqliteStore
from tests.contract.stores.rows import APP, instance, task, turn

NAMES = tuple(f"order-{number}" for number in range(8))


def store_at(kind: str, where: str) -> Store:
    if kind == "sqlite":
        return SqliteStore(Path(where))
    url, _, schema = where.rpartition("#")
    return PostgresStore(url, schema=schema)


async def main(kind: str, where: str) -> None:
    store = store_at(kind, where)
    await store.open()
    partitions = dict.fromkeys(partition_of(slot_of(name)) for name in NAMES)
    taken = {each: await store.take_partition(app=APP, partition=each, replica="a") for each in partitions}
    epochs = {name: taken[partition_of(slot_of(name))] for name in NAMES}
    rows = {name: instance(name) for name in NAMES}
    first = [turn(None, epochs[name], row=row, tasks=(task(1, of=row),)) for name, row in rows.items()]
    assert await store.commit(first) == [Outcome.COMMITTED] * len(first)
    while True:
        group = []
        for name, row in rows.items():
            after = replace(row, version=row.version + 1)
            used, added = task(row.version, of=row), task(after.version, of=row)
            group.append(turn(row, epochs[name], row=after, consume_tasks=(used.ref,), tasks=(added,)))
            rows[name] = after
        assert await store.commit(group) == [Outcome.COMMITTED] * len(group)
        print(group[0].row.version, flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
