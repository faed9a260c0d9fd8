"""The asyncio shell around the engine: lanes, dispatch, timers, partitions, sweep and group commit.

One `Replica` serves one app. It sees stores, coordination and peers by their contracts alone; bootstrap chooses.
Decisions are made synchronously, in plain functions; only the store and coordination are awaited.
"""
