"""Workflows as data: what simulated instances do, how one is made from a seed, and what it must give.

A program is a nested list, so that it travels as JSON in a workflow's input:

    ["act", app, argument, failures, tries]   an activity that fails `failures` times, tried `tries` times
    ["timed", app, kind, argument, hangs]     an activity with a timeout, of a kind in `timed`, that hangs so many times
    ["child", app, instance ID or "", program]
    ["late child", app, instance ID, program]  in an app that may be there too late; its value is not looked at
    ["detach", app, instance ID, seconds, program]  starts an instance that nobody waits for, so much later
    ["timer", seconds]
    ["event", name, number]                   waits for that number; lower ones are repeats and are skipped
    ["status", text]
    ["seq", programs], ["par", programs]
    ["again", program]                        continue as new with this program; last of the outermost sequence
    ["fail", text]                            likewise

`expected` says what comes out without any engine: nothing that faults may do changes it.
"""

import json
from collections.abc import Sequence
from random import Random
from typing import Any

from tests.simulation import timed

Program = list[Any]

#: How long the workflow waits before it tries a failed activity again.
RETRY_S = 0.7


def encode(program: Program) -> str:
    """Return a program as a workflow's input."""
    return json.dumps(program, separators=(",", ":"))


def expected(program: Program) -> tuple[str, str]:
    """Return (status, output or failure text) of an instance that runs the program undisturbed."""
    while True:
        body = program[1] if program[0] == "seq" else [program]
        last = body[-1] if body else None
        if last is not None and last[0] == "again":
            program = last[1]
            continue
        if last is not None and last[0] == "fail":
            return "FAILED", last[1]
        return "COMPLETED", json.dumps(_value(program), separators=(",", ":"))


def _value(program: Program) -> Any:
    match program[0]:
        case "seq" | "par":
            return [_value(part) for part in program[1]]
        case "act":
            _, _, argument, failures, tries = program
            return activity_value(argument) if failures < tries else "failed"
        case "timed":
            return timed.value(program)
        case "child":
            status, output = expected(program[3])
            return json.loads(output) if status == "COMPLETED" else f"child failed: {output}"
        case "event":
            return program[2]
        case _:
            return None


def activity_value(argument: str) -> str:
    """Return what the activity makes of its argument."""
    return argument[::-1]


class Writer:
    """Makes programs from a seed; names events and children so that no two are mistaken for each other."""

    def __init__(self, rng: Random, apps: Sequence[str], *, size: int) -> None:
        self._rng = rng
        self._apps = apps
        self._size = size
        self._left = 0
        self._count = 0
        self._run = 0
        self.events: dict[str, int] = {}

    def program(self, instance_id: str, *, again: bool = True, run: int = 0) -> Program:
        """Return a program for a root instance; `run` counts those under the same ID."""
        self._left = self._rng.randint(2, self._size)
        self._run = run
        self.events = {}
        program = self._generation(instance_id, depth=0, again=again)
        return timed.with_some(program, self._apps, Random(f"{instance_id}/{run}/{self._count}"))

    def _generation(self, owner: str, *, depth: int, again: bool) -> Program:
        body = self._body(owner, depth)
        draw = self._rng.random()
        if again and draw < 0.2:
            return ["seq", [*body, ["again", self._generation(owner, depth=depth, again=draw < 0.08)]]]
        if draw > 0.92:
            return ["seq", [*body, ["fail", f"no {self.next()}"]]]
        return ["seq", body]

    def next(self) -> int:
        """Return a number that no other name in this run has."""
        self._count += 1
        return self._count

    def _body(self, owner: str, depth: int) -> list[Program]:
        body = []
        for _ in range(self._rng.randint(1, 4)):
            if self._left <= 0:
                break
            body.append(self._step(owner, depth))
        return body

    def _step(self, owner: str, depth: int) -> Program:
        self._left -= 1
        rng = self._rng
        draw = rng.random()
        if draw < 0.45:
            return self._activity()
        if draw < 0.58 and depth < 2:
            return self._child(owner, depth)
        if draw < 0.70:
            return ["timer", rng.choice((0.0, 0.3, 1.0, 4.0, 11.0))]
        if draw < 0.82 and depth == 0:
            return self._event()
        if draw < 0.85 and depth < 2:
            return self._detached(owner, depth)
        if draw < 0.87:
            return ["status", f"at {self.next()}"]
        return self._parallel(owner, depth)

    def _parallel(self, owner: str, depth: int) -> Program:
        parts = []
        for _ in range(self._rng.randint(2, 4)):
            self._left -= 1
            draw = self._rng.random()
            if draw < 0.6:
                parts.append(self._activity())
            elif draw < 0.8 and depth < 2:
                parts.append(self._child(owner, depth))
            elif draw < 0.9:
                parts.append(["timer", self._rng.choice((0.1, 2.0, 6.0))])
            else:
                parts.append(["seq", self._body(owner, 2)])
        return ["par", parts]

    def _activity(self) -> Program:
        tries = self._rng.choice((1, 1, 1, 3))
        failures = self._rng.choice((0, 0, 0, 1, 2))
        return ["act", self._rng.choice(self._apps), f"{self.next()}-{'x' * self._rng.randint(0, 5)}", failures, tries]

    def _child(self, owner: str, depth: int) -> Program:
        app = self._rng.choice(self._apps)
        name = f"{owner}/c{self.next()}" if self._rng.random() < 0.6 else ""
        return ["child", app, name, self._generation(name or f"{owner}/u{self._count}", depth=depth + 1, again=False)]

    def _detached(self, owner: str, depth: int) -> Program:
        name = f"{owner}/d{self.next()}"
        later = self._rng.choice((0.0, 0.0, 2.0, 15.0))
        body = self._generation(name, depth=depth + 1, again=False)
        return ["detach", self._rng.choice(self._apps), name, later, body]

    def _event(self) -> Program:
        name = self._rng.choice(("red", "green")) + str(self._run or "")
        number = self.events.get(name, 0)
        self.events[name] = number + 1
        return ["event", name, number]
