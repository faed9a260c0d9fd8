"""The kinds that are reconciled, one `Reconciler` each: the place where a further kind is added.

To add one: a pure module in `reconcile`, a class like those of `reconcilers`, and its instance in `starting`. Listing,
watching, queueing, writing the status, Events, retries and metrics follow from that.

A reconciler looks at one object as it was last seen and at what surrounds it, has a pure module of `reconcile` decide,
and returns the outcome. What needs the network to be observed or carried out does it in `observe` and `act`; the
controller calls the three in this order, never twice at a time for one object, and again after a failure.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any, Protocol

from antiphon_operator.reconcile.outcome import Outcome

Body = Mapping[str, Any]


class Reconciler(Protocol):
    """What the controller asks of a kind."""

    @property
    def plural(self) -> str:
        """Return how the API server calls the kind."""

    @property
    def of_namespace(self) -> bool:
        """Tell whether the apps of the namespace, when they change, have all objects of the kind looked at again."""

    @property
    def asks(self) -> bool:
        """Tell whether sidecars are asked about each object: these wait in a queue of their own."""

    @property
    def guards(self) -> bool:
        """Tell whether objects that are being deleted are looked at: those that may have a finalizer of ours."""

    def dependents(self, plural: str, body: Body) -> Iterable[str]:
        """Return the names of objects of the kind that are to be looked at, because another object has changed."""

    def forget(self, body: Body) -> None:
        """Forget what is remembered of an object that is gone."""

    async def observe(self, body: Body) -> None:
        """Ask the network for what `decide` needs beside the caches; most kinds need nothing.

        Raises:
            NotAnswered: a sidecar did not answer; the object is looked at again later.
        """

    def decide(self, body: Body, now: datetime) -> Outcome:
        """Return what is to be done about the object."""

    async def act(self, body: Body, outcome: Outcome) -> None:
        """Carry out what goes beyond status and Events; most kinds have nothing. Raises what `observe` does."""
