"""Processes of this machine as seen from outside the cluster's namespaces."""

import os
import signal
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Process:
    """A process that is safe to signal: its start time tells it from a later one with the same id."""

    pid: int
    started: int

    @classmethod
    def find(cls, pid: int) -> "Process | None":
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            return None
        return None if fields[0] in "ZX" else cls(pid, int(fields[19]))

    def alive(self) -> bool:
        return self == Process.find(self.pid)

    def children(self) -> list["Process"]:
        """Children of its first thread."""
        try:
            pids = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
        except OSError:  # it has just ended
            return []
        return [child for child in (Process.find(int(pid)) for pid in pids) if child is not None]

    def command(self) -> list[str]:
        try:
            return Path(f"/proc/{self.pid}/cmdline").read_text().rstrip("\0").split("\0")
        except OSError:
            return [""]

    def resident(self) -> int:
        """Bytes of memory that it holds."""
        try:
            return int(Path(f"/proc/{self.pid}/statm").read_text().split()[1]) * os.sysconf("SC_PAGESIZE")
        except OSError:
            return 0

    def kill(self) -> None:
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
