"""Tests of workflows across apps, in one process: the real engine in memory, with time that is skipped.

    async with testing.Environment() as env:
        orders = await env.app("orders", workflows=[buy], activities=[pack])
        await env.fake("payments", charge=lambda amount: f"receipt over {amount}")
        state = await orders.client.wait(await orders.client.start(buy, order), result=str)

An environment needs `antiphon[testing]`, which brings the sidecar's packages; `replay` does not. See
docs/testing.md.
"""

from antiphon.testing._environment import App, Environment, EverythingWaits
from antiphon.testing._fakes import ContractBroken
from antiphon.testing._histories import Replayed, replay

__all__ = ["App", "ContractBroken", "Environment", "EverythingWaits", "Replayed", "replay"]
