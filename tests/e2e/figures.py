"""Times and sizes that the suite measures on its way; printed at its end."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Figures:
    """What was measured, in order."""

    rows: list[tuple[str, str]] = field(default_factory=list)

    def note(self, what: str, value: str) -> None:
        self.rows.append((what, value))

    @contextmanager
    def timed(self, what: str) -> Iterator[None]:
        """Note how long something has taken, if it has succeeded."""
        began = time.monotonic()
        yield
        self.note(what, f"{time.monotonic() - began:.1f} s")
