"""The data plane: one sidecar per application pod, or several listeners in one process on one machine.

Layers, top to bottom: bootstrap, servers, runtime, then stores, coordination, peers and codec beside each
other, then the engine, which is pure. An upper layer may import a lower one, never the reverse.
"""
