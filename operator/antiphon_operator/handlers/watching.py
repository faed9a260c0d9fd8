"""Has kopf watch our kinds and pods, in a thread and an event loop of its own.

Only `on.event` handlers: kopf's change handlers keep their state in annotations of every object. They hand what was
seen to the operator's loop, which decides. kopf ends all tasks of a loop that it shares, hence the thread.
"""

import asyncio
import contextlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import kopf

from antiphon_operator.settings import GROUP, MANAGER, VERSION

logger = logging.getLogger(__name__)

Body = Mapping[str, Any]
#: plural, object, whether it is gone.
Saw = Callable[[str, Body, bool], None]
SawPod = Callable[[Body, bool], None]

#: kopf is given so long to end, in seconds; less than a pod's grace period.
_END_S = 25.0


def registry(*, saw: Saw, saw_pod: SawPod, kinds: Sequence[str]) -> kopf.OperatorRegistry:
    """Return kopf's handlers; both functions are called in kopf's thread."""
    found = kopf.OperatorRegistry()
    kopf.on.startup(registry=found)(_configure)
    kopf.on.login(registry=found)(_log_in)
    for plural in kinds:
        kopf.on.event(GROUP, VERSION, plural, registry=found, id=f"saw-{plural}")(_handler(plural, saw))
    kopf.on.event("", "v1", "pods", registry=found, id="saw-pods")(_pod_handler(saw_pod))
    return found


def _handler(plural: str, saw: Saw) -> Callable[..., Any]:
    async def seen(event: Any, **_: Any) -> None:  # noqa: ANN401  (kopf's arguments)
        saw(plural, _plain(event["object"]), event["type"] == "DELETED")

    return seen


def _pod_handler(saw_pod: SawPod) -> Callable[..., Any]:
    async def seen(event: Any, **_: Any) -> None:  # noqa: ANN401  (kopf's arguments)
        saw_pod(compact(event["object"]), event["type"] == "DELETED")

    return seen


def compact(pod: Body) -> Body:
    """Return what is kept of a pod."""
    meta = pod["metadata"]
    kept = ("namespace", "name", "uid", "resourceVersion", "deletionTimestamp")
    return {
        "metadata": {**{key: meta[key] for key in kept if key in meta}, "labels": dict(meta.get("labels") or {})},
        "status": {"phase": (pod.get("status") or {}).get("phase")},
    }


def _plain(body: Body) -> Body:
    """Return an object without the record of who set which field, which is most of it."""
    meta = {key: value for key, value in body["metadata"].items() if key != "managedFields"}
    return {**body, "metadata": meta}


async def _log_in(**arguments: Any) -> Any:  # noqa: ANN401  (kopf's arguments and answer)
    return kopf.login_with_service_account(**arguments) or kopf.login_with_kubeconfig(**arguments)


async def _configure(settings: kopf.OperatorSettings, **_: Any) -> None:  # noqa: ANN401  (kopf's arguments)
    # Not the one of runs: kopf takes this off whatever has no handler that it waits for.
    settings.persistence.finalizer = f"{GROUP}/kopf"
    settings.persistence.progress_storage = kopf.AnnotationsProgressStorage(prefix=GROUP, v1=False)
    settings.persistence.diffbase_storage = kopf.AnnotationsDiffBaseStorage(prefix=GROUP, key="last-handled")
    # Events are ours to write: kopf's are one object a call.
    settings.posting.enabled = False
    settings.posting.reporting_component = MANAGER
    settings.scanning.disabled = True
    settings.networking.request_timeout = 30
    settings.networking.connect_timeout = 5
    settings.watching.server_timeout = 300
    settings.watching.chunk_size = 500
    settings.process.ultimate_exiting_timeout = _END_S


class Watching:
    """kopf in its thread, from `start` to `stop`."""

    def __init__(self, handlers: kopf.OperatorRegistry, *, namespaces: Sequence[str]) -> None:
        self._handlers = handlers
        self._namespaces = namespaces
        self._stop = threading.Event()
        self._ended = asyncio.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="kopf", daemon=True)

    def start(self) -> None:
        """Begin to watch."""
        self._thread.start()

    def _run(self) -> None:
        try:
            asyncio.run(
                kopf.operator(
                    registry=self._handlers,
                    clusterwide=not self._namespaces,
                    namespaces=self._namespaces,
                    standalone=True,
                    stop_flag=self._stop,
                )
            )
        except Exception as error:
            logger.error("watching has ended", exc_info=error)
        finally:
            with contextlib.suppress(RuntimeError):
                self._loop.call_soon_threadsafe(self._ended.set)

    async def ended(self) -> None:
        """Wait until kopf ends, which it does not by itself."""
        await self._ended.wait()

    async def stop(self) -> None:
        """End watching."""
        if not self._thread.is_alive():
            return
        self._stop.set()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_END_S):
                await self._ended.wait()
