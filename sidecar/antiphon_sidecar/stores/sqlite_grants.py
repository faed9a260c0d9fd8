"""Concurrency limits of the SQLite store. Used by `sqlite` alone; jobs of the writer, whose transaction is the lock."""

import sqlite3
from collections.abc import Sequence

from antiphon_sidecar.stores.base import InboxKind
from antiphon_sidecar.stores.columns import FINISHED
from antiphon_sidecar.stores.limits import Grant, GrantKind, Limited

_NAME = "namespace = ? AND app = ? AND kind = ? AND name = ?"
_ONE = f"{_NAME} AND holder = ? AND mark = ?"
_GONE = f"""DELETE FROM grants WHERE {_NAME} AND given_at + lapses_ns <= ? AND NOT EXISTS (
  SELECT 1 FROM heartbeats h WHERE h.namespace = grants.namespace AND h.app = grants.app
  AND h.replica = grants.replica AND h.written_at + ? + grants.lapses_ns > ?)"""
_ENDED = f"""DELETE FROM grants WHERE {_NAME} AND NOT EXISTS (
  SELECT 1 FROM instances i WHERE i.namespace = grants.namespace AND i.app = grants.app
  AND i.instance_id = grants.holder AND lower(hex(i.incarnation)) = grants.mark AND i.status NOT IN {FINISHED})
  AND NOT EXISTS (SELECT 1 FROM inbox b WHERE b.namespace = grants.namespace AND b.app = grants.app
  AND b.instance_id = grants.holder AND lower(hex(b.incarnation)) = grants.mark AND b.kind = {InboxKind.START:d})"""
_GIVE = (
    "INSERT OR REPLACE INTO grants (namespace, app, kind, name, holder, mark, replica, given_at, lapses_ns)"
    " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"
)


def acquire(
    connection: sqlite3.Connection,
    namespace: str,
    *,
    limited: Limited,
    replica: str,
    gone_ns: int,
    grants: Sequence[Grant],
    now: int,
) -> list[bool]:
    """Give grants as far as the limit allows."""
    key = _key(namespace, limited)
    if limited.kind is GrantKind.WORKFLOW:
        connection.execute(_ENDED, key)
    else:
        connection.execute(_GONE, (*key, now, gone_ns, now))
    out = set(connection.execute(f"SELECT holder, mark FROM grants WHERE {_NAME}", key))
    given = []
    for grant in grants:
        one = (grant.holder, grant.mark)
        given.append(one in out or len(out) < limited.most)
        if given[-1]:
            out.add(one)
            connection.execute(_GIVE, (*key, *one, replica, now, grant.lapses_ns))
    return given


def release(connection: sqlite3.Connection, namespace: str, *, items: Sequence[tuple[Limited, Grant]]) -> None:
    """Take grants back."""
    connection.executemany(
        f"DELETE FROM grants WHERE {_ONE}",
        [(*_key(namespace, limited), grant.holder, grant.mark) for limited, grant in items],
    )


def _key(namespace: str, limited: Limited) -> tuple[str, str, int, str]:
    return namespace, limited.app, int(limited.kind), limited.name
