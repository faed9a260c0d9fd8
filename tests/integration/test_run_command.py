"""`antiphon run` with real apps: one workflow across two of them, joined by a third, ended by one signal."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import psutil
import pytest

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60

PAYMENTS = """
from antiphon import Worker, activity

@activity.define
def charge(amount: int) -> str:
    print("charging", amount)
    return f"receipt over {amount}"

Worker(activities=[charge]).run_sync()
"""

ORDERS = """
from antiphon import Worker, workflow

@workflow.define
async def buy(ctx: workflow.Context, total: int) -> str:
    return await ctx.call_activity("charge", total, app="payments", result=str)

Worker(workflows=[buy]).run_sync()
"""

FILE = """
version: 1
store: sqlite:///state.db
common:
  env: {{PYTHONPATH: "{path}"}}
apps:
  - {{appID: orders, command: ["{python}", orders.py], daprGRPCPort: {port}}}
  - {{appID: payments, command: ["{python}", payments.py]}}
"""


@pytest.fixture
def place(tmp_path):
    """A directory with two apps and the file that says how to run them."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (tmp_path / "orders.py").write_text(ORDERS)
    (tmp_path / "payments.py").write_text(PAYMENTS)
    file = tmp_path / "antiphon.yaml"
    file.write_text(FILE.format(path=import_path(), python=sys.executable, port=port))
    return tmp_path


def import_path():
    return os.pathsep.join(str(ROOT / root) for root in ("proto", "sdk", "sidecar", "operator", "cli"))


def environment(place):
    # The runtime directory is the test's own: a long temporary path puts the socket there.
    known = {"PYTHONPATH": import_path(), "XDG_RUNTIME_DIR": str(place)}
    return {**os.environ, **known, "ANTIPHON_STORE": f"sqlite:///{place}/state.db"}


def antiphon(place, *words):
    return subprocess.run(
        [sys.executable, "-m", "antiphon_cli", *words],
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


@pytest.fixture
def host(place):
    """`antiphon run` with both apps, after it has said where they are; killed when time is up."""
    process = subprocess.Popen(
        [sys.executable, "-m", "antiphon_cli", "run", "-f", str(place / "antiphon.yaml")],
        env=environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    deadline = threading.Timer(PATIENCE_S, process.kill)
    deadline.start()
    assert process.stdout.readline().startswith("Everything is kept in sqlite:///")
    yield process
    process.terminate()
    process.communicate(timeout=PATIENCE_S)
    deadline.cancel()


def test_a_workflow_runs_across_the_apps_of_the_file(place, host):
    done = antiphon(place, "workflow", "run", "buy", "--app", "orders", "--input", "42", "--timeout", "30s")
    assert (done.returncode, done.stdout) == (0, '"receipt over 42"\n'), done.stderr


@pytest.mark.smoke
def test_one_signal_ends_all_processes(place, host):
    antiphon(place, "workflow", "run", "buy", "--app", "orders", "--input", "42", "--timeout", "30s")
    apps = psutil.Process(host.pid).children(recursive=True)
    host.send_signal(signal.SIGINT)
    stdout, stderr = host.communicate(timeout=PATIENCE_S)
    assert (host.returncode, len(apps)) == (0, 2)
    assert [app for app in apps if app.is_running()] == []
    assert "payments | charging 42" in stdout
    assert "antiphon | orders exited with 0" in stderr
    assert antiphon(place, "apps").stderr.startswith("Nothing runs on this machine with the store sqlite:///")


def test_a_further_app_joins_the_host_of_the_store(place, host):
    code = "import os; print(os.environ['ANTIPHON_APP_ID'], os.environ['DAPR_GRPC_PORT'])"
    joined = antiphon(place, "run", "--app", "third", "--", sys.executable, "-c", code)
    listed = json.loads(antiphon(place, "apps", "--app", "third", "-o", "json").stdout)
    assert joined.returncode == 0, joined.stderr
    assert joined.stdout.splitlines()[-1] == f"third {listed[0]['grpcAddress'].partition(':')[2]}"


def test_a_store_has_one_host(place, host):
    done = antiphon(place, "dev")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"AN401 HostRunning: process {host.pid} on this machine already holds the store")
