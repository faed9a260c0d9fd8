"""Apps of the end-to-end tests: `python choir.py orders`, `payments`, `shipping`; and clients beside them.

`orders` offers the workflow `fulfil`, which calls the other two, some steps one after the other.
`python choir.py start PREFIX COUNT STEPS` starts instances; `python choir.py wait PREFIX COUNT SECONDS` waits for all
and prints what came of them as JSON.
"""

import asyncio
import json
import os
import sys
import time
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta

from antiphon import Client, RetryPolicy, Worker, activity, errors, workflow

PATIENT = RetryPolicy(max_attempts=100, first_interval=timedelta(milliseconds=200), max_interval=timedelta(seconds=2))


@dataclass(frozen=True, slots=True)
class Order:
    """Input of `fulfil`."""

    steps: int = 1
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Charge:
    """Input of `charge`: which step it is, and how long it takes."""

    step: int
    seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Receipt:
    """Output of `charge`."""

    step: int


@dataclass(frozen=True, slots=True)
class Parcel:
    """Input and output of `ship` and `pack`."""

    receipts: int


@workflow.define
async def fulfil(ctx: workflow.Context, order: Order) -> Parcel:
    """Charge step by step, then ship."""
    receipts = []
    for step in range(order.steps):
        charge = Charge(step, order.seconds)
        receipts.append(await ctx.call_activity("charge", charge, app="payments", result=Receipt, retry=PATIENT))
    return await ctx.call_workflow("ship", Parcel(len(receipts)), app="shipping", result=Parcel, retry=PATIENT)


@workflow.define
async def ship(ctx: workflow.Context, parcel: Parcel) -> Parcel:
    """Pack it."""
    return await ctx.call_activity(pack, parcel, retry=PATIENT)


@activity.define
def charge(request: Charge) -> Receipt:
    """Take the money, which takes a while."""
    time.sleep(request.seconds)
    return Receipt(request.step)


@activity.define
def pack(parcel: Parcel) -> Parcel:
    """Put it into a box."""
    return parcel


APPS = {
    "orders": lambda: Worker(workflows=[fulfil]),
    "payments": lambda: Worker(activities=[charge]),
    "shipping": lambda: Worker(workflows=[ship], activities=[pack]),
}


async def start(prefix: str, count: int, order: Order) -> None:
    async with Client(app="orders") as client:
        for number in range(count):
            await client.start("fulfil", order, instance_id=f"{prefix}-{number}")


async def wait(prefix: str, count: int, seconds: float) -> Counter[str]:
    async with Client(app="orders") as client:

        async def ended(number: int) -> str:
            with suppress(TimeoutError):
                await client.wait(f"{prefix}-{number}", timeout=timedelta(seconds=seconds))
            try:
                return str((await client.get(f"{prefix}-{number}")).status)
            except errors.InstanceNotFound:
                return "MISSING"

        return Counter(await asyncio.gather(*(ended(number) for number in range(count))))


def main(words: list[str]) -> None:
    match words:
        case [app] if app in APPS:
            APPS[app]().run_sync()
        case ["start", prefix, count, *given]:
            asyncio.run(start(prefix, int(count), Order(*(json.loads(value) for value in given))))
        case ["wait", prefix, count, seconds]:
            print(json.dumps(asyncio.run(wait(prefix, int(count), float(seconds)))))
        case _:
            sys.exit(f"{__doc__}\ngiven: {words}, app {os.environ.get('ANTIPHON_APP_ID')}")


if __name__ == "__main__":
    main(sys.argv[1:])
