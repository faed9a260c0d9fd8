"""One question's dealings with other replicas: who is to be asked, who was, and who did not answer."""

from dataclasses import dataclass, field

from antiphon_names.hashing import partition_of
from antiphon_sidecar.coordination.base import Registration
from antiphon_sidecar.runtime.why.base import Scene, Silent, TaskAt, Wait
from antiphon_sidecar.stores.base import InstanceRow, TaskRef

#: After so many replicas that did not answer nobody else is waited for: a person waits for all of this.
_SILENT_MAX = 3


@dataclass(frozen=True, slots=True)
class Inquiry:
    """Asks within one question; a replica that was silent once is not asked again.

    `silent`: what was seen of the replicas that did not answer, as parts of sentences.
    """

    scene: Scene
    silent: dict[str, str] = field(default_factory=dict)

    def owner_of(self, row: InstanceRow) -> str | None:
        """Return the replica whose key is at the instance's partition, None when there is none or nobody knows."""
        return self.scene.view.owners.get((row.app, partition_of(row.slot)))

    def is_here(self, row: InstanceRow) -> bool:
        """Tell whether the instance's owner is in this process."""
        replica = self.scene.replica_of(row.app)
        return replica is not None and self.owner_of(row) == replica.identity.replica

    async def why(self, row: InstanceRow) -> list[Wait] | None:
        """Return what the instance waits for by its owner's word, None when that is here, or says nothing."""
        others, to = self.scene.others, self._elsewhere(self.owner_of(row))
        if others is None or to is None or self.is_here(row):
            return None
        try:
            return list(await others.why(to, app=row.app, instance_id=row.instance_id))
        except Silent as error:
            self.silent[to.replica] = str(error)
            return None

    async def task_at(self, replica: str, ref: TaskRef) -> TaskAt | None:
        """Return how far a replica is with an activity, None when it does not say."""
        others, to = self.scene.others, self._elsewhere(replica)
        if others is None or to is None:
            return None
        try:
            return await others.task_at(to, ref)
        except Silent as error:
            self.silent[to.replica] = str(error)
            return None

    def _elsewhere(self, replica: str | None) -> Registration | None:
        """Return the replica if it can be asked."""
        if replica is None or replica in self.silent or len(self.silent) >= _SILENT_MAX:
            return None
        found = self.scene.view.replicas.get(replica)
        return found if found is not None and found.address else None
