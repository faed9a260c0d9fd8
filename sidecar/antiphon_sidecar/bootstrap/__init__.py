"""The only package that knows every part: builds stores, coordination, runtimes and listeners from settings.

`open_host` is what `antiphon dev`, `antiphon run` and tests use: one process, one store, any number of apps.
`open_sidecar` is what a pod runs: one app, beside other sidecars that it finds by etcd.
"""

from antiphon_sidecar.bootstrap.app import AppIdInvalid, Listener
from antiphon_sidecar.bootstrap.host import Host, HostRunning, open_host
from antiphon_sidecar.bootstrap.sidecar import Ports, SettingsClash, Sidecar, open_sidecar
from antiphon_sidecar.bootstrap.stores import open_store, store_identity
from antiphon_sidecar.servers.listeners import PortInUse
from antiphon_sidecar.stores.errors import StoreError

__all__ = [
    "AppIdInvalid",
    "Host",
    "HostRunning",
    "Listener",
    "PortInUse",
    "Ports",
    "SettingsClash",
    "Sidecar",
    "StoreError",
    "open_host",
    "open_sidecar",
    "open_store",
    "store_identity",
]
