"""What one sidecar gets: its pod's annotations win over its app's registration, and that over the defaults."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from antiphon_names import errors as codes
from antiphon_names import labels
from antiphon_operator.injection import quantities
from antiphon_operator.injection.outcomes import Refused
from antiphon_operator.injection.settings import InjectionSettings, Ports, Resources

LOG_LEVELS = ("debug", "info", "warning", "error")
_LAST_PORT = 65535
_AMOUNTS = {
    labels.CPU_REQUEST: ("requests", "cpu"),
    labels.CPU_LIMIT: ("limits", "cpu"),
    labels.MEMORY_REQUEST: ("requests", "memory"),
    labels.MEMORY_LIMIT: ("limits", "memory"),
}
_PORTS = {
    labels.GRPC_PORT: "grpc",
    labels.HTTP_PORT: "http",
    labels.PEER_PORT: "peer",
    labels.METRICS_PORT: "metrics",
}


@dataclass(frozen=True, slots=True)
class Wanted:
    """What one sidecar gets."""

    log_level: str
    ports: Ports
    resources: Resources


class AnnotationInvalid(Exception):
    """An annotation of a pod has a value that cannot be used."""

    def __init__(self, key: str, value: str, accepted: str) -> None:
        super().__init__(f'annotation {key} is "{value}"; accepted: {accepted}.')


def wanted(
    annotations: Mapping[str, str], registered: Mapping[str, Any], *, defaults: InjectionSettings
) -> Wanted | Refused:
    """Return what a sidecar gets; `registered` is `spec.sidecar` of its app's registration."""
    try:
        return Wanted(
            log_level=_log_level(annotations) or registered.get("logLevel") or defaults.log_level,
            ports=ports(annotations, defaults.ports),
            resources=_resources(annotations, registered.get("resources") or {}, defaults.resources),
        )
    except AnnotationInvalid as error:
        return Refused(
            codes.POD_ANNOTATION_INVALID,
            f"{error} The pod is not started. Correct the annotation in the template of the pod.",
        )


def ports(annotations: Mapping[str, str], defaults: Ports) -> Ports:
    """Return the sidecar's ports.

    Raises:
        AnnotationInvalid: one of them is no port, or given twice.
    """
    chosen = defaults
    for key, name in _PORTS.items():
        if key not in annotations:
            continue
        text = annotations[key]
        if not text.isdecimal() or not 0 < int(text) <= _LAST_PORT:
            raise AnnotationInvalid(key, text, "a port from 1 to 65535")
        chosen = replace(chosen, **{name: int(text)})
    if len(chosen.taken()) < len(_PORTS):
        twice = next(key for key in reversed(_PORTS) if key in annotations)
        raise AnnotationInvalid(twice, annotations[twice], "a port that no other part of the sidecar has")
    return chosen


def _log_level(annotations: Mapping[str, str]) -> str | None:
    level = annotations.get(labels.LOG_LEVEL)
    if level is not None and level not in LOG_LEVELS:
        raise AnnotationInvalid(labels.LOG_LEVEL, level, f"one of {', '.join(LOG_LEVELS)}")
    return level


def _resources(annotations: Mapping[str, str], registered: Resources, defaults: Resources) -> Resources:
    asked: dict[str, dict[str, str]] = {kind: dict(registered.get(kind) or {}) for kind in ("requests", "limits")}
    for key, (kind, name) in _AMOUNTS.items():
        if key not in annotations:
            continue
        try:
            quantities.amount(annotations[key])
        except ValueError:
            raise AnnotationInvalid(key, annotations[key], "an amount such as 50m or 96Mi") from None
        asked[kind][name] = annotations[key]
    return _fitting(asked, defaults)


def _fitting(asked: dict[str, dict[str, str]], defaults: Resources) -> Resources:
    """Add the defaults; one that does not go with what was asked follows it: no limit may be below its request."""
    result = {kind: {**defaults.get(kind, {}), **asked[kind]} for kind in ("requests", "limits")}
    for name in result["requests"].keys() & result["limits"].keys():
        request, limit = result["requests"][name], result["limits"][name]
        if quantities.amount(str(request)) <= quantities.amount(str(limit)):
            continue
        if name not in asked["limits"]:
            result["limits"][name] = request
        elif name not in asked["requests"]:
            result["requests"][name] = limit
    return {
        kind: {name: str(value) for name, value in sorted(given.items())} for kind, given in result.items() if given
    }
