"""Waiting for what a coordinator sees."""

import asyncio
from collections.abc import Callable

from antiphon_sidecar.coordination.base import Coordinator, View

PATIENCE_S = 15.0


async def sees(coordinator: Coordinator, wanted: Callable[[View], bool]) -> View:
    """Wait until the view is as wanted."""
    changed = asyncio.Event()
    coordinator.watch(changed.set)
    async with asyncio.timeout(PATIENCE_S):
        while not wanted(coordinator.view()):
            changed.clear()
            await changed.wait()
    return coordinator.view()
