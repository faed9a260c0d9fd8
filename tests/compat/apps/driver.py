"""A client program: does what it reads from stdin, one JSON object a line, and answers in the same way.

`driver.py sync` uses DaprWorkflowClient, `driver.py aio` the one for asyncio. Calls run side by side.
"""

import asyncio
import json
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

import grpc
from dapr.ext.workflow import DaprWorkflowClient
from dapr.ext.workflow.workflow_state import WorkflowState

_writing = threading.Lock()


def answer(number, **content):
    with _writing:
        print(json.dumps({"n": number, **content}), flush=True)


def plain(value):
    """Turn what a client returned into what JSON can say."""
    if isinstance(value, WorkflowState):
        return {**plain(value.to_json()), "runtime_status": value.runtime_status.name}
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {key: plain(held) for key, held in value.items()}
    if isinstance(value, list | tuple):
        return [plain(held) for held in value]
    if value is None or isinstance(value, bool | int | float | str):
        return value
    return repr(value)


def failure(error):
    if isinstance(error, grpc.RpcError):
        return {"kind": "RpcError", "code": error.code().name, "details": error.details()}
    return {"kind": type(error).__name__, "code": None, "details": str(error)}


class Name(str):
    """A workflow's name. SDKs before 1.18 take functions only, and ask them for theirs."""

    @property
    def __name__(self):
        return str(self)


def positional(call):
    name, *more = call["args"] or [None]
    return [Name(name), *more] if call["op"] == "schedule_new_workflow" else call["args"]


def keywords(call):
    given = dict(call["kwargs"])
    if "start_in_s" in given:
        # The SDK takes naive UTC; this program is no part of ours and has no clock to be given.
        start = datetime.now(UTC) + timedelta(seconds=given.pop("start_in_s"))  # noqa: TID251
        given["start_at"] = start.replace(tzinfo=None)
    return given


def do(client, call):
    try:
        result = getattr(client, call["op"])(*positional(call), **keywords(call))
        if call["op"].startswith("iter_"):
            result = list(result)
    except Exception as error:  # noqa: BLE001  the test judges it
        answer(call["n"], error=failure(error))
    else:
        answer(call["n"], result=plain(result))


def drive():
    client = DaprWorkflowClient()
    with ThreadPoolExecutor(128) as pool:
        for line in sys.stdin:
            pool.submit(do, client, json.loads(line))
    client.close()


async def do_async(client, call):
    try:
        found = getattr(client, call["op"])(*call["args"], **keywords(call))
        result = [entry async for entry in found] if call["op"].startswith("iter_") else await found
    except Exception as error:  # noqa: BLE001  the test judges it
        answer(call["n"], error=failure(error))
    else:
        answer(call["n"], result=plain(result))


async def drive_async():
    # Older SDKs have no such client.
    from dapr.ext.workflow.aio import DaprWorkflowClient as AsyncClient

    client = AsyncClient()
    running = set()
    while line := await asyncio.to_thread(sys.stdin.readline):
        task = asyncio.create_task(do_async(client, json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)
    await asyncio.gather(*running)
    await client.close()


if __name__ == "__main__":
    if sys.argv[1] == "sync":
        drive()
    else:
        asyncio.run(drive_async())
