"""When a failed call is tried again."""

from datetime import timedelta

import pytest

from antiphon import Failure, RetryPolicy

S = timedelta(seconds=1)


def test_waits_longer_each_time_up_to_a_limit():
    policy = RetryPolicy(max_attempts=6, first_interval=S, backoff=3, max_interval=10 * S)
    delays = [policy.delay(attempt=n, elapsed=timedelta(0)) for n in range(1, 7)]
    assert delays == [S, 3 * S, 9 * S, 10 * S, 10 * S, None]


def test_begins_no_attempt_after_its_time():
    policy = RetryPolicy(max_attempts=9, first_interval=S, backoff=1, timeout=10 * S)
    assert policy.delay(attempt=1, elapsed=9 * S) == S
    assert policy.delay(attempt=1, elapsed=9.5 * S) is None


def test_survives_more_attempts_than_floats_can_count():
    policy = RetryPolicy(max_attempts=10**6, backoff=10)
    assert policy.delay(attempt=10**5, elapsed=S) == timedelta(hours=1)


@pytest.mark.parametrize(
    ("failure", "allowed"),
    [
        (Failure("Boom", ""), True),
        (Failure("Boom", "", non_retriable=True), False),
        (Failure("NonRetryableError", ""), False),
        (Failure("KeyError", ""), False),
        (Failure("java.lang.IllegalStateException", ""), False),
        (Failure("com.example.Other", ""), True),
    ],
)
def test_leaves_alone_what_is_final(failure: Failure, allowed: bool):
    policy = RetryPolicy(non_retryable=[KeyError, "IllegalStateException"])
    assert policy.allows(failure) is allowed


@pytest.mark.parametrize(
    "wrong",
    [{"max_attempts": 0}, {"backoff": 0.5}, {"first_interval": -S}, {"max_interval": -S}],
)
def test_refuses_numbers_without_sense(wrong: dict[str, object]):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        RetryPolicy(**wrong)  # type: ignore[arg-type]


def test_refuses_one_name_in_place_of_a_list():
    with pytest.raises(TypeError, match=r"\['KeyError'\]"):
        RetryPolicy(non_retryable="KeyError")
