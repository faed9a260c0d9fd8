"""The one place that reads clocks; everything else is handed this."""

import time
from datetime import UTC, datetime


class Clock:
    """The machine's clocks."""

    def monotonic(self) -> float:
        """Return seconds that never go back, for leases and waits."""
        return time.monotonic()

    def now(self) -> datetime:
        """Return the time of day, in UTC."""
        found = datetime.now(UTC)
        # The API server refuses times without their six digits, which Python leaves out when they are zeros.
        return found if found.microsecond else found.replace(microsecond=1)
