"""Events about our objects: one for an object, reason and message, counted while it happens again.

A name that follows from these three makes the API server itself the memory: after a restart, or by another leader, the
same happening finds its Event and only counts. Objects that have too much to say are cut short.
"""

import hashlib
import logging
from collections import OrderedDict
from datetime import datetime
from typing import Any

from kubernetes.aio.client import (
    ApiClient,
    EventsV1Api,
    EventsV1Event,
    EventsV1EventSeries,
    V1ObjectMeta,
    V1ObjectReference,
)
from kubernetes.aio.client.exceptions import ApiException

from antiphon_operator.clock import Clock
from antiphon_operator.kube.access import FAILURES, REQUEST_S, said
from antiphon_operator.reconcile.outcome import Body, Happening
from antiphon_operator.settings import MANAGER

logger = logging.getLogger(__name__)

_EXISTS = 409
#: What the API server allows for a note, in bytes.
_NOTE_MOST = 1_000
#: An object may report so many Events at once, and one more each time this many seconds have passed.
_BURST = 10
_REFILL_S = 30.0
_OBJECTS_MOST = 5_000


class Events:
    """Writes Events; what cannot be written is left out, with a line in the log."""

    def __init__(self, client: ApiClient, *, identity: str, clock: Clock) -> None:
        self._api = EventsV1Api(client)
        self._identity = identity
        self._clock = clock
        # Tokens of each object, and when they were counted.
        self._budget: OrderedDict[str, tuple[float, float]] = OrderedDict()

    async def report(self, body: Body, happening: Happening) -> None:
        """Report that something happened to an object."""
        if not self._may(body["metadata"].get("uid", "")):
            return
        now = self._clock.now()
        namespace, name = body["metadata"]["namespace"], _name(body, happening)
        event = self._event(name, body, happening, now)
        try:
            try:
                await self._api.create_namespaced_event(namespace, event, _request_timeout=REQUEST_S)
            except ApiException as error:
                if error.status != _EXISTS:
                    raise
                await self._count(namespace, name, now)
        except FAILURES as error:
            logger.warning("an Event could not be written", extra={"reason": happening.reason, "error": said(error)})

    def _may(self, uid: str) -> bool:
        now = self._clock.monotonic()
        tokens, since = self._budget.pop(uid, (float(_BURST), now))
        tokens = min(float(_BURST), tokens + (now - since) / _REFILL_S)
        self._budget[uid] = (max(0.0, tokens - 1), now)
        if len(self._budget) > _OBJECTS_MOST:
            self._budget.popitem(last=False)
        return tokens >= 1

    def _event(self, name: str, body: Body, happening: Happening, now: datetime) -> EventsV1Event:
        meta = body["metadata"]
        return EventsV1Event(
            metadata=V1ObjectMeta(name=name, namespace=meta["namespace"]),
            event_time=now,
            reporting_controller=MANAGER,
            reporting_instance=self._identity[:128],
            action="Reconcile",
            reason=happening.reason,
            type=happening.kind,
            note=happening.message.encode()[:_NOTE_MOST].decode(errors="ignore"),
            regarding=V1ObjectReference(
                api_version=body["apiVersion"],
                kind=body["kind"],
                name=meta["name"],
                namespace=meta["namespace"],
                uid=meta.get("uid"),
                resource_version=meta.get("resourceVersion"),
            ),
        )

    async def _count(self, namespace: str, name: str, now: datetime) -> None:
        # A patch of nothing answers with the Event, so that the right to read Events is not needed.
        known = await self._patched(namespace, name, {})
        count = known.series.count if known.series is not None else 1
        series = EventsV1EventSeries(count=count + 1, last_observed_time=now)
        await self._patched(namespace, name, {"series": self._api.api_client.sanitize_for_serialization(series)})

    async def _patched(self, namespace: str, name: str, change: dict[str, Any]) -> EventsV1Event:
        return await self._api.patch_namespaced_event(
            name,
            namespace,
            change,
            _content_type="application/merge-patch+json",
            _request_timeout=REQUEST_S,
        )


def _name(body: Body, happening: Happening) -> str:
    meta = body["metadata"]
    text = "\0".join((meta.get("uid", ""), happening.reason, happening.message))
    return f"{meta['name'][:200]}.{hashlib.blake2b(text.encode(), digest_size=8).hexdigest()}"
