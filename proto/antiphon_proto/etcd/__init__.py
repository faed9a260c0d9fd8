"""The part of etcd's API that Antiphon uses, written from its field numbers; generated code is committed.

`cluster` reaches etcd with it, by the etcd3 package that `stubs` makes importable; both need an extra that brings
etcd3.
"""


class Unavailable(Exception):
    """No endpoint of etcd answers; a call that was under way may have been carried out."""
