"""A private etcd for tests: one member or several, on loopback, gone afterwards.

A member can be killed, stopped with SIGSTOP, started again on its data or on none.
"""

import shutil
import signal
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from tests import gobuild
from tests.ports import quiet_port

START_TIMEOUT_S = 30.0


@dataclass(slots=True)
class Member:
    """One etcd process; `url` is where its clients go."""

    name: str
    program: Path
    folder: Path
    port: int
    peer_port: int
    health_port: int
    arguments: Sequence[str] = ()
    process: "subprocess.Popen[bytes] | None" = field(default=None, repr=False)
    scheme: str = "http"

    @property
    def url(self) -> str:
        return f"{self.scheme}://127.0.0.1:{self.port}"

    @property
    def peer_url(self) -> str:
        return f"http://127.0.0.1:{self.peer_port}"

    def start(self, cluster: str) -> None:
        """Start the process; `cluster` names all members and their peer URLs."""
        command = [
            str(self.program),
            f"--name={self.name}",
            f"--data-dir={self.folder / self.name}",
            f"--listen-client-urls={self.url}",
            f"--advertise-client-urls={self.url}",
            f"--listen-peer-urls={self.peer_url}",
            f"--initial-advertise-peer-urls={self.peer_url}",
            f"--initial-cluster={cluster}",
            f"--listen-metrics-urls=http://127.0.0.1:{self.health_port}",
            "--heartbeat-interval=10",
            "--election-timeout=100",
            "--logger=zap",
            "--log-level=error",
            *self.arguments,
        ]
        with (self.folder / f"{self.name}.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def wait(self) -> None:
        """Wait until it has a leader: one that is killed before that can be left without any, for ever."""
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._healthy():
            assert self.process is not None
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"etcd does not start:\n{(self.folder / f'{self.name}.log').read_text()[-4000:]}")
            time.sleep(0.02)

    def _healthy(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.health_port}/health", timeout=2) as answer:
                return answer.status == 200
        except OSError:
            return False

    def kill(self) -> None:
        """Kill it, and wait until it is gone."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
            self.process.kill()
            self.process.wait()
            self.process = None

    def pause(self) -> None:
        """Stop it where it stands."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on."""
        assert self.process is not None
        self.process.send_signal(signal.SIGCONT)


@dataclass(slots=True)
class Etcd:
    """A cluster."""

    members: list[Member]

    @property
    def endpoints(self) -> tuple[str, ...]:
        return tuple(member.url for member in self.members)

    @property
    def _names(self) -> str:
        return ",".join(f"{member.name}={member.peer_url}" for member in self.members)

    def start(self) -> None:
        """Start the members that do not run."""
        for member in self.members:
            if member.process is None:
                member.start(self._names)
        for member in self.members:
            member.wait()

    def kill(self) -> None:
        """Kill all members."""
        for member in self.members:
            member.kill()

    def restart(self) -> None:
        """Kill all members and start them on their data."""
        self.kill()
        self.start()

    def empty(self) -> None:
        """Kill all members and start them without any data."""
        self.kill()
        for member in self.members:
            shutil.rmtree(member.folder / member.name, ignore_errors=True)
        self.start()


def program() -> Path:
    """Return etcd's program: the one on the path, else built from a pinned module."""
    on_path = shutil.which("etcd")
    if on_path is not None:
        return Path(on_path)
    return gobuild.needed(gobuild.built("etcd", "go.etcd.io/etcd/server/v3"), "etcd")


@contextmanager
def started(*, members: int = 1, arguments: Sequence[str] = (), scheme: str = "http") -> Iterator[Etcd]:
    """Run a cluster in a folder of its own; both are gone at the end."""
    where = program()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="antiphon-etcd-")))
        cluster = Etcd(
            [
                Member(f"m{number}", where, folder, quiet_port(), quiet_port(), quiet_port(), arguments, scheme=scheme)
                for number in range(members)
            ]
        )
        stack.callback(cluster.kill)
        cluster.start()
        yield cluster
