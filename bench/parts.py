"""What every world of the benchmark has: processes that cost something, and a client that takes orders."""

import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from processes import Cost, cost_of, running

APPS = ("app1", "app2", "app3", "app4")
HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class Setup:
    """Who does the work, where it is kept, and whether each app has a sidecar process of its own."""

    sdk: str
    store: str
    sidecars: bool = False
    #: Replicas of the first app, with sidecars.
    replicas: int = 1
    apps: tuple[str, ...] = APPS
    #: Workflows that it has; empty: all.
    workflows: frozenset[str] = frozenset()
    note: str = ""

    def __str__(self) -> str:
        return f"{self.sdk}, {self.store}" + (", sidecars" if self.sidecars else "")

    @property
    def kept(self) -> str:
        """Return where everything is kept, and by how many."""
        return self.store + (", sidecars" if self.sidecars else "")

    def has(self, workflow: str) -> bool:
        """Tell whether it has a workflow."""
        return not self.workflows or workflow in self.workflows


@dataclass(frozen=True, slots=True)
class Costs:
    """What the parts of a world have cost so far; `engine` is the host, the sidecars, or another's server."""

    engine: Cost
    apps: Cost
    database: Cost
    etcd: Cost


@dataclass(frozen=True, slots=True)
class World:
    """Everything that runs; the client takes one order at a time."""

    engine: tuple[int, ...]
    apps: tuple[int, ...]
    client: "subprocess.Popen[str]"
    log: Path
    database: tuple[int, ...] = ()
    etcd: tuple[int, ...] = field(default=())

    def costs(self) -> Costs:
        """Read what the parts have cost so far."""
        return Costs(cost_of(self.engine), cost_of(self.apps), cost_of(self.database), cost_of(self.etcd))

    def load(self, workflow: str, *, count: int, at_once: int) -> dict[str, Any]:
        """Have the client run workflows; return what it measured.

        Raises:
            RuntimeError: the client gave up; carries what the processes wrote.
        """
        assert self.client.stdin is not None
        assert self.client.stdout is not None
        order = json.dumps({"workflow": workflow, "count": count, "at_once": at_once})
        print(order, file=self.client.stdin, flush=True)
        answer = self.client.stdout.readline()
        if not answer:
            raise RuntimeError(f"the client ended:\n{self.log.read_text(errors='replace')[-4000:]}")
        taken: dict[str, Any] = json.loads(answer)
        return taken


def environment(folder: Path) -> dict[str, str]:
    """Return what our own processes get: this checkout, a runtime folder, and a schema of their own."""
    return {
        "PYTHONPATH": os.pathsep.join(os.path.abspath(entry) for entry in sys.path if entry),
        "XDG_RUNTIME_DIR": str(folder),
        "ANTIPHON_STORE_SCHEMA": f"bench_{secrets.token_hex(4)}",
    }


def client(
    stack: ExitStack, command: Sequence[str | Path], *, environment: Mapping[str, str], log: Path
) -> "subprocess.Popen[str]":
    """Start a client."""
    return stack.enter_context(running([str(word) for word in command], environment=environment, log=log, talks=True))
