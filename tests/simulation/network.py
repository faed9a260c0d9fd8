"""The network between sidecars: it loses, repeats, delays, reorders and cuts, also one way."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from antiphon_sidecar.peers.base import Message
from tests.simulation.loop import Host, SimLoop
from tests.simulation.trace import Trace


@dataclass(slots=True)
class Weather:
    """How bad it is now: probabilities per message."""

    latency_s: float = 0.003
    lost: float = 0.0
    repeated: float = 0.0
    delayed: float = 0.0


class Network:
    """All replicas by ID."""

    def __init__(self, loop: SimLoop, rng: Random, trace: Trace) -> None:
        self.loop = loop
        self._rng = rng
        self._trace = trace
        self.weather = Weather()
        #: Called with the sender and each message that it sends, whether or not it arrives.
        self.on_send: Callable[[str, Message], None] = lambda sender, message: None
        self._ends: dict[str, tuple[Host, Callable[[str, Message], None]]] = {}
        #: (from, to) -> until when nothing passes.
        self.cuts: dict[tuple[str, str], float] = {}

    def join(self, replica: str, host: Host, handler: Callable[[str, Message], None]) -> None:
        """Let a replica receive."""
        self._ends[replica] = (host, handler)

    def leave(self, replica: str) -> None:
        """Let a replica receive nothing more."""
        self._ends.pop(replica, None)

    def replicas(self) -> list[str]:
        """Return who receives."""
        return list(self._ends)

    def send(self, sender: str, to: str, message: Message) -> None:
        """Pass a message on, or not."""
        kind = type(message).__name__
        self.on_send(sender, message)
        if self.loop.time() < self.cuts.get((sender, to), 0.0) or self._rng.random() < self.weather.lost:
            self._trace.note(sender, "lost", kind, to)
            return
        self._trace.note(sender, "send", kind, to)
        copies = 2 if self._rng.random() < self.weather.repeated else 1
        for _ in range(copies):
            delay = self.weather.latency_s * (0.5 + self._rng.random())
            if self._rng.random() < self.weather.delayed:
                delay += self._rng.choice((0.1, 1.0, 4.0, 9.0))
            self.loop.world.later(delay, self._arrive, sender, to, message)

    def _arrive(self, sender: str, to: str, message: Message) -> None:
        end = self._ends.get(to)
        if end is not None:
            host, handler = end
            host.soon(handler, sender, message)


class SimPeers:
    """One replica's end."""

    def __init__(self, network: Network, replica: str, host: Host) -> None:
        self._network = network
        self._replica = replica
        self._host = host

    def send(self, to: str, message: Message) -> None:
        """Queue a message."""
        self._network.send(self._replica, to, message)

    def receive(self, handler: Callable[[str, Message], None]) -> None:
        """Set who gets what others send."""
        self._network.join(self._replica, self._host, handler)

    def relinked(self, handler: Callable[[str], None]) -> None:
        """Tell nobody: what is lost here is lost without a word, and has to be found all the same."""

    def close(self) -> None:
        """Leave the network."""
        self._network.leave(self._replica)
