"""Results of a worker on their way through a forwarder: kept until they are settled, so that they can be told again."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from typing import Any

from antiphon_proto.v1 import worker_pb2 as wk

#: So much is read ahead of what is settled; the worker waits then.
_BYTES_MAX = 64 * 1024 * 1024


class Unsettled:
    """The batches of one results stream that no holder has settled, in the order in which they came."""

    def __init__(self) -> None:
        self._batches: dict[int, bytes] = {}
        self._bytes = 0
        #: What the present writer has not sent.
        self._unsent: deque[int] = deque()
        self._came = asyncio.Event()
        self._went = asyncio.Event()
        #: The worker sends no more.
        self.ended = False

    async def read(self, requests: AsyncIterator[bytes]) -> None:
        """Take what the worker sends until it sends no more."""
        try:
            async for request in requests:
                sequence = wk.CompleteRequest.FromString(request).sequence
                self._batches[sequence] = request
                self._bytes += len(request)
                self._unsent.append(sequence)
                self._came.set()
                while self._bytes > _BYTES_MAX:
                    self._went.clear()
                    await self._went.wait()
        finally:
            self.ended = True
            self._came.set()

    async def write(self, call: Any) -> None:  # noqa: ANN401  (grpc's call)
        """Send everything, oldest first, then what comes; ends the stream after the last one."""
        self._unsent = deque(self._batches)
        while True:
            self._came.clear()
            while self._unsent:
                await call.write(self._batches[self._unsent.popleft()])
            if self.ended:
                await call.done_writing()
                return
            await self._came.wait()

    def settle(self, reply: bytes) -> None:
        """Forget what a holder has settled."""
        for sequence in wk.CompleteReply.FromString(reply).settled:
            self._bytes -= len(self._batches.pop(sequence, b""))
        self._went.set()
