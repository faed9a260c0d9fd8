"""`antiphon why` and `antiphon explain`: how answers are shown."""

import json

import pytest
import yaml
from click.testing import CliRunner
from google.protobuf.timestamp_pb2 import Timestamp

from antiphon_cli.main import main
from antiphon_names.explanations import EXPLANATIONS
from antiphon_proto.v1 import control_pb2, history_pb2
from tests.unit.cli.scripted_host import scripted

RUNNING = history_pb2.INSTANCE_STATUS_RUNNING
SINCE = Timestamp(seconds=1_700_000_000)

CHILD = control_pb2.WaitingOn(
    reason="ChildRunning",
    message='child workflow "pay" (#1, instance "c1") in app "payments" is RUNNING, and waits for:',
    since=SINCE,
    kind="workflow",
    app_id="payments",
    name="pay",
    instance_id="c1",
    event_id=1,
    waiting_on=[
        control_pb2.WaitingOn(
            reason="TargetAppUnavailable",
            message="AN104 TargetAppUnavailable: stock has no worker.",
            kind="activity",
            since=SINCE,
        )
    ],
)
WAITS = control_pb2.WhyResponse(exists=True, status=RUNNING, name="buy", waiting_on=[CHILD])

CARD = history_pb2.FailureDetails(error_type="CardError", error_message="no such card")
FAILED = control_pb2.WhyResponse(
    exists=True,
    status=history_pb2.INSTANCE_STATUS_FAILED,
    name="buy",
    failure_chain=[
        control_pb2.FailureLink(kind="activity", app_id="stock", instance_id="c1", name="charge", failure=CARD),
        control_pb2.FailureLink(kind="workflow", app_id="orders", instance_id="i1", name="buy", failure=CARD),
    ],
    fix="Fix it.",
)


def test_a_childs_waits_stand_below_it():
    with scripted({"Why": WAITS}) as antiphon:
        done = antiphon("why", "i1", "--app", "orders")
    assert done.stdout.splitlines() == [
        '"i1" (orders) is workflow "buy", RUNNING, waiting for:',
        '  ChildRunning: child workflow "pay" (#1, instance "c1") in app "payments" is RUNNING, and waits for '
        "(since 2023-11-14T22:13:20Z):",
        "    AN104 TargetAppUnavailable: stock has no worker. (since 2023-11-14T22:13:20Z)",
    ]


@pytest.mark.parametrize(
    ("form", "read"), [pytest.param("json", json.loads, id="json"), pytest.param("yaml", yaml.safe_load, id="yaml")]
)
def test_waits_are_values_for_programs(form, read):
    with scripted({"Why": WAITS}) as antiphon:
        (wait,) = read(antiphon("why", "i1", "--app", "orders", "-o", form).stdout)["waitingOn"]
    assert (wait["reason"], wait["kind"], wait["app"], wait["id"], wait["eventId"]) == (
        *("ChildRunning", "workflow", "payments", "c1"),
        1,
    )
    assert [below["reason"] for below in wait["waitingOn"]] == ["TargetAppUnavailable"]
    assert wait["since"] == "2023-11-14T22:13:20.000Z"


def test_a_failure_is_told_from_its_first_cause_on():
    with scripted({"Why": FAILED}) as antiphon:
        done = antiphon("why", "i1", "--app", "orders")
        value = json.loads(antiphon("why", "i1", "--app", "orders", "-o", "json").stdout)
    assert done.exit_code == 0
    assert done.stdout.splitlines() == [
        '"i1" (orders) is workflow "buy", FAILED.',
        "The failure, its first cause first:",
        '  1. activity "charge" (called by instance "c1") in app "stock": CardError: no such card',
        '  2. workflow "buy" (instance "i1") in app "orders": CardError: no such card',
        "What to do: Fix it.",
    ]
    assert [link["app"] for link in value["failureChain"]] == ["stock", "orders"]


def test_an_unknown_instance_is_refused():
    with scripted({"Why": control_pb2.WhyResponse(exists=False)}) as antiphon:
        done = antiphon("why", "i1", "--app", "orders")
    assert done.exit_code == 1
    assert done.stderr.startswith('AN207 InstanceNotFound: no instance "i1" exists in orders.')


def explain(*words: str):
    return CliRunner().invoke(main, ["explain", *words])


@pytest.mark.parametrize("word", ["AN103", "an103", "TargetAppNotFound", "targetappnotfound"])
def test_a_code_is_explained_by_number_or_name(word):
    done = explain(word)
    assert (done.exit_code, "fix      Fix the app ID" in done.stdout) == (0, True)


@pytest.mark.parametrize("code", EXPLANATIONS, ids=str)
def test_every_code_can_be_explained(code):
    value = json.loads(explain(code.number, "-o", "json").stdout)
    assert value["name"] == code.name
    assert ("example" in value) != ("reserved" in value)


def test_an_unknown_code_names_the_nearest():
    done = explain("TargetAppNotfond")
    assert (done.exit_code, done.stderr) == (
        2,
        'AN707 CodeUnknown: "TargetAppNotfond" is no code and no name of an error. Did you mean "TargetAppNotFound"? '
        "Look it up in docs/errors.md.\n",
    )
