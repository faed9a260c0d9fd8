"""Our resources as the API server gives them, read into values; what the CRDs' schemas refuse is not checked again."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from antiphon_operator.contracts.apps import Offer, Schema
from antiphon_operator.reconcile.outcome import Body


@dataclass(frozen=True, slots=True)
class Meta:
    """What every object has; `created` sorts by age."""

    namespace: str
    name: str
    uid: str
    generation: int
    created: str


#: The kind whose objects make runs.
SCHEDULE = "WorkflowSchedule"


def meta(body: Body) -> Meta:
    """Read an object's metadata."""
    found = body["metadata"]
    return Meta(
        namespace=found["namespace"],
        name=found["name"],
        uid=found.get("uid", ""),
        generation=int(found.get("generation", 0)),
        created=str(found.get("creationTimestamp") or ""),
    )


def status(body: Body) -> Mapping[str, Any]:
    """Return an object's status, empty when it has none."""
    return body.get("status") or {}


def conditions(body: Body) -> Sequence[Mapping[str, Any]]:
    """Return an object's conditions as they stand."""
    return status(body).get("conditions") or ()


@dataclass(frozen=True, slots=True)
class AppRegistration:
    """An app's identity and what it offers; `offers` and `allow_from` are None when absent."""

    meta: Meta
    app_id: str
    selector: Mapping[str, Any]
    store: str | None
    offers: tuple[Offer, ...] | None
    allow_from: frozenset[str] | None
    activity_limits: Mapping[str, int]
    workflow_limits: Mapping[str, int]


def app_registration(body: Body) -> AppRegistration:
    """Read an AppRegistration."""
    spec = body.get("spec") or {}
    about = meta(body)
    limits = spec.get("limits") or {}
    allowed = spec.get("allowFrom")
    return AppRegistration(
        meta=about,
        app_id=spec.get("appId") or about.name,
        selector=spec.get("selector") or {},
        store=(spec.get("storeRef") or {}).get("name"),
        offers=_offers(spec["offers"]) if spec.get("offers") is not None else None,
        allow_from=None if allowed is None else frozenset(each["appId"] for each in allowed),
        activity_limits=_limits(limits.get("activities")),
        workflow_limits=_limits(limits.get("workflows")),
    )


def _offers(spec: Mapping[str, Any]) -> tuple[Offer, ...]:
    return tuple(
        Offer(kind, each["name"], str(each.get("version") or ""), _schema(each, "input"), _schema(each, "output"))
        for kind, plural in (("workflow", "workflows"), ("activity", "activities"))
        for each in spec.get(plural) or ()
    )


def _schema(holder: Mapping[str, Any], key: str) -> Schema | None:
    """Return a schema, None where there is none or it says nothing."""
    found = holder.get(key)
    return found or None


def _limits(found: Sequence[Mapping[str, Any]] | None) -> Mapping[str, int]:
    return {each["name"]: int(each["maxConcurrent"]) for each in found or ()}


@dataclass(frozen=True, slots=True)
class DeclaredCall:
    """One entry of `spec.calls`."""

    caller: str
    app_id: str
    kind: str
    name: str
    sends: Schema | None
    expects: Schema | None


@dataclass(frozen=True, slots=True)
class Workflow:
    """The contract of one workflow; retention in seconds."""

    meta: Meta
    app_id: str
    workflow: str
    version: str
    input: Schema | None
    calls: tuple[DeclaredCall, ...]
    policy: str
    suspend: bool
    retention: Mapping[str, int]

    @property
    def entry(self) -> tuple[str, str]:
        """Return the app and the name with which it begins."""
        return self.app_id, self.workflow


def workflow(body: Body) -> Workflow:
    """Read a Workflow."""
    spec = body.get("spec") or {}
    entry = spec["entry"]
    return Workflow(
        meta=meta(body),
        app_id=entry["appId"],
        workflow=entry["workflow"],
        version=str(entry.get("version") or ""),
        input=_schema(spec, "input"),
        calls=tuple(_call(each, entry["appId"]) for each in spec.get("calls") or ()),
        policy=spec.get("contractPolicy") or "Enforce",
        suspend=bool(spec.get("suspend", False)),
        retention={
            outcome: round(seconds(text)) for outcome, text in (spec.get("retention") or {}).items() if text is not None
        },
    )


def _call(spec: Mapping[str, Any], entry_app: str) -> DeclaredCall:
    kind = "activity" if spec.get("activity") else "workflow"
    return DeclaredCall(
        caller=spec.get("from") or entry_app,
        app_id=spec["appId"],
        kind=kind,
        name=spec[kind],
        sends=_schema(spec, "sends"),
        expects=_schema(spec, "expects"),
    )


_UNITS_S = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_PART = r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h|d)"


def seconds(text: str) -> float:
    """Read a duration as Kubernetes writes it, such as `168h` or `1h30m`.

    Raises:
        ValueError: it is none.
    """
    if not re.fullmatch(f"(?:{_PART})+", text):
        raise ValueError(f'"{text}" is no duration; write 168h, 30m or 1h30m')
    return sum(float(number) * _UNITS_S[unit] for number, unit in re.findall(_PART, text))


@dataclass(frozen=True, slots=True)
class StateStore:
    """One state store."""

    meta: Meta
    backend: str


def state_store(body: Body) -> StateStore:
    """Read a StateStore."""
    spec = body.get("spec") or {}
    return StateStore(meta(body), next((name for name in spec if spec[name] is not None), ""))


@dataclass(frozen=True, slots=True)
class WorkflowRun:
    """A request for one instance; `input` is JSON text, None for no input.

    `schedule`: the WorkflowSchedule that made it. `finalizers`: of the object, whoever set them.
    """

    meta: Meta
    workflow: str
    input: str | None
    desired: Literal["Running", "Suspended", "Terminated"]
    terminate_on_deletion: bool
    ttl_s: int | None
    schedule: str | None
    finalizers: tuple[str, ...]
    deleting: bool

    @property
    def instance_id(self) -> str:
        """Return the ID of the instance: one object, one ID, whatever happens."""
        # A tick makes one run, also when the object of an earlier one was deleted meanwhile.
        return self.meta.name if self.schedule is not None else f"{self.meta.name}-{self.meta.uid[:8]}"


def workflow_run(body: Body) -> WorkflowRun:
    """Read a WorkflowRun."""
    spec = body.get("spec") or {}
    return WorkflowRun(
        meta=meta(body),
        workflow=spec["workflowRef"]["name"],
        input=_input(spec),
        desired=spec.get("desired") or "Running",
        terminate_on_deletion=spec.get("deletionPolicy") == "Terminate",
        ttl_s=spec.get("ttlSecondsAfterFinished"),
        schedule=next((owner["name"] for owner in owners(body) if owner.get("kind") == SCHEDULE), None),
        finalizers=tuple(body["metadata"].get("finalizers") or ()),
        deleting=bool(body["metadata"].get("deletionTimestamp")),
    )


def _input(spec: Mapping[str, Any]) -> str | None:
    if spec.get("inputJson") is not None:
        return str(spec["inputJson"])
    found = spec.get("input")
    return None if found is None else json.dumps(found, separators=(",", ":"), ensure_ascii=False)


def owners(body: Body) -> Sequence[Mapping[str, Any]]:
    """Return what made the object: references with `controller` set, one at most."""
    return [each for each in body["metadata"].get("ownerReferences") or () if each.get("controller")]


@dataclass(frozen=True, slots=True)
class WorkflowSchedule:
    """Runs by the clock; `deadline_s`: how late a run may start, None for any time."""

    meta: Meta
    workflow: str
    schedule: str
    zone: str
    policy: Literal["Allow", "Forbid", "Replace"]
    deadline_s: int | None
    suspend: bool
    inputs: Mapping[str, Any]
    keep_successful: int
    keep_failed: int


def workflow_schedule(body: Body) -> WorkflowSchedule:
    """Read a WorkflowSchedule; `inputs` is what a run's spec is given."""
    spec = body.get("spec") or {}
    return WorkflowSchedule(
        meta=meta(body),
        workflow=spec["workflowRef"]["name"],
        schedule=spec["schedule"],
        zone=spec.get("timeZone") or "Etc/UTC",
        policy=spec.get("concurrencyPolicy") or "Allow",
        deadline_s=spec.get("startingDeadlineSeconds"),
        suspend=bool(spec.get("suspend", False)),
        inputs={key: spec[key] for key in ("input", "inputJson") if spec.get(key) is not None},
        keep_successful=int(spec.get("successfulRunsHistoryLimit", 3)),
        keep_failed=int(spec.get("failedRunsHistoryLimit", 3)),
    )
