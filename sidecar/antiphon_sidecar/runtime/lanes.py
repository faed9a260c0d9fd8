"""The lanes in memory: least recently used first, within bounds of number and of history bytes."""

from collections import OrderedDict
from collections.abc import Iterable, Sequence
from itertools import islice

from antiphon_sidecar.runtime.lane import Lane, Phase

#: How many lanes are looked at when room is needed; those that cannot go move to the end of the line.
_LOOKED_AT = 16


class LaneTable:
    """Lanes by instance ID. Only idle lanes without messages are ever dropped to make room."""

    def __init__(self, *, most: int, most_bytes: int) -> None:
        self._most = most
        self._most_bytes = most_bytes
        self._lanes: OrderedDict[str, Lane] = OrderedDict()
        self._bytes = 0

    def __len__(self) -> int:
        return len(self._lanes)

    def get(self, instance_id: str) -> Lane | None:
        """Return a lane without touching its place."""
        return self._lanes.get(instance_id)

    def add(self, lane: Lane) -> None:
        """Add a lane as the most recently used."""
        self._lanes[lane.instance_id] = lane

    def touch(self, lane: Lane) -> None:
        """Mark a lane as the most recently used."""
        if not lane.gone:
            self._lanes.move_to_end(lane.instance_id)

    def remove(self, lane: Lane) -> None:
        """Drop a lane."""
        lane.gone = True
        self._bytes -= lane.history_bytes
        lane.history_bytes = 0
        self._lanes.pop(lane.instance_id, None)

    def keep(self, lane: Lane, sealed: Sequence[bytes], *, afresh: bool) -> None:
        """Keep events of a lane in memory; `afresh` forgets the earlier ones."""
        if lane.gone:
            return
        if afresh:
            self._bytes -= lane.history_bytes
            lane.history, lane.history_bytes = [], 0
        lane.history.extend(sealed)
        added = sum(map(len, sealed))
        lane.history_bytes += added
        self._bytes += added

    def crowded_out(self) -> list[Lane]:
        """Return lanes that must go to stay within the bounds; bounded work, so that crowding never costs a scan."""
        leaving: list[Lane] = []
        excess = len(self._lanes) - self._most
        excess_bytes = self._bytes - self._most_bytes
        if excess <= 0 and excess_bytes <= 0:
            return leaving
        for lane in list(islice(self._lanes.values(), _LOOKED_AT)):
            if len(leaving) >= excess and excess_bytes <= 0:
                break
            if lane.phase is Phase.IDLE and not lane.queue:
                leaving.append(lane)
                excess_bytes -= lane.history_bytes
            else:
                self._lanes.move_to_end(lane.instance_id)
        return leaving

    def all(self) -> Iterable[Lane]:
        """Return the lanes, least recently used first."""
        return self._lanes.values()
