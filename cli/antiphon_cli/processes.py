"""Runs the processes of apps side by side: their lines under their names, one end for all of them.

Used by `antiphon run`. Each process leads a process group of its own, so that a Ctrl-C in the terminal reaches the
command line alone, which then ends the groups in order: SIGTERM, a grace, SIGKILL. Nothing is started again.
"""

import asyncio
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from antiphon_cli.stopping import Stop

_CHUNK_BYTES = 65536
_LINE_BYTES_MAX = 1 << 20
#: After a group is gone, how long lines may still come from a process that left the group.
_LAST_LINES_S = 1.0

#: Called with the program's name, whether the line was meant for stderr, and the line without its end.
WriteLine = Callable[[str, bool, str], None]
#: Called with a sentence about a program.
Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Program:
    """What to run; `piped`: its output is read and written line by line, else it has the terminal's."""

    name: str
    command: tuple[str, ...]
    directory: Path
    env: Mapping[str, str]
    piped: bool = True


class Supervisor:
    """Runs programs until all have ended or a stop was asked for."""

    def __init__(self, stop: Stop, *, grace_s: float, write_line: WriteLine, say: Say) -> None:
        self._stop = stop
        self._grace_s = grace_s
        self._write_line = write_line
        self._say = say

    async def run(self, programs: Sequence[Program]) -> bool:
        """Run all programs; return whether none of them failed.

        A program fails when it cannot be started, or ends with an error before a stop was asked for.
        """
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(self._run(program), name=f"app {program.name}") for program in programs]
        return all(task.result() for task in tasks)

    async def _run(self, program: Program) -> bool:
        async with asyncio.TaskGroup() as pumps:
            with _Pipes(program.piped) as pipes:
                try:
                    process = await _start(program, pipes)
                except OSError as error:
                    self._say(f"{program.name} cannot be started: {error.strerror}: {error.filename}")
                    return False
                readers = [
                    pumps.create_task(
                        self._pump(program.name, source, to_stderr=to_stderr), name=f"output of {program.name}"
                    )
                    for source, to_stderr in pipes.taken()
                ]
            try:
                return await self._follow(program, process)
            finally:
                # The leader may be gone while others of its group are not.
                _signal_group(process.pid, signal.SIGKILL)
                await _bounded(readers)

    async def _follow(self, program: Program, process: asyncio.subprocess.Process) -> bool:
        ended = asyncio.create_task(process.wait(), name=f"end of {program.name}")
        asked = asyncio.create_task(self._stop.asked.wait(), name=f"stop of {program.name}")
        try:
            await asyncio.wait((ended, asked), return_when=asyncio.FIRST_COMPLETED)
            if ended.done():
                return self._report(program, ended.result())
            await self._end(program, process, ended)
            return True
        finally:
            ended.cancel()
            asked.cancel()

    def _report(self, program: Program, code: int) -> bool:
        self._say(f"{program.name} {_ending(code)}")
        return code == 0 or self._stop.asked.is_set()

    async def _end(self, program: Program, process: asyncio.subprocess.Process, ended: asyncio.Task[int]) -> None:
        _signal_group(process.pid, signal.SIGTERM)
        forced = asyncio.create_task(self._stop.forced.wait(), name=f"forced stop of {program.name}")
        try:
            await asyncio.wait((ended, forced), timeout=self._grace_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            forced.cancel()
        if not ended.done():
            reason = "" if self._stop.forced.is_set() else f" did not end within {self._grace_s:g}s and"
            self._say(f"{program.name}{reason} is killed")
            _signal_group(process.pid, signal.SIGKILL)
        self._say(f"{program.name} {_ending(await ended)}")

    async def _pump(self, name: str, source: IO[bytes], *, to_stderr: bool) -> None:
        reader = asyncio.StreamReader(limit=_CHUNK_BYTES)
        loop = asyncio.get_running_loop()
        transport, _ = await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), source)
        rest = b""
        try:
            while chunk := await reader.read(_CHUNK_BYTES):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    self._write_line(name, to_stderr, line.decode(errors="replace"))
                if len(rest) > _LINE_BYTES_MAX:
                    self._write_line(name, to_stderr, rest.decode(errors="replace"))
                    rest = b""
        finally:
            transport.close()
            if rest:
                self._write_line(name, to_stderr, rest.decode(errors="replace"))


class _Pipes:
    """The pipes of a program's output.

    Made here and not by asyncio: its processes count as running for as long as anybody holds the other end.
    """

    def __init__(self, piped: bool) -> None:
        self._reading: list[IO[bytes]] = []
        self._writing: list[int] = []
        self._piped = piped

    def __enter__(self) -> "_Pipes":
        for _ in range(2 if self._piped else 0):
            reading, writing = os.pipe()
            self._reading.append(os.fdopen(reading, "rb", buffering=0))
            self._writing.append(writing)
        return self

    def __exit__(self, *_: object) -> None:
        for writing in self._writing:
            os.close(writing)
        for reading in self._reading:
            reading.close()

    @property
    def stdout(self) -> int | None:
        """Return what to hand to the process; None leaves it the terminal."""
        return self._writing[0] if self._piped else None

    @property
    def stderr(self) -> int | None:
        """Return what to hand to the process; None leaves it the terminal."""
        return self._writing[1] if self._piped else None

    def taken(self) -> list[tuple[IO[bytes], bool]]:
        """Hand over the reading ends, which are closed by their reader from now on."""
        ends, self._reading = self._reading, []
        return [(end, index == 1) for index, end in enumerate(ends)]


async def _start(program: Program, pipes: _Pipes) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        *program.command,
        cwd=program.directory,
        env=dict(program.env),
        stdin=asyncio.subprocess.DEVNULL if program.piped else None,
        stdout=pipes.stdout,
        stderr=pipes.stderr,
        start_new_session=True,
    )


async def _bounded(readers: Sequence[asyncio.Task[None]]) -> None:
    if not readers:
        return
    _, late = await asyncio.wait(readers, timeout=_LAST_LINES_S)
    for reader in late:
        reader.cancel()


def _signal_group(leader: int, number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(leader, number)


def _ending(code: int) -> str:
    if code >= 0:
        return f"exited with {code}"
    try:
        return f"was ended by {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"
