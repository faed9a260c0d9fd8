"""A turn takes a bounded number of messages; the rest waits for the next."""

from antiphon_sidecar.engine.turn import TURN_MESSAGES_MAX
from tests.unit.engine.build import began, ended, raised, running, suspend


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
