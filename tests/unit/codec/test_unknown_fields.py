"""What newer dialects write survives: fields inside of known events, and events of unknown kinds."""

import pytest

from antiphon_proto.v1 import history_pb2 as pb
from antiphon_sidecar.codec.events import seal, unseal
from antiphon_sidecar.codec.values import from_failure, to_failure
from antiphon_sidecar.engine import events as ev

#: Field 999 with the varint 7, which no message of the dialect has.
UNKNOWN = b"\xb8\x3e\x07"


@pytest.mark.parametrize(
    "field",
    [
        "execution_started",
        "task_scheduled",
        "task_completed",
        "task_failed",
        "child_workflow_instance_created",
        "child_workflow_instance_completed",
        "child_workflow_instance_failed",
        "timer_created",
        "event_raised",
    ],
)
def test_an_unknown_field_survives_in(field: str):
    wire = pb.HistoryEvent(event_id=-1)
    getattr(wire, field).MergeFromString(UNKNOWN)
    wire.timestamp.SetInParent()
    event = unseal(wire.SerializeToString())
    assert not isinstance(event, ev.Unrecognized)
    assert UNKNOWN in seal(event)


def test_fields_that_the_engine_does_not_read_survive():
    wire = pb.HistoryEvent(event_id=3)
    wire.task_scheduled.name = "charge"
    wire.task_scheduled.parent_trace_context.trace_parent = "00-abc"
    wire.task_scheduled.history_propagation_scope = pb.HISTORY_PROPAGATION_SCOPE_OWN_HISTORY
    again = pb.HistoryEvent.FromString(seal(unseal(wire.SerializeToString())))
    assert again.task_scheduled == wire.task_scheduled


def test_an_event_of_an_unknown_kind_survives_whole():
    # Field 999 of the event itself, as a kind that is yet to come.
    raw = pb.HistoryEvent(event_id=-1).SerializeToString() + b"\xba\x3e\x02\x08\x01"
    event = unseal(raw)
    assert isinstance(event, ev.Unrecognized)
    assert seal(event) == raw


@pytest.mark.parametrize("field", ["execution_stalled", "event_sent"])
def test_a_kind_without_a_meaning_here_survives_whole(field: str):
    wire = pb.HistoryEvent(event_id=4)
    getattr(wire, field).SetInParent()
    raw = wire.SerializeToString()
    assert seal(unseal(raw)) == raw


def test_an_end_with_a_status_of_a_newer_release_is_kept_and_not_an_error():
    wire = pb.HistoryEvent(event_id=4)
    wire.execution_completed.workflow_status = 99  # type: ignore[assignment]
    raw = wire.SerializeToString()
    event = unseal(raw)
    assert isinstance(event, ev.Unrecognized)
    assert seal(event) == raw


def test_what_a_failure_says_beside_its_text_is_kept():
    details = pb.FailureDetails(error_type="E", error_message="m", app_id="stock")
    details.data.value = '{"item":"tea"}'
    details.inner_failure.error_type = "Inner"
    details.inner_failure.app_id = "shelf"
    # Field 6, `properties` of newer dialects.
    raw = details.SerializeToString() + b"\x32\x03\x0a\x01k"
    kept = from_failure(to_failure(pb.FailureDetails.FromString(raw)))
    assert kept == pb.FailureDetails.FromString(raw)
