"""A host that does not finish its work ends all the same when it is told so twice."""

import os
import signal
import subprocess
import sys

STUCK = """
import asyncio
from antiphon_cli.hosting import leaving_when_forced, run_loop
from antiphon_cli.stopping import stopped_by_signals

async def stuck():
    with stopped_by_signals() as stop:
        async with leaving_when_forced(stop):
            print("ready", flush=True)
            await stop.asked.wait()
            print("asked", flush=True)
            await asyncio.Event().wait()

run_loop(stuck())
"""


def test_a_second_signal_ends_a_host_that_is_stuck():
    path = os.pathsep.join(sys.path)
    process = subprocess.Popen(
        [sys.executable, "-c", STUCK], env={**os.environ, "PYTHONPATH": path}, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    assert process.stdout.readline() == "asked\n"
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=20)
    assert process.returncode == 130
