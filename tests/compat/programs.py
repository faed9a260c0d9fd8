"""A process under test: started, killed, started again; whatever it writes, over all its lives, goes to one file."""

import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

_TAIL_BYTES = 6_000


@dataclass
class Program:
    """A command that may run now or not."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: "subprocess.Popen[bytes] | None" = None

    def start(self) -> None:
        """Start it; it must not run."""
        assert not self.alive, f"{self.name} runs already"
        with self.log.open("ab") as log:
            log.write(f"{self._heading}\n".encode())
            log.flush()
            self.process = subprocess.Popen(
                self.command,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
            )

    @property
    def _heading(self) -> str:
        return f"--- {self.name} starts"

    @property
    def alive(self) -> bool:
        """Tell whether it runs now."""
        return self.process is not None and self.process.poll() is None

    def cpu_s(self) -> float:
        """Return how many seconds of processor time it has used in this life."""
        assert self.process is not None
        used = psutil.Process(self.process.pid).cpu_times()
        return used.user + used.system

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone."""
        assert self.process is not None
        self.process.kill()
        self.process.wait(timeout=10)

    def terminate(self, *, within_s: float) -> int:
        """Ask it to end with SIGTERM; return its exit code."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=within_s)

    def lines(self) -> list[str]:
        """Return what it wrote in its newest life."""
        return self.log.read_text(errors="replace").rpartition(f"{self._heading}\n")[2].splitlines()

    def tail(self) -> str:
        """Return the end of what it wrote."""
        return self.log.read_text(errors="replace")[-_TAIL_BYTES:]
