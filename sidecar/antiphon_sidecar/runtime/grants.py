"""Concurrency limits at one replica: what waits for a grant, what has one, and when it goes back.

The grants themselves are rows of the store, which makes a limit exact over replicas. What waits here asks again when a
grant was given back, here or elsewhere, and at every sweep. Names without a limit never come here. One object for the
activities of an app, one for its workflows; nothing here awaits.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Generic, TypeVar

from antiphon_sidecar.stores.limits import Grant, GrantKind, Limited

W = TypeVar("W")

#: How many are asked for at once beside those at the front.
_OTHERS = 500


@dataclass(frozen=True, slots=True)
class Asked(Generic[W]):
    """One who waits for a grant; `group`: those of different groups take turns."""

    grant: Grant
    group: Hashable
    who: W


class Grants(Generic[W]):
    """The grants of one kind.

    `ask`: have the store give grants to those at the front of a name, then call `answered`. `give_back`: have the
    store take grants back, then call `freed`. `granted`: whoever waited may run.
    """

    def __init__(
        self,
        *,
        app: str,
        kind: GrantKind,
        most: Mapping[str, int],
        ask: Callable[["Grants[W]", str], None],
        give_back: Callable[["Grants[W]", Limited, Grant], None],
        granted: Callable[[W], None],
    ) -> None:
        self._kind = kind
        self._app = app
        self._limits: dict[str, Limited] = {}
        #: Limits that are no more: what was given under them still goes back.
        self._former: dict[str, Limited] = {}
        self._ask = ask
        self._give_back = give_back
        self._granted = granted
        self._waiting: dict[str, OrderedDict[Hashable, OrderedDict[Grant, Asked[W]]]] = {}
        self._waits: dict[Grant, Hashable] = {}
        #: Names for which more than the front is asked next, and where that begins.
        self._wide: set[str] = set()
        self._starts: dict[str, int] = {}
        self.follow(most)

    def follow(self, most: Mapping[str, int]) -> None:
        """Take other limits; who waits under one that is no more may run, and under a new number asks again."""
        limits = {name: Limited(self._app, self._kind, name, number) for name, number in most.items()}
        if limits == self._limits:
            return
        before, self._limits = self._limits, limits
        self._former.update(before)
        for name in [name for name in self._waiting if name not in limits]:
            waiting = [asked for queue in self._waiting[name].values() for asked in queue.values()]
            for asked in waiting:
                self.forget(name, asked.grant)
                self._granted(asked.who)
        for name in [name for name in self._waiting if limits[name] != before.get(name)]:
            self._ask(self, name)

    def limits(self, name: str) -> bool:
        """Tell whether the name has a limit."""
        return name in self._limits

    def limited(self, name: str) -> Limited:
        """Return a name's limit, the last one when it has none any more."""
        return self._limits.get(name) or self._former[name]

    def names(self) -> Iterable[str]:
        """Return the names for which somebody waits."""
        return list(self._waiting)

    def waits(self, grant: Grant) -> bool:
        """Tell whether somebody waits for this grant."""
        return grant in self._waits

    def wait(self, name: str, asked: Asked[W], *, first: bool = False) -> None:
        """Let one wait, and ask for a grant; one that waits already stays where it is.

        `first`: it may have its grant already, and would wait for itself behind the others.
        """
        if asked.grant in self._waits:
            return
        self._waits[asked.grant] = asked.group
        groups = self._waiting.setdefault(name, OrderedDict())
        queue = groups.setdefault(asked.group, OrderedDict())
        queue[asked.grant] = asked
        if first:
            queue.move_to_end(asked.grant, last=False)
            groups.move_to_end(asked.group, last=False)
        self._ask(self, name)

    def front(self, name: str) -> list[Asked[W]]:
        """Return those who come next, one of each group after the other, as many as the limit could take.

        Once after each `retry` for all names, others too, a part of them each time: some may have their grant already,
        from an owner that was another then, and would wait for themselves.
        """
        most = self.limited(name).most
        queues = [islice(queue.values(), most) for queue in self._waiting.get(name, {}).values()]
        found: list[Asked[W]] = []
        while queues and len(found) < most:
            for queue in list(queues):
                asked = next(queue, None)
                if asked is None:
                    queues.remove(queue)
                else:
                    found.append(asked)
        return list({asked.grant: asked for asked in (*found[:most], *self._others(name))}.values())

    def _others(self, name: str) -> list[Asked[W]]:
        if name not in self._wide:
            return []
        self._wide.discard(name)
        waiting = (asked for queue in self._waiting.get(name, {}).values() for asked in queue.values())
        start = self._starts.get(name, 0)
        found = list(islice(waiting, start, start + _OTHERS))
        self._starts[name] = start + _OTHERS if len(found) == _OTHERS else 0
        return found

    def answered(self, name: str, asked: Asked[W], *, given: bool) -> None:
        """Take the store's answer; an activity's grant that nobody waits for any more goes back."""
        if not given:
            return
        if asked.grant not in self._waits:
            self.not_wanted(name, asked.grant)
            return
        self.forget(name, asked.grant)
        groups = self._waiting.get(name)
        if groups is not None and asked.group in groups:
            groups.move_to_end(asked.group)
        self._granted(asked.who)

    def not_wanted(self, name: str, grant: Grant) -> None:
        """Give back what was given to one who does not wait any more."""
        # A workflow's may be another owner's by now; it is void once the run has ended.
        if self._kind is GrantKind.ACTIVITY and grant not in self._waits:
            self.give_back(name, grant)

    def forget(self, name: str, grant: Grant) -> None:
        """Let one wait no longer."""
        if grant not in self._waits:
            return
        group = self._waits.pop(grant)
        groups = self._waiting[name]
        del groups[group][grant]
        if not groups[group]:
            del groups[group]
        if not groups:
            del self._waiting[name]

    def give_back(self, name: str, grant: Grant) -> None:
        """Give a grant back."""
        self._give_back(self, self.limited(name), grant)

    def retry(self, name: str | None = None) -> None:
        """Ask again for those who wait: a grant may have become free."""
        if name is None:
            self._wide.update(self._waiting)
        for waiting in [name] if name is not None else self.names():
            if waiting in self._waiting:
                self._ask(self, waiting)
