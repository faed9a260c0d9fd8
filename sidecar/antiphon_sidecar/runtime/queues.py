"""A queue whose groups take turns, so that a group with much waiting does not delay the others."""

from collections import OrderedDict, deque
from collections.abc import Hashable, Iterator
from typing import Generic, TypeVar

T = TypeVar("T")


class TurnQueue(Generic[T]):
    """First in, first out within a group; one of each group after the other."""

    def __init__(self) -> None:
        self._groups: OrderedDict[Hashable, deque[T]] = OrderedDict()

    def __bool__(self) -> bool:
        return bool(self._groups)

    def __len__(self) -> int:
        return sum(map(len, self._groups.values()))

    def __iter__(self) -> Iterator[T]:
        for items in self._groups.values():
            yield from items

    def add(self, group: Hashable, item: T) -> None:
        """Add an item behind those of its group."""
        self._groups.setdefault(group, deque()).append(item)

    def put_back(self, group: Hashable, item: T) -> None:
        """Put back an item that was taken: it is the next again."""
        self._groups.setdefault(group, deque()).appendleft(item)
        self._groups.move_to_end(group, last=False)

    def take(self) -> T:
        """Remove and return the next item; its group is the last then."""
        group, items = next(iter(self._groups.items()))
        item = items.popleft()
        if items:
            self._groups.move_to_end(group)
        else:
            del self._groups[group]
        return item
