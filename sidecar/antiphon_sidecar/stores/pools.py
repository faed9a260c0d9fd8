"""What stores with a pool of connections tell about it; metrics show it."""

from dataclasses import dataclass
from typing import Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class PoolUse:
    """How much of a pool of connections is in use; `exhausted` counts the callers that waited in vain."""

    size: int
    busy: int
    waiting: int
    exhausted: int


@runtime_checkable
class Pooled(Protocol):
    """A store whose calls share a few connections."""

    @property
    def use(self) -> PoolUse:
        """How much of them is in use now."""
