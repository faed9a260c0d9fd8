"""What a check of a resource can find: problems refuse it, warnings are shown to whoever applies it."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from antiphon_names import errors as codes
from antiphon_names.errors import Code


@dataclass(frozen=True, slots=True)
class Problem:
    """What can never be right, whatever is created or changed later."""

    code: Code
    detail: str

    @property
    def message(self) -> str:
        """Return what the one who applied the resource reads."""
        return f"{self.code}: {self.detail}"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A resource with problems is refused, one without them is taken."""

    problems: Sequence[Problem] = ()
    warnings: Sequence[str] = ()


def repeated(names: Iterable[str], *, where: str) -> Iterator[Problem]:
    """Yield a problem for each name that is there more than once."""
    for name, times in Counter(names).items():
        if times > 1:
            yield Problem(codes.NAME_REPEATED, f'{where} names "{name}" twice. Remove one of the two.')


def part(found: Mapping[str, Any], *keys: str) -> Mapping[str, Any]:
    """Return a part of an object, empty when it is not there."""
    for key in keys:
        found = found.get(key) or {}
    return found


def entries(found: Mapping[str, Any], *keys: str) -> Sequence[Mapping[str, Any]]:
    """Return a list of objects, empty when it is not there."""
    *path, last = keys
    return part(found, *path).get(last) or ()
