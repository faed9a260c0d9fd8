"""What the controller needs of the API server and of etcd; `kube` and `registry` have it, and so have tests' twins."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from antiphon_operator.reconcile.observed import Absent, Instance
from antiphon_operator.reconcile.outcome import Happening, StartInstance, SteerInstance
from antiphon_operator.registry.view import View
from antiphon_operator.registry.wanted import Wanted

Body = Mapping[str, Any]
#: Takes in an object as the answer to a write shows it: plural, object.
Saw = Callable[[str, Body], None]


class Kube(Protocol):
    """Objects of our kinds."""

    async def all(self, plural: str) -> Sequence[Body]:
        """List a kind, in all namespaces that are watched."""

    async def apply_status(self, plural: str, body: Body, status: Body) -> Body | None:
        """Make a status what it should be, and return the object; None when it is gone."""

    async def create(self, plural: str, body: Body) -> Body | None:
        """Create an object, and return it; None when there is one of its name."""

    async def delete(self, plural: str, body: Body) -> None:
        """Delete an object, unless it is gone or another one of its name."""

    async def set_finalizers(self, plural: str, body: Body, finalizers: Sequence[str]) -> Body | None:
        """Set the finalizers of an object that nobody has changed since, and return it; None when it is gone."""

    async def set_desired(self, plural: str, body: Body, desired: str) -> Body | None:
        """Set `spec.desired` of an object, and return it; None when it is gone."""


class Control(Protocol):
    """Instances, as sidecars tell of them. Each call raises what `control.instances` says."""

    async def start(self, address: str, wish: StartInstance, *, timeout_s: float) -> None:
        """Start an instance, or find that its ID is there."""

    async def get(self, address: str, app_id: str, instance_id: str) -> Instance | Absent:
        """Return an instance."""

    async def steer(self, address: str, wish: SteerInstance) -> None:
        """Suspend, resume or terminate an instance."""


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
