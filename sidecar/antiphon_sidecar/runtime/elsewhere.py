"""Waiting for instances that other replicas own: the owner tells, once, when the status is what was waited for.

`Elsewhere` is the side of the replica that holds the client calls, `Askers` the owner's. What they say to each other
may be lost: an owner that does not answer is asked again and the store is read meanwhile, rarely and ever more so; one
that has answered is relied on, because a change of owner and a broken link are heard of. Nothing here is durable.
"""

import asyncio
from collections.abc import Callable, Iterable

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.engine.events import TERMINAL, Status
from antiphon_sidecar.peers.base import Await, Message, Missed, Notice
from antiphon_sidecar.runtime import ends
from antiphon_sidecar.runtime.lane import Lane, Phase
from antiphon_sidecar.runtime.watch import End, Watch, Watchers

#: The store is read this often while nobody has promised to tell, twice as long each time.
_UNHEARD_S = 0.5
#: And this often where somebody has, in case that a notice was missed after all.
_PATIENCE_S = 10.0
#: How long an owner keeps an answer back that a notice may make needless. Shorter than `_UNHEARD_S`.
_CONFIRM_S = 0.2
#: While it reads or commits, a lane's state may not be there or not be durable.
_IN_DOUBT = (Phase.LOADING, Phase.COMMITTING)


class Elsewhere:
    """One replica's waits: asks whoever owns their instances now to tell."""

    def __init__(
        self,
        *,
        me: str,
        watchers: Watchers,
        view: Callable[[], View],
        owns: Callable[[Watch], bool],
        send: Callable[[str, Message], None],
    ) -> None:
        """`owns`: whether this replica decides about the instance now."""
        self._me = me
        self._watchers = watchers
        self._view = view
        self._owns = owns
        self._send = send

    def begin(self, watch: Watch) -> bool:
        """Begin to wait; tell whether somebody was asked, so that the status need not be read yet."""
        self._watchers.add(watch)
        return self.ask(watch)

    def ask(self, watch: Watch) -> bool:
        """Have the owner tell; False when that needs no message: it has promised to, or is this replica, or nobody."""
        owner = self._owner(watch)
        if owner != watch.asked:
            watch.asked, watch.heard, watch.unheard = owner, False, 0
        if owner is None or owner == self._me:
            watch.heard = self._owns(watch)
            return False
        if watch.heard:
            return False
        watch.doubtful = False
        self._send(owner, Await(watch.app, watch.instance_id, watch.leaves))
        return True

    def end(self, watch: Watch) -> None:
        """Wait no longer; an owner that has not told yet need not."""
        self._watchers.remove(watch)
        asked = watch.asked
        if asked is None or asked == self._me:
            return
        others = self._watchers.of(watch.app, watch.instance_id)
        if all((other.asked, other.leaves) != (asked, watch.leaves) for other in others):
            self._send(asked, Await(watch.app, watch.instance_id, watch.leaves, over=True))

    def patience_s(self, watch: Watch) -> float:
        """Return how long to wait before the status is read."""
        return _PATIENCE_S if watch.heard else min(_UNHEARD_S * (1 << min(watch.unheard, 10)), _PATIENCE_S)

    def _owner(self, watch: Watch) -> str | None:
        return self._view().owners.get((watch.app, partition_of(slot_of(watch.instance_id))))

    # what may have changed

    def noticed(self, sender: str, notice: Notice) -> None:
        """Take an owner's word."""
        for watch in self._watchers.of(notice.app, notice.instance_id):
            if watch.asked != sender:
                continue
            watch.heard = True
            if notice.status is not None:
                end = None if notice.end is None else ends.heard(notice, notice.end)
                watch.see(notice.status, end)
                if not watch.waits:
                    # Told once, and forgotten there.
                    watch.asked = None
            elif notice.look:
                watch.doubt()

    def view_changed(self) -> None:
        """Ask those who own now."""
        self._doubt(watch for watch in self._watchers if self._owner(watch) != watch.asked)

    def taken(self, app: str, partitions: frozenset[int]) -> None:
        """This replica owns these: what their last owner has not told is in the store by now."""
        self._doubt(w for w in self._watchers if w.app == app and partition_of(slot_of(w.instance_id)) in partitions)

    def missed(self, replica: str) -> None:
        """What was said to or by a replica may be lost: ask it again."""
        again = [watch for watch in self._watchers if watch.asked == replica]
        for watch in again:
            watch.asked = None
        self._doubt(again)

    @staticmethod
    def _doubt(watches: Iterable[Watch]) -> None:
        for watch in tuple(watches):
            watch.doubt()


class Askers:
    """Who waits elsewhere for instances that this replica owns."""

    def __init__(self, *, app: str, lane: Callable[[str], Lane | None], send: Callable[[str, Message], None]) -> None:
        """`lane`: an instance that is in memory here."""
        self._app = app
        self._lane = lane
        self._send = send
        self._asked: dict[str, dict[tuple[str, frozenset[Status]], None]] = {}
        self._unconfirmed: dict[tuple[str, str], None] = {}

    def asked(self, sender: str, asked: Await) -> None:
        """Note who waits for an instance that is owned here, or waits no longer; answer what is known now."""
        key = sender, asked.leaves
        if asked.over:
            self._forget(asked.instance_id, key)
            return
        lane = self._lane(asked.instance_id)
        # What it commits, or reads, is told when it is done.
        status = None if lane is None or lane.phase in _IN_DOUBT else _status(lane)
        if lane is None or status in TERMINAL:
            # What has ended stays in memory only while another start waits: the store may have that run already.
            self._note(asked.instance_id, key)
            self._send(sender, Notice(self._app, asked.instance_id, look=True))
            return
        if status is not None and status not in asked.leaves:
            self._send(sender, Notice(self._app, asked.instance_id, status))
            return
        self._note(asked.instance_id, key)
        if not self._unconfirmed:
            asyncio.get_running_loop().call_later(_CONFIRM_S, self._confirm)
        self._unconfirmed[sender, asked.instance_id] = None

    def _note(self, instance_id: str, key: tuple[str, frozenset[Status]]) -> None:
        self._asked.setdefault(instance_id, {})[key] = None

    def _forget(self, instance_id: str, key: tuple[str, frozenset[Status]]) -> None:
        asked = self._asked.get(instance_id)
        if asked is not None:
            asked.pop(key, None)
            if not asked:
                del self._asked[instance_id]

    def _confirm(self) -> None:
        """Promise to tell those whom nothing could be told yet."""
        waiting, self._unconfirmed = self._unconfirmed, {}
        for sender, instance_id in waiting:
            if any(replica == sender for replica, _ in self._asked.get(instance_id, ())):
                self._send(sender, Notice(self._app, instance_id))

    def changed(self, instance_id: str, status: Status | None, end: End | None = None) -> None:
        """Tell those who wait for this status; None: the instance was read, and there is none.

        `end`: what a commit has just made of it.
        """
        asked = self._asked.get(instance_id)
        if asked is None:
            return
        for sender, leaves in tuple(asked):
            if status is None:
                self._send(sender, Notice(self._app, instance_id, look=True))
            elif status not in leaves:
                told = None if end is None else ends.told(end)
                self._send(sender, Notice(self._app, instance_id, status, end=told))
                self._forget(instance_id, (sender, leaves))

    def dropped(self, partition: int) -> None:
        """Forget what another replica owns: it is asked by those who wait."""
        for instance_id in [i for i in self._asked if partition_of(slot_of(i)) == partition]:
            del self._asked[instance_id]

    def view_changed(self, view: View) -> None:
        """Forget those who are gone."""
        for instance_id, asked in list(self._asked.items()):
            for key in [key for key in asked if key[0] not in view.replicas]:
                self._forget(instance_id, key)

    def relinked(self, replica: str) -> None:
        """What was told a replica may be lost: have it ask again."""
        self._send(replica, Missed())


def _status(lane: Lane) -> Status:
    # In memory without a state: its start waits for its first turn.
    return Status.PENDING if lane.state is None else lane.state.status
