"""What a cluster knows, as text for the report of a test that has failed."""

from collections.abc import Iterator

from tests.e2e.installation import NAMESPACE
from tests.e2e.kubernetes import Kubernetes, Object

LINES = 60


def of_namespace(kubernetes: Kubernetes) -> str:
    """Describe a namespace, and Antiphon's own beside it: objects, events, and the last lines of every container."""
    parts = [*_namespace(kubernetes)]
    if kubernetes.namespace != NAMESPACE:
        parts += _namespace(kubernetes.within(NAMESPACE))
    return "\n".join(parts)


def _namespace(kubernetes: Kubernetes) -> Iterator[str]:
    yield _said(kubernetes, "get", "all,antiphon", "--output=wide")
    yield _said(kubernetes, "get", "antiphon", "--output=yaml")
    yield _said(kubernetes, "get", "events", "--sort-by=.lastTimestamp")
    yield _said(kubernetes, "describe", "pods")
    for pod in kubernetes.get("pods"):
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
    return f"$ kubectl -n {kubernetes.namespace} {' '.join(arguments)}\n{done.stdout}{done.stderr}"
