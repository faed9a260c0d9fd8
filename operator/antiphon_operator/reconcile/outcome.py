"""What reconciling an object results in; `runtime` carries it out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

#: An object of the API server as its client and kopf give it: nested JSON.
Body = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Happening:
    """An Event about the object: written once for a reason and message, then counted."""

    kind: Literal["Normal", "Warning"]
    reason: str
    message: str


@dataclass(frozen=True, slots=True)
class Outcome:
    """What is to be done.

    `status`: the whole status as it should be; the one that is there already is not written again. `again_s`: look at
    the object again after so many seconds, although nothing has changed.
    """

    status: Mapping[str, Any]
    happenings: tuple[Happening, ...] = ()
    again_s: float | None = None
