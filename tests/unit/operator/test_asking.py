"""Whom the operator asks about an instance, and whom it leaves alone for a while."""

import pytest

from antiphon_operator.control.client import NotAnswered, Refused
from antiphon_operator.runtime.asking import Asking
from tests.unit.operator.building import replica


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.at = 0.0

    def monotonic(self) -> float:
        return self.at


class Sidecars:
    """Two sidecars of one store, one of each app; those that are silent do not answer."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.asking = Asking(self.clock)  # type: ignore[arg-type]  # all that is used of a clock
        self.replicas = [replica("stock", 2), replica("orders", 1)]
        self.silent: set[str] = set()
        self.asked: list[str] = []

    async def ask(self, error: Exception | None = None) -> str:
        async def question(address: str) -> str:
            self.asked.append(address)
            if address in self.silent:
                raise NotAnswered(f"{address}: silent")
            if error is not None:
                raise error
            return address

        return await self.asking.ask(self.replicas, "orders", "one", question)


OWN, OTHER = "10.0.0.1:50002", "10.0.0.2:50002"


async def test_the_apps_own_sidecar_is_asked_first() -> None:
    assert await Sidecars().ask() == OWN


async def test_a_silent_sidecar_is_left_alone_for_a_while_and_then_tried_again() -> None:
    sidecars = Sidecars()
    sidecars.silent = {OWN}
    assert await sidecars.ask() == OTHER
    sidecars.silent = set()
    assert await sidecars.ask() == OTHER
    assert sidecars.asked == [OWN, OTHER, OTHER]
    sidecars.clock.at += 1.5
    assert await sidecars.ask() == OWN


async def test_nobody_waits_for_sidecars_that_are_all_silent() -> None:
    sidecars = Sidecars()
    sidecars.silent = {OWN, OTHER}
    for _ in range(3):
        with pytest.raises(NotAnswered, match="silent"):
            await sidecars.ask()
    assert sidecars.asked == [OWN, OTHER]


async def test_a_no_is_an_answer() -> None:
    sidecars = Sidecars()
    with pytest.raises(Refused):
        await sidecars.ask(Refused(OWN, "NOT_FOUND", "no"))
    assert await sidecars.ask() == OWN
