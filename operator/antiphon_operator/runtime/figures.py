"""What the operator counts of itself."""

from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Since the start: objects judged, statuses written, tries that failed, failures that are bugs."""

    reconciled: int = 0
    written: int = 0
    failures: int = 0
    defects: int = 0
