"""Ports for servers that tests start and stop: each is given once in a test process."""

import random
import socket

#: Below the ports that the system gives to clients: nobody takes one while its server is away.
_FIRST, _LAST = 20_000, 32_000
_given: set[int] = set()


def quiet_port() -> int:
    """Return a free port that no other server of this test process was given."""
    chance = random.Random()
    while True:
        port = chance.randrange(_FIRST, _LAST)
        if port in _given:
            continue
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            _given.add(port)
            return port


def listens(port: int) -> bool:
    """Tell whether somebody takes connections on a port."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0
