"""Sidecar to sidecar: the fast path, which may lose, repeat and reorder. `base` is the contract."""
