"""A SQLite store that no process serves: it is read as it is, and written to by rows alone."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from antiphon_cli.main import main
from antiphon_sidecar.stores.sqlite import SqliteStore

Antiphon = Callable[..., Result]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state.db"


@pytest.fixture
def antiphon(path: Path, monkeypatch: pytest.MonkeyPatch) -> Antiphon:
    for name in ("ANTIPHON_STORE", "ANTIPHON_CONFIG", "ANTIPHON_ADDRESS", "ANTIPHON_ETCD"):
        monkeypatch.delenv(name, raising=False)
    return lambda *words: CliRunner().invoke(main, [*words, "--db", str(path)])


async def made(path: Path) -> None:
    """Leave a store in which app "orders" was once seen."""
    store = SqliteStore(path)
    await store.open()
    await store.remember_app(app="orders", record=json.dumps({"workflows": ["buy"], "activities": []}).encode())
    await store.close()


def dump(path: Path) -> list[str]:
    with sqlite3.connect(path) as connection:
        return list(connection.iterdump())


@pytest.fixture
async def store(path: Path) -> Path:
    await made(path)
    return path


def test_rows_are_written_and_told_to_be_carried_out_later(antiphon: Antiphon, store: Path) -> None:
    begun = antiphon("workflow", "start", "buy", "--app", "orders", "--id", "i1", "--input", "7")
    assert (begun.exit_code, begun.stdout) == (0, "i1\n")
    assert begun.stderr.splitlines() == [
        f"Nothing runs on this machine with the store sqlite:///{store}; it is read without.",
        'Written to the store: start "i1" (orders). No sidecar of orders runs: it is carried out when one does.',
    ]
    for verb, asked in (("suspend", "suspend"), ("terminate", "terminate")):
        done = antiphon("workflow", verb, "i1", "--app", "orders")
        assert f'Written to the store: {asked} "i1" (orders)' in done.stderr, done.stderr
    raised = antiphon("workflow", "raise", "i1", "approval")
    assert 'Written to the store: event "approval" for "i1" (orders).' in raised.stderr
    with sqlite3.connect(store) as connection:
        assert connection.execute("SELECT count(*) FROM inbox").fetchone() == (4,)
        assert connection.execute("SELECT count(*) FROM partitions").fetchone() == (0,)
        assert connection.execute("SELECT count(*) FROM heartbeats").fetchone() == (0,)


def test_looking_changes_nothing(antiphon: Antiphon, store: Path) -> None:
    antiphon("workflow", "start", "buy", "--app", "orders", "--id", "i1", "--input", "7")
    before = dump(store)
    listed = antiphon("workflow", "list", "-o", "json")
    assert [each["status"] for each in json.loads(listed.stdout)] == ["PENDING"]
    assert json.loads(antiphon("workflow", "get", "i1", "-o", "json").stdout)["input"] == 7
    assert antiphon("workflow", "history", "i1").exit_code == 0
    why = antiphon("why", "i1")
    assert 'needs app "orders" for its next step, but no sidecar of it has written to the store lately' in why.stdout
    assert antiphon("apps").stdout.splitlines()[1].split()[:3] == ["orders", "0", "0"]
    assert json.loads(antiphon("apps", "export").stdout)["apps"]["orders"]["offers"][0]["name"] == "buy"
    assert dump(store) == before


def test_check_tells_that_nothing_runs_and_that_the_store_is_well(antiphon: Antiphon, store: Path) -> None:
    done = antiphon("check")
    assert done.exit_code == 1
    lines = [line.split(maxsplit=2) for line in done.stdout.splitlines()[1:]]
    assert [line[:2] for line in lines] == [["problem", "host"], ["ok", "store"], ["ok", "clock"], ["note", "app"]]


@pytest.mark.parametrize(
    "words", [["workflow", "run", "buy", "--app", "orders"], ["workflow", "wait", "i1", "--app", "orders"]]
)
def test_what_needs_somebody_who_goes_on_is_refused(antiphon: Antiphon, store: Path, words: list[str]) -> None:
    done = antiphon(*words)
    assert (done.exit_code, done.stderr.startswith("AN705 HostNotFound: nothing runs")) == (1, True)


def test_an_app_that_was_never_seen_is_refused(antiphon: Antiphon, store: Path) -> None:
    done = antiphon("workflow", "start", "buy", "--app", "ordres")
    assert done.exit_code == 1
    assert 'AN103 TargetAppNotFound: app "ordres" is not known here; known apps: orders. Did you mean "orders"?' in (
        done.stderr
    )


def test_a_file_without_tables_is_no_store_and_stays_as_it_is(antiphon: Antiphon, path: Path) -> None:
    path.touch()
    done = antiphon("workflow", "list")
    assert done.stderr.startswith("AN705 HostNotFound: nothing runs on this machine with the store")
    assert path.read_bytes() == b""


def test_a_store_of_an_older_release_is_not_brought_up_to_date_by_looking(antiphon: Antiphon, store: Path) -> None:
    with sqlite3.connect(store) as connection:
        (newest,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute("PRAGMA user_version = 1")
    done = antiphon("workflow", "list")
    assert done.exit_code == 1
    assert f"AN713 StoreTooOld: {store} has schema 1, this release reads schema {newest}." in done.stderr


def test_a_file_of_another_program_is_named(antiphon: Antiphon, path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE t (x)")
    done = antiphon("workflow", "list")
    assert "AN303 StoreDamaged" in done.stderr
