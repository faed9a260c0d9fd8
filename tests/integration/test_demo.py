"""The demo as `make demo` runs it: real processes, a real store, SIGKILL. Its verdict must be able to fail."""

import importlib
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "examples" / "ml-pipeline"
LIMIT_S = 120

pytestmark = pytest.mark.integration


def demo(*arguments: str) -> subprocess.Popen[str]:
    pytest.importorskip("sklearn", reason="the demo's requirements are not installed: make demo does it")
    return subprocess.Popen(
        [sys.executable, str(EXAMPLE / "demo.py"), "--timeout", "90", *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def outcome(*arguments: str) -> tuple[int, str]:
    process = demo(*arguments)
    try:
        output, _ = process.communicate(timeout=LIMIT_S)
    finally:
        process.terminate()
        process.wait()
    return process.returncode, output


def left_behind(folder: str) -> list[str]:
    """Return the processes that know of a run's folder."""
    found = []
    for process in psutil.process_iter():
        try:
            known = [*process.cmdline(), *process.environ().values()]
        except (psutil.NoSuchProcess, psutil.AccessDenied, psutil.ZombieProcess):
            continue
        if any(folder in text for text in known):
            found.append(str(process))
    return found


def run_folder(output: str) -> str:
    found = re.search(r"of this run: (\S+)", output)
    assert found, output
    return found[1]


def test_runs_one_workflow_over_four_apps() -> None:
    code, output = outcome()
    assert code == 0, output
    assert "All checks hold." in output
    assert left_behind(run_folder(output)) == []


def test_repeats_nothing_acknowledged_when_host_and_app_are_killed() -> None:
    code, output = outcome("--chaos")
    assert code == 0, output
    assert "SIGKILL to the host" in output
    assert re.search(r"the kill hit [1-9]\d* running activities of training, [1-9]", output), output
    assert left_behind(run_folder(output)) == []


def test_leaves_no_process_behind_when_interrupted() -> None:
    process = demo()
    assert process.stdout is not None
    lines = []
    try:
        for line in process.stdout:
            lines.append(line)
            if "started" in line:
                break
        process.send_signal(signal.SIGINT)
        rest, _ = process.communicate(timeout=30)
    finally:
        process.terminate()
        process.wait()
    output = "".join(lines) + rest
    assert process.returncode == 130, output
    assert left_behind(run_folder(output)) == []


def test_says_what_it_waits_for_when_time_is_up() -> None:
    code, output = outcome("--timeout", "1")
    assert code == 1, output
    assert "antiphon why demo" in output
    assert "host.log" in output
    assert left_behind(run_folder(output)) == []


@pytest.fixture
def parts(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The driver's modules: the example is no package of ours."""
    monkeypatch.syspath_prepend(str(EXAMPLE))
    return importlib.import_module("driver.ledger"), importlib.import_module("driver.verdict")


def record(folder: Path, *lines: tuple[str, int]) -> None:
    text = "".join(
        f'{{"what": "{what}", "activity": "a", "instance_id": "i", "execution_id": "e", "task_id": {task},'
        f' "attempt": 1, "at_ns": {number}, "pid": 1}}\n'
        for number, (what, task) in enumerate(lines)
    )
    (folder / "training.jsonl").write_text(text)


@pytest.mark.parametrize(
    ("whats", "holds"),
    [
        (["started", "finished", "acknowledged"], True),
        (["started", "started", "finished", "acknowledged"], True),
        (["started", "finished", "acknowledged", "started"], False),
        (["started", "finished"], False),
    ],
)
def test_judges_starts_behind_an_acknowledgement(parts: Any, tmp_path: Path, whats: list[str], holds: bool) -> None:
    ledger, verdict = parts
    record(tmp_path, *[(what, 1) for what in whats])
    book = ledger.Ledger(tmp_path)
    book.read()
    assert verdict.none_after_acknowledgement(list(book.calls.values())).holds is holds


def test_judges_what_the_histories_say_and_the_records_do_not(parts: Any, tmp_path: Path) -> None:
    ledger, verdict = parts
    histories = importlib.import_module("driver.histories")
    record(tmp_path, ("started", 1), ("finished", 1), ("started", 2))
    book = ledger.Ledger(tmp_path)
    book.read()
    history = [histories.RecordedCall(ledger.Key("i", "e", task), "a", 0, 1, True) for task in (1, 2)]
    calls = list(book.calls.values())
    assert not verdict.all_recorded(calls, history).holds
    assert verdict.all_recorded(calls, history[:1]).holds
    assert not verdict.none_after_commit(calls, history).holds
    assert verdict.none_after_commit(calls, history[:1]).holds


def test_reads_a_record_that_is_still_being_written(parts: Any, tmp_path: Path) -> None:
    ledger, _ = parts
    record(tmp_path, ("started", 1), ("finished", 1))
    path = tmp_path / "training.jsonl"
    whole = path.read_bytes()
    path.write_bytes(whole[:-20])
    book = ledger.Ledger(tmp_path)
    assert [entry.what for entry in book.read()] == ["started"]
    path.write_bytes(whole)
    assert [entry.what for entry in book.read()] == ["finished"]
