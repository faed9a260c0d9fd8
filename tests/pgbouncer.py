"""A PgBouncer for tests, before a server of `tests.postgres`: on a free loopback port, gone afterwards."""

import os
import pwd
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import postgres
from tests.ports import listens, quiet_port

START_S = 20.0


def program() -> str:
    """Find PgBouncer; without it, CI fails and others skip."""
    found = shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None and os.environ.get("CI"):
        pytest.fail("pgbouncer is not on this machine, and CI must not leave its tests out")
    if found is None:
        pytest.skip("pgbouncer is not on this machine: apt install pgbouncer")
    return found


@contextmanager
def started(server: postgres.Server, *, mode: str, size: int = 20) -> Iterator[str]:
    """Run a pooler that pools by session, transaction or statement; yield the URL of `postgres` through it."""
    where, port = program(), quiet_port()
    with tempfile.TemporaryDirectory(prefix="antiphon-pgbouncer-") as name:
        folder = Path(name)
        settings, users = folder / "pgbouncer.ini", folder / "users"
        users.write_text('"postgres" ""\n')
        settings.write_text(
            f"[databases]\npostgres = host=127.0.0.1 port={server.port}\n"
            f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = trust\n"
            f"auth_file = {users}\n"
            f"pool_mode = {mode}\ndefault_pool_size = {size}\nmax_client_conn = 200\n"
        )
        prefix: tuple[str, ...] = ()
        if os.geteuid() == 0:
            shutil.chown(folder, "nobody")
            users.chmod(0o644)
            settings.chmod(0o644)
            nobody = pwd.getpwnam("nobody")
            prefix = ("setpriv", f"--reuid={nobody.pw_uid}", f"--regid={nobody.pw_gid}", "--clear-groups", "--")
        with (folder / "log").open("wb") as log:
            process = subprocess.Popen(
                [*prefix, where, str(settings)], stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd="/"
            )
        try:
            deadline = time.monotonic() + START_S
            while not listens(port):
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.02)
            yield server.url.replace(f":{server.port}/", f":{port}/")
        finally:
            process.terminate()
            process.wait(timeout=START_S)
