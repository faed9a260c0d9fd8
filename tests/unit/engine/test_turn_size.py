"""A turn takes a bounded number of messages; the rest waits for the next."""

from dataclasses import replace

from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.engine.messages import Message
from antiphon_sidecar.engine.turn import TURN_LETTERS_MAX, TURN_MESSAGES_MAX
from tests.unit.engine.build import NOW, began, ended, raised, running, suspend


def test_a_turn_takes_at_most_500_messages():
    turn = began(running(), *(raised(message_id=f"m{n}") for n in range(1200)))
    assert len(turn.consumed) == TURN_MESSAGES_MAX == 500
    assert len(turn.events) == 501


def test_the_rest_follows_in_order():
    messages = [raised(f"e{n}") for n in range(700)]
    turn = began(running(), *messages)
    left = messages[len(turn.consumed) :]
    assert [m.events[0] for m in began(ended(turn).state, *left).consumed] == [m.events[0] for m in messages[500:]]


def test_a_control_behind_a_full_turn_is_not_kept_waiting():
    turn = began(running(), *(raised(message_id=f"m{n}") for n in range(600)), suspend())
    assert turn.consumed == (suspend(),)


def large(message_id: str, letters: int) -> Message:
    message = raised(message_id=message_id)
    return replace(message, events=(ev.EventRaised(NOW, "e", "x" * letters),))


def test_a_turn_takes_no_more_payload_than_a_message_holds():
    third = TURN_LETTERS_MAX // 3
    messages = [large(f"m{n}", third + 1) for n in range(5)]
    turn = began(running(), *messages)
    assert turn.consumed == tuple(messages[:2])
    assert began(ended(turn).state, *messages[2:]).consumed == tuple(messages[2:4])


def test_a_single_message_is_taken_whatever_its_size():
    message = large("m", TURN_LETTERS_MAX + 1)
    assert began(running(), message).consumed == (message,)
