"""The processes of a benchmark and what they cost, read from /proc; Linux only."""

import os
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

_TICK_S = 1 / os.sysconf("SC_CLK_TCK")
_END_S = 20.0


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds so far, and bytes in memory now."""

    cpu_s: float
    rss_bytes: int


def cost_of(roots: Sequence[int]) -> Cost:
    """Add up what processes and all their descendants, those that ended included, have used."""
    parents: dict[int, int] = {}
    cpu: dict[int, float] = {}
    rss: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            # The name in parentheses may hold anything, blanks too.
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
        except OSError:
            continue
        pid = int(entry.name)
        parents[pid] = int(fields[1])
        cpu[pid] = sum(map(int, fields[11:15])) * _TICK_S
        rss[pid] = int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
    wanted = [pid for pid in parents if _descends(pid, roots, parents)]
    return Cost(sum(cpu[pid] for pid in wanted), sum(rss[pid] for pid in wanted))


def _descends(pid: int, roots: Sequence[int], parents: Mapping[int, int]) -> bool:
    while pid not in roots:
        if pid not in parents:
            return False
        pid = parents[pid]
    return True


@contextmanager
def running(
    command: Sequence[str], *, environment: Mapping[str, str], log: Path, talks: bool = False, end_s: float = _END_S
) -> Iterator["subprocess.Popen[str]"]:
    """Run a program for as long as the block lasts; with `talks` its standard input and output are pipes.

    It has `end_s` to end when it is asked to, then it is killed.
    """
    with log.open("a") as output:
        process = subprocess.Popen(
            command,
            env={**os.environ, **environment},
            stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
            stdout=subprocess.PIPE if talks else output,
            stderr=output,
            text=True,
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=end_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(timeout=_END_S)
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()


def until(log: Path, text: str, *, process: "subprocess.Popen[str]", within_s: float = 60.0) -> None:
    """Wait until a program has written a text.

    Raises:
        RuntimeError: it ended, or the time is over; carries what it wrote.
    """
    deadline = time.monotonic() + within_s
    while text not in log.read_text(errors="replace"):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"{log.name} says no {text!r}:\n{log.read_text(errors='replace')[-4000:]}")
        time.sleep(0.02)
