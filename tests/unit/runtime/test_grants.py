"""Who is asked for when a grant may be free."""

from antiphon_sidecar.runtime.grants import Asked, Grants
from antiphon_sidecar.stores.limits import Grant, GrantKind, Limited


class Door:
    """The grants of "ship", two at once; what it asks of the store is written down."""

    def __init__(self) -> None:
        self.asks: list[str] = []
        self.back: list[Grant] = []
        self.inside: list[str] = []
        self.grants: Grants[str] = Grants(
            app="orders",
            kind=GrantKind.ACTIVITY,
            most={"ship": 2},
            ask=lambda _, name: self.asks.append(name),
            give_back=self._give_back,
            granted=self.inside.append,
        )

    def _give_back(self, grants: Grants[str], limited: Limited, grant: Grant) -> None:
        self.back.append(grant)

    def wait(self, *names: str, group: str = "a", first: bool = False) -> None:
        for name in names:
            self.grants.wait("ship", Asked(Grant(name, "1"), group, name), first=first)

    def front(self) -> list[str]:
        return [asked.who for asked in self.grants.front("ship")]


def test_groups_take_turns_at_the_front():
    door = Door()
    door.wait("a1", "a2", "a3")
    door.wait("b1", group="b")
    assert door.front() == ["a1", "b1"]
    (asked, _) = door.grants.front("ship")
    door.grants.answered("ship", asked, given=True)
    assert (door.inside, door.front()) == (["a1"], ["b1", "a2"])


def test_one_that_may_have_its_grant_already_is_the_first():
    door = Door()
    door.wait("a1", "a2", "a3")
    door.wait("sure", first=True)
    assert door.front()[0] == "sure"


def test_at_each_sweep_the_others_are_asked_for_too():
    door = Door()
    door.wait("a1", "a2", "a3", "a4")
    door.grants.retry()
    assert door.front() == ["a1", "a2", "a3", "a4"]
    assert door.front() == ["a1", "a2"]


def test_every_one_is_asked_for_in_the_end():
    door = Door()
    names = [f"n{number}" for number in range(1_200)]
    door.wait(*names)
    seen: set[str] = set()
    for _ in range(3):
        door.grants.retry()
        seen.update(door.front())
    assert seen == set(names)


def test_a_grant_for_one_that_left_goes_back():
    door = Door()
    door.wait("a1")
    (asked,) = door.grants.front("ship")
    door.grants.forget("ship", asked.grant)
    door.grants.answered("ship", asked, given=True)
    assert (door.back, door.inside, list(door.grants.names())) == ([asked.grant], [], [])


def test_a_limit_that_is_raised_is_asked_for_again():
    door = Door()
    door.wait("a1", "a2", "a3")
    door.asks.clear()
    door.grants.follow({"ship": 3})
    assert (door.asks, door.front()) == (["ship"], ["a1", "a2", "a3"])
    door.grants.follow({"ship": 3})
    assert door.asks == ["ship"]


def test_who_waits_under_a_limit_that_is_no_more_may_run_and_grants_still_go_back():
    door = Door()
    door.wait("a1", "a2")
    (asked, _) = door.grants.front("ship")
    door.grants.answered("ship", asked, given=True)
    door.grants.follow({})
    assert (door.inside, door.grants.limits("ship")) == (["a1", "a2"], False)
    door.grants.give_back("ship", asked.grant)
    assert door.back == [asked.grant]
