"""Real processes under the supervisor: their lines, their ends, and the end of all."""

import asyncio
import os
import signal
import sys
from contextlib import suppress

import pytest

from antiphon_cli.processes import Program, Supervisor
from antiphon_cli.stopping import Stop, stopped_by_signals

PATIENCE_S = 20
IGNORE_SIGTERM = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
FOREVER = "print('ready', flush=True)\nimport signal\nwhile True: signal.pause()"


class Stage:
    """A supervisor with its surroundings: what was written and said, and a way to wait for it."""

    def __init__(self, stop, *, grace_s=PATIENCE_S):
        self.written = []
        self.said = []
        self._changed = asyncio.Event()
        self.supervisor = Supervisor(stop, grace_s=grace_s, write_line=self._write, say=self._say)

    def _write(self, name, to_stderr, line):
        self.written.append((name, to_stderr, line))
        self._changed.set()

    def _say(self, sentence):
        self.said.append(sentence)
        self._changed.set()

    async def until(self, condition):
        async with asyncio.timeout(PATIENCE_S):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    def lines(self, name):
        return [line for who, _, line in self.written if who == name]


@pytest.fixture
def program(tmp_path):
    def make(name, code, **env):
        return Program(name=name, command=(sys.executable, "-c", code), directory=tmp_path, env={**os.environ, **env})

    return make


@pytest.fixture
async def running():
    """Run a supervisor beside a test, and end it with the test."""
    tasks = []

    def start(stage, *programs):
        tasks.append(asyncio.create_task(stage.supervisor.run(programs), name="supervisor under test"))
        return tasks[-1]

    yield start
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


async def test_lines_come_under_the_name_of_their_program(program, tmp_path):
    stage = Stage(Stop())
    code = (
        "import os, sys; print('to', os.environ['WHERE']); print('oops', file=sys.stderr); print(os.getcwd(), end='')"
    )
    assert await stage.supervisor.run([program("a", code, WHERE="here")])
    assert sorted(stage.written) == [("a", False, str(tmp_path)), ("a", False, "to here"), ("a", True, "oops")]
    assert stage.said == ["a exited with 0"]


async def test_a_line_without_end_is_passed_on_in_pieces(program):
    stage = Stage(Stop())
    await stage.supervisor.run([program("a", "import sys; sys.stdout.write('x' * 3_000_000)")])
    assert "".join(stage.lines("a")) == "x" * 3_000_000
    assert max(map(len, stage.lines("a"))) < 2_000_000


async def test_one_that_fails_leaves_the_others_running(program, running):
    stop = Stop()
    stage = Stage(stop)
    task = running(stage, program("bad", "raise SystemExit(3)"), program("good", FOREVER))
    await stage.until(lambda: stage.said == ["bad exited with 3"] and stage.lines("good") == ["ready"])
    stop.ask()
    assert not await asyncio.wait_for(task, PATIENCE_S)
    assert stage.said[1:] == ["good was ended by SIGTERM"]


async def test_ending_because_of_a_stop_is_no_failure(program, running):
    stop = Stop()
    stage = Stage(stop)
    code = "import signal, sys; signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))\n" + FOREVER
    task = running(stage, program("a", code))
    await stage.until(lambda: stage.lines("a") == ["ready"])
    stop.ask()
    assert await asyncio.wait_for(task, PATIENCE_S)
    assert stage.said == ["a exited with 1"]


async def test_one_that_does_not_end_within_the_grace_is_killed(program, running):
    stop = Stop()
    stage = Stage(stop, grace_s=0.2)
    task = running(stage, program("a", IGNORE_SIGTERM + FOREVER))
    await stage.until(lambda: stage.lines("a") == ["ready"])
    stop.ask()
    await asyncio.wait_for(task, PATIENCE_S)
    assert stage.said == ["a did not end within 0.2s and is killed", "a was ended by SIGKILL"]


async def test_a_second_request_to_stop_waits_for_no_grace(program, running):
    stop = Stop()
    stage = Stage(stop, grace_s=1000)
    task = running(stage, program("a", IGNORE_SIGTERM + FOREVER))
    await stage.until(lambda: stage.lines("a") == ["ready"])
    stop.ask()
    stop.ask()
    await asyncio.wait_for(task, PATIENCE_S)
    assert stage.said[-1] == "a was ended by SIGKILL"


async def test_processes_that_a_program_started_end_with_it(program, running):
    stop = Stop()
    stage = Stage(stop, grace_s=0.2)
    child = IGNORE_SIGTERM + "import os; print(os.getpid(), flush=True)\n" + FOREVER
    parent = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {child!r}])\n" + FOREVER
    task = running(stage, program("a", parent))
    await stage.until(lambda: len(stage.lines("a")) == 3)
    (pid,) = (int(line) for line in stage.lines("a") if line.isdecimal())
    stop.ask()
    await asyncio.wait_for(task, PATIENCE_S)
    # Killed with its group; the kernel takes it away by itself, and the init process collects it.
    async with asyncio.timeout(PATIENCE_S):
        with suppress(FileNotFoundError):
            while _state_of(pid) not in "ZX":
                await asyncio.sleep(0.01)


async def test_one_that_cannot_be_started_is_a_failure(tmp_path):
    stage = Stage(Stop())
    missing = Program(name="a", command=("/nowhere/program",), directory=tmp_path, env={})
    assert not await stage.supervisor.run([missing])
    assert stage.said == ["a cannot be started: No such file or directory: /nowhere/program"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
async def test_the_first_signal_asks_and_the_second_forces(number):
    with stopped_by_signals() as stop:
        os.kill(os.getpid(), number)
        async with asyncio.timeout(PATIENCE_S):
            await stop.asked.wait()
        assert not stop.forced.is_set()
        os.kill(os.getpid(), number)
        async with asyncio.timeout(PATIENCE_S):
            await stop.forced.wait()


def _state_of(pid):
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()[0]
