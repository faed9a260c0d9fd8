"""What `antiphon dev` says, and how it ends, when it cannot serve; docs/when-it-goes-wrong.md quotes it."""

import os
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from antiphon_names import errors as codes
from tests.integration.programs import Stack, Store, environment
from tests.integration.wrong import shows
from tests.ports import quiet_port

pytestmark = pytest.mark.integration

END_S = 30


def refused(folder: Path, store: Store, *arguments: str) -> str:
    """Run `antiphon dev`, which must end by itself with exit code 1; return what it says."""
    done = subprocess.run(
        [sys.executable, "-m", "antiphon_cli", "dev", *arguments, "--store", store.url],
        env={**os.environ, **environment(folder, store)},
        capture_output=True,
        text=True,
        timeout=END_S,
        check=False,
    )
    assert done.returncode == 1, done
    assert "Traceback" not in done.stderr
    return done.stderr


def an_app() -> str:
    return f"--app=other:{quiet_port()}"


def test_a_second_host_is_told_who_holds_the_store(any_stack: Stack) -> None:
    any_stack.host.start()
    any_stack.wait_for_listeners()
    text = refused(any_stack.folder, any_stack.store, an_app())
    assert str(codes.HOST_RUNNING) in text
    assert f"process {any_stack.host.running.pid} " in text
    assert any_stack.host.running.poll() is None
    if any_stack.store.url.startswith("sqlite"):
        shows("A store that another host has", text)


def test_a_port_in_use_names_the_process_that_has_it(sqlite_stack: Stack, tmp_path: Path) -> None:
    sqlite_stack.host.start()
    sqlite_stack.wait_for_listeners()
    port = sqlite_stack.ports["orders"]
    text = refused(tmp_path, Store(f"sqlite:///{tmp_path}/another.db"), f"--app=other:{port}")
    assert str(codes.PORT_IN_USE) in text
    assert f"127.0.0.1:{port}" in text
    shows("A port in use", text)
    assert f"process {sqlite_stack.host.running.pid} " in text


def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(tmp_path: Path, sqlite_store: Store) -> None:
    file = tmp_path / "state.db"
    content = b"this is not a database\n" * 1_000
    file.write_bytes(content)
    text = refused(tmp_path, sqlite_store, an_app())
    assert str(codes.STORE_DAMAGED) in text
    assert str(file) in text
    shows("A store that is damaged", text)
    assert file.read_bytes() == content


def test_a_database_of_which_pages_are_gone_is_refused(sqlite_stack: Stack) -> None:
    sqlite_stack.host.start()
    sqlite_stack.wait_for_listeners()
    assert sqlite_stack.host.terminate(within_s=END_S) == 0
    file = sqlite_stack.folder / "state.db"
    with file.open("r+b") as database:
        database.seek(100)
        database.write(b"\xff" * (file.stat().st_size - 100))
    text = refused(sqlite_stack.folder, sqlite_stack.store, an_app())
    assert str(codes.STORE_DAMAGED) in text
    shows("A store that is damaged", text)


def test_a_database_of_a_newer_release_is_refused(sqlite_stack: Stack) -> None:
    sqlite_stack.host.start()
    sqlite_stack.wait_for_listeners()
    assert sqlite_stack.host.terminate(within_s=END_S) == 0
    connection = sqlite3.connect(sqlite_stack.folder / "state.db")
    with connection:
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        connection.execute(f"PRAGMA user_version = {version + 1}")
    connection.close()
    text = refused(sqlite_stack.folder, sqlite_stack.store, an_app())
    assert str(codes.STORE_TOO_NEW) in text
    shows("A store that a newer release has written", text)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    text = refused(tmp_path, Store(f"sqlite:///{tmp_path}/file/state.db"), an_app())
    assert str(codes.STORE_NOT_WRITABLE) in text
    shows("A store that cannot be written", text)


def test_a_folder_in_the_place_of_the_file_is_refused(tmp_path: Path, sqlite_store: Store) -> None:
    (tmp_path / "state.db").mkdir()
    text = refused(tmp_path, sqlite_store, an_app())
    assert str(codes.STORE_NOT_WRITABLE) in text
    shows("A store that cannot be written", text)


def test_an_unknown_key_in_a_file_of_apps_names_its_line_and_the_nearest(tmp_path: Path, sqlite_store: Store) -> None:
    file = tmp_path / "antiphon.yaml"
    file.write_text("version: 1\napps: []\nstorre: sqlite:///state.db\n")
    done = subprocess.run(
        [sys.executable, "-m", "antiphon_cli", "run", "-f", str(file)],
        env={**os.environ, **environment(tmp_path, sqlite_store)},
        capture_output=True,
        text=True,
        timeout=END_S,
        check=False,
    )
    assert done.returncode == 2, done
    shows("An unknown key in a file", done.stderr)


def test_a_server_that_does_not_answer_is_refused(tmp_path: Path) -> None:
    port = quiet_port()
    text = refused(tmp_path, Store(f"postgresql://nobody:secret@127.0.0.1:{port}/none"), an_app())
    assert str(codes.STORE_UNREACHABLE) in text
    assert f"127.0.0.1:{port}" in text
    assert "secret" not in text
    shows("A store that does not answer", text)
