"""When a replica without workers leaves its share to others, and when it takes it back."""

from collections.abc import Callable

from antiphon_sidecar.coordination.base import Registration
from antiphon_sidecar.coordination.local import LocalRegistry
from antiphon_sidecar.runtime.serving import Serving
from antiphon_sidecar.runtime.workers import Offers, Workers, WorkerStream
from tests.unit.runtime.fakes import FakeClock

APP = "orders"
LEASE_S = 10.0


class Town:
    """One replica, "me", beside others that are moved by hand."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.registry = LocalRegistry(self.clock.monotonic)
        self.workers = Workers()
        self.me = Serving(
            app=APP,
            replica="me",
            clock=self.clock,
            lease_s=LEASE_S,
            workers=self.workers,
            view=lambda: self.registry.view,
        )

    def other(self, workers: int, *, serving: bool = True, app: str = APP) -> None:
        self.registry.publish(Registration(app, f"other-{app}", workers=workers, serving=serving))

    def connect(self) -> WorkerStream:
        stream = WorkerStream(Offers(), send=_drop)
        self.workers.add(stream)
        return stream

    def after(self, seconds: float, *, then: Callable[[], None] = lambda: None) -> bool:
        self.me.look()
        self.clock.advance(seconds)
        then()
        return self.me.look()


def _drop(item: object) -> None:
    pass


def test_serves_without_workers_while_nobody_has_any():
    town = Town()
    town.other(0)
    assert town.after(LEASE_S * 3)


def test_serves_for_a_lease_beside_others_that_have_workers():
    town = Town()
    town.other(1)
    assert town.after(LEASE_S - 0.1)
    assert not town.after(0.2)


def test_workers_of_another_app_do_not_count():
    town = Town()
    town.other(1, app="payments")
    assert town.after(LEASE_S * 3)


def test_serves_at_once_when_a_worker_connects_and_for_a_lease_after_it_has_left():
    town = Town()
    town.other(1)
    assert not town.after(LEASE_S)
    stream = town.connect()
    assert town.me.look()
    town.workers.remove(stream)
    assert town.after(LEASE_S - 0.1)
    assert not town.after(0.2)


def test_a_moment_in_which_nobody_has_workers_moves_nothing():
    town = Town()
    town.other(1)
    assert not town.after(LEASE_S)
    town.other(0)
    assert not town.me.look()


def test_serves_when_no_other_serves_any_more():
    town = Town()
    town.other(1)
    assert not town.after(LEASE_S)
    town.other(0, serving=False)
    assert town.me.look()


def test_serves_when_the_others_are_gone():
    town = Town()
    town.other(1)
    assert not town.after(LEASE_S)
    town.registry.leave(f"other-{APP}")
    assert town.me.look()


def test_does_not_serve_while_it_leaves():
    town = Town()
    town.connect()
    town.me.leaving = True
    assert not town.me.look()
