"""Concurrency limits of the memory store. Used by `memory` alone; plain steps over the tables."""

from collections.abc import Sequence

from antiphon_sidecar.engine.events import TERMINAL
from antiphon_sidecar.stores.limits import Grant, GrantKind, Limited
from antiphon_sidecar.stores.memory_tables import Tables


def acquire(
    tables: Tables, limited: Limited, *, replica: str, gone_ns: int, grants: Sequence[Grant], now: int
) -> list[bool]:
    """Give grants as far as the limit allows."""
    out = tables.grants.setdefault((limited.app, limited.kind, limited.name), {})
    for key, (holder, given_at, lapses_ns) in list(out.items()):
        if limited.kind is GrantKind.WORKFLOW:
            void = not _runs(tables, limited.app, *key)
        else:
            beat = tables.heartbeats.get((limited.app, holder))
            seen = None if beat is None else beat.written_at + gone_ns
            void = given_at + lapses_ns <= now and (seen is None or seen + lapses_ns <= now)
        if void:
            del out[key]
    given = []
    for grant in grants:
        key = (grant.holder, grant.mark)
        given.append(key in out or len(out) < limited.most)
        if given[-1]:
            out[key] = (replica, now, grant.lapses_ns)
    return given


def _runs(tables: Tables, app: str, instance_id: str, mark: str) -> bool:
    row = tables.row(app, instance_id)
    if row is not None and row.incarnation.hex() == mark:
        return row.status not in TERMINAL
    return any(start.incarnation.hex() == mark for start in tables.starts_of(app, instance_id))


def release(tables: Tables, items: Sequence[tuple[Limited, Grant]]) -> None:
    """Take grants back."""
    for limited, grant in items:
        tables.grants.get((limited.app, limited.kind, limited.name), {}).pop((grant.holder, grant.mark), None)
