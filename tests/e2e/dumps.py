"""What a cluster knows, as text for the report of a test that has failed."""

from collections.abc import Iterator

from tests.e2e.installation import NAMESPACE
from tests.e2e.kubernetes import Kubernetes, Object
from tests.e2e.world import ready

#: Last lines of each container, and of whatever kubectl says.
LINES, LINES_MOST = 20, 150


_CONDITIONS = (
    '{range .items[*]}{.kind}/{.metadata.name}{"\\n"}'
    '{range .status.conditions[*]}  {.type}={.status} {.reason}: {.message}{"\\n"}{end}{end}'
)


def of_namespace(kubernetes: Kubernetes) -> str:
    """Describe a namespace, and Antiphon's own beside it: objects, events, and the last lines of every container."""
    parts = [*_namespace(kubernetes)]
    if kubernetes.namespace != NAMESPACE:
        parts += _namespace(kubernetes.within(NAMESPACE))
    return "\n".join(parts)


def _namespace(kubernetes: Kubernetes) -> Iterator[str]:
    yield _said(kubernetes, "get", "all,antiphon", "--output=wide")
    yield _said(kubernetes, "get", "antiphon", f"--output=jsonpath={_CONDITIONS}")
    yield _said(kubernetes, "get", "events", "--sort-by=.lastTimestamp")
    for pod in kubernetes.get("pods"):
        if not ready(pod):
            yield _said(kubernetes, "describe", f"pod/{pod['metadata']['name']}")
        for container, previous in _containers(pod):
            options = [f"--container={container}", f"--tail={LINES}", *(["--previous"] if previous else [])]
            yield _said(kubernetes, "logs", pod["metadata"]["name"], *options)


def _containers(pod: Object) -> Iterator[tuple[str, bool]]:
    status = pod["status"]
    for each in [*status.get("initContainerStatuses", []), *status.get("containerStatuses", [])]:
        yield each["name"], False
        if each["restartCount"]:
            yield each["name"], True


def _said(kubernetes: Kubernetes, *arguments: str) -> str:
    done = kubernetes.attempt(*arguments)
    lines = f"{done.stdout}{done.stderr}".splitlines()
    shown = "\n".join(["..."] * (len(lines) > LINES_MOST) + lines[-LINES_MOST:])
    return f"$ kubectl -n {kubernetes.namespace} {' '.join(arguments)}\n{shown}"
