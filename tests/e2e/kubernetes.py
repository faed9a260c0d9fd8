"""A cluster as its user sees it: kubectl, and waiting for what it says with a deadline."""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import yaml

RUN_TIMEOUT_S = 60.0
#: Between two looks at something that has no watch.
LOOK_S = 0.25

Object = Mapping[str, Any]
T = TypeVar("T")


class KubectlError(Exception):
    """kubectl has ended with an error; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Kubernetes:
    """kubectl with the credentials of one kubeconfig, in one namespace."""

    program: Path
    kubeconfig: Path
    namespace: str = "default"

    def within(self, namespace: str) -> "Kubernetes":
        return Kubernetes(self.program, self.kubeconfig, namespace)

    @property
    def environment(self) -> dict[str, str]:
        """What other programs (Helm) need to reach the same cluster."""
        return {"KUBECONFIG": str(self.kubeconfig), "PATH": f"{self.program.parent}:{os.environ['PATH']}"}

    def run(self, *arguments: str, input: str | None = None, timeout_s: float = RUN_TIMEOUT_S) -> str:
        """Run kubectl; return what it printed, raises `KubectlError`."""
        done = self.attempt(*arguments, input=input, timeout_s=timeout_s)
        if done.returncode != 0:
            raise KubectlError(f"kubectl {' '.join(arguments)}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout

    def attempt(
        self, *arguments: str, input: str | None = None, timeout_s: float = RUN_TIMEOUT_S
    ) -> "subprocess.CompletedProcess[str]":
        """Run kubectl and return how it ended."""
        return subprocess.run(
            [str(self.program), f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *arguments],
            input=input,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    @contextmanager
    def running(self, *arguments: str) -> "Iterator[subprocess.Popen[str]]":
        """Run kubectl beside the test; it is ended at the end."""
        command = [str(self.program), f"--kubeconfig={self.kubeconfig}", f"--namespace={self.namespace}", *arguments]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
            try:
                yield process
            finally:
                process.terminate()

    def apply(self, *objects: Object) -> str:
        """Apply objects; return what kubectl said, warnings included."""
        done = self.attempt("apply", "--filename=-", input=yaml.safe_dump_all(objects))
        if done.returncode != 0:
            raise KubectlError(done.stderr.strip())
        return done.stdout + done.stderr

    def patch(self, what: str, change: Object) -> None:
        self.run("patch", what, "--type=merge", f"--patch={json.dumps(change)}")

    def delete(self, *what: str, wait: bool = True) -> None:
        self.run("delete", "--ignore-not-found", f"--wait={str(wait).lower()}", *what, timeout_s=180)

    def get(self, what: str, *options: str) -> Any:
        """Return an object, or the items of a list; an empty list for what may be absent, and is."""
        said = self.run("get", what, "--output=json", *options)
        if not said:
            return []
        found = json.loads(said)
        return found["items"] if found["kind"] == "List" else found

    def condition(self, what: str, kind: str) -> Object:
        """Return one condition of an object; an empty one when it is not there yet."""
        conditions = self.get(what).get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})

    def wait(self, what: str, condition: str, *, timeout_s: float, others: tuple[str, ...] = ()) -> None:
        """Wait as users do, with kubectl."""
        options = (f"--for={condition}", f"--timeout={timeout_s:.0f}s", *others)
        try:
            self.run("wait", what, *options, timeout_s=timeout_s + 30)
        except KubectlError as error:
            shown = self.attempt("get", what, "--output=yaml", "--show-managed-fields=false")
            raise AssertionError(f"{error}\n{shown.stdout}") from None

    def rolled_out(self, what: str, *, timeout_s: float = 120) -> None:
        """Wait until all replicas are new and ready."""
        self.run("rollout", "status", what, f"--timeout={timeout_s:.0f}s", timeout_s=timeout_s + 30)

    def resident_mib(self, pod: str, container: str) -> float:
        """Return the memory that a container's first process has; the image needs Python."""
        reading = "import re; print(re.search(r'VmRSS:\\s+(\\d+)', open('/proc/1/status').read())[1])"
        return int(self.run("exec", pod, "--container", container, "--", "python3", "-c", reading)) / 1024

    def events(self, **fields: str) -> list[Object]:
        """Return events by fields of the object they are about."""
        chosen = ",".join(f"involvedObject.{name}={value}" for name, value in fields.items())
        found: list[Object] = self.get("events", *([f"--field-selector={chosen}"] if chosen else []))
        return found


def eventually(look: Callable[[], T], *, within_s: float, what: str) -> T:
    """Return the first true answer of `look`; fails with its last one.

    An `AssertionError` or a `KubectlError` counts as not yet.
    """
    deadline = time.monotonic() + within_s
    while True:
        try:
            found = look()
            if found:
                return found
            last: object = found
        except (AssertionError, KubectlError) as error:
            last = error
        if time.monotonic() > deadline:
            raise AssertionError(f"{what} within {within_s:.0f} s; last seen: {last}")
        time.sleep(LOOK_S)
