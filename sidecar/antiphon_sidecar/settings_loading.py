"""Reads the settings from flags, environment, a YAML file and defaults, each winning over the next.

Used once, at the start of a process. Every source gives texts, so that a value means the same wherever it was
written; an empty text counts as not given. Whether a store's URL can be used is for the store to say.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from antiphon_names import errors as codes
from antiphon_sidecar import marked_yaml, quantities
from antiphon_sidecar.settings import Concurrency, Limits, Settings


class SettingInvalid(Exception):
    """A setting has an invalid value; the message names it, its source, the value and what is accepted."""

    code = codes.SETTING_INVALID


@dataclass(frozen=True, slots=True)
class Kind:
    """How a text becomes a value: `read` raises ValueError for what is not `accepted`."""

    accepted: str
    read: Callable[[str], object]
    secret: bool = False
    #: In a file this may be a mapping too, whose entries are written `key=value` elsewhere.
    pairs: bool = False


@dataclass(frozen=True, slots=True)
class Setting:
    """A setting under its public name, and the field it fills."""

    name: str
    field: str
    kind: Kind

    @property
    def variable(self) -> str:
        """Return the name of its environment variable."""
        return f"ANTIPHON_{self.name.upper()}"

    @property
    def flag(self) -> str:
        """Return its flag, dashes included."""
        return f"--{self.name.replace('_', '-')}"


@dataclass(frozen=True, slots=True)
class _Given:
    text: str
    source: str


def _text(text: str) -> str:
    return text


def _whole(least: int, most: int) -> Kind:
    def read(text: str) -> int:
        number = int(text)
        if not least <= number <= most:
            raise ValueError(text)
        return number

    return Kind(f"a whole number from {least:,} to {most:,}", read)


def _duration(least: float, most: float) -> Kind:
    def read(text: str) -> float:
        duration = quantities.seconds(text)
        if not least <= duration <= most:
            raise ValueError(text)
        return duration

    return Kind(f"{quantities.DURATION_FORM}, from {least:g}s to {most:g}s", read)


def _size(least: int, most: int) -> Kind:
    def read(text: str) -> int:
        size = quantities.size_bytes(text)
        if not least <= size <= most:
            raise ValueError(text)
        return size

    return Kind(f"{quantities.SIZE_FORM}, from {least:,} to {most:,} bytes", read)


def _choice(*choices: str) -> Kind:
    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(text)
        return text

    return Kind(" or ".join(choices), read)


def _endpoints(text: str) -> str:
    urls = [urlsplit(url.strip()) for url in text.split(",")]
    if any(url.scheme not in ("http", "https") or not url.hostname or url.path.strip("/") for url in urls):
        raise ValueError(text)
    if len({url.scheme for url in urls}) != 1:
        raise ValueError(text)
    return ",".join(f"{url.scheme}://{url.hostname}:{url.port or 2379}" for url in urls)


_FILE = Kind("the path of a file", _text)
_PORT = Kind("a port from 0 (any free one) to 65,535", _whole(0, 65535).read)
_DAY_S = 86400.0
_ENDS = ("completed", "failed", "canceled", "terminated")


def _retention() -> Kind:
    def read(text: str) -> tuple[tuple[str, float], ...]:
        found: dict[str, float] = {}
        for part in text.split(","):
            name, _, value = (each.strip() for each in part.partition("="))
            duration = quantities.seconds(value)
            if name not in _ENDS or name in found or not 1 <= duration <= 36_500 * _DAY_S:
                raise ValueError(text)
            found[name] = duration
        return tuple(found.items())

    ends = " or ".join(_ENDS)
    return Kind(f"completed=7d,failed=30d and the like: {ends}, each with 1s to 36500d", read, pairs=True)


_GIB = 1 << 30

SETTINGS = (
    Setting("store", "store", Kind("the URL of a store", _text)),
    Setting("namespace", "namespace", Kind("a name", _text)),
    Setting("store_schema", "store_schema", Kind("the name of a PostgreSQL schema", _text)),
    Setting("store_pool_size", "store_pool_size", _whole(1, 1000)),
    Setting("store_file", "store_file", Kind("the path of a file that holds the URL", _text)),
    Setting("metrics_port", "metrics_port", _PORT),
    Setting("api_token", "api_token", Kind("a text", _text, secret=True)),
    Setting("etcd", "etcd", Kind("URLs of etcd's endpoints, with commas between them", _endpoints)),
    Setting("etcd_ca_file", "etcd_ca_file", _FILE),
    Setting("etcd_cert_file", "etcd_cert_file", _FILE),
    Setting("etcd_key_file", "etcd_key_file", _FILE),
    Setting("etcd_user", "etcd_user", Kind("a name", _text)),
    Setting("etcd_password_file", "etcd_password_file", _FILE),
    Setting("registry", "registry", _choice("none", "operator")),
    Setting("peer_address", "peer_address", Kind("an address or a name, with or without a port", _text)),
    Setting("peer_port", "peer_port", _PORT),
    Setting("peer_ca_file", "peer_ca_file", _FILE),
    Setting("peer_cert_file", "peer_cert_file", _FILE),
    Setting("peer_key_file", "peer_key_file", _FILE),
    Setting("unknown_app", "unknown_app", _choice("fail", "wait")),
    Setting("unknown_app_grace", "unknown_app_grace_s", _duration(0, _DAY_S)),
    Setting("retention", "retention", _retention()),
)

#: Under `limits` too: mappings of names to numbers.
CONCURRENCY_KEYS = ("activities", "workflows")
_COUNT = _whole(1, 1_000_000)

#: Only in the file, under `limits`.
LIMITS = (
    Setting("message_size_max", "message_bytes_max", _size(1 << 20, 2 * _GIB - 1)),
    Setting("payload_size_max", "payload_bytes_max", _size(1 << 10, 2 * _GIB - 1)),
    Setting("worker_message_size_max", "worker_message_bytes_max", _size(1 << 20, 2 * _GIB - 1)),
    Setting("items_per_stream_max", "items_per_stream_max", _whole(1, 100_000)),
    Setting("hot_instances_max", "hot_instances_max", _whole(1, 10_000_000)),
    Setting("hot_history_size_max", "hot_history_bytes_max", _size(1 << 20, 1024 * _GIB)),
    Setting("tasks_in_memory_max", "tasks_in_memory_max", _whole(1, 10_000_000)),
    Setting("tasks_per_caller_max", "tasks_per_caller_max", _whole(1, 1_000_000)),
    Setting("lease", "lease_s", _duration(2, 60)),
    Setting("sweep", "sweep_s", _duration(0.05, 60)),
    Setting("names_settle", "names_settle_s", _duration(0, _DAY_S)),
)


def load(*, flags: Mapping[str, str | None], env: Mapping[str, str], file: Path | None) -> Settings:
    """Return the settings; `flags` has setting names as keys, and None for what was not given.

    Raises:
        SettingInvalid: a value is not accepted.
        marked_yaml.FileInvalid: the file cannot be read or has an unknown key.
    """
    entries = marked_yaml.read(file).entries("a mapping of settings") if file else {}
    marked_yaml.refuse_unknown(entries, known=(*_names(SETTINGS), "limits"), holder="a settings file")
    limits = entries["limits"].entries("a mapping of limits") if "limits" in entries else {}
    marked_yaml.refuse_unknown(limits, known=(*_names(LIMITS), *CONCURRENCY_KEYS), holder="limits")

    values: dict[str, Any] = {}
    for setting in SETTINGS:
        given = _from_flags(setting, flags) or _from_environment(setting, env) or _from_file(setting, entries)
        if given is not None:
            values[setting.field] = _read(setting, given)
    bounds: dict[str, Any] = {}
    for setting in LIMITS:
        given = _from_file(setting, limits)
        if given is not None:
            bounds[setting.field] = _read(setting, given)
    return replace(Settings(), **values, limits=replace(Limits(), **bounds), concurrency=concurrency(limits))


def concurrency(entries: Mapping[str, marked_yaml.Value]) -> Concurrency:
    """Read how many of each activity and workflow may run at once; other keys are not looked at.

    Raises:
        marked_yaml.FileInvalid: something is not a mapping of names to whole numbers.
    """
    return Concurrency(**{key: _counts(entries[key]) for key in CONCURRENCY_KEYS if key in entries})


def _counts(value: marked_yaml.Value) -> Mapping[str, int]:
    accepted = "how many may run at once, a whole number from 1 to 1,000,000"
    counts: dict[str, int] = {}
    for name, count in value.entries("a mapping of names to how many may run at once").items():
        try:
            counts[name] = int(str(_COUNT.read(count.text(accepted))))
        except ValueError as error:
            raise count.invalid(accepted) from error
    return counts


def _names(settings: tuple[Setting, ...]) -> tuple[str, ...]:
    return tuple(setting.name for setting in settings)


def _from_flags(setting: Setting, flags: Mapping[str, str | None]) -> _Given | None:
    text = flags.get(setting.name)
    return _Given(text, f"flag {setting.flag}") if text else None


def _from_environment(setting: Setting, env: Mapping[str, str]) -> _Given | None:
    text = env.get(setting.variable)
    return _Given(text, f"environment variable {setting.variable}") if text else None


def _from_file(setting: Setting, given: Mapping[str, marked_yaml.Value]) -> _Given | None:
    value = given.get(setting.name)
    if value is None or value.is_null():
        return None
    if setting.kind.pairs and value.is_mapping():
        entries = value.entries(setting.kind.accepted).items()
        text = ",".join(f"{key}={entry.text(setting.kind.accepted)}" for key, entry in entries)
    else:
        text = value.text(setting.kind.accepted)
    return _Given(text, value.where) if text else None


def _read(setting: Setting, given: _Given) -> object:
    try:
        return setting.kind.read(given.text)
    except ValueError as error:
        shown = "(not shown)" if setting.kind.secret else f'"{given.text}"'
        raise SettingInvalid(
            f"{codes.SETTING_INVALID}: {setting.name} is {shown} ({given.source}); accepted: {setting.kind.accepted}."
        ) from error
