"""Notes each stream of work items that a worker of these tests opens: one line in the file named by STREAMS."""

from typing import Any

from grpc.aio._channel import Channel  # what channels are made of; the public name is only their interface


def note_streams(path: str, worker: str) -> None:
    """Write down from now on which worker opens a stream, whenever one does."""
    unary_stream = Channel.unary_stream

    def noting(channel: Channel, method: str, **serializers: Any) -> Any:
        made = unary_stream(channel, method, **serializers)

        def opened(*given: Any, **more: Any) -> Any:
            if method.endswith("/GetWorkItems"):
                with open(path, "a", encoding="utf-8") as file:
                    file.write(f"{worker}\n")
            return made(*given, **more)

        return opened

    Channel.unary_stream = noting
