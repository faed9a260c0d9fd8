"""`antiphon run` with real apps: one workflow across two of them, joined by a third, ended by one signal."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.integration, pytest.mark.smoke]

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60

PAYMENTS = """
import asyncio
from antiphon import Worker, activity

@activity.define
def charge(amount: int) -> str:
    print("charging", amount)
    return f"receipt over {amount}"

asyncio.run(Worker(activities=[charge]).run())
"""

ORDERS = """
import asyncio
from antiphon import Worker, workflow

@workflow.define
async def buy(ctx: workflow.Context, total: int) -> str:
    return await ctx.call_activity("charge", total, app="payments", result=str)

asyncio.run(Worker(workflows=[buy]).run())
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
    process = subprocess.Popen(
        [sys.executable, "-m", "antiphon_cli", "run", "-f", str(place / "antiphon.yaml"), "--log-level", "info"],
        env=environment(place),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    # The last of the lines that say that both workers are there.
    connected = [line for line in iter(process.stderr.readline, "") if "a worker connected" in line or not line]
    yield process
    process.kill()
    process.communicate(timeout=PATIENCE_S)
    assert connected is not None
