"""Fakes of other teams' apps: plain functions and values behind the names that an app offers."""

import functools
import inspect
from collections.abc import Callable, Mapping
from typing import Any

from antiphon import _definitions, _values, activity, workflow
from antiphon.errors import CodedError
from antiphon.testing._contracts import Contract, Kind, Offer, misfit
from antiphon_names import errors as names


class ContractBroken(AssertionError):
    """A test sent or faked a value that does not fit what the app declares."""


class _Misfit(CodedError):
    """What the workflow under test sees of it."""

    code = names.SCHEMA_MISMATCH


Broken = Callable[[str], None]


class Fake:
    """One app's fakes; `broken` hears of values that do not fit the contract."""

    def __init__(self, app: str, contract: Contract | None, broken: Broken) -> None:
        self._app = app
        self._contract = contract
        self._broken = broken
        self.workflows: list[Callable[..., Any]] = []
        self.activities: list[Callable[..., Any]] = []

    def add(self, name: str, behaviour: object, kind: Kind | None) -> None:
        """Fake one name.

        Raises:
            ContractInvalid: the app's contract does not have it.
        """
        if self._contract is not None:
            offer = self._contract.offer(name, kind)
        else:
            offer = Offer(kind or "activity", name, None, None)
        act = _acting(behaviour, offer.kind)
        if offer.kind == "workflow":
            self.workflows.append(self._workflow(offer, act))
        else:
            self.activities.append(self._activity(offer, act))

    def _activity(self, offer: Offer, act: Callable[[str], Any]) -> Callable[..., Any]:
        @activity.define(name=offer.name)
        async def fake(value: Any = None) -> object:  # noqa: ANN401  (any JSON value)
            text = self._taken(offer, value)
            result = act(text)
            return self._given(offer, await result if inspect.isawaitable(result) else result)

        return fake

    def _workflow(self, offer: Offer, act: Callable[[str], Any]) -> Callable[..., Any]:
        @workflow.define(name=offer.name)
        async def fake(ctx: workflow.Context, value: Any = None) -> object:  # noqa: ANN401  (any JSON value)
            return self._given(offer, act(self._taken(offer, value)))

        return fake

    def _taken(self, offer: Offer, value: object) -> str:
        self._check(value, offer.input, f'input of {offer.kind} "{offer.name}"', "as it was called")
        return _values.encode(value, what="input")

    def _given(self, offer: Offer, result: object) -> object:
        value = _values.decode(_values.encode(result, what=f'result of the fake "{offer.name}"'))
        self._check(value, offer.output, f'result of {offer.kind} "{offer.name}"', "as the fake gives it")
        return result

    def _check(self, value: object, schema: Mapping[str, Any] | None, what: str, how: str) -> None:
        found = misfit(value, schema)
        if found is not None and self._contract is not None:
            text = f'{what} in app "{self._app}", {how}, does not fit its contract ({self._contract.source}) {found}'
            self._broken(text)
            raise _Misfit(text)


def _acting(behaviour: object, kind: Kind) -> Callable[[str], Any]:
    """Return what a fake does with the JSON text of its input."""
    if isinstance(behaviour, BaseException):
        failure = behaviour

        def fail(_: str) -> object:
            raise failure

        return fail
    if not callable(behaviour):
        return lambda _: behaviour
    if kind == "workflow" and inspect.iscoroutinefunction(behaviour):
        raise TypeError("a workflow's fake is a plain function of its input; run a workflow of yours by env.app(...)")
    parameters = inspect.signature(behaviour).parameters.values()
    if any(parameter.kind is parameter.VAR_POSITIONAL for parameter in parameters):
        # Mocks take whatever comes.
        take: Callable[..., Any] = behaviour
        return lambda text: take(_values.decode(text))

    function: Callable[..., Any] = behaviour

    @functools.wraps(function)
    def call(*arguments: object) -> object:
        return function(*arguments)

    named = getattr(call, "__name__", "fake")
    call.__name__ = named
    definition = _definitions.attach(call, kind="activity", name=None, inputs_before=0)
    return lambda text: call(*definition.arguments(text))
