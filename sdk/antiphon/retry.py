"""RetryPolicy: when a failed call is tried again. Used by workflow code; run by _commands with timers.

Nothing of a policy travels: the sidecar sees timers and further calls only.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from antiphon.errors import Failure

# What Dapr's Python SDK raises for the same purpose; activities of such apps say it by this name alone.
_NON_RETRIABLE_BY_NAME = "NonRetryableError"
_WRAPPERS = frozenset({"ActivityFailure", "ChildWorkflowFailure"})


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """Try again after `first_interval`, then `backoff` times longer each time, up to `max_interval`.

    Attributes:
        max_attempts: all attempts, the first one included.
        timeout: no attempt begins later than this after the first one; None: no such limit.
        non_retryable: exception types, or their names, that are not tried again. A name may be
            qualified (`java.lang.IllegalStateException`) or bare.
    """

    max_attempts: int = 3
    first_interval: timedelta = timedelta(seconds=1)
    backoff: float = 2.0
    max_interval: timedelta = timedelta(hours=1)
    timeout: timedelta | None = None
    non_retryable: Sequence[str | type[BaseException]] = ()

    def __post_init__(self) -> None:
        if self.max_attempts < 1:
            raise ValueError(f"max_attempts is {self.max_attempts}; it counts the first one: >= 1")
        if self.first_interval < timedelta(0) or self.max_interval < timedelta(0):
            raise ValueError("first_interval and max_interval cannot be negative")
        if self.backoff < 1:
            raise ValueError(f"backoff is {self.backoff}; below 1 the waits would shrink")
        if isinstance(self.non_retryable, str):
            raise TypeError(f"non_retryable is a list of names: [{self.non_retryable!r}]")

    def delay(self, *, attempt: int, elapsed: timedelta) -> timedelta | None:
        """Return how long to wait after failed attempt number `attempt` (1 is the first), or None.

        `elapsed` is the time since the first attempt was asked for.
        """
        if attempt >= self.max_attempts:
            return None
        seconds = min(self._growth(attempt), self.max_interval.total_seconds())
        wait = timedelta(seconds=seconds)
        if self.timeout is not None and elapsed + wait > self.timeout:
            return None
        return wait

    def allows(self, failure: Failure) -> bool:
        """Tell whether this kind of failure may be tried again at all.

        A call that failed because a call of its own did is judged by what failed in the end.
        """
        while failure.inner is not None and failure.error_type in _WRAPPERS and not failure.non_retriable:
            failure = failure.inner
        if failure.non_retriable or failure.error_type == _NON_RETRIABLE_BY_NAME:
            return False
        return not any(failure.is_a(listed) for listed in self.non_retryable)

    def _growth(self, attempt: int) -> float:
        try:
            return self.first_interval.total_seconds() * self.backoff ** (attempt - 1)
        except OverflowError:
            return self.max_interval.total_seconds()
