"""The activities that every app of these tests offers: one async, one in a thread; each result is one of a kind."""

import asyncio
import os
import secrets
import time
from pathlib import Path

from effects import ledger

from antiphon import activity

_ENOUGH = Path(os.environ["ENOUGH"])


@activity.define
async def work(pause_s: float) -> str:
    """Take some time and return a random value, which the ledger knows too."""
    info, value = activity.info(), secrets.token_hex(8)
    ledger.write("started", info, value)
    await asyncio.sleep(pause_s)
    ledger.write("finished", info, value)
    return value


@activity.define
def work_in_thread(pause_s: float) -> str:
    """Do the same in a thread."""
    info, value = activity.info(), secrets.token_hex(8)
    ledger.write("started", info, value)
    time.sleep(pause_s)
    ledger.write("finished", info, value)
    return value


@activity.define
def more(round_number: int) -> bool:
    """Tell whether another round is wanted: until the test says that it has seen enough."""
    return not _ENOUGH.exists()


ACTIVITIES = [work, work_in_thread, more]
