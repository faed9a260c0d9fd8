"""Bytes and wire messages <-> engine values; the only place besides servers and peers that knows protobuf.

`events` seals new events once, before the commit, and unseals stored ones for the fold. `actions` reads a
worker's answer. `requests` builds what workers receive.
"""
