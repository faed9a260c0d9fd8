"""Programs, client behaviour and faults that make one situation frequent: what planted bugs are looked for with.

A `write` function returns the program of an instance; a `live` function is a client's life with one instance ID.
"""

import asyncio
from typing import TYPE_CHECKING

from tests.simulation.model import Started
from tests.simulation.programs import Program, Writer

if TYPE_CHECKING:
    from tests.simulation.world import World

#: The app that registers late where a scenario says so.
LATE = "late"


def one_way(writer: Writer, instance_id: str) -> Program:
    """Activities in the second app, long enough that an owner in the first changes meanwhile."""
    return ["seq", [["par", [["act", "app1", f"{instance_id}-{n}", 0, 1] for n in range(6)]] for _ in range(2)]]


def work_elsewhere(writer: Writer, instance_id: str) -> Program:
    """Activities in the second app, one after another."""
    return ["seq", [["act", "app1", f"{instance_id}-{writer.next()}", 0, 1] for _ in range(10)]]


def children(writer: Writer, instance_id: str) -> Program:
    """Children that are over at once."""
    program: Program = []
    for number in range(4):
        program.append(["child", f"app{number % 2}", f"{instance_id}/{writer.next()}", ["seq", [["timer", 0.0]]]])
    return ["seq", program]


def events(writer: Writer, instance_id: str) -> Program:
    """Many events of one name, one after another."""
    writer.events = {"red": 12}
    return ["seq", [["event", "red", number] for number in range(12)]]


def generations_with_events(writer: Writer, instance_id: str) -> Program:
    """Generations that each wait for an event, while the next ones are on their way."""
    writer.events = {"red": 10}
    program: Program = ["seq", [["event", "red", 9]]]
    for number in reversed(range(9)):
        program = ["seq", [["event", "red", number], ["again", program]]]
    return program


def one_task(writer: Writer, instance_id: str) -> Program:
    """One activity, so that every run comes to the same version; each run with a value of its own."""
    return ["act", "app0", f"{instance_id}-{writer.next()}", 0, 1]


def few_tasks(writer: Writer, instance_id: str) -> Program:
    """Activities of which one is often under way, and nothing else."""
    return ["seq", [["act", "app0", f"{instance_id}-{writer.next()}", 0, 1] for _ in range(8)]]


def at_once(writer: Writer, instance_id: str) -> Program:
    """Nothing that takes time."""
    return ["seq", [["timer", 0.0]]]


def long_chain(writer: Writer, instance_id: str) -> Program:
    """Turn after turn, each with a commit."""
    return ["seq", [["timer", 0.0]] * 120]


def slow_alone(writer: Writer, instance_id: str) -> Program:
    """Timers that fire while the owner changes."""
    return ["seq", [["timer", 3.0]] * 4]


def one_event(writer: Writer, instance_id: str) -> Program:
    """A single event, after which nothing more is read."""
    writer.events = {"red": 1}
    return ["event", "red", 0]


def slow_children(writer: Writer, instance_id: str) -> Program:
    """Children that outlive a parent which is ended early; their values differ from run to run."""
    apps, number = ("app0", "app1"), writer.next()
    body = ["seq", [["timer", 1.0], ["act", apps[number % 2], f"{number}", 0, 1]]]
    return ["seq", [["child", apps[number % 2], f"{instance_id}/{number}", body]]]


def child_of_one_name(writer: Writer, instance_id: str) -> Program:
    """A child that is over at once, under the same ID in every run."""
    return ["seq", [["child", "app1", f"{instance_id}/x", ["seq", [["timer", 0.0]]]]]]


def unnamed_child(writer: Writer, instance_id: str) -> Program:
    """A child that outlives a parent which is purged by force, under the ID that it gets in every run."""
    return ["seq", [["child", "app1", "", ["seq", [["timer", 3.0]]]]]]


def late_children(writer: Writer, instance_id: str) -> Program:
    """Children in an app that nobody has seen yet."""
    body = ["seq", [["timer", 0.0]]]
    return ["par", [["late child", LATE, f"{instance_id}/{writer.next()}", body] for _ in range(3)]]


async def reuse(world: "World", started: Started) -> None:
    """Use an ID again and again, as soon as its last run has been purged."""
    for _ in range(6):
        await world.client.start(started)
        await world.client.purge(started, every_s=0.05, family=False)
        if started.doubtful:
            return
        started = world.again(started)
    await world.client.start(started)


async def purge_at_once(world: "World", started: Started) -> None:
    """Purge an instance as soon as it has ended, while its start may still be on its way to the store once more."""
    await world.client.start(started)
    await world.client.purge(started, every_s=0.02, family=False)


async def abandon_children(world: "World", started: Started) -> None:
    """End the parent alone, purge it and mostly use its ID again, while its child goes on."""
    for _ in range(3):
        await world.client.start(started)
        await asyncio.sleep(0.4 * world.draw.random())
        await world.client.terminate(started, recursive=False)
        await world.client.purge(started, every_s=0.05, family=False)
        if started.doubtful or world.draw.random() < 0.3:
            return
        started = world.again(started)
    await world.client.start(started)


async def terminate_with_an_ended_child(world: "World", started: Started) -> None:
    """End parent and children when the child has ended and the parent has not heard of it; then use both IDs again."""
    client = world.client
    for _ in range(4):
        await client.start(started)
        await client.suspend(started, recursive=False)
        await client.ended(started, "app1", f"{started.instance_id}/x")
        if started.doubtful:
            await client.resume(started, recursive=False)
            return
        await client.terminate(started, recursive=True)
        await client.purge(started, every_s=0.02, family=False)
        if started.doubtful:
            return
        started = world.again(started)
    await client.start(started)


async def resume_while_the_event_comes(world: "World", started: Started) -> None:
    """Raise the only event of a suspended instance, and resume it meanwhile."""
    client = world.client
    await client.start(started)
    await client.suspend(started, recursive=False)
    await client.raise_events(started, {"red": 1}, 0.01)
    await asyncio.sleep(0.03 * world.draw.random())
    await client.resume(started, recursive=False)


async def call_everywhere(world: "World", started: Started) -> None:
    """Use an ID again and again, with calls at whichever replica, each of which makes a commit without a row."""
    client = world.client
    for run in range(5):
        if run:
            started = world.again(started)
        await client.start(started)
        await client.suspend_for(started, 0.0, recursive=False)
        await client.raise_events(started, {"red": 1}, 0.01)
        await client.purge(started, every_s=0.05, family=False)
        if started.doubtful:
            return
