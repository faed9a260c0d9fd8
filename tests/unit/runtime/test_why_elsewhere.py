"""What an instance waits for when others know more than this process: its owner, the target of its activity, nobody."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from antiphon_sidecar.coordination.base import Registration, View
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.events import SENTINEL_NS
from antiphon_sidecar.runtime.why import Scene, Silent, Stage, TaskAt, Wait, caveats, why
from antiphon_sidecar.stores.base import TaskRef
from tests.unit.runtime.asked import APP, SECOND, Asked, at, began
from tests.unit.runtime.test_why import BUY, called, child, event_timer

HERE, THERE = "orders-1", "orders-2"


@dataclass
class Others:
    """Other replicas that say what a test tells them; those that it does not know are silent."""

    waits: Mapping[tuple[str, str], Sequence[Wait]] = field(default_factory=dict)
    tasks: Mapping[str, TaskAt] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    async def why(self, to: Registration, *, app: str, instance_id: str) -> Sequence[Wait]:
        self.asked.append(to.replica)
        if (to.replica, instance_id) not in self.waits:
            raise Silent("did not answer within 2 s")
        return self.waits[to.replica, instance_id]

    async def task_at(self, to: Registration, ref: TaskRef) -> TaskAt:
        self.asked.append(to.replica)
        if to.replica not in self.tasks:
            raise Silent("cannot be reached (Connection refused)")
        return self.tasks[to.replica]


class Fleet:
    """App "orders" here, and a second replica of it elsewhere, which owns everything unless a test says otherwise."""

    def __init__(self, made: Asked, others: Others) -> None:
        self.made, self.others = made, others
        self.replicas = dict(made.registry.view.replicas)
        self.add(THERE)
        self.owners = {(APP, partition): THERE for partition in range(32)}
        self.over: dict[str, object] = {}

    def add(self, replica: str, *, app: str = APP, **over: object) -> None:
        known = Registration(app, replica, address=f"{replica}:50002", workers=1, declares=False)
        self.replicas[replica] = replace(known, **over)

    async def why(self, *, here: bool = False) -> list[Wait]:
        row = await self.made.store.get_instance(app=APP, instance_id="i1")
        assert row is not None
        return await why(row, self.scene(), here=here)

    def scene(self) -> Scene:
        view = View(self.replicas, self.owners, {})
        return replace(self.made.scene(), view=view, others=self.others, **self.over)


async def fleet(*events: ev.Event, **others: object) -> Fleet:
    made = Asked()
    await made.app(**BUY)
    await made.instance(*began(), *events)
    return Fleet(made, Others(**others))


def told(reason: str, **over: object) -> Wait:
    return Wait(reason, f"{reason} there", at(1), **{"kind": "worker", **over})


async def test_the_owner_is_asked_and_its_memory_is_what_is_told():
    made = await fleet(called(), waits={(THERE, "i1"): [told("TurnRunning", replica=THERE)]})
    (wait,) = await made.why()
    assert (wait.reason, wait.replica) == ("TurnRunning", THERE)
    assert made.others.asked == [THERE]


async def test_the_owner_here_asks_nobody():
    made = await fleet(event_timer(1, "approval"))
    made.owners = {place: HERE for place in made.owners}
    (wait,) = await made.why()
    assert (wait.reason, made.others.asked) == ("ExternalEvent", [])


async def test_who_is_asked_by_another_replica_asks_nobody_and_names_children_alone():
    made = await fleet(child())
    (wait,) = await made.why(here=True)
    assert (wait.reason, wait.waits, made.others.asked) == ("ChildRunning", (), [])


async def test_an_owner_that_is_silent_is_named_with_who_takes_over_and_the_store_tells_the_rest():
    made = await fleet(event_timer(1, "approval"))
    first, second = await made.why()
    assert (first.reason, first.replica, second.reason) == ("OwnerSilent", THERE, "ExternalEvent")
    assert first.message == (
        "replica orders-2 owns the instance, and did not answer within 2 s. What is told here is from the store, "
        "without what is in that replica's memory. If it has died: others of orders (orders-1) take over within a "
        "lease time (10 s). If it lives, its log may say what keeps it."
    )


async def test_a_silent_owner_that_nobody_can_take_over_from_is_told_to_be():
    made = await fleet()
    del made.replicas[HERE]
    first, *_ = await made.why()
    assert "no other replica of orders runs to take over. Nothing is lost" in first.message
    assert "at the latest 10 s later. Start one." in first.message


async def test_while_etcd_is_away_nobody_takes_over():
    made = await fleet()
    made.over = {"etcd_away_since": at(3)}
    first, *_ = await made.why()
    assert "If it has died: others take over once etcd answers and its lease has run out." in first.message
    (caveat,) = caveats(made.scene())
    assert caveat.startswith("AN403 EtcdUnreachable: etcd has not answered this sidecar since 2023-11-14T22:13:23Z.")


async def test_a_partition_without_owner_waits_for_etcd_when_that_is_away():
    made = await fleet(event_timer(1, "approval"))
    made.owners = {}
    first, _ = await made.why()
    assert (first.reason, "as soon as the store answers" in first.message) == ("OwnerMissing", True)
    made.over = {"etcd_away_since": at(3)}
    first, _ = await made.why()
    assert first.message.endswith("to which the instance belongs; none can take it before etcd answers.")


async def test_a_key_that_outlived_its_replica_is_told():
    made = await fleet(event_timer(1, "approval"))
    del made.replicas[THERE]
    first, _ = await made.why()
    assert (first.reason, first.replica) == ("OwnerGone", THERE)
    assert "is still held by replica orders-2, which is gone; others of orders (orders-1) take over" in first.message


async def test_an_owner_without_worker_is_told_beside_replicas_that_have_one():
    made = await fleet(event_timer(1, "approval"))
    made.owners = {place: HERE for place in made.owners}
    made.replicas[HERE] = replace(made.replicas[HERE], workers=0)
    first, second = await made.why()
    assert (first.reason, second.reason, second.replica) == ("ExternalEvent", "OwnerWithoutWorker", HERE)
    assert "others of orders have (orders-2), and take its partitions" in second.message


async def test_after_three_silent_replicas_nobody_else_is_waited_for():
    made = await fleet(*(child(number, APP, f"c{number}") for number in range(1, 7)))
    for number in range(1, 7):
        await made.made.instance(*began("pay"), event_timer(1, "e"), instance_id=f"c{number}")
    for number in range(32):
        made.add(f"r{number}")
        made.owners[APP, number] = f"r{number}"
    await made.why()
    assert len(made.others.asked) <= 3


async def test_a_child_is_followed_to_its_own_owner_whoever_told_of_it():
    stub = Wait("ChildRunning", "", at(1), kind="workflow", app="payments", instance_id="c1", event_id=1)
    waits = {(THERE, "i1"): [stub], ("payments-1", "c1"): [told("TurnRunning")]}
    made = await fleet(child(), waits=waits)
    await made.made.instance(*began("pay"), app="payments", instance_id="c1")
    made.add("payments-1", app="payments")
    made.owners |= {("payments", partition): "payments-1" for partition in range(32)}
    (wait,) = await made.why()
    assert (wait.reason, [below.reason for below in wait.waits]) == ("ChildRunning", ["TurnRunning"])
    assert made.others.asked == [THERE, "payments-1"]


HANDED = Wait(
    "ActivityHanded",
    "",
    at(1),
    kind="activity",
    app="payments",
    name="charge",
    event_id=1,
    replica="payments-1",
    attempt=2,
)


async def handed(**others: object) -> Wait:
    made = await fleet(called(), waits={(THERE, "i1"): [HANDED]}, **others)
    made.add("payments-1", app="payments")
    (wait,) = await made.why()
    return wait


async def test_the_replica_that_has_an_activity_is_asked_how_far_it_is():
    wait = await handed(tasks={"payments-1": TaskAt(Stage.RUNNING, at(0) - 12 * SECOND, 1, 1)})
    assert (wait.reason, wait.since) == ("ActivityRunning", at(0) - 12 * SECOND)
    assert wait.message == 'activity "charge" (#1) in app "payments" runs at replica payments-1 for 12 s, attempt 2.'
    assert (await handed(tasks={"payments-1": TaskAt(Stage.QUEUED, 0, 2, 9)})).reason == "ActivityQueued"
    assert (await handed(tasks={"payments-1": TaskAt(Stage.ENDED)})).reason == "ResultArriving"
    assert (await handed(tasks={"payments-1": TaskAt(Stage.ABSENT)})).reason == "ActivityScheduled"


async def test_a_silent_replica_that_has_an_activity_is_named_with_what_becomes_of_the_call():
    wait = await handed()
    assert wait.reason == "ActivityHanded"
    assert wait.message == (
        'activity "charge" (#1) in app "payments" was handed to replica payments-1, attempt 2, which cannot be reached '
        "(Connection refused). If it has died, another replica of payments gets the call once its lease has run out "
        "(10 s)."
    )


async def test_without_the_owners_word_a_target_without_workers_is_told_all_the_same():
    made = await fleet(called())
    await made.made.app("payments", activities=frozenset({"charge"}))
    made.made.workers_leave("payments")
    made.replicas |= made.made.registry.view.replicas
    made.add(THERE)
    _, wait = await made.why()
    assert wait.reason == "ResultArriving", "no row is there"
    made = await fleet(called())
    await made.made.known.remember(Registration("payments", "p", activities=frozenset({"charge"})))
    row = made.made.task(1)
    made.made.store = Asked().store
    await made.made.instance(*began(), called(), tasks={1: row})
    first, wait = await made.why()
    assert (first.reason, wait.reason) == ("OwnerSilent", "TargetAppUnavailable")
    assert "payments is known, but has no sidecar running; it last offered: charge." in wait.message


async def test_the_store_alone_says_nothing_of_owners_and_workers():
    made = await fleet(event_timer(1, "approval", SENTINEL_NS))
    made.over, made.owners = {"alone": True}, {}
    (wait,) = await made.why()
    assert wait.reason == "ExternalEvent"
    made.replicas = {}
    _, wait = await made.why()
    assert wait.reason == "WorkerNotConnected"
    assert "but no sidecar of it has written to the store lately" in wait.message
