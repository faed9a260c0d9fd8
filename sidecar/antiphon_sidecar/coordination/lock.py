"""The machine-wide lock of a store: at most one process of a machine runs stores and runtimes for it."""

import fcntl
import os
from types import TracebackType


class Held(Exception):
    """Another process holds the lock; `pid` is that process's, 0 when it cannot be told."""

    def __init__(self, path: str, pid: int) -> None:
        super().__init__(f"{path} is held by process {pid}")
        self.path = path
        self.pid = pid


class FileLock:
    """An flock on a file that stays; the kernel releases it when the process ends, however it ends."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._fd = -1

    def __enter__(self) -> "FileLock":
        """Take the lock.

        Raises:
            Held: another process has it.
            OSError: the file cannot be made.
        """
        fd = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            text = os.pread(fd, 32, 0).decode(errors="replace").strip()
            os.close(fd)
            raise Held(self._path, int(text) if text.isdigit() else 0) from None
        os.ftruncate(fd, 0)
        os.pwrite(fd, str(os.getpid()).encode(), 0)
        self._fd = fd
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        os.close(self._fd)
