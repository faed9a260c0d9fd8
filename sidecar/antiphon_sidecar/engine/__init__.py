"""The engine: what a workflow instance is and how a turn changes it. Pure: data in, data out.

No I/O, clock, randomness, asyncio or protobuf; time, IDs and everything else come as arguments. The runtime
is its shell, the codec turns its events into bytes, and the simulator runs it under a seeded world.
"""
