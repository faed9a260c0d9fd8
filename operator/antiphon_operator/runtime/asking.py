"""Asks about instances: which sidecars can be asked about an app, and which of them are not worth a try just now.

Any sidecar on the app's store answers, also while the app itself has no replica. The app's own come first, because
they need not read the store again to notice what happens.
"""

import hashlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from antiphon_operator.clock import Clock
from antiphon_operator.contracts.replicas import Replica
from antiphon_operator.control.client import NotAnswered, Refused

T = TypeVar("T")

#: Sidecars that are asked in turn before it is given up for this time.
_TRIES = 3
#: One that did not answer is left alone for so long, doubled each time, in seconds.
_LEFT_ALONE_S = 1.0
_LEFT_ALONE_MOST_S = 15.0
#: Somebody finds out whether it answers again; nobody else asks it meanwhile.
_FINDING_OUT_S = 10.0
_SILENT_MOST = 10_000


@dataclass(slots=True)
class _Silence:
    """A sidecar that did not answer; times are monotonic."""

    times: int
    until: float
    text: str


class Asking:
    """Remembers who was silent, so that a sidecar that hangs holds up few questions."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._silent: dict[str, _Silence] = {}

    async def ask(
        self, replicas: Sequence[Replica], app_id: str, instance_id: str, question: Callable[[str], Awaitable[T]]
    ) -> T:
        """Put a question to one of the replicas, by its address.

        Raises:
            Refused: the one that answered says no.
            NotAnswered: none answers.
        """
        text = "no sidecar can be asked"
        for replica in sorted(replicas, key=_order(app_id, instance_id))[:_TRIES]:
            address = replica.address
            silence = self._silent.get(address)
            if silence is not None:
                if silence.until > self._clock.monotonic():
                    text = silence.text
                    continue
                silence.until = self._clock.monotonic() + _FINDING_OUT_S
            try:
                answer = await question(address)
            except Refused:
                self._silent.pop(address, None)
                raise
            except NotAnswered as error:
                text = str(error)
                self._note(address, text)
                continue
            self._silent.pop(address, None)
            return answer
        raise NotAnswered(text)

    def _note(self, address: str, text: str) -> None:
        known = self._silent.pop(address, None)
        times = 1 if known is None else known.times + 1
        pause_s = min(_LEFT_ALONE_MOST_S, _LEFT_ALONE_S * 2 ** min(times - 1, 10))
        self._silent[address] = _Silence(times, self._clock.monotonic() + pause_s, text)
        if len(self._silent) > _SILENT_MOST:
            del self._silent[next(iter(self._silent))]


def _order(app_id: str, instance_id: str) -> Callable[[Replica], tuple[bool, bytes]]:
    """Order replicas: the app's own first, and each instance another one."""

    def key(replica: Replica) -> tuple[bool, bytes]:
        spread = hashlib.blake2b(f"{instance_id}\0{replica.replica}".encode(), digest_size=8).digest()
        return replica.app != app_id, spread

    return key
