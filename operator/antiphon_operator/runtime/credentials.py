"""Whether the Secret that sidecars reach etcd with is there, in each namespace that has apps.

The operator copies no Secret and watches none: it may read this one by its name, and asks again every so often.
"""

import asyncio
import logging
from collections.abc import Callable, Iterable
from typing import Protocol

from antiphon_operator.clock import Clock
from antiphon_operator.kube.access import FAILURES, said

logger = logging.getLogger(__name__)

_LOOK_S = 1.0
#: How long an answer holds, in seconds: what is missing is waited for, and what is there rarely goes.
_MISSING_S = 3.0
_THERE_S = 30.0


class Secrets(Protocol):
    """What the API server is asked; see `kube.secrets`."""

    async def exists(self, namespace: str, name: str) -> bool:
        """Tell whether there is a Secret."""


class Credentials:
    """Looks for one Secret in many namespaces; without a name there is nothing to look for."""

    def __init__(
        self,
        name: str | None,
        secrets: Secrets,
        *,
        clock: Clock,
        namespaces: Callable[[], Iterable[str]],
        changed: Callable[[str], None],
    ) -> None:
        self._name = name
        self._secrets = secrets
        self._clock = clock
        self._namespaces = namespaces
        self._changed = changed
        self._due: dict[str, float] = {}
        self._without: set[str] = set()

    def missing(self, namespace: str) -> str | None:
        """Return the Secret's name where it is known to be missing."""
        return self._name if namespace in self._without else None

    async def run(self) -> None:
        """Look, until cancelled."""
        while self._name:
            await self.look(self._name)
            await asyncio.sleep(_LOOK_S)

    async def look(self, name: str) -> None:
        """Look once for the Secret in the namespaces whose turn it is."""
        namespaces = set(self._namespaces())
        self._due = {each: at for each, at in self._due.items() if each in namespaces}
        self._without &= namespaces
        for namespace in sorted(namespaces):
            if self._due.get(namespace, 0.0) <= self._clock.monotonic():
                await self._look_in(namespace, name)

    async def _look_in(self, namespace: str, name: str) -> None:
        try:
            there = await self._secrets.exists(namespace, name)
        except FAILURES as error:
            logger.warning("a Secret is not read", extra={"namespace": namespace, "secret": name, "error": said(error)})
            self._due[namespace] = self._clock.monotonic() + _THERE_S
            return
        self._due[namespace] = self._clock.monotonic() + (_THERE_S if there else _MISSING_S)
        if there != (namespace in self._without):
            return
        (self._without.discard if there else self._without.add)(namespace)
        self._changed(namespace)
