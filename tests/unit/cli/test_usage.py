"""What the command line says when it cannot do what was asked: nothing runs, or the words are wrong."""

import socket

import pytest
from click.testing import CliRunner

from antiphon_cli.main import main


@pytest.fixture
def antiphon(tmp_path, monkeypatch):
    for name in ("ANTIPHON_STORE", "ANTIPHON_CONFIG", "ANTIPHON_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    # Where sockets go whose path would be too long.
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return lambda *words, **more: CliRunner().invoke(main, words, **more)


def test_without_a_host_the_socket_and_the_way_to_start_one_are_named(antiphon):
    done = antiphon("workflow", "list", env={"HOME": "/nowhere"})
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "AN705 HostNotFound: nothing runs on this machine with the store sqlite:///~/.antiphon/state.db (no process "
        "listens on /nowhere/.antiphon/state.db.sock). Start it with: antiphon dev\n"
        "If it runs with another store, name that one with --store or ANTIPHON_STORE. A sidecar elsewhere is asked "
        "with --address HOST:PORT.\n"
    )


def test_the_command_that_starts_a_host_names_the_store_asked_for(antiphon):
    done = antiphon("apps", "--db", "/nowhere/my state.db")
    assert "Start it with: antiphon dev --store 'sqlite:////nowhere/my state.db'\n" in done.stderr


def test_a_socket_left_over_by_a_killed_host_counts_as_none(antiphon, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with socket.socket(socket.AF_UNIX) as left:
        left.bind("state.db.sock")
    done = antiphon("apps", "--store", "sqlite:///state.db")
    assert done.exit_code == 1
    assert done.stderr.startswith("AN705 HostNotFound: nothing runs")


def test_an_address_where_nothing_listens_is_named(antiphon):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{free.getsockname()[1]}"
        done = antiphon("apps", "--address", address)
    assert (done.exit_code, done.stderr) == (
        1,
        f"AN705 HostNotFound: nothing answers at {address} (Connection refused). Give the peer port of a sidecar, "
        "50002 unless it was told another one.\n",
    )


def test_the_password_of_a_store_is_not_shown(antiphon):
    done = antiphon("apps", "--store", "postgresql://me:secret@db.example/antiphon?password=secret")
    assert "postgresql://me@db.example/antiphon" in done.stderr
    assert "secret" not in done.stderr


def test_a_store_without_a_host_is_refused(antiphon):
    done = antiphon("apps", "--store", "memory:")
    assert (done.exit_code, done.stderr) == (
        2,
        'AN305 StoreUrlInvalid: "memory:" is neither sqlite:///FILE nor postgresql://HOST/DATABASE. '
        "Give --address HOST:PORT to ask a process directly.\n",
    )


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(
            '{"a": }', "--input is not JSON: Expecting value at line 1, column 7.", id="position on the first line"
        ),
        pytest.param('{"a": 1,\n "b" 2}', "at line 2, column 6.", id="position on a later line"),
        pytest.param(
            "hello",
            "at line 1, column 1. A text needs double quotes, and those need quotes of the shell: --input '\"hello\"'",
            id="a text without quotes",
        ),
        pytest.param("[NaN]", "--input is not JSON: NaN is not a number that JSON knows.", id="NaN"),
    ],
)
def test_input_that_is_not_json_is_refused_before_anything_is_asked(antiphon, given, told):
    done = antiphon("workflow", "start", "buy", "--input", given)
    assert done.exit_code == 2
    assert done.stderr.startswith("AN706 InputInvalid: ")
    assert told in done.stderr


def test_an_input_file_that_is_missing_is_named(antiphon):
    done = antiphon("workflow", "start", "buy", "--input-file", "/nowhere/in.json")
    assert (done.exit_code, done.stderr) == (
        2,
        "AN706 InputInvalid: /nowhere/in.json cannot be read: No such file or directory. Fix its path or rights.\n",
    )


@pytest.mark.parametrize(
    ("words", "told"),
    [
        pytest.param(["workflow", "wait", "i", "--timeout", "5"], '"5" is not a duration such as', id="no unit"),
        pytest.param(["apps", "--db", "a", "--store", "b"], "--db and --store both say", id="two stores"),
        pytest.param(
            ["workflow", "start", "x", "--input", "1", "--input-file", "-"], "give one of them", id="two inputs"
        ),
        pytest.param(["run"], "antiphon run --app APP -- COMMAND", id="run of nothing"),
        pytest.param(["run", "--app", "a"], "antiphon run --app APP -- COMMAND", id="run without a command"),
        pytest.param(["run", "-f", "x.yaml", "--app", "a", "--", "true"], "-f says which apps run", id="file and app"),
        pytest.param(["dev", "--app", "a:b"], '"b" is no port', id="port that is none"),
        pytest.param(["dev", "--app", "a:0"], '"0" is no port', id="port zero"),
        pytest.param(["dev", "--app", "a b"], "AN703 AppIdInvalid", id="app ID with a space"),
        pytest.param(["dev", "--app", "a", "--app", "a:6000"], 'app "a" is given twice', id="one app twice"),
        pytest.param(["apps"], "AN702 KeyUnknown", id="settings file with an unknown key"),
    ],
)
def test_wrong_usage_exits_with_2(antiphon, words, told, tmp_path):
    file = tmp_path / "settings.yaml"
    file.write_text("stor: x\n")
    done = antiphon(*words, env={"ANTIPHON_CONFIG": str(file)} if words == ["apps"] else None)
    assert done.exit_code == 2
    assert told in done.stderr


def test_help_lists_the_commands(antiphon):
    done = antiphon("--help")
    assert done.exit_code == 0
    for name in ("dev", "run", "workflow", "apps", "why", "version"):
        assert f"\n  {name} " in done.stdout
