"""What a decorated function is: its name, its types, and how to call it.

Used by workflow, activity, worker and client; does not run anything.
"""

import dataclasses
import inspect
import logging
import typing
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from antiphon import _hints, _schemas
from antiphon.errors import DefinitionError
from antiphon_names import errors as names

_log = logging.getLogger(__name__)

Kind = Literal["workflow", "activity"]
_ATTRIBUTE = "__antiphon__"


@dataclass(slots=True, eq=False)
class Definition:
    """A user's function under its public name; type hints are read at first use, when all is imported.

    `version`: "" for code without one. `versions`: all that a worker has of this name, itself among them; set by
    `table`.
    """

    kind: Kind
    name: str
    function: Callable[..., Any]
    takes_input: bool
    input_optional: bool
    is_async: bool
    version: str = ""
    latest: bool = False
    versions: Mapping[str, "Definition"] = field(default_factory=dict)
    _types: tuple[object, object] | None = None

    @property
    def input_type(self) -> object:
        """The hint of the input parameter; Any without one."""
        return self._read()[0]

    @property
    def result_type(self) -> object:
        """The hint of the result; Any without one."""
        return self._read()[1]

    @property
    def input_schema(self) -> str | None:
        """The JSON schema of its input; None when it takes none, or its hint says nothing."""
        return self._schema_of(0) if self.takes_input else None

    @property
    def output_schema(self) -> str | None:
        """The JSON schema of its result; None when its hint says nothing."""
        return self._schema_of(1)

    def _schema_of(self, side: Literal[0, 1]) -> str | None:
        try:
            return _schemas.schema_of(self._read()[side])
        except (DefinitionError, NameError, TypeError, ValueError, AttributeError) as error:
            # A call with such a hint fails and says so; the worker's other functions are not held up.
            _log.info("no schema of %s: %s", self.name, error)
            return None

    def arguments(self, text: str | None) -> tuple[object, ...]:
        """Return what to call the function with, for this input; absent input leaves a default alone.

        Raises:
            ValueInvalid: it does not fit the type hint.
        """
        if not self.takes_input or (self.input_optional and not text):
            return ()
        what = f'input of {self.kind} "{self.name}"'
        return (_hints.decode(text, self.input_type, what=what),)

    def _read(self) -> tuple[object, object]:
        if self._types is None:
            self._types = _read_hints(self)
        return self._types


def attach(
    function: Callable[..., Any],
    *,
    kind: Kind,
    name: str | None,
    inputs_before: int,
    version: str | None = None,
    latest: bool = False,
) -> Definition:
    """Make `function` a workflow or activity; `inputs_before` parameters come before its input.

    Raises:
        DefinitionError: it is not a function, or its parameters do not fit.
    """
    if not callable(function) or not hasattr(function, "__name__"):
        raise DefinitionError(f"@{kind}.define needs a function, got {function!r}")
    if name is not None and not name.strip():
        raise DefinitionError(f"@{kind}.define(name=...) on {function.__name__} is empty")
    if version is not None and not version.strip():
        raise DefinitionError(f"@{kind}.define(version=...) on {function.__name__} is empty")
    if latest and version is None:
        raise DefinitionError(f"@{kind}.define(latest=True) on {function.__name__} needs a version")
    _check_parameters(function, kind=kind, inputs_before=inputs_before)
    inputs = _positional(function)[inputs_before:]
    definition = Definition(
        kind=kind,
        name=name or function.__name__,
        function=function,
        takes_input=bool(inputs),
        input_optional=bool(inputs) and inputs[0].default is not inspect.Parameter.empty,
        is_async=inspect.iscoroutinefunction(function),
        version=version or "",
        latest=latest,
    )
    setattr(function, _ATTRIBUTE, definition)
    return definition


def find(function: object, *, kind: Kind) -> Definition:
    """Return the definition that `attach` left on a function.

    Raises:
        DefinitionError: it was not decorated, or is the other kind.
    """
    definition = getattr(function, _ATTRIBUTE, None)
    shown = getattr(function, "__qualname__", repr(function))
    if not isinstance(definition, Definition):
        raise DefinitionError(
            f"{shown} is not known as {_article(kind)}; put @{kind}.define above it, or give its name as text"
        )
    if definition.kind != kind:
        raise DefinitionError(f"{shown} is {_article(definition.kind)}, and {_article(kind)} is needed here")
    return definition


def is_kind(value: object, kind: Kind) -> bool:
    """Tell whether a value is a function that was made this kind of definition."""
    definition = getattr(value, _ATTRIBUTE, None)
    return isinstance(definition, Definition) and definition.kind == kind


def table(functions: Iterable[object], *, kind: Kind) -> Mapping[str, Definition]:
    """Return the definitions by name: of several versions the one that new instances run.

    Raises:
        DefinitionError: two functions have one name and version, one is not a definition of this kind, or none
            of several versions is marked as the latest.
    """
    found: dict[str, dict[str, Definition]] = {}
    for function in functions:
        definition = find(function, kind=kind)
        versions = found.setdefault(definition.name, {})
        other = versions.setdefault(definition.version, definition)
        if other.function is not definition.function:
            in_version = f' in version "{definition.version}"' if definition.version else ""
            raise DefinitionError(
                f'two {_plural(kind)} are named "{definition.name}"{in_version}: {_place(other)} and '
                f"{_place(definition)}; rename one with @{kind}.define(name=...)"
            )
    return {name: _latest(name, versions) for name, versions in found.items()}


def _latest(name: str, versions: Mapping[str, Definition]) -> Definition:
    """Return the version that new instances run, with all versions beside it."""
    named = [definition for definition in versions.values() if definition.version]
    marked = [definition for definition in named if definition.latest] if len(named) > 1 else named
    if not named:
        marked = list(versions.values())
    if len(marked) != 1:
        have = "more than one of them is" if marked else "none of them is"
        raise DefinitionError(
            f'workflow "{name}" has the versions {names.listing(v.version for v in named)}, and {have} marked with '
            "@workflow.define(version=..., latest=True); mark the one that new instances shall run"
        )
    return dataclasses.replace(marked[0], versions=versions)


def unknown(name: str, *, kind: Kind, known: Iterable[str]) -> str:
    """Return the text for a name that this worker does not have."""
    known = list(known)
    return (
        f'this worker was asked for {kind} "{name}" and has: {names.listing(known)}.'
        f"{names.nearest(name, known)} Give it to Worker({_plural(kind)}=[...]), or fix the name in the caller."
    )


def _article(kind: Kind) -> str:
    return "a workflow" if kind == "workflow" else "an activity"


def _plural(kind: Kind) -> str:
    return "workflows" if kind == "workflow" else "activities"


def _place(definition: Definition) -> str:
    return f"{definition.function.__module__}.{definition.function.__qualname__}"


def _positional(function: Callable[..., Any]) -> list[inspect.Parameter]:
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [p for p in inspect.signature(function).parameters.values() if p.kind in kinds]


def _check_parameters(function: Callable[..., Any], *, kind: Kind, inputs_before: int) -> None:
    parameters = inspect.signature(function).parameters.values()
    required = [p for p in parameters if p.default is p.empty and p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)]
    before = "ctx and " if inputs_before else ""
    if len(required) > inputs_before + 1 or any(p.kind is p.KEYWORD_ONLY for p in required):
        raise DefinitionError(
            f"{kind} {function.__qualname__} takes {len(required)} arguments; it can take {before}one input: "
            "put several values into a dataclass"
        )
    if len(_positional(function)) < inputs_before:
        raise DefinitionError(f"{kind} {function.__qualname__} takes no context; its first parameter is ctx")


def _read_hints(definition: Definition) -> tuple[object, object]:
    function = definition.function
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise DefinitionError(
            f"a type hint of {definition.kind} {_place(definition)} cannot be read: {error}; names used in "
            "hints must exist in the function's module when it runs, not only under TYPE_CHECKING"
        ) from error
    result = hints.get("return", Any)
    if not definition.takes_input:
        return Any, result
    position = 1 if definition.kind == "workflow" else 0
    return hints.get(_positional(function)[position].name, Any), result


def workflow_name(workflow: str | Callable[..., Any]) -> str:
    """Return the name of a workflow that is given as its function, or by its name.

    Raises:
        DefinitionError: the function is no workflow.
    """
    return workflow if isinstance(workflow, str) else find(workflow, kind="workflow").name
