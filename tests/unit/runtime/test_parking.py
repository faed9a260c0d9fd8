"""What came the fast way and cannot be applied soon becomes a row, and takes its place among the other rows."""

from antiphon_names.hashing import partition_of, slot_of
from antiphon_sidecar.engine.ids import result_row_id
from antiphon_sidecar.engine.messages import Message, Row
from antiphon_sidecar.runtime.lane import Lane, Phase
from antiphon_sidecar.runtime.parking import parked, to_park
from tests.unit.engine.build import ID, RUN, began, raised, result, running, suspend, task


def lane(*messages: Message, phase: Phase = Phase.IDLE) -> Lane:
    made = Lane(ID, slot_of(ID), partition_of(slot_of(ID)), phase=phase)
    made.queue.extend(messages)
    return made


def fast(message: Message) -> Message:
    """The message as a client's call that the owner took directly."""
    return Message(message.kind, Row.NONE, message.events, message.message_id, message.incarnation)


def test_only_what_has_no_inbox_row_is_parked():
    event, told = fast(raised()), suspend()
    assert to_park(lane(event, result(1), told), now=0.0, patience_s=0.0) == [result(1), event]


def test_what_is_being_parked_is_not_parked_twice():
    made = lane(fast(raised()), result(1))
    assert len(to_park(made, now=0.0, patience_s=0.0)) == 2
    assert to_park(made, now=0.0, patience_s=0.0) == []


def test_what_is_about_to_be_committed_is_left_alone():
    for phase in (Phase.COMMITTING, Phase.LOADING):
        assert to_park(lane(result(1), phase=phase), now=0.0, patience_s=0.0) == []


def test_results_in_a_turn_are_parked_once_it_takes_too_long():
    made = lane(phase=Phase.WORKING)
    made.turn = began(running(task(1)), result(1))
    assert to_park(made, now=0.05, patience_s=0.1) == []
    assert to_park(made, now=0.1, patience_s=0.1) == [result(1)]


def test_a_parked_result_is_its_inbox_row_from_then_on():
    made = lane(result(1))
    (message,) = to_park(made, now=0.0, patience_s=0.0)
    parked(made, message, there=True)
    (held,) = made.queue
    assert (held.row, held.message_id) == (Row.INBOX, result_row_id(RUN, "x0", 1))
    assert list(made.known_rows) == [held.message_id]


def test_a_result_whose_task_is_gone_is_dropped():
    made = lane(result(1))
    (message,) = to_park(made, now=0.0, patience_s=0.0)
    parked(made, message, there=False)
    assert (made.queue, made.known_rows) == ([], {})


def test_a_result_that_a_turn_carries_is_noted_for_its_commit():
    made = lane(phase=Phase.WORKING)
    made.turn = began(running(task(1)), result(1))
    (message,) = to_park(made, now=1.0, patience_s=0.1)
    parked(made, message, there=True)
    assert made.replaced == {1}


def test_a_parked_event_waits_to_be_read_in_its_order():
    # Another replica may have written an event before it that this lane has not read yet.
    event = fast(raised())
    made = lane(event)
    to_park(made, now=0.0, patience_s=0.0)
    parked(made, event, there=True)
    assert (made.queue, made.known_rows) == ([], {})
