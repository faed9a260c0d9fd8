"""What the code of simulated workers is, deployment by deployment: versions, patches, and turns that kill it.

Each app process that starts is another deployment. It has two versions, the newer one for new instances, and meets a
patch of its own; so rolling back leaves instances without their version, or with a patch that the code lacks. The
last deployment has everything and dies of nothing: with it every instance must come to its end.
"""

import dataclasses
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random

from antiphon_sidecar.engine import actions as ac
from antiphon_sidecar.engine import events as ev

#: IDs of instances whose turns kill the worker begin so.
POISON = "poison"
_NEWEST = 4


@dataclass(frozen=True, slots=True)
class Release:
    """One deployment's code."""

    versions: Sequence[str]
    patches: frozenset[str]
    #: The patch that it meets; empty for the last one, which meets what histories say and nothing else.
    own: str
    deadly: bool

    def respond(self, response: ac.Response, events: Iterable[ev.Event]) -> ac.Response:
        """Return the program's answer as this code gives it."""
        pinned, met = "", []
        for event in events:
            if isinstance(event, ev.WorkflowStarted):
                pinned = event.version or pinned
                met.extend(event.patches)
        if pinned and pinned not in self.versions:
            return ac.Response((ac.VersionNotAvailable(1),))
        kept = [patch for patch in met if patch in self.patches]
        if self.own and self.own not in kept:
            kept.append(self.own)
        return dataclasses.replace(response, version=pinned or self.versions[-1], patches=tuple(kept))


class Releases:
    """Which release an app process is that starts now; without `rolling` all have the same code."""

    def __init__(self, rng: Random, *, rolling: bool) -> None:
        self._rng = rng
        self._rolling = rolling
        self.last = False
        #: Workers that a poisonous instance has killed.
        self.deaths: dict[str, int] = {}
        #: Workers in a row that an instance lost to a poisonous one beside it.
        self.beside: dict[str, int] = {}

    def next(self) -> Release:
        """Return what the next process runs."""
        every = range(1, _NEWEST + 1)
        if self.last:
            versions = tuple(f"v{number}" for number in every)
            return Release(versions, frozenset(f"p{number}" for number in every), "", deadly=False)
        number = self._rng.choice(every) if self._rolling else _NEWEST
        versions = tuple(f"v{each}" for each in (number - 1, number) if each)
        patches = frozenset(f"p{each}" for each in range(1, number + 1))
        return Release(versions, patches, f"p{number}", deadly=True)

    def dies(self, release: Release, instance_id: str) -> bool:
        """Tell whether a turn of this instance kills its worker, and count it."""
        if not (release.deadly and instance_id.startswith(POISON)):
            return False
        self.deaths[instance_id] = self.deaths.get(instance_id, 0) + 1
        return True

    def lost(self, beside: Iterable[str]) -> None:
        """Count a dead worker for the instances whose turns it had, too."""
        for instance_id in beside:
            self.beside[instance_id] = self.beside.get(instance_id, 0) + 1

    def answered(self, instance_id: str) -> None:
        """An instance's turn was answered: its next loss is the first of a row."""
        self.beside.pop(instance_id, None)
