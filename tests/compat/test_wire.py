"""The wire itself, by hand: ids, tokens, redelivery, replays and refusals that no SDK here would show."""

import sqlite3
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from google.protobuf import empty_pb2
from google.protobuf.timestamp_pb2 import Timestamp
from google.protobuf.wrappers_pb2 import StringValue

from antiphon_proto.v1 import client_pb2 as cl
from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from tests.compat.wire import Wire, complete, events, kinds, new_events, past_events, schedule, text
from tests.compat.worlds import World, until, world

pytestmark = pytest.mark.compat

DELTAS = wk.WORKER_CAPABILITY_STATEFUL_HISTORY
SENTINEL = Timestamp(seconds=253_402_300_799, nanos=999_999_999)
#: One for each test, so that nobody gets the turns of others.
WIRE_APPS = tuple(f"wire{number}" for number in range(60))


@pytest.fixture(scope="module")
def host(dapr_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with world(tmp_path_factory.mktemp("wire"), dapr_python, apps=WIRE_APPS) as made:
        made.start_host()
        yield made


@pytest.fixture(scope="module")
def free_apps() -> list[str]:
    return list(WIRE_APPS)


@pytest.fixture
def connect(host: World) -> Iterator[Callable[[str], Wire]]:
    """Open further connections to an app."""
    opened: list[Wire] = []

    def open_one(app: str) -> Wire:
        opened.append(Wire(host.ports[app], app=app))
        return opened[-1]

    yield open_one
    for wire in opened:
        wire.close()


@pytest.fixture
def wire(connect: Callable[[str], Wire], free_apps: list[str]) -> Wire:
    """A connection to an app that nobody has used."""
    return connect(free_apps.pop())


def refused(wire: Wire, name: str, request: object) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(grpc.RpcError) as caught:
        wire.call(name, request)
    return caught.value.code(), caught.value.details()


# transport


def test_item_1_calls_that_nobody_has_are_unimplemented(wire: Wire) -> None:
    for name in ("RewindInstance", "QueryInstances", "Whatever"):
        with pytest.raises(grpc.RpcError) as caught:
            wire.call_unknown(name)
        assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED


def test_item_1_a_turn_may_be_completed_by_either_name(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    turn = stream.turn()
    wire.call(
        "CompleteWorkflowTask",
        wk.WorkflowResponse(instance_id=instance_id, actions=[complete(0)], completion_token=turn.completion_token),
    )
    assert wire.ended(instance_id).workflow_status == pb.INSTANCE_STATUS_COMPLETED


def test_item_3_an_app_is_known_by_its_listener_and_never_by_what_it_says(
    wire: Wire, connect: Callable[[str], Wire], free_apps: list[str]
) -> None:
    other = connect(free_apps.pop())
    stream = wire.work()
    forged = pb.TaskRouter(source_app_id=other.app)
    instance_id = wire.start(router=forged)
    turn = stream.turn()
    assert new_events(turn)[1].router.source_app_id == wire.app
    wire.answer(turn, schedule(1, router=forged))
    stream.task()
    assert wire.history(instance_id)[-1].router.source_app_id == wire.app
    assert not other.call("GetInstance", cl.GetInstanceRequest(instance_id=instance_id)).exists


def test_item_6_hello_is_answered_while_the_store_takes_nothing(dapr_python: Path, tmp_path: Path) -> None:
    with world(tmp_path, dapr_python, apps=("greeted",)) as made:
        made.start_host()
        wire = Wire(made.ports["greeted"])
        locked = sqlite3.connect(tmp_path / "state.db", isolation_level=None)
        locked.execute("BEGIN IMMEDIATE")
        try:
            begun = wire.begin("StartInstance", cl.CreateInstanceRequest(instance_id="late", name="raw"))
            wire.call("Hello", empty_pb2.Empty(), timeout_s=1)
            assert not begun.done()
        finally:
            locked.close()
        begun.result()
        assert wire.get("late").workflow_status == pb.INSTANCE_STATUS_PENDING
        wire.close()


def test_item_12_health_is_served_over_http(host: World) -> None:
    row = next(line for line in host.host.lines() if line.startswith("wire0 "))
    port = row.split()[2]
    for path in ("/v1.0/healthz", "/v1.0/healthz/outbound"):
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            assert answer.status == 204


def test_item_8_a_result_is_accepted_on_any_connection_after_its_stream_has_died(
    wire: Wire, connect: Callable[[str], Wire]
) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn(), schedule(1))
    task = stream.task()
    stream.close()
    other = connect(wire.app)
    other.finish(task, '"late"')
    turn = other.work().turn()
    assert new_events(turn)[-1].task_completed.result.value == '"late"'
    other.answer(turn, complete(2))
    assert other.ended(instance_id).output.value == "1"


def test_item_9_what_a_closed_stream_had_in_hand_is_sent_again_with_the_full_history(wire: Wire) -> None:
    first = wire.work(DELTAS)
    instance_id = wire.start()
    wire.answer(first.turn(), schedule(1), schedule(2))
    one, two = first.task(), first.task()
    wire.finish(one)
    lost = first.turn()
    first.close()
    second = wire.work(DELTAS)
    again = [second.item(), second.item()]
    (turn,) = [item for item in again if item.HasField("workflow_request")]
    (task,) = [item for item in again if item.HasField("activity_request")]
    assert turn.completion_token != lost.completion_token
    assert not turn.workflow_request.HasField("cached_history")
    assert kinds(past_events(turn)) == ["workflow_started", "execution_started", "task_scheduled", "task_scheduled"]
    assert task.activity_request.task_id == two.activity_request.task_id
    assert task.activity_request.task_execution_id == two.activity_request.task_execution_id
    wire.answer(turn, complete(3))
    assert wire.ended(instance_id).workflow_status == pb.INSTANCE_STATUS_COMPLETED


def test_item_9_a_stream_is_never_given_more_than_a_hundred_activities_at_once(wire: Wire) -> None:
    stream = wire.work()
    wire.start()
    wire.answer(stream.turn(), *[schedule(number) for number in range(1, 121)])
    held = [stream.task() for _ in range(100)]
    stream.nothing()
    wire.finish(held[0])
    assert {stream.item().WhichOneof("request") for _ in range(2)} == {"activity_request", "workflow_request"}


def test_item_9_a_worker_in_javascript_gets_no_more_than_a_hundred_items_of_both_kinds(
    host: World, free_apps: list[str]
) -> None:
    wire = Wire(host.ports[free_apps.pop()], agent="dapr-js-sdk/workflow grpc-node-js/1.14.0")
    stream = wire.work()
    for _ in range(30):
        wire.start()
    turns = [stream.turn() for _ in range(20)]
    stream.nothing()
    wire.answer(turns[0], *[schedule(number) for number in range(1, 121)])
    items = [stream.item() for _ in range(81)]
    assert Counter(item.WhichOneof("request") for item in items) == {"activity_request": 80, "workflow_request": 1}
    stream.nothing()
    wire.close()


def test_item_10_answers_without_a_token_are_matched_by_their_keys(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn(), schedule(1), token="")
    wire.finish(stream.task(), "5", token="")
    turn = stream.turn()
    assert new_events(turn)[-1].task_completed.result.value == "5"
    wire.answer(turn, complete(2), token="")
    assert wire.ended(instance_id).workflow_status == pb.INSTANCE_STATUS_COMPLETED


def test_item_10_a_turns_answer_with_a_strange_token_is_taken_without_effect(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    turn = stream.turn()
    wire.answer(turn, complete(1, result='"wrong"'), token="another")
    wire.answer(turn, complete(1, result='"right"'))
    assert wire.ended(instance_id).output.value == '"right"'


def test_item_10_the_first_result_of_an_activity_wins_whatever_its_token(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn(), schedule(1))
    task = stream.task()
    wire.finish(task, '"first"', token="another")
    turn = stream.turn()
    wire.finish(task, '"second"')
    assert new_events(turn)[-1].task_completed.result.value == '"first"'
    wire.answer(turn, complete(2))
    wire.ended(instance_id)
    assert kinds(wire.history(instance_id)).count("task_completed") == 1


def test_item_10_answers_for_what_is_over_or_never_was_are_accepted(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    turn = stream.turn()
    wire.answer(turn, schedule(1), complete(2))
    wire.ended(instance_id)
    task = stream.task()
    wire.answer(turn, complete(2))
    wire.finish(task)
    for token in ("", "another"):
        wire.call("CompleteOrchestratorTask", wk.WorkflowResponse(instance_id="never", completion_token=token))
        wire.call("CompleteActivityTask", wk.ActivityResponse(instance_id="never", completion_token=token))


def test_item_11_a_worker_without_the_capability_gets_every_history_in_full(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn(), schedule(1))
    wire.finish(stream.task())
    turn = stream.turn()
    assert not turn.workflow_request.HasField("cached_history")
    assert list(turn.workflow_request.past_events) == wire.raw_history(instance_id)


def test_item_11_a_worker_with_the_capability_gets_what_it_has_not_seen(wire: Wire) -> None:
    stream = wire.work(DELTAS)
    instance_id = wire.start()
    seen: list[bytes] = []
    for step in range(1, 5):
        turn = stream.turn()
        request = turn.workflow_request
        assert request.cached_history.event_count == len(seen)
        seen += request.past_events
        assert seen == (wire.raw_history(instance_id) if step > 1 else [])
        wire.answer(turn, schedule(step))
        wire.finish(stream.task())
    assert len(past_events(stream.turn())) == 3


def test_item_11_a_thousand_steps_cost_the_sidecar_the_same_at_the_end_as_at_the_beginning(
    wire: Wire, host: World
) -> None:
    stream = wire.work(DELTAS)
    wire.start()
    sizes, spent, settled = [], [], []
    for step in range(1, 1001):
        turn = stream.turn()
        sizes.append(turn.ByteSize())
        wire.answer(turn, schedule(step))
        settled.append(wire.finish_soon(stream.task()))
        spent.append(host.host.cpu_s())
    for answer in settled:
        answer.result()
    assert max(sizes[-200:]) < 3 * max(sizes[100:300])
    assert spent[-1] - spent[-201] < 3 * (spent[300] - spent[100])


# turns and events


def test_item_13_the_first_turn_says_who_and_where_the_workflow_is(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start("named", input=text("{}"), version=text("v1"), tags={"team": "a"})
    turn = stream.turn()
    assert not turn.workflow_request.past_events
    began, started = new_events(turn)
    assert kinds([began, started]) == ["workflow_started", "execution_started"]
    assert (began.event_id, started.event_id) == (-1, -1)
    facts = started.execution_started
    assert (facts.name, facts.input.value, facts.version.value, dict(facts.tags)) == (
        "named",
        "{}",
        "v1",
        {"team": "a"},
    )
    assert facts.workflow_instance.instance_id == instance_id
    assert facts.workflow_instance.execution_id.value == turn.workflow_request.execution_id.value != ""
    assert started.router.source_app_id == wire.app


def test_item_14_the_execution_id_is_new_in_each_generation_and_stays_in_between(wire: Wire) -> None:
    stream = wire.work()
    wire.start()
    first = stream.turn()
    wire.answer(first, schedule(1))
    wire.finish(stream.task())
    second = stream.turn()
    wire.answer(second, complete(2, status=pb.INSTANCE_STATUS_CONTINUED_AS_NEW, result='"again"'))
    third = stream.turn()
    ids = [turn.workflow_request.execution_id.value for turn in (first, second, third)]
    assert ids[0] == ids[1] != ids[2]
    assert not third.workflow_request.past_events
    assert new_events(third)[1].execution_started.input.value == '"again"'


def test_item_15_the_history_is_what_the_worker_was_sent_byte_for_byte(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start(input=text("5"))
    first = stream.turn()
    wire.answer(first, schedule(1, input=text("a")))
    wire.finish(stream.task(), '"ü"')
    second = stream.turn()
    past = list(second.workflow_request.past_events)
    assert past[:2] == list(first.workflow_request.new_events)
    wire.answer(second, complete(2))
    wire.ended(instance_id)
    assert wire.raw_history(instance_id)[:-1] == [*past, *second.workflow_request.new_events]
    assert kinds(wire.history(instance_id))[-1] == "execution_completed"


def test_item_16_ids_may_begin_at_zero_and_have_gaps(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn(), schedule(0), schedule(7))
    tasks = {item.activity_request.task_id: item for item in (stream.task(), stream.task())}
    assert set(tasks) == {0, 7}
    wire.finish(tasks[0], '"zero"')
    turn = stream.turn()
    assert new_events(turn)[-1].task_completed.task_scheduled_id == 0
    assert [event.event_id for event in past_events(turn)] == [-1, -1, 0, 7]
    wire.answer(turn)
    wire.finish(tasks[7])
    wire.answer(stream.turn(), complete(-1))
    wire.ended(instance_id)
    assert wire.history(instance_id)[-1].event_id == -1


def test_item_17_what_was_asked_for_is_copied_into_the_history(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    task = schedule(1, "work", version=text("v2"), input=text("[]"), task_execution_id="chain")
    timer = wk.WorkflowAction(
        id=2,
        create_timer=wk.CreateTimerAction(
            fire_at=SENTINEL, name="soon", external_event=pb.TimerOriginExternalEvent(name="Go")
        ),
    )
    child = wk.WorkflowAction(
        id=3,
        create_child_workflow=wk.CreateChildWorkflowAction(
            instance_id=f"{instance_id}-kid", name="kid", version=text("v3"), input=text("{}")
        ),
    )
    wire.answer(stream.turn(), task, timer, child)
    until(lambda: len(wire.history(instance_id)) == 5)
    scheduled, timed, created = wire.history(instance_id)[2:]
    facts = scheduled.task_scheduled
    assert (facts.name, facts.version.value, facts.input.value, facts.task_execution_id) == (
        "work",
        "v2",
        "[]",
        "chain",
    )
    assert (timed.timer_created.fire_at, timed.timer_created.name) == (SENTINEL, "soon")
    assert timed.timer_created.external_event.name == "Go"
    kid = created.child_workflow_instance_created
    assert (kid.instance_id, kid.name, kid.version.value, kid.input.value) == (f"{instance_id}-kid", "kid", "v3", "{}")
    assert {event.router.source_app_id for event in (scheduled, created)} == {wire.app}


def test_item_18_a_result_carries_the_id_of_its_retry_chain(wire: Wire) -> None:
    stream = wire.work()
    wire.start()
    wire.answer(stream.turn(), schedule(1, task_execution_id="chain"))
    task = stream.task()
    assert task.activity_request.task_execution_id == "chain"
    wire.finish(task)
    completed = new_events(stream.turn())[-1].task_completed
    assert (completed.task_scheduled_id, completed.task_execution_id) == (1, "chain")


def test_item_19_an_action_that_the_history_has_already_is_not_carried_out_again(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn(), schedule(1), schedule(2))
    one, two = stream.task(), stream.task()
    wire.finish_soon(two)
    wire.answer(stream.turn(), schedule(1))
    stream.nothing()
    wire.finish_soon(one)
    turn = stream.turn()
    assert list(turn.workflow_request.past_events) == wire.raw_history(instance_id)
    assert kinds(past_events(turn)).count("task_scheduled") == 2


def test_item_20_what_arrives_during_a_turn_goes_into_the_next(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    first = stream.turn()
    for name in ("a", "b"):
        wire.call("RaiseEvent", cl.RaiseEventRequest(instance_id=instance_id, name=name))
    stream.nothing(for_s=0.3)
    wire.answer(first)
    raised = [event.event_raised.name for event in new_events(stream.turn())[1:]]
    assert raised == ["a", "b"]


def test_item_21_workers_get_no_events_but_those_that_every_sdk_knows(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    soon = wk.CreateTimerAction(fire_at=Timestamp(seconds=1))
    child = wk.WorkflowAction(id=3, create_child_workflow=wk.CreateChildWorkflowAction(name="kid"))
    asked = (schedule(1), wk.WorkflowAction(id=2, create_timer=soon), child)
    seen: set[str | None] = set()
    answered: set[str] = set()
    while len(answered) < 2:
        item = stream.item()
        if item.HasField("activity_request"):
            wire.finish_soon(item)
            continue
        had = {*kinds(past_events(item)), *kinds(new_events(item))}
        seen |= had
        if item.workflow_request.instance_id != instance_id:
            wire.answer(item, complete(1))
        elif "task_scheduled" not in had:
            wire.answer(item, *asked)
            for name, request in (
                ("ResumeInstance", cl.ResumeRequest(instance_id=instance_id)),
                ("SuspendInstance", cl.SuspendRequest(instance_id=instance_id)),
                ("RaiseEvent", cl.RaiseEventRequest(instance_id=instance_id, name="go")),
                ("ResumeInstance", cl.ResumeRequest(instance_id=instance_id)),
            ):
                wire.call(name, request)
        elif had >= {"task_completed", "timer_fired", "child_workflow_instance_completed", "event_raised"}:
            answered.add(item.workflow_request.execution_id.value)
            again = pb.INSTANCE_STATUS_CONTINUED_AS_NEW if len(answered) == 1 else pb.INSTANCE_STATUS_COMPLETED
            wire.answer(item, complete(4, status=again))
        else:
            wire.answer(item)
    numbers = {field.name: field.number for field in pb.HistoryEvent.DESCRIPTOR.oneofs_by_name["event_type"].fields}
    assert {numbers[str(kind)] for kind in seen} <= {3, *range(5, 15), 17, 21, 22, 31}
    assert {"execution_suspended", "execution_resumed", "child_workflow_instance_created"} <= seen


def test_item_22_the_clock_of_a_turn_is_not_before_its_timer(wire: Wire) -> None:
    stream = wire.work()
    wire.start()
    first = stream.turn()
    at = Timestamp()
    at.FromNanoseconds(new_events(first)[0].timestamp.ToNanoseconds() + 300_000_000)
    wire.answer(first, wk.WorkflowAction(id=1, create_timer=wk.CreateTimerAction(fire_at=at)))
    began, fired = new_events(stream.turn())
    assert fired.timer_fired.timer_id == 1
    assert began.timestamp.ToNanoseconds() >= at.ToNanoseconds() == fired.timer_fired.fire_at.ToNanoseconds()


#: Nothing, nothing written down, and what programs take for nothing.
VALUES = (None, "", "null", "0", "false", "[]", '""', '{"a":1}')


NAMES = ("GoOn", "goon", "GOON", "gO oN", "\N{LATIN SMALL LETTER SHARP S}", "0", " ", "null")


def optional(value: str | None) -> StringValue | None:
    return None if value is None else text(value)


def kept(message: Any, field: str) -> str | None:
    """What a field holds: None when it is absent, which an empty text is not."""
    return getattr(message, field).value if message.HasField(field) else None


def test_item_29_what_a_workflow_is_given_and_gives_stays_as_it_was(wire: Wire) -> None:
    stream = wire.work()
    for value in VALUES:
        instance_id = wire.start(input=optional(value))
        turn = stream.turn()
        assert kept(new_events(turn)[1].execution_started, "input") == value
        ended = wk.CompleteWorkflowAction(workflow_status="INSTANCE_STATUS_COMPLETED", result=optional(value))
        wire.answer(turn, wk.WorkflowAction(id=1, complete_workflow=ended))
        state = wire.ended(instance_id)
        assert (kept(state, "input"), kept(state, "output")) == (value, value)
        assert kept(wire.history(instance_id)[-1].execution_completed, "result") == value


def test_item_29_what_an_activity_is_given_and_gives_stays_as_it_was(wire: Wire) -> None:
    stream = wire.work()
    for value in VALUES:
        wire.start()
        wire.answer(stream.turn(), schedule(1, input=optional(value)))
        task = stream.task()
        assert kept(task.activity_request, "input") == value
        result = wk.ActivityResponse(
            instance_id=task.activity_request.workflow_instance.instance_id,
            task_id=1,
            result=optional(value),
            completion_token=task.completion_token,
        )
        wire.call("CompleteActivityTask", result)
        turn = stream.turn()
        assert kept(new_events(turn)[-1].task_completed, "result") == value
        wire.answer(turn, complete(2))


def test_item_29_events_stay_as_they_were_letters_included(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    first = stream.turn()
    for value, name in zip(VALUES, NAMES, strict=True):
        wire.call("RaiseEvent", cl.RaiseEventRequest(instance_id=instance_id, name=name, input=optional(value)))
    wire.answer(first)
    found = [event for event in new_events(stream.turn()) if event.HasField("event_raised")]
    assert [(event.event_raised.name, kept(event.event_raised, "input")) for event in found] == list(
        zip(NAMES, VALUES, strict=True)
    )
    assert {event.event_id for event in found} == {-1}


def test_item_28_the_output_of_a_terminated_workflow_stays_as_it_was(wire: Wire) -> None:
    stream = wire.work()
    for value in VALUES:
        instance_id = wire.start()
        wire.answer(stream.turn())
        wire.call("TerminateInstance", cl.TerminateRequest(instance_id=instance_id, output=optional(value)))
        assert kept(wire.ended(instance_id), "output") == value


def test_item_23_a_custom_status_stays_as_it_was_but_an_empty_one_is_none(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    for number, value in enumerate(VALUES):
        wire.answer(stream.turn(), schedule(2 * number), custom_status=optional(value))
        task = stream.task()
        assert kept(wire.get(instance_id), "custom_status") == (value or None)
        wire.finish(task)
        wire.answer(stream.turn(), schedule(2 * number + 1), custom_status=text("between"))
        wire.finish(stream.task())


FAR = (
    SENTINEL,
    Timestamp(seconds=SENTINEL.seconds - 1, nanos=1),
    Timestamp(seconds=9_300_000_000),
    Timestamp(seconds=2**63 - 1, nanos=999_999_999),
)
PAST = (Timestamp(), Timestamp(seconds=-1, nanos=5), Timestamp(seconds=-62_135_596_800), Timestamp(seconds=-(2**63)))


def test_item_22_timers_of_any_time_are_kept_and_fire_when_they_are_due(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    timers = [
        wk.WorkflowAction(id=number, create_timer=wk.CreateTimerAction(fire_at=at))
        for number, at in enumerate((*FAR, *PAST))
    ]
    wire.answer(stream.turn(), *timers)
    fired: set[int] = set()
    while len(fired) < len(PAST):
        turn = stream.turn()
        fired.update(event.timer_fired.timer_id for event in new_events(turn) if event.HasField("timer_fired"))
        wire.answer(turn)
    assert fired == set(range(len(FAR), len(FAR) + len(PAST)))
    stream.nothing()
    created = [event.timer_created.fire_at for event in wire.history(instance_id) if event.HasField("timer_created")]
    assert created[:3] == list(FAR[:3])
    assert created[3] == SENTINEL
    assert created[4:7] == list(PAST[:3])


def test_item_24_the_version_and_the_patches_of_a_run_are_kept(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn(), schedule(1), version=pb.WorkflowVersion(name="v2", patches=["p1", "p1"]))
    wire.finish(stream.task())
    turn = stream.turn()
    assert past_events(turn)[0].workflow_started.version == pb.WorkflowVersion(name="v2", patches=["p1"])
    wire.answer(turn, complete(2), version=pb.WorkflowVersion(name="v2", patches=["p1", "p1", "p2"]))
    wire.ended(instance_id)
    began = [event for event in wire.history(instance_id) if event.HasField("workflow_started")]
    assert [list(event.workflow_started.version.patches) for event in began] == [["p1"], ["p2"]]


@pytest.mark.parametrize("how", ["action", "status", "patches"])
def test_item_24_what_a_worker_cannot_do_stalls_until_one_comes_that_can(wire: Wire, how: str) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn(), schedule(1), version=pb.WorkflowVersion(patches=["p1"]))
    wire.finish(stream.task())
    missing = wk.WorkflowAction(id=1, workflow_version_not_available=wk.WorkflowVersionNotAvailableAction())
    answer = {"action": missing, "status": complete(1, status=pb.INSTANCE_STATUS_STALLED), "patches": complete(2)}
    wire.answer(stream.turn(), schedule(2), answer[how])
    until(lambda: wire.get(instance_id).workflow_status == pb.INSTANCE_STATUS_STALLED)
    assert wire.get(instance_id).waiting_on == ("PatchMismatch" if how == "patches" else "VersionNotAvailable")
    (event,) = [event for event in wire.history(instance_id) if event.HasField("execution_stalled")]
    patches, version = pb.STALLED_REASON_PATCH_MISMATCH, pb.STALLED_REASON_VERSION_NOT_AVAILABLE
    assert event.execution_stalled.reason == (patches if how == "patches" else version)
    stream.nothing()
    stream.close()
    turn = wire.work().turn()
    assert kinds(new_events(turn)) == ["workflow_started", "task_completed"]
    assert "execution_stalled" not in kinds(past_events(turn))
    wire.answer(turn, schedule(3), version=pb.WorkflowVersion(patches=["p1"]))
    until(lambda: wire.get(instance_id).workflow_status == pb.INSTANCE_STATUS_RUNNING)
    assert wire.get(instance_id).waiting_on == ""


def test_a_history_above_what_a_worker_receives_stalls_and_the_worker_lives_on(wire: Wire) -> None:
    """Promise 5: a plain worker is taken to receive 4 MiB; one that takes deltas is of a Python SDK without limit."""
    stream = wire.work()
    instance_id = wire.start(input=text("x" * (3 << 20)))
    wire.answer(stream.turn())
    wire.call("RaiseEvent", cl.RaiseEventRequest(instance_id=instance_id, name="go", input=text("y" * (2 << 20))))
    until(lambda: wire.get(instance_id).workflow_status == pb.INSTANCE_STATUS_STALLED)
    assert wire.get(instance_id).waiting_on == "HistoryTooLargeForWorker"
    other = wire.start()
    turn = stream.turn()
    assert turn.workflow_request.instance_id == other
    wire.answer(turn, complete(1))
    wire.ended(other)
    turn = wire.work(DELTAS).turn()
    assert kinds(past_events(turn))[-1] == "execution_stalled"
    wire.answer(turn, complete(1))
    assert wire.ended(instance_id).workflow_status == pb.INSTANCE_STATUS_COMPLETED


@pytest.mark.parametrize("status", [pb.INSTANCE_STATUS_FAILED, pb.INSTANCE_STATUS_TERMINATED])
def test_item_25_what_stands_beside_a_failure_is_not_carried_out(wire: Wire, status: int) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn(), schedule(1), complete(2, status=status))
    assert wire.ended(instance_id).workflow_status == status
    stream.nothing()
    assert kinds(wire.history(instance_id)) == ["workflow_started", "execution_started", "execution_completed"]


def test_item_25_activities_beside_a_success_still_run(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn(), schedule(1, "forgotten"), complete(2))
    assert wire.ended(instance_id).workflow_status == pb.INSTANCE_STATUS_COMPLETED
    task = stream.task()
    assert task.activity_request.name == "forgotten"
    wire.finish(task)


def test_item_26_late_results_of_an_earlier_generation_are_not_delivered(wire: Wire) -> None:
    stream = wire.work()
    wire.start()
    wire.answer(stream.turn(), schedule(1), schedule(2))
    task, other = stream.task(), stream.task()
    wire.finish_soon(other)
    carried = pb.HistoryEvent(event_id=-1, event_raised=pb.EventRaised(name="kept")).SerializeToString()
    again = wk.CompleteWorkflowAction(
        workflow_status=pb.INSTANCE_STATUS_CONTINUED_AS_NEW, result=text("2"), carryover_events=[carried]
    )
    wire.answer(stream.turn(), wk.WorkflowAction(id=3, complete_workflow=again))
    turn = stream.turn()
    assert kinds(new_events(turn)) == ["workflow_started", "execution_started", "event_raised"]
    wire.answer(turn, schedule(1))
    wire.finish(task, '"late"')
    wire.finish(stream.task(), '"new"')
    assert [event.task_completed.result.value for event in new_events(stream.turn())[1:]] == ['"new"']


def test_item_30_a_child_without_an_id_gets_one_after_its_parent(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    child = wk.WorkflowAction(id=11, create_child_workflow=wk.CreateChildWorkflowAction(name="kid"))
    wire.answer(stream.turn(), child)
    turn = stream.turn()
    assert turn.workflow_request.instance_id == f"{instance_id}:000b"
    started = new_events(turn)[1].execution_started
    assert started.parent_instance.workflow_instance.instance_id == instance_id
    assert started.parent_instance.app_id == wire.app
    assert started.parent_instance.task_scheduled_id == 11
    wire.answer(turn, complete(0, result='"kid"'))
    done = new_events(stream.turn())[-1].child_workflow_instance_completed
    assert (done.task_scheduled_id, done.result.value) == (11, '"kid"')


def test_item_32_work_for_another_app_is_stamped_and_answered_there(
    wire: Wire, connect: Callable[[str], Wire], free_apps: list[str]
) -> None:
    other = connect(free_apps.pop())
    stream, elsewhere = wire.work(), other.work()
    instance_id = wire.start()
    forged = pb.TaskRouter(source_app_id="somebody", target_app_id=other.app)
    child = wk.WorkflowAction(
        id=2, create_child_workflow=wk.CreateChildWorkflowAction(name="kid", instance_id="kid"), router=forged
    )
    wire.answer(stream.turn(), schedule(1, router=forged), child)
    items = {item.WhichOneof("request"): item for item in (elsewhere.item(), elsewhere.item())}
    task, turn = items["activity_request"], items["workflow_request"]
    assert task.activity_request.workflow_instance.instance_id == instance_id
    router = new_events(turn)[1].router
    assert (router.source_app_id, router.target_app_id) == (wire.app, other.app)
    assert new_events(turn)[1].execution_started.parent_instance.app_id == wire.app
    other.finish(task, '"there"')
    other.answer(turn, complete(1, result='"kid"'))
    # A turn may come twice, when something else changed the instance meanwhile.

    def both_are_there() -> bool:
        turn = stream.ready()
        if turn is not None:
            wire.answer(turn)
        return len(wire.history(instance_id)) >= 7

    until(both_are_there)
    outcomes = [kind for kind in kinds(wire.history(instance_id)) if str(kind).endswith("completed")]
    assert sorted(map(str, outcomes)) == ["child_workflow_instance_completed", "task_completed"]
    assert [event.router.source_app_id for event in wire.history(instance_id)[2:4]] == [wire.app, wire.app]


# clients


ROUTED = [
    ("StartInstance", cl.CreateInstanceRequest(instance_id="a", name="n")),
    ("GetInstance", cl.GetInstanceRequest(instance_id="a")),
    ("WaitForInstanceStart", cl.GetInstanceRequest(instance_id="a")),
    ("WaitForInstanceCompletion", cl.GetInstanceRequest(instance_id="a")),
    ("RaiseEvent", cl.RaiseEventRequest(instance_id="a", name="e")),
    ("TerminateInstance", cl.TerminateRequest(instance_id="a")),
    ("SuspendInstance", cl.SuspendRequest(instance_id="a")),
    ("ResumeInstance", cl.ResumeRequest(instance_id="a")),
    ("PurgeInstances", cl.PurgeInstancesRequest(instance_id="a")),
    ("RerunWorkflowFromEvent", cl.RerunWorkflowFromEventRequest(source_instance_id="a", event_id=1)),
    ("GetInstanceHistory", cl.GetInstanceHistoryRequest(instance_id="a")),
    ("ListInstanceIDs", cl.ListInstanceIDsRequest()),
]


def test_item_34_every_request_of_a_client_can_name_its_app(wire: Wire) -> None:
    for method, request in ROUTED:
        request.router.target_app_id = "nowhere"
        status, text = refused(wire, method, request)
        assert (status, 'app "nowhere" is not known here' in text) == (grpc.StatusCode.NOT_FOUND, True), method
        request.router.target_app_id, request.router.target_app_namespace = "app1", "elsewhere"
        status, text = refused(wire, method, request)
        assert (status, "NamespaceMismatch" in text) == (grpc.StatusCode.INVALID_ARGUMENT, True), method
        request.router.target_app_namespace = "default"
        request.router.ClearField("target_app_id")
        assert refused(wire, method, request)[0] is grpc.StatusCode.INVALID_ARGUMENT, method


def test_item_36_a_start_in_1970_is_a_start_now(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start(scheduled_start_timestamp=Timestamp())
    wire.answer(stream.turn(), complete(1))
    assert wire.ended(instance_id).workflow_status == pb.INSTANCE_STATUS_COMPLETED


def test_item_36_a_unique_id_is_refused_even_after_the_end(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start(instance_id="once")
    wire.answer(stream.turn(), complete(1))
    wire.ended(instance_id)
    request = cl.CreateInstanceRequest(instance_id="once", name="raw", enforce_unique_instance_id=True)
    status, details = refused(wire, "StartInstance", request)
    assert status is grpc.StatusCode.ALREADY_EXISTS
    assert "once" in details


def test_item_38_a_wait_for_the_start_ends_with_the_first_turn(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    wire.answer(stream.turn())
    found = wire.call("WaitForInstanceStart", cl.GetInstanceRequest(instance_id=instance_id))
    assert found.workflow_state.workflow_status == pb.INSTANCE_STATUS_RUNNING


def test_item_38_a_wait_for_an_unknown_instance_waits(wire: Wire) -> None:
    with pytest.raises(grpc.RpcError) as caught:
        wire.call("WaitForInstanceCompletion", cl.GetInstanceRequest(instance_id="who"), timeout_s=0.5)
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED


def test_item_42_errors_stay_short_enough_for_every_sdk(wire: Wire) -> None:
    for length, expected in ((500, grpc.StatusCode.NOT_FOUND), (100_000, grpc.StatusCode.INVALID_ARGUMENT)):
        status, details = refused(wire, "TerminateInstance", cl.TerminateRequest(instance_id="i" * length))
        assert status is expected
        assert len(details.encode()) < 8 * 1024
    status, details = refused(wire, "StartInstance", cl.CreateInstanceRequest(instance_id="ü" * 100_000, name="n"))
    assert status is grpc.StatusCode.INVALID_ARGUMENT
    assert len(details.encode()) < 8 * 1024


def test_item_5_a_start_with_too_large_an_input_is_refused(wire: Wire) -> None:
    request = cl.CreateInstanceRequest(instance_id="big", name="n", input=text("x" * (4 * 1024 * 1024 + 1)))
    status, details = refused(wire, "StartInstance", request)
    assert (status, "PayloadTooLarge" in details) == (grpc.StatusCode.INVALID_ARGUMENT, True)


def test_item_41_the_history_of_a_turn_in_flight_ends_before_it(wire: Wire) -> None:
    stream = wire.work()
    instance_id = wire.start()
    turn = stream.turn()
    assert wire.history(instance_id) == []
    wire.answer(turn)
    until(lambda: len(wire.history(instance_id)) == 2)
    assert events(turn.workflow_request.new_events) == wire.history(instance_id)
