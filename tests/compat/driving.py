"""The test's end of a client program (`apps/driver.py` and its likes): an SDK's client, called from here."""

import itertools
import json
import os
import subprocess
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from pathlib import Path
from typing import Any

PATIENCE_S = 30


@dataclass(frozen=True, slots=True)
class State:
    """An instance as the SDK's client sees it; texts as they came."""

    status: str
    name: str
    input: str | None
    output: str | None
    custom_status: str | None
    failure: Mapping[str, Any] | None

    @property
    def result(self) -> Any:
        """The output as a value; the instance must have completed."""
        assert self.status == "COMPLETED", self
        return None if self.output is None else json.loads(self.output)

    @property
    def error(self) -> tuple[str, str]:
        """The failure's type and message; the instance must have failed."""
        assert self.status == "FAILED", self
        assert self.failure is not None, self
        return self.failure["error_type"], self.failure["message"]


class CallFailed(Exception):
    """The SDK raised: `code` is the gRPC status, None when it raised something of its own (`kind`)."""

    def __init__(self, error: Mapping[str, Any]) -> None:
        super().__init__(f"{error['kind']} {error['code']}: {error['details']}")
        self.kind: str = error["kind"]
        self.code: str | None = error["code"]
        self.details: str = error["details"] or ""


class Driver:
    """Calls of a Dapr client; every one has a deadline."""

    def __init__(self, command: Sequence[str], *, name: str, environment: Mapping[str, str], log: Path) -> None:
        self._name, self._log = name, log
        self._numbers = itertools.count()
        self._waiting: dict[int, Future[Any]] = {}
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command,
                env={**os.environ, **environment},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
            )
        self._writing = threading.Lock()
        self._reader = threading.Thread(target=self._read, name=f"driver-{name}", daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            answer = json.loads(line)
            waiting = self._waiting.pop(answer["n"])
            if "error" in answer:
                waiting.set_exception(CallFailed(answer["error"]))
            else:
                waiting.set_result(answer["result"])
        for waiting in list(self._waiting.values()):
            waiting.set_exception(EOFError(f"the client program {self._name} has ended"))

    def close(self) -> None:
        """End the client program."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(timeout=1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(timeout=10)
        self._reader.join(timeout=10)
        assert self._process.stdout is not None
        self._process.stdout.close()

    def begin(self, op: str, *args: Any, **kwargs: Any) -> "Future[Any]":
        """Make a call and return at once."""
        assert self._process.poll() is None, f"the client program {self._name} has ended; see {self._log}"
        number = next(self._numbers)
        answer: Future[Any] = Future()
        self._waiting[number] = answer
        assert self._process.stdin is not None
        with self._writing:
            self._process.stdin.write(json.dumps({"n": number, "op": op, "args": args, "kwargs": kwargs}) + "\n")
            self._process.stdin.flush()
        return answer

    def call(self, op: str, *args: Any, **kwargs: Any) -> Any:
        """Make a call and wait for its answer.

        Raises:
            CallFailed: the SDK raised.
        """
        return self.begin(op, *args, **kwargs).result(timeout=PATIENCE_S)

    def start(self, workflow: str, input: object = None, **more: Any) -> str:
        """Start an instance and return its ID."""
        started: str = self.call("schedule_new_workflow", workflow, input=input, **more)
        return started

    def wait(self, instance_id: str, *, timeout_s: int = PATIENCE_S, **more: Any) -> State:
        """Wait until an instance has ended."""
        ended = self.begin("wait_for_workflow_completion", instance_id, timeout_in_seconds=timeout_s, **more)
        return _state(ended.result(timeout=timeout_s + 5))

    def run(self, workflow: str, input: object = None, **more: Any) -> State:
        """Start an instance and wait until it has ended."""
        return self.wait(
            self.start(workflow, input, **more), **({"app_id": more["app_id"]} if "app_id" in more else {})
        )

    def get(self, instance_id: str, **more: Any) -> State | None:
        """Return an instance, None when it is unknown."""
        found = self.call("get_workflow_state", instance_id, **more)
        return None if found is None else _state(found)

    def raise_event(self, instance_id: str, name: str, data: object = None, **more: Any) -> None:
        """Raise an event."""
        self.call("raise_workflow_event", instance_id, name, data=data, **more)


def _state(found: Mapping[str, Any]) -> State:
    return State(
        status=found["runtime_status"],
        name=found["name"],
        input=found["serialized_input"],
        output=found["serialized_output"],
        custom_status=found["serialized_custom_status"],
        failure=found.get("failure_details"),
    )
