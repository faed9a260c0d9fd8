"""Our messages against the numbers of the dialect that Dapr's Workflow SDKs speak.

dialect_1_19_0.json holds the facts of the dapr 1.19.0 package: tests/compat/dialect_dump.py
printed it.
"""

import json
from pathlib import Path

import pytest
from google.protobuf.descriptor import (
    Descriptor,
    EnumDescriptor,
    FieldDescriptor,
    OneofDescriptor,
    ServiceDescriptor,
)

from antiphon_proto.methods import TASK_HUB, TASK_HUB_SERVICE
from antiphon_proto.v1 import client_pb2, history_pb2, worker_pb2

DIALECT = json.loads((Path(__file__).parent / "dialect_1_19_0.json").read_text())
OUR_NUMBERS_FROM = 1000
OUR_FILES = (history_pb2, worker_pb2, client_pb2)

# Where dropping the suffix "Event" does not turn the dialect's name into ours.
RENAMED = {
    "TaskFailureDetails": "FailureDetails",
    "OrchestrationStatus": "InstanceStatus",
    "HistoryEvent": "HistoryEvent",
    "TimerOriginExternalEvent": "TimerOriginExternalEvent",
}

# Fields of the dialect that we do not declare, with the reason. Undeclared fields survive a round
# trip as unknown fields.
ATTESTED = "signed results of daprd, which we neither make nor check; carried along as unknown fields"
NOT_OURS = {
    ("TaskCompletedEvent", 4): ATTESTED,
    ("TaskCompletedEvent", 5): ATTESTED,
    ("TaskFailedEvent", 4): ATTESTED,
    ("TaskFailedEvent", 5): ATTESTED,
    ("ChildWorkflowInstanceCompletedEvent", 3): ATTESTED,
    ("ChildWorkflowInstanceCompletedEvent", 4): ATTESTED,
    ("ChildWorkflowInstanceFailedEvent", 3): ATTESTED,
    ("ChildWorkflowInstanceFailedEvent", 4): ATTESTED,
}


def all_messages() -> dict[str, Descriptor]:
    """Ours by full name without the package, nested ones (map entries) included."""
    found: dict[str, Descriptor] = {}
    queue = [m for file in OUR_FILES for m in file.DESCRIPTOR.message_types_by_name.values()]
    while queue:
        message = queue.pop()
        found[message.full_name.removeprefix("antiphon.v1.")] = message
        queue.extend(message.nested_types)
    return found


def all_enums() -> dict[str, EnumDescriptor]:
    return {name: enum for file in OUR_FILES for name, enum in file.DESCRIPTOR.enum_types_by_name.items()}


def ours(dialect_name: str) -> str:
    outer, dot, nested = dialect_name.partition(".")
    return RENAMED.get(outer, outer.removesuffix("Event")) + dot + nested


OUR_MESSAGES = all_messages()
OUR_ENUMS = all_enums()
KINDS = {
    value: name.removeprefix("TYPE_").lower()
    for name, value in vars(FieldDescriptor).items()
    if name.startswith("TYPE_") and isinstance(value, int)
}
SERVICE: ServiceDescriptor = client_pb2.DESCRIPTOR.services_by_name[TASK_HUB_SERVICE]
MESSAGES = sorted(DIALECT["messages"])


def is_optional(oneof: OneofDescriptor | None) -> bool:
    """Whether protoc made this oneof up to track the presence of one `optional` field."""
    return oneof is not None and len(oneof.fields) == 1 and oneof.name.startswith("_")


def types_differ(field: FieldDescriptor, theirs: dict[str, str]) -> str | None:
    kind = KINDS[field.type]
    if kind == "bytes" and theirs["type"] in ("message", "string"):
        return None  # the same on the wire; we pass these through without parsing
    if kind != theirs["type"]:
        return f"is {kind}, the dialect says {theirs['type']}"
    target = field.message_type or field.enum_type
    if target is None:
        return None
    name = target.full_name.removeprefix("antiphon.v1.")
    expected = theirs["of"] if theirs["of"].startswith("google.") else ours(theirs["of"])
    return None if name == expected else f"holds {name}, the dialect says {expected}"


@pytest.mark.parametrize("name", MESSAGES)
def test_has_each_message_of_the_dialect(name: str) -> None:
    assert ours(name) in OUR_MESSAGES


@pytest.mark.parametrize("name", MESSAGES)
def test_declares_each_field_of_the_dialect_or_says_why_not(name: str) -> None:
    declared = OUR_MESSAGES[ours(name)].fields_by_number
    missing = {
        f"{number} {facts['name']}"
        for number, facts in DIALECT["messages"][name].items()
        if int(number) not in declared and (name, int(number)) not in NOT_OURS
    }
    assert not missing


@pytest.mark.parametrize(("name", "number"), sorted(NOT_OURS))
def test_leaves_out_only_fields_that_the_dialect_has(name: str, number: int) -> None:
    assert str(number) in DIALECT["messages"][name]
    assert number not in OUR_MESSAGES[ours(name)].fields_by_number


@pytest.mark.parametrize("name", MESSAGES)
def test_gives_numbers_below_1000_the_dialects_meaning(name: str) -> None:
    theirs = DIALECT["messages"][name]
    wrong: list[str] = []
    for number, field in OUR_MESSAGES[ours(name)].fields_by_number.items():
        if number >= OUR_NUMBERS_FROM:
            continue
        if str(number) not in theirs:
            wrong.append(f"{field.name} = {number} is not in the dialect")
            continue
        facts = theirs[str(number)]
        if difference := types_differ(field, facts):
            wrong.append(f"{field.name} = {number} {difference}")
        if field.is_repeated != facts.get("repeated", False):
            wrong.append(f"{field.name} = {number} differs in being repeated")
        if is_optional(field.containing_oneof) != facts.get("optional", False):
            wrong.append(f"{field.name} = {number} differs in being optional")
    assert not wrong


@pytest.mark.parametrize("name", MESSAGES)
def test_groups_the_same_fields_in_a_oneof(name: str) -> None:
    expected: dict[str, set[int]] = {}
    for number, facts in DIALECT["messages"][name].items():
        if "oneof" in facts:
            expected.setdefault(facts["oneof"], set()).add(int(number))
    actual = [
        {field.number for field in oneof.fields if field.number < OUR_NUMBERS_FROM}
        for oneof in OUR_MESSAGES[ours(name)].oneofs
        if not is_optional(oneof)
    ]
    assert sorted(map(sorted, actual)) == sorted(map(sorted, expected.values()))


@pytest.mark.parametrize("name", sorted(DIALECT["enums"]))
def test_has_the_dialects_enum_values(name: str) -> None:
    theirs = {
        int(number): value.removeprefix("ORCHESTRATION_STATUS_").removeprefix("STALLED_REASON_")
        for number, value in DIALECT["enums"][name].items()
    }
    mine = {
        value.number: value.name.removeprefix("INSTANCE_STATUS_").removeprefix("STALLED_REASON_")
        for value in OUR_ENUMS[ours(name)].values
        if value.number < OUR_NUMBERS_FROM
    }
    assert mine == theirs


def test_serves_the_dialects_calls_and_no_others_under_its_path() -> None:
    theirs = {
        name: (
            ours(facts["request"]) if "." not in facts["request"] else facts["request"],
            ours(facts["response"]) if "." not in facts["response"] else facts["response"],
            facts["client_streaming"],
            facts["server_streaming"],
        )
        for name, facts in DIALECT["services"][TASK_HUB_SERVICE].items()
    }
    mine = {
        method.name: (
            method.input_type.full_name.removeprefix("antiphon.v1."),
            method.output_type.full_name.removeprefix("antiphon.v1."),
            method.client_streaming,
            method.server_streaming,
        )
        for method in SERVICE.methods
    }
    assert mine == theirs


def test_calls_travel_under_a_path_without_our_package() -> None:
    assert {method.path for method in TASK_HUB.values()} == {
        f"/TaskHubSidecarService/{name}" for name in DIALECT["services"]["TaskHubSidecarService"]
    }


def test_carries_a_field_it_does_not_declare_through_a_round_trip() -> None:
    signed = b"\x08\x07" + b"\x2a\x03abc"  # task_scheduled_id = 7, signerCertificate (5) = "abc"
    event = history_pb2.TaskCompleted.FromString(signed)
    assert event.task_scheduled_id == 7
    assert event.SerializeToString() == signed
