"""Short activities stay where their caller's owner is; what takes time goes to whoever has least to do."""

from antiphon_sidecar.coordination.base import Registration
from antiphon_sidecar.runtime.placing import Placing

NAME = "charge"


def placed(count: int, *, took_s: float | None, replicas: tuple[str, ...] = ("a", "b", "me")) -> dict[str, int]:
    """Return how many of `count` tasks that begin at once each replica gets."""
    placing = Placing("orders", "me")
    if took_s is not None:
        placing.took(NAME, took_s)
    free = [Registration("orders", replica) for replica in replicas]
    busy = dict.fromkeys(replicas, 0)
    for _ in range(count):
        busy[placing.choose(NAME, free, busy).replica] += 1
    return busy


def test_short_ones_stay_here() -> None:
    assert placed(10, took_s=0.001) == {"a": 0, "b": 0, "me": 10}


def test_many_short_ones_are_shared_once_they_would_wait_for_each_other() -> None:
    busy = placed(300, took_s=0.001)
    assert busy["me"] < 120
    assert abs(busy["a"] - busy["b"]) <= 1


def test_long_ones_go_to_the_least_busy() -> None:
    assert placed(9, took_s=2.0) == {"a": 3, "b": 3, "me": 3}


def test_what_is_not_known_yet_goes_to_the_least_busy() -> None:
    assert placed(9, took_s=None) == {"a": 3, "b": 3, "me": 3}


def test_another_app_has_no_replica_here() -> None:
    assert placed(4, took_s=0.001, replicas=("a", "b")) == {"a": 2, "b": 2}


def test_what_becomes_slow_is_shared_again() -> None:
    placing = Placing("orders", "me")
    for seconds in [0.001] * 5 + [3.0] * 5:
        placing.took(NAME, seconds)
    free = [Registration("orders", "a"), Registration("orders", "me")]
    assert placing.choose(NAME, free, {"a": 0, "me": 1}).replica == "a"


def test_the_names_that_are_remembered_are_bounded() -> None:
    placing = Placing("orders", "me")
    placing.took(NAME, 0.001)
    for number in range(2_000):
        placing.took(f"other-{number}", 0.001)
    free = [Registration("orders", "a"), Registration("orders", "me")]
    assert placing.choose(NAME, free, {"a": 0, "me": 1}).replica == "a"
