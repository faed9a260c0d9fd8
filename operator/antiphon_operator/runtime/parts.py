"""What the controller needs of the API server and of etcd; `kube` and `registry` have it, and so have tests' twins."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from antiphon_operator.reconcile.outcome import Happening
from antiphon_operator.registry.view import View
from antiphon_operator.registry.wanted import Wanted

Body = Mapping[str, Any]


class Kube(Protocol):
    """Objects of our kinds."""

    async def all(self, plural: str) -> Sequence[Body]:
        """List a kind, in all namespaces that are watched."""

    async def apply_status(self, plural: str, body: Body, status: Body) -> Body | None:
        """Make a status what it should be, and return the object; None when it is gone."""


class Reporter(Protocol):
    """Events about our objects."""

    async def report(self, body: Body, happening: Happening) -> None:
        """Report that something happened to an object."""


class Registry(Protocol):
    """etcd, as far as it has been read."""

    @property
    def view(self) -> View:
        """Return which replicas live."""

    @property
    def seen(self) -> bool:
        """Tell whether etcd has been read."""

    @property
    def away_since(self) -> float | None:
        """Return since when etcd does not answer, in monotonic seconds."""

    def want(self, wanted: Wanted) -> None:
        """Have a namespace's records written, now and whenever they are not there."""
