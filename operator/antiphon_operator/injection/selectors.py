"""Label selectors: whether labels match one, and how a person reads it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

#: What an expression of a selector may ask; the first two take values, the others none.
WITH_VALUES = ("In", "NotIn")
OPERATORS = (*WITH_VALUES, "Exists", "DoesNotExist")


@dataclass(frozen=True, slots=True)
class Expression:
    """One requirement: `operator` is one of `OPERATORS`."""

    key: str
    operator: str
    values: frozenset[str]

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether labels fulfil it; as in Kubernetes, NotIn holds for labels without the key."""
        match self.operator:
            case "In":
                return labels.get(self.key) in self.values
            case "NotIn":
                return labels.get(self.key) not in self.values
            case "Exists":
                return self.key in labels
            case "DoesNotExist":
                return self.key not in labels
        return False

    def __str__(self) -> str:
        return f"{self.key} {self.operator} ({', '.join(sorted(self.values))})" if self.values else self._bare()

    def _bare(self) -> str:
        return self.key if self.operator == "Exists" else f"!{self.key}"


@dataclass(frozen=True, slots=True)
class Selector:
    """What all of a registration's pods have in their labels; an empty one matches nothing."""

    labels: tuple[tuple[str, str], ...]
    expressions: tuple[Expression, ...] = ()

    def matches(self, labels: Mapping[str, str]) -> bool:
        """Say whether a pod with these labels is selected."""
        if not self.labels and not self.expressions:
            return False
        return all(labels.get(key) == value for key, value in self.labels) and all(
            expression.matches(labels) for expression in self.expressions
        )

    def __str__(self) -> str:
        return ", ".join([f"{key}={value}" for key, value in self.labels] + [str(each) for each in self.expressions])


def read(selector: Mapping[str, Any] | None) -> Selector:
    """Read a selector as a resource holds it."""
    given = selector or {}
    labels: Mapping[str, str] = given.get("matchLabels") or {}
    expressions: Sequence[Mapping[str, Any]] = given.get("matchExpressions") or ()
    return Selector(
        tuple(sorted(labels.items())),
        tuple(
            Expression(
                str(each.get("key", "")), str(each.get("operator", "")), frozenset(map(str, each.get("values") or ()))
            )
            for each in expressions
        ),
    )


def written(labels: Mapping[str, str]) -> str:
    """Return labels as a person reads them."""
    return ", ".join(f"{key}={value}" for key, value in sorted(labels.items())) or "no labels"
