"""A small disk for tests: a tmpfs that is really full when it is full, and can be made larger while it is used.

Mounting needs root. `small` says so when it is not permitted, and what stands in for the disk is up to the test.
"""

import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Disk:
    """A mounted tmpfs; anybody may write to it."""

    folder: Path

    def resize(self, size_bytes: int) -> None:
        """Give it another size, larger or smaller; what is on it stays."""
        done = _mount("-o", f"remount,size={size_bytes}", str(self.folder))
        assert done.returncode == 0, done.stderr


@contextmanager
def small(*, size_bytes: int) -> Iterator[Disk | None]:
    """Mount a disk of this size on a folder of its own; None where that is not permitted."""
    # Not in pytest's folder, which each session closes to all other users, PostgreSQL's among them.
    with tempfile.TemporaryDirectory(prefix="antiphon-disk-") as name:
        Path(name).chmod(0o755)
        folder = Path(name) / "disk"
        folder.mkdir()
        if _mount("-t", "tmpfs", "-o", f"size={size_bytes},mode=0777", "tmpfs", str(folder)).returncode != 0:
            print(f"a tmpfs cannot be mounted on {folder}: the disk is not really full in this test")
            yield None
            return
        try:
            yield Disk(folder)
        finally:
            # Lazily: a process that was just killed may have files open for a moment.
            subprocess.run(["umount", "--lazy", str(folder)], check=True, timeout=30)


def _mount(*words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(["mount", *words], capture_output=True, text=True, check=False, timeout=30)
