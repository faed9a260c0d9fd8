"""Freezes what a release says to PostgreSQL, so that later releases can prove that they leave it working.

Run in a checkout of the release: `python -m tests.contract.stores.releases.record URL FILE`. It plays a scenario on a
new schema and writes each statement with its arguments and what came back; `test_releases` plays the file again on
the schema of its own release, brought up to date meanwhile.
"""

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg

from antiphon_sidecar.stores import postgres_schema
from antiphon_sidecar.stores.base import InboxKind, InstanceFilter
from antiphon_sidecar.stores.postgres import PostgresStore
from tests.contract.stores.rows import (
    APP,
    EVERY_PARTITION,
    ID,
    ident,
    instance,
    message,
    result,
    start,
    take,
    task,
    timer,
    turn,
)

SCHEMA = "frozen_release"
#: Nanoseconds since 1970, in this century, are the server's clock; other numbers are the scenario's.
_CLOCK = (10**18, 4 * 10**18)


def packed(value: Any) -> Any:
    """Return a value in JSON; the clock's times are all the same."""
    if isinstance(value, bytes):
        return {"hex": value.hex()}
    if isinstance(value, list | tuple | asyncpg.Record):
        return [packed(each) for each in value]
    if isinstance(value, int) and not isinstance(value, bool) and _CLOCK[0] <= value < _CLOCK[1]:
        return "now"
    return value


class Recording:
    """A connection that writes down what is said to it."""

    def __init__(self, connection: asyncpg.Connection, lines: list[Any]) -> None:
        self._connection = connection
        self._lines = lines

    def _told(self, verb: str) -> Callable[..., Awaitable[Any]]:
        async def tell(text: str, *arguments: Any) -> Any:
            found = await getattr(self._connection, verb)(text, *arguments)
            self._lines.append([verb, text, packed(arguments), packed(found)])
            return found

        return tell

    def __getattr__(self, verb: str) -> Callable[..., Awaitable[Any]]:
        assert verb in ("fetch", "fetchrow", "fetchval", "execute"), verb
        return self._told(verb)

    @asynccontextmanager
    async def transaction(self) -> Any:
        """A transaction of several statements."""
        self._lines.append(["begin"])
        async with self._connection.transaction():
            yield
        self._lines.append(["commit"])


async def play(store: PostgresStore) -> None:
    """Do once what a store does."""
    epoch = await take(store)
    first, second = instance(), instance(version=2)
    await store.beat(app=APP, replica="replica-1", nonce="nonce")
    await store.remember_app(app=APP, record=b"{}")
    await store.keep_schemas({"digest": "{}"})
    await store.commit([turn(None, epoch, tasks=(task(1), task(2)), timers=(timer(1),), messages=(message("a"),))])
    await store.post([message("b"), message("c")])
    await store.load(app=APP, instance_id=ID)
    await store.claim_tasks(replica="replica-1", items=[(task(1).ref, task(1).attempt)])
    partition = next(iter({(APP, each) for each in EVERY_PARTITION if each == first.slot >> 11}))
    await store.bump_attempts(epochs={partition: epoch}, items=[(task(2).ref, task(2).attempt)], due_at=5)
    await store.replace_tasks([(task(1).ref, result(task(1).ref))])
    await store.defer_inbox([(ident("b"), 7)])
    await store.defer_tasks([(task(2).ref, 7)])
    await store.defer_timers([(timer(1).ref, 7)])
    await store.commit(
        [
            turn(
                first,
                epoch,
                consume_inbox=(ident("a"),),
                consume_timers=(timer(1).ref,),
                discard_inbox=(ident("b"),),
                tasks=(task(3),),
            )
        ]
    )
    for due in (store.due_inbox, store.due_tasks, store.due_timers):
        await due(app=APP, partitions=EVERY_PARTITION, until=9, limit=10)
    await store.release_tasks(app=APP, target_app=task(3).target_app, now=3)
    await store.history(app=APP, instance_id=ID)
    await store.list_instances(InstanceFilter(app=APP), limit=10)
    await store.commit([turn(second, epoch, end_execution=second.execution_id, drop_history=True)])
    pending = instance("order-2", run="run-2")
    await store.start_instance(row=pending, start=start(pending), unique=False)
    assert start(pending).kind is InboxKind.START
    await store.load_inbox(app=APP, instance_id="order-2")
    await store.has_commit(app=APP, instance_id=ID, commit_id=ident(f"{ID}/3"))
    await store.heartbeats()
    await store.leave(app=APP, replica="replica-1")


async def record(url: str) -> dict[str, Any]:
    """Play the scenario and return what was said."""
    store = PostgresStore(url, schema=SCHEMA, pool_size=1)
    await store.open()
    lines: list[Any] = []
    call = store._connections.call

    async def told(work: Callable[[Any], Awaitable[Any]], *, writes: bool = True) -> Any:
        return await call(lambda connection: work(Recording(connection, lines)), writes=writes)

    store._connections.call = told  # type: ignore[method-assign,assignment]
    await play(store)
    await store.close()
    return {"version": len(postgres_schema.MIGRATIONS), "said": lines}


if __name__ == "__main__":
    Path(sys.argv[2]).write_text(json.dumps(asyncio.run(record(sys.argv[1])), indent=1) + "\n")
