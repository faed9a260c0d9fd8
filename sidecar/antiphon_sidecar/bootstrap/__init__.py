"""The only package that knows every part: builds stores, coordination, runtimes and listeners from settings.

`open_host` is what `antiphon dev`, `antiphon run` and tests use: one process, one store, any number of apps.
`open_member` joins such a process, and takes its place when it ends.
`open_sidecar` is what a pod runs: one app, beside other sidecars that it finds by etcd.
`open_store_alone` is how the command line reads a store that no process serves.
"""

from antiphon_sidecar.bootstrap.alone import Declined, Heard, StoreAlone, open_store_alone
from antiphon_sidecar.bootstrap.app import AppIdInvalid, Listener
from antiphon_sidecar.bootstrap.host import Host, HostRunning, open_host
from antiphon_sidecar.bootstrap.member import Member, NamespaceHeld, open_member
from antiphon_sidecar.bootstrap.sidecar import Ports, SettingsClash, Sidecar, open_sidecar
from antiphon_sidecar.bootstrap.stores import open_store, store_identity, store_url
from antiphon_sidecar.servers.listeners import PortInUse
from antiphon_sidecar.stores.errors import StoreAbsent, StoreError

__all__ = [
    "AppIdInvalid",
    "Declined",
    "Heard",
    "Host",
    "HostRunning",
    "Listener",
    "Member",
    "NamespaceHeld",
    "PortInUse",
    "Ports",
    "SettingsClash",
    "Sidecar",
    "StoreAbsent",
    "StoreAlone",
    "StoreError",
    "open_host",
    "open_member",
    "open_sidecar",
    "open_store",
    "open_store_alone",
    "store_identity",
    "store_url",
]
