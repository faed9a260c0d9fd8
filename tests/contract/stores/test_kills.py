"""A process that is killed in the middle of its commits: what was acknowledged is there, nothing is there by half."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon_sidecar.stores.base import Outcome
from tests import postgres
from tests.contract.stores.committer import NAMES, store_at
from tests.contract.stores.rows import APP, take, task, turn


def killed_after(turns: int, *arguments: str) -> int:
    """Run the committer, kill it, and return the last turn it printed."""
    with subprocess.Popen(
        [sys.executable, "-m", "tests.contract.stores.committer", *arguments],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    ) as process:
        assert process.stdout is not None
        try:
            lines = [process.stdout.readline() for _ in range(turns)]
        finally:
            process.kill()
        lines += process.stdout.readlines()
    return int([line for line in lines if line.endswith("\n")][-1])


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
@pytest.mark.parametrize("turns", [1, 40])
async def test_every_acknowledged_commit_is_there_and_none_by_half(
    kind: str, turns: int, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where = str(tmp_path / "state.db")
    if kind == "postgres":
        server: postgres.Server = request.getfixturevalue("postgres_server")
        where = f"{server.url}#killed_{turns}"
    acknowledged = killed_after(turns, kind, where)
    store = store_at(kind, where)
    await store.open()
    try:
        for name in NAMES:
            # A server may still be at work on what the dead process sent last; a new epoch waits for it.
            epoch = await take(store, name)
            loaded = await store.load(app=APP, instance_id=name)
            assert loaded is not None
            assert loaded.row is not None
            version = loaded.row.version
            assert version >= acknowledged
            assert [each.turn for each in loaded.history] == list(range(version))
            assert [each.task_id for each in loaded.tasks] == [version]
            again = turn(loaded.row, epoch, consume_tasks=(task(version, of=loaded.row).ref,))
            assert await store.commit([again]) == [Outcome.COMMITTED]
    finally:
        await store.close()
