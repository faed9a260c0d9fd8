"""What an instance waits for: each reason, and that it names what a person needs to act."""

import pytest

from antiphon_proto.v1 import history_pb2 as pb
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.events import SENTINEL_NS, Status
from antiphon_sidecar.peers.base import Dispatch, Progress
from antiphon_sidecar.runtime.dispatch import UnknownApps
from antiphon_sidecar.runtime.grants import Asked as Asking
from antiphon_sidecar.runtime.lane import Phase
from antiphon_sidecar.runtime.why import Wait, why
from antiphon_sidecar.settings import Concurrency
from antiphon_sidecar.stores.errors import Unreachable
from antiphon_sidecar.stores.limits import Grant
from tests.unit.runtime.asked import APP, SECOND, Asked, at, began, route

BUY = {"workflows": frozenset({"buy"})}
CHARGE = {"activities": frozenset({"charge", "refund"})}


def called(number: int = 1, name: str = "charge", target: str = "payments") -> ev.TaskScheduled:
    return ev.TaskScheduled(at(1), number, name, task_execution_id=f"t{number}", route=route(target))


def child(number: int = 1, target: str = "payments", instance_id: str = "c1") -> ev.ChildCreated:
    return ev.ChildCreated(at(1), number, instance_id, "pay", route=route(target))


def timer(number: int, fire_at: int, **origin: object) -> ev.TimerCreated:
    return ev.TimerCreated(at(1), number, fire_at, extra=pb.TimerCreated(**origin).SerializeToString())


def event_timer(number: int, name: str, fire_at: int = SENTINEL_NS) -> ev.TimerCreated:
    return timer(number, fire_at, external_event=pb.TimerOriginExternalEvent(name=name))


async def asked(*events: ev.Event, **over: object) -> Asked:
    """App "orders" with a worker, and instance "i1" with this history."""
    made = Asked(**over)
    await made.app(**BUY)
    await made.instance(*began(), *events)
    return made


# the instance's own app


async def test_a_finished_instance_waits_for_nothing():
    made = await asked(ev.ExecutionCompleted(at(2), 1, Status.COMPLETED, "1"))
    assert await made.why() == []


async def test_without_a_worker_the_last_offers_and_the_fix_are_told():
    made = await asked()
    made.workers_leave(APP)
    made.lane(phase=Phase.IDLE, queue=True)
    wait = await made.the_only()
    assert wait.reason == "WorkerNotConnected"
    assert wait.message == (
        'AN501 WorkerNotConnected: workflow "buy" needs app "orders" for its next step, but no worker of it is '
        "connected; it last offered: buy. Nothing is lost; it goes on when a worker connects. Start the app."
    )


async def test_a_missing_worker_comes_last_as_long_as_something_else_is_waited_for():
    made = await asked(event_timer(1, "approval"))
    made.workers_leave(APP)
    assert [wait.reason for wait in await made.why()] == ["ExternalEvent", "WorkerNotConnected"]


async def test_an_app_without_a_sidecar_is_told_how_to_start():
    made = await asked()
    made.leaves(APP)
    (_, wait) = await made.why()
    assert "no sidecar of it runs here" in wait.message
    assert wait.message.endswith("Start it with: antiphon run --app orders -- COMMAND")


@pytest.mark.parametrize(
    ("seconds", "told", "hint"),
    [pytest.param(2.5, "2.5 s", False, id="short"), pytest.param(90, "90 s", True, id="long")],
)
async def test_a_turn_at_a_worker_is_told_with_its_time(seconds, told, hint):
    made = await asked()
    made.lane(phase=Phase.WORKING)
    made.clock.advance(seconds)
    wait = await made.the_only()
    assert wait.reason == "TurnRunning"
    assert wait.message.startswith(f"a worker of orders has had the instance's turn for {told}.")
    assert ("Workflow code has to come back at once" in wait.message) == hint
    assert wait.since == made.clock.wall_ns() - int(seconds * SECOND)


@pytest.mark.parametrize(
    ("phase", "reason"),
    [
        pytest.param(Phase.COMMITTING, "TurnCommitting", id="being written"),
        pytest.param(Phase.LOADING, "Loading", id="being read"),
    ],
)
async def test_what_the_store_is_doing_for_it_is_told(phase, reason):
    made = await asked()
    made.lane(phase=phase)
    assert (await made.the_only()).reason == reason


async def test_a_stalled_instance_says_what_was_recorded():
    made = await asked(ev.ExecutionStalled(at(4), "VersionNotAvailable", "AN202 VersionNotAvailable: no such version."))
    assert await made.the_only() == Wait(
        "VersionNotAvailable", "AN202 VersionNotAvailable: no such version.", at(4), kind="worker", app=APP
    )


async def test_a_turn_that_workers_die_of_is_told():
    made = await asked(called())
    made.lane().deaths = 3
    first, _ = await made.why()
    assert first.reason == "WorkersLost"
    assert first.message.startswith("3 workers in a row were lost while they had this turn")


async def test_busy_workers_are_told_from_workers_that_lack_the_workflow():
    made = await asked()
    replica = made.replicas[APP]
    replica.instances.line.waiting["i1"] = made.lane(queue=True)
    assert (await made.the_only()).reason == "WorkersBusy"
    made.workers_leave(APP)
    await made.app(workflows=frozenset({"buyy", "refund"}))
    replica = made.replicas[APP]
    replica.instances.line.absent["i1"] = made.lane(queue=True)
    wait = await made.the_only()
    assert wait.reason == "WorkflowNotRegistered"
    assert 'orders offers: buyy, refund (1 worker). Did you mean "buyy"?' in wait.message


async def test_a_run_behind_the_limit_of_its_workflow_is_told():
    made = Asked(concurrency=Concurrency(workflows={"buy": 1}))
    await made.app(**BUY)
    row = await made.instance(status=int(Status.PENDING))
    lane = made.lane(queue=True)
    grant = Grant("i1", row.incarnation.hex())
    made.replicas[APP].limiting.workflows.wait("buy", Asking(grant, "", lane))
    wait = await made.the_only()
    assert (wait.reason, wait.since) == ("ConcurrencyLimited", row.created_at)
    assert wait.message.startswith(
        'AN110 ConcurrencyLimited: the run of workflow "buy" waits: as many of that name run in orders as its limit'
    )


async def test_a_partition_that_nobody_owns_is_told():
    made = await asked(event_timer(1, "approval"))
    for partition in range(32):
        made.registry.release(app=APP, partition=partition, replica="orders-1")
    first, _ = await made.why()
    assert first.reason == "OwnerMissing"


async def test_a_scheduled_start_says_when():
    made = Asked()
    await made.app(**BUY)
    await made.instance(status=int(Status.PENDING), scheduled_at=at(3600))
    wait = await made.the_only()
    assert (wait.reason, wait.until) == ("ScheduledStart", at(3600))
    assert wait.message == 'workflow "buy" starts at 2023-11-14T23:13:20Z.'


async def test_a_suspended_instance_says_why_since_when_and_how_to_go_on():
    made = await asked(ev.ExecutionSuspended(at(5), "audit"), called())
    first, second = await made.why()
    assert (first.reason, first.kind, first.since) == ("Suspended", "person", at(5))
    assert first.message == (
        'workflow "buy" was suspended with the reason "audit"; it takes no step until it is resumed. '
        "Resume it with: antiphon workflow resume i1 --app orders"
    )
    assert second.kind == "activity"


async def test_a_child_suspended_with_its_parent_says_so():
    made = await asked(ev.ExecutionSuspended(at(5)))
    await made.app("payments")
    await made.instance(
        *began("pay"),
        ev.ExecutionSuspended(at(5)),
        app="payments",
        instance_id="c1",
        parent_app=APP,
        parent_instance="i1",
    )
    first, *_ = await made.why("c1", "payments")
    assert 'was suspended, as is its parent "i1" (orders);' in first.message


async def test_a_store_that_does_not_answer_is_an_error_with_its_code():
    made = await asked()
    row = await made.store.get_instance(app=APP, instance_id="i1")

    class Down(type(made.store)):
        async def load(self, **key):
            raise Unreachable("state.db does not answer")

    made.store = Down(clock=made.clock.wall_ns)
    with pytest.raises(Unreachable, match="AN301 StoreUnreachable"):
        await why(row, made.scene())


# activities


async def dispatched(made: Asked, **over: object) -> Asked:
    """Hand task 1 to the dispatcher, and to the target as far as it runs."""
    row = made.task(1, **over)
    made.replicas[APP].dispatcher.offer([row])
    return made


async def test_an_activity_whose_app_was_never_seen_names_the_nearest():
    made = await asked(called(target="paymints"))
    await made.app("payments", **CHARGE)
    await dispatched(made, target="paymints")
    wait = await made.the_only()
    assert wait.message == (
        'AN103 TargetAppNotFound: activity "charge" (#1) in app "paymints" waits: no app of that ID was ever seen '
        'here; known apps: orders, payments. Did you mean "payments"? The call fails 5 s after it was made, unless '
        "that app comes. Fix the app ID in orders, or start that app with the same namespace and state store."
    )


async def test_an_unknown_app_that_is_waited_for_is_told_to_be():
    made = await asked(called(target="paymints"), unknown=UnknownApps(fails=False))
    await dispatched(made, target="paymints")
    assert "It waits until that app comes." in (await made.the_only()).message


async def test_an_activity_whose_app_has_no_worker_tells_what_it_last_offered_and_its_deadline():
    made = await asked(called())
    await made.app("payments", **CHARGE)
    made.workers_leave("payments")
    await dispatched(made, start_by=at(600))
    wait = await made.the_only()
    assert (wait.reason, wait.until) == ("TargetAppUnavailable", at(600))
    assert wait.message == (
        'AN104 TargetAppUnavailable: activity "charge" (#1) in app "payments" waits: payments is known, but has no '
        "worker connected; it last offered: charge, refund. Nothing is lost; the call goes on when a worker of "
        "payments connects, and fails at 2023-11-14T22:23:20Z if none has. Start payments."
    )


async def test_a_name_that_nobody_offers_yet_names_the_nearest():
    made = await asked(called(name="chargee"))
    await made.app("payments", **CHARGE)
    await dispatched(made, name="chargee")
    wait = await made.the_only()
    assert wait.reason == "ActivityNotRegistered"
    assert 'payments offers: charge, refund (1 worker). Did you mean "charge"?' in wait.message
    assert "The call fails when no worker of payments has come or gone for 15 s." in wait.message


async def test_a_backlog_names_the_limit():
    made = await asked(called(), tasks_per_caller_max=0)
    await made.app("payments", **CHARGE)
    await dispatched(made)
    wait = await made.the_only()
    assert wait.reason == "Backlog"
    assert "as each of its replicas takes at once (0)" in wait.message


async def in_hand(made: Asked) -> Asked:
    """Let the target's replica have the task that was dispatched."""
    ref = made.task(1).ref
    row = made.replicas[APP].dispatcher.outstanding[ref].row
    made.replicas["payments"].intake.dispatched(
        "orders-1", Dispatch(ref, row.incarnation, row.slot, row.name, row.request, row.attempt, made.clock.wall_ns())
    )
    return made


async def test_a_running_activity_says_where_since_when_and_which_attempt():
    made = await asked(called())
    await made.app("payments", **CHARGE)
    made.clock.advance(3)
    await in_hand(await dispatched(made))
    made.clock.advance(12)
    wait = await made.the_only()
    assert (wait.reason, wait.app, wait.name, wait.event_id) == ("ActivityRunning", "payments", "charge", 1)
    assert (wait.since, wait.replica, wait.attempt) == (at(3), "payments-1", 1)
    assert wait.message == ('activity "charge" (#1) in app "payments" runs at replica payments-1 for 12 s, attempt 1.')


async def test_an_activity_that_never_returns_is_told_with_a_hint():
    made = await asked(called())
    await made.app("payments", **CHARGE)
    await in_hand(await dispatched(made))
    made.clock.advance(7_200)
    wait = await made.the_only()
    assert "runs at replica payments-1 for 2 h, attempt 1. It ends when the activity returns" in wait.message
    assert "Look what that worker of payments does" in wait.message


async def test_an_activity_behind_busy_workers_is_told():
    made = await asked(called())
    replica = await made.app("payments", **CHARGE)
    replica.workers.streams[0].activities = 100
    await in_hand(await dispatched(made))
    wait = await made.the_only()
    assert wait.reason == "ActivityQueued"
    assert "1 worker of payments with 100 activities under way cannot take it yet" in wait.message


async def test_an_activity_behind_a_limit_is_told():
    made = await asked(called())
    await made.app("payments", **CHARGE)
    await dispatched(made)
    dispatcher = made.replicas[APP].dispatcher
    dispatcher.progressed("payments-1", Progress(made.task(1).ref, 1, 0, 0, waits_for="ConcurrencyLimited"))
    wait = await made.the_only()
    assert (wait.reason, wait.app, wait.event_id, wait.replica) == ("ConcurrencyLimited", "payments", 1, "payments-1")
    assert wait.message.startswith(
        'AN110 ConcurrencyLimited: activity "charge" (#1) in app "payments" waits: as many of that name run in payments'
    )


async def test_the_deadline_of_an_activity_is_that_of_how_far_it_has_come():
    made = await asked(called())
    await made.app("payments", **CHARGE)
    await dispatched(made, start_by=at(10), start_to_close=60 * SECOND)
    assert (await made.the_only()).until == at(10)
    made.clock.advance(5)
    made.replicas[APP].dispatcher.progressed("payments-1", Progress(made.task(1).ref, 1, at(5), 0))
    assert (await made.the_only()).until == at(65)


async def test_an_activity_on_its_way_and_one_in_the_store_are_told_apart():
    made = await asked(called())
    await made.app("payments", **CHARGE)
    assert (await made.the_only()).reason == "ResultArriving"
    await dispatched(made)
    wait = await made.the_only()
    assert (wait.reason, "is on its way to replica payments-1" in wait.message) == ("ActivityScheduled", True)


async def test_a_task_row_that_nobody_has_in_memory_is_about_to_be_handed_out():
    made = Asked()
    await made.app(**BUY)
    await made.instance(*began(), called(), tasks={1: made.task(1)})
    assert (await made.the_only()).message.endswith("is in the store and about to be handed out.")


# children


async def test_a_childs_own_waits_stand_below_it_through_apps():
    made = await asked(child())
    await made.app("payments", workflows=frozenset({"pay"}))
    await made.instance(*began("pay"), child(2, "stock", "c2"), app="payments", instance_id="c1")
    await made.app("stock", workflows=frozenset({"pay"}))
    await made.instance(*began("pay"), event_timer(1, "approval"), app="stock", instance_id="c2")
    first = await made.the_only()
    (second,) = first.waits
    (third,) = second.waits
    assert [w.reason for w in (first, second, third)] == ["ChildRunning", "ChildRunning", "ExternalEvent"]
    assert first.message == ('child workflow "pay" (#1, instance "c1") in app "payments" is RUNNING, and waits for:')
    assert third.instance_id == "c2"


async def test_children_of_children_are_followed_only_so_far():
    made = Asked()
    await made.app(**BUY)
    await made.instance(*began(), child(1, APP, "d1"))
    for number in range(1, 12):
        await made.instance(*began("pay"), child(1, APP, f"d{number + 1}"), instance_id=f"d{number}")
    wait, depth = await made.the_only(), 0
    while wait.waits:
        (wait,) = wait.waits
        depth += 1
    assert depth == 8
    assert wait.message.endswith("is RUNNING; ask why it waits.")


@pytest.mark.parametrize(
    ("target", "workers", "reason", "told"),
    [
        pytest.param("paymints", 1, "TargetAppNotFound", 'Did you mean "payments"?', id="app never seen"),
        pytest.param("payments", 0, "TargetAppUnavailable", "has no worker connected", id="no worker"),
        pytest.param("stock", 1, "WorkflowNotRegistered", "stock offers: nothing (1 worker)", id="no such workflow"),
        pytest.param("payments", 1, "ChildStarting", "about to be taken up", id="on its way"),
    ],
)
async def test_a_child_that_has_not_begun_says_why(target, workers, reason, told):
    made = await asked(child(target=target))
    await made.app("payments", workers=1, workflows=frozenset({"pay"}))
    await made.app("stock")
    if not workers:
        made.workers_leave("payments")
    wait = await made.the_only()
    assert (wait.reason, wait.kind) == (reason, "workflow")
    assert 'child workflow "pay" (#1, instance "c1")' in wait.message
    assert told in wait.message


async def test_a_child_that_has_ended_is_told_to_have():
    made = await asked(child())
    await made.app("payments", workflows=frozenset({"pay"}))
    ended = ev.ExecutionCompleted(at(2), 1, Status.COMPLETED)
    await made.instance(*began("pay"), ended, app="payments", instance_id="c1")
    assert (await made.the_only()).reason == "ChildEnded"


# timers and events


async def test_a_timer_says_when_it_fires():
    made = await asked(ev.TimerCreated(at(1), 3, at(61), name="cool-down"))
    wait = await made.the_only()
    assert (wait.reason, wait.since, wait.until) == ("Timer", at(1), at(61))
    assert wait.message == 'timer "cool-down" (#3) fires in 61 s, at 2023-11-14T22:14:21Z.'


@pytest.mark.parametrize(
    ("fire_at", "told", "until"),
    [
        pytest.param(SENTINEL_NS, "without a deadline", None, id="for ever"),
        pytest.param(at(600), "until 2023-11-14T22:23:20Z", at(600), id="until a deadline"),
    ],
)
async def test_an_event_is_told_by_name_with_the_command_that_raises_it(fire_at, told, until):
    made = await asked(event_timer(1, "approval", fire_at))
    wait = await made.the_only()
    assert (wait.reason, wait.name, wait.until) == ("ExternalEvent", "approval", until)
    assert wait.message == (
        f'event "approval" has not come; it is waited for {told}. '
        "Raise it with: antiphon workflow raise i1 approval --app orders"
    )


async def test_an_event_that_came_under_another_name_is_told():
    made = await asked(event_timer(1, "approval"), ev.EventRaised(at(2), "aproval"))
    assert "Events came that it does not wait for: aproval." in (await made.the_only()).message


async def test_a_wait_that_was_answered_is_none_any_more():
    made = await asked(
        event_timer(1, "mark"), ev.EventRaised(at(2), "MARK"), event_timer(2, "mark"), event_timer(3, "mark")
    )
    assert [wait.event_id for wait in await made.why()] == [2, 3]


@pytest.mark.parametrize(
    "events", [pytest.param([], id="no timer at all"), pytest.param([timer(1, SENTINEL_NS)], id="one without origin")]
)
async def test_an_sdk_that_does_not_name_the_event_is_said_not_to(events):
    made = await asked(*events)
    wait = await made.the_only()
    assert (wait.reason, wait.name) == ("ExternalEvent", "")
    assert "which one is not known here" in wait.message


async def test_events_that_the_worker_named_are_told_unless_a_timer_tells_them():
    made = await asked(event_timer(1, "approval", at(600)))
    made.lane().awaited = ("Approval", "Payment")
    first, second = await made.why()
    assert (first.name, first.until) == ("approval", at(600))
    assert (second.name, second.until) == ("Payment", None)
    assert "antiphon workflow raise i1 Payment --app orders" in second.message


async def test_a_pause_before_a_retry_tells_the_last_failure():
    failed = ev.TaskFailed(at(2), 1, ev.Failure("CardError", "no such card"), task_execution_id="t1")
    again = timer(2, at(30), activity_retry=pb.TimerOriginActivityRetry(task_execution_id="t1"))
    made = await asked(called(), failed, again)
    wait = await made.the_only()
    assert (wait.reason, wait.app, wait.name, wait.attempt, wait.until) == (
        *("RetryTimer", "payments", "charge", 1),
        at(30),
    )
    assert wait.message == (
        'activity "charge" in app "payments" has failed 1 time; last: CardError: no such card. '
        "It is called again at 2023-11-14T22:13:50Z."
    )


async def test_a_pause_before_a_child_starts_again_names_it():
    again = timer(2, at(30), child_workflow_retry=pb.TimerOriginChildWorkflowRetry(instance_id="c1"))
    wait = await (await asked(again)).the_only()
    assert (wait.reason, wait.message) == (
        "RetryTimer",
        'child workflow "c1" failed and is started again at 2023-11-14T22:13:50Z.',
    )


# several at once


async def test_everything_that_is_open_is_listed():
    made = await asked(called(), child(2), ev.TimerCreated(at(1), 3, at(61)), event_timer(4, "approval"))
    await made.app("payments", **CHARGE, workflows=frozenset({"pay"}))
    assert [wait.kind for wait in await made.why()] == ["activity", "workflow", "timer", "event"]


async def test_a_long_list_is_cut_off_with_a_count():
    made = await asked(*(ev.TimerCreated(at(1), number, at(61)) for number in range(30)))
    waits = await made.why()
    assert (len(waits), waits[-1].reason, waits[-1].message) == (21, "More", "and for 10 more of these.")
