"""`antiphon workflow history`: which events are shown, and trees over several apps."""

import json

import grpc
import pytest
import yaml
from google.protobuf.wrappers_pb2 import StringValue

from antiphon_proto.v1 import client_pb2, history_pb2
from antiphon_proto.v1.history_pb2 import HistoryEvent
from tests.unit.cli.scripted_host import scripted, state

TURN = HistoryEvent(event_id=-1, workflow_started=history_pb2.WorkflowStarted())
TO_PAYMENTS = history_pb2.TaskRouter(source_app_id="orders", target_app_id="payments")


def begins(name):
    return HistoryEvent(event_id=-1, execution_started=history_pb2.ExecutionStarted(name=name))


def calls(number, name):
    return HistoryEvent(event_id=number, task_scheduled=history_pb2.TaskScheduled(name=name))


def starts_child(number, instance_id, router=TO_PAYMENTS):
    created = history_pb2.ChildWorkflowInstanceCreated(name="pay", instance_id=instance_id)
    return HistoryEvent(event_id=number, router=router, child_workflow_instance_created=created)


def returns(number):
    done = history_pb2.TaskCompleted(task_scheduled_id=number, result=StringValue(value="1"))
    return HistoryEvent(event_id=-1, task_completed=done)


def host(histories):
    """A host that has these histories, by (app, instance ID); all instances run."""

    def get(request, context):
        found = histories.get((request.router.target_app_id, request.instance_id))
        if found is None:
            return client_pb2.GetInstanceResponse(exists=False)
        answer = state("RUNNING")
        answer.workflow_state.generation = 2 if request.instance_id == "c1" else 0
        return answer

    def history(request, context):
        events = histories[request.router.target_app_id, request.instance_id]
        return client_pb2.GetInstanceHistoryResponse(events=[event.SerializeToString() for event in events])

    return {"GetInstance": get, "GetInstanceHistory": history}


STEPS = {("orders", "i1"): [TURN, begins("buy"), calls(0, "a"), TURN, returns(0), calls(1, "b")]}
TREE = {
    ("orders", "i1"): [TURN, begins("buy"), starts_child(0, "c1"), calls(1, "ship")],
    ("payments", "c1"): [TURN, begins("pay"), starts_child(0, "c2", router=None)],
    ("payments", "c2"): [TURN, begins("pay"), calls(0, "charge")],
}


def sentences(done):
    assert done.exit_code == 0, done.stderr
    return [line.split("  ", 1)[-1].strip() for line in done.stdout.splitlines()]


@pytest.mark.parametrize(
    ("options", "shown"),
    [
        pytest.param(["--last", "1"], ['calls activity "b" [1]'], id="the last"),
        pytest.param(
            ["--since-turn", "2"],
            ["turn begins", 'activity "a" [0] returns 1', 'calls activity "b" [1]'],
            id="from a turn on",
        ),
        pytest.param(
            ["--type", "activity", "--type", "start", "--since-turn", "1", "--last", "2"],
            ['activity "a" [0] returns 1', 'calls activity "b" [1]'],
            id="types, then the last of them",
        ),
    ],
)
def test_events_can_be_chosen(options, shown):
    with scripted(host(STEPS)) as antiphon:
        assert sentences(antiphon("workflow", "history", "i1", "--app", "orders", *options)) == shown


def test_a_tree_tells_each_child_below_its_start_whatever_its_app():
    with scripted(host(TREE)) as antiphon:
        done = antiphon("workflow", "history", "i1", "--app", "orders", "--tree", "--type", "child")
    assert done.stdout.splitlines() == [
        '"i1" (orders): workflow "buy", RUNNING',
        f'{"-":<24}  starts child workflow "pay" in app "payments" as "c1" [0]',
        '    "c1" (payments): workflow "buy", RUNNING, generation 3; continue-as-new dropped the histories of the 2 '
        "before, whose children are found with: antiphon workflow list --parent c1 --parent-app payments",
        f'    {"-":<24}  starts child workflow "pay" as "c2" [0]',
        '        "c2" (payments): workflow "buy", RUNNING',
    ]


def test_says_beside_the_events_that_earlier_generations_are_gone():
    with scripted(host(TREE)) as antiphon:
        later = antiphon("workflow", "history", "c1", "--app", "payments")
        first = antiphon("workflow", "history", "i1", "--app", "orders")
    assert later.stderr.startswith(
        '"c1" (payments): generation 3; continue-as-new dropped the histories of the 2 before'
    )
    assert "generation" not in later.stdout
    assert first.stderr == ""


@pytest.mark.parametrize(
    ("form", "read"), [pytest.param("json", json.loads, id="json"), pytest.param("yaml", yaml.safe_load, id="yaml")]
)
def test_a_tree_is_one_value_for_programs(form, read):
    with scripted(host(TREE)) as antiphon:
        done = antiphon("workflow", "history", "i1", "--app", "orders", "--tree", "-o", form)
    tree = read(done.stdout)
    (child,) = tree["children"]
    (grandchild,) = child["instance"]["children"]
    assert (child["startedBy"], child["instance"]["app"], child["instance"]["generation"]) == (0, "payments", 3)
    assert (child["instance"]["droppedGenerations"], tree["droppedGenerations"]) == (2, 0)
    assert grandchild["instance"]["events"][2]["taskScheduled"] == {"name": "charge"}


def test_a_child_that_started_again_is_shown_at_its_last_start():
    twice = {
        ("orders", "i1"): [TURN, starts_child(0, "c1"), TURN, starts_child(3, "c1")],
        ("payments", "c1"): [TURN, calls(0, "charge")],
    }
    with scripted(host(twice)) as antiphon:
        shown = sentences(antiphon("workflow", "history", "i1", "--app", "orders", "--tree", "--type", "activity"))
        tree = antiphon("workflow", "history", "i1", "--app", "orders", "--tree", "-o", "json").stdout
    assert [line for line in shown if 'calls activity "charge"' in line] == shown[-1:]
    assert [child["startedBy"] for child in json.loads(tree)["children"]] == [3]


def test_a_tree_goes_on_beside_a_child_that_is_not_there():
    gone = {("orders", "i1"): [TURN, starts_child(0, "c1"), starts_child(1, "c2")], ("payments", "c2"): [TURN]}
    with scripted(host(gone)) as antiphon:
        lines = antiphon("workflow", "history", "i1", "--app", "orders", "--tree").stdout.splitlines()
    assert lines[3].startswith('    "c1" (payments): AN207 InstanceNotFound: no instance "c1" exists in payments.')
    assert lines[5].startswith('    "c2" (payments): workflow "buy"')


def test_a_tree_goes_on_beside_an_app_that_is_not_served_here():
    def get(request, context):
        if request.router.target_app_id == "payments":
            context.abort(grpc.StatusCode.NOT_FOUND, 'AN103 TargetAppNotFound: app "payments" is not known here.')
        return state("RUNNING")

    answers = {**host({("orders", "i1"): [TURN, starts_child(0, "c1")]}), "GetInstance": get}
    with scripted(answers) as antiphon:
        lines = antiphon("workflow", "history", "i1", "--app", "orders", "--tree").stdout.splitlines()
    assert lines[-1] == '    "c1" (payments): AN103 TargetAppNotFound: app "payments" is not known here.'
