"""Reads the file of several apps, `antiphon.yaml`: what runs where, in the form of Dapr's multi-app files.

Used by `antiphon run -f`. Nobody reads a misspelt key, so an unknown one is an error; in a file named `dapr.yaml`,
which holds what is Dapr's alone, unknown keys are collected instead.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from antiphon_cli.ports import AppPorts
from antiphon_names import errors as codes
from antiphon_names.hashing import APP_ID_PATTERN
from antiphon_names.hosts import SQLITE_PREFIX
from antiphon_sidecar import marked_yaml
from antiphon_sidecar.marked_yaml import FileInvalid, Value
from antiphon_sidecar.settings import Concurrency
from antiphon_sidecar.settings_loading import CONCURRENCY_KEYS, concurrency

_FILE_KEYS = ("version", "common", "apps", "store", "namespace")
_COMMON_KEYS = ("env",)
_APP_KEYS = ("appID", "appDirPath", "command", "env", "daprGRPCPort", "daprHTTPPort", "limits")
_VERSION = "1"
_PORT_MAX = 65535


@dataclass(frozen=True, slots=True)
class App:
    """An app of the file; no command: somebody else starts it."""

    ports: AppPorts
    directory: Path
    command: tuple[str, ...]
    env: Mapping[str, str]
    concurrency: Concurrency = field(default_factory=Concurrency)


@dataclass(frozen=True, slots=True)
class Plan:
    """What the file says; `ignored` are the unknown keys of a `dapr.yaml`, with their lines."""

    apps: tuple[App, ...]
    store: str | None = None
    namespace: str | None = None
    ignored: tuple[str, ...] = ()


@dataclass(slots=True)
class _Keys:
    """Who decides about unknown keys: refused, or collected."""

    lenient: bool
    ignored: list[str] = field(default_factory=list)

    def check(self, entries: Mapping[str, Value], *, known: Iterable[str], holder: str) -> None:
        names = tuple(known)
        if not self.lenient:
            marked_yaml.refuse_unknown(entries, known=names, holder=holder)
        self.ignored += [f"{key} (line {value.line})" for key, value in entries.items() if key not in names]


def read(path: Path) -> Plan:
    """Read a file; paths in it are relative to it.

    Raises:
        FileInvalid: the file has something that cannot be used; the message names the line.
    """
    keys = _Keys(lenient=path.name in ("dapr.yaml", "dapr.yml"))
    document = marked_yaml.read(path)
    entries = document.entries("a mapping with version and apps")
    keys.check(entries, known=_FILE_KEYS, holder="the file")
    _check_version(document, entries)
    common = entries["common"].entries("a mapping") if "common" in entries else {}
    keys.check(common, known=_COMMON_KEYS, holder="common")

    base = path.resolve().parent
    env = _env(common)
    listed = entries["apps"].items("a list of apps") if "apps" in entries else ()
    if not listed:
        raise FileInvalid(codes.SETTING_INVALID, f"{path}: no apps; list them under apps.")
    apps = tuple(_app(value, base=base, env=env, keys=keys) for value in listed)
    _check_different(apps, listed)
    return Plan(
        apps=apps,
        store=_store(entries, base=base),
        namespace=entries["namespace"].text("a name") if "namespace" in entries else None,
        ignored=tuple(keys.ignored),
    )


def _check_version(document: Value, entries: Mapping[str, Value]) -> None:
    if "version" not in entries:
        raise FileInvalid(codes.SETTING_INVALID, f"{document.file}: no version; begin the file with version: 1")
    if entries["version"].text(_VERSION) != _VERSION:
        raise entries["version"].invalid(f"version {_VERSION}")


def _app(value: Value, *, base: Path, env: Mapping[str, str], keys: _Keys) -> App:
    entries = value.entries("an app: a mapping with appID and command")
    keys.check(entries, known=_APP_KEYS, holder="an app")
    directory = _directory(entries, base=base)
    ports = AppPorts(
        app=_app_id(value, entries, directory=directory),
        grpc_port=_port(entries, "daprGRPCPort"),
        http_port=_port(entries, "daprHTTPPort"),
    )
    command = _command(entries)
    limits = entries["limits"].entries("a mapping with activities and workflows") if "limits" in entries else {}
    keys.check(limits, known=CONCURRENCY_KEYS, holder="limits")
    return App(
        ports=ports,
        directory=directory,
        command=command,
        env={**env, **_env(entries)},
        concurrency=concurrency(limits),
    )


def _app_id(value: Value, entries: Mapping[str, Value], *, directory: Path) -> str:
    """Return the app's ID: the name of its directory if the file gives none, as in Dapr."""
    given = entries.get("appID")
    app_id = given.text("an app ID") if given else directory.name
    if not APP_ID_PATTERN.fullmatch(app_id):
        where = (given or value).where
        raise FileInvalid(
            codes.APP_ID_INVALID,
            f'{where}: app ID "{app_id}" has to be 1-63 letters, digits, ".", "_" or "-". Rename it.',
        )
    return app_id


def _directory(entries: Mapping[str, Value], *, base: Path) -> Path:
    value = entries.get("appDirPath")
    if value is None:
        return base
    directory = (base / Path(value.text("a directory")).expanduser()).resolve()
    if not directory.is_dir():
        raise value.invalid(f"a directory that exists; there is no {directory}")
    return directory


def _command(entries: Mapping[str, Value]) -> tuple[str, ...]:
    wanted = "a list of words, such as [python, app.py]"
    value = entries.get("command")
    if value is None or value.is_null():
        return ()
    words = tuple(word.text("a word") for word in value.items(wanted))
    if not words or not words[0]:
        raise value.invalid(wanted)
    return words


def _env(entries: Mapping[str, Value]) -> dict[str, str]:
    if "env" not in entries:
        return {}
    wanted = "a mapping of variables to texts"
    # As written: yes stays yes and 010 stays 010, whatever YAML would make of them.
    return {name: value.text("a text") for name, value in entries["env"].entries(wanted).items()}


def _port(entries: Mapping[str, Value], key: str) -> int | None:
    value = entries.get(key)
    if value is None:
        return None
    text = value.text("a port")
    if not text.isdecimal() or not 0 < int(text) <= _PORT_MAX:
        raise value.invalid(f"a port from 1 to {_PORT_MAX:,}")
    return int(text)


def _store(entries: Mapping[str, Value], *, base: Path) -> str | None:
    """Return the store's URL; a relative SQLite file is relative to the file that names it."""
    if "store" not in entries:
        return None
    url = entries["store"].text("the URL of a store")
    if not url.startswith(SQLITE_PREFIX):
        return url
    return f"{SQLITE_PREFIX}{base / Path(url.removeprefix(SQLITE_PREFIX)).expanduser()}"


def _check_different(apps: tuple[App, ...], listed: tuple[Value, ...]) -> None:
    first: dict[str, Value] = {}
    for app, value in zip(apps, listed, strict=True):
        name = app.ports.app
        if name in first:
            raise FileInvalid(
                codes.SETTING_INVALID,
                f'{value.where}: app "{name}" was given in line {first[name].line} already. Rename one.',
            )
        first[name] = value
