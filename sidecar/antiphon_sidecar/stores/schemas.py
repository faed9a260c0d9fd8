"""JSON schemas of what apps offer, by digest: a part of the store contract that no turn ever touches."""

from collections.abc import Collection, Mapping
from typing import Protocol


class SchemaStore(Protocol):
    """Keeps schemas for ever: an export may ask for one that no worker offers any more."""

    async def keep_schemas(self, schemas: Mapping[str, str]) -> None:
        """Write those whose digest is not there; a digest names one text only."""

    async def schemas(self, digests: Collection[str]) -> Mapping[str, str]:
        """Return by digest those that are there."""
