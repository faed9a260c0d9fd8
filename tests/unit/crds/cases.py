"""Objects of our kinds and what becomes of them: one table, judged offline and by the API server's own code."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import yaml

#: One whole object of each kind.
GOOD: Mapping[str, str] = {
    "AppRegistration": """
      metadata: {name: payments, namespace: shop}
      spec:
        appId: Payments
        selector: {matchLabels: {app: payments}}
        serviceAccountName: payments
        storeRef: {name: main}
        offers:
          workflows: [{name: refund, version: "2", input: {type: object}, output: {}}, {name: refund}]
          activities:
          - name: charge
            input: {type: object, required: [orderId], properties: {orderId: {type: string}}}
            output: {type: object, required: [receipt]}
        allowFrom: [{appId: orders}]
        limits: {activities: [{name: charge, maxConcurrent: 20}], workflows: [{name: refund, maxConcurrent: 1}]}
        sidecar: {resources: {requests: {cpu: 50m, memory: 96Mi}, limits: {cpu: 1}}, logLevel: info}
      status:
        observedGeneration: 3
        appId: Payments
        replicas: {pods: 3, injected: 3, connected: 3, summary: 3/3}
        offered:
          workflows: [refund]
          activities: [charge]
          workflowCount: 1
          activityCount: 1
          lastChange: "2026-01-02T03:04:05Z"
        store: {identity: 0f8fad5b-d9cb-469f-a165-70867728950e, name: main}
        backlog: {queued: 0, running: 4, oldestSeconds: 0}
        conditions:
        - {type: Ready, status: "True", reason: Connected, message: "", observedGeneration: 3,
           lastTransitionTime: "2026-01-02T03:04:05Z"}
    """,
    "Workflow": """
      metadata: {name: process-order, namespace: shop}
      spec:
        entry: {appId: orders, workflow: process_order, version: "2"}
        input: {type: object, required: [orderId]}
        calls:
        - {from: orders, appId: Payments, activity: charge, sends: {type: object}, expects: {type: object}}
        - {appId: shipping, workflow: ship_order}
        contractPolicy: Enforce
        suspend: false
        retention: {completed: 168h, failed: 720h}
      status:
        observedGeneration: 5
        apps: 2/3
        calls:
        - {appId: Payments, name: charge, result: Resolved}
        - {from: orders, appId: shipping, name: ship_order, result: WorkflowNotRegistered, message: no such name}
        instances: {running: 412, suspended: 0, stalled: 0, failedLastHour: 1, oldestSeconds: 180}
        conditions: []
    """,
    "WorkflowRun": """
      metadata: {name: first, namespace: shop}
      spec:
        workflowRef: {name: process-order}
        input: {orderId: "4711", lines: [{sku: a, count: 2}]}
        desired: Running
        deletionPolicy: Orphan
        ttlSecondsAfterFinished: 3600
      status:
        observedGeneration: 1
        instanceId: first-1a2b3c4d
        phase: Running
        startTime: "2026-01-02T03:04:05Z"
        completionTime: null
        duration: 4m12s
        output: {}
        failure: null
    """,
    "WorkflowSchedule": """
      metadata: {name: nightly, namespace: shop}
      spec:
        workflowRef: {name: nightly}
        schedule: "0 3 * * *"
        timeZone: Europe/Berlin
        concurrencyPolicy: Forbid
        startingDeadlineSeconds: 300
        suspend: false
        input: {}
        successfulRunsHistoryLimit: 3
        failedRunsHistoryLimit: 3
      status:
        lastScheduleTime: "2026-01-02T03:00:00Z"
        lastSuccessfulTime: "2026-01-02T03:10:00Z"
        nextScheduleTime: "2026-01-03T03:00:00Z"
        active: [nightly-29500000]
        activeCount: 1
    """,
    "StateStore": """
      metadata: {name: main, namespace: shop}
      spec: {postgresql: {urlSecretRef: {name: antiphon-db, key: url}, schema: antiphon, poolSize: 4}}
      status:
        {identity: 0f8fad5b-d9cb-469f-a165-70867728950e, backend: postgresql, serverVersion: "16.4", schemaVersion: 7}
    """,
}

#: Stands for a field that is not there.
ABSENT: Any = object()


def good(kind: str, **changes: Any) -> dict[str, Any]:
    """Return the kind's whole object with changes, such as `spec__appId="A"` or `spec__appId=ABSENT`."""
    made = {"apiVersion": "antiphon.dev/v1alpha1", "kind": kind, **yaml.safe_load(GOOD[kind])}
    return changed(made, **changes)


def changed(manifest: Mapping[str, Any], **changes: Any) -> dict[str, Any]:
    """Return a copy with some fields set or taken away; a double underscore goes one level down."""
    made = copy.deepcopy(dict(manifest))
    for path, value in changes.items():
        *above, last = path.split("__")
        holder = made
        for name in above:
            holder = holder[name]
        if value is ABSENT:
            del holder[last]
        else:
            holder[last] = value
    return made


@dataclass(frozen=True, slots=True)
class Case:
    """One request; `refusal`: a part of why it is refused, empty when it is admitted. `old` makes it an update."""

    what: str
    object: Mapping[str, Any]
    refusal: str = ""
    old: Mapping[str, Any] | None = None

    def __str__(self) -> str:
        return f"{self.object['kind']}: {self.what}"


def _created(kind: str, what: str, refusal: str = "", **changes: Any) -> Case:
    return Case(what, good(kind, **changes), refusal)


def _updated(
    kind: str, what: str, refusal: str = "", *, before: Mapping[str, Any] | None = None, **changes: Any
) -> Case:
    old = good(kind, **(before or {}))
    return Case(what, changed(old, **changes), refusal, old)


def _app() -> list[Case]:
    kind = "AppRegistration"
    other_operator = {"key": "tier", "operator": "Exists"}
    return [
        _created(kind, "as documented"),
        _created(kind, "least of all", spec={"selector": {"matchLabels": {"a": "b"}}, "storeRef": {"name": "main"}}),
        _created(
            kind,
            "64 characters of name as the ID",
            "at most 63 characters",
            metadata__name="a" * 64,
            spec__appId=ABSENT,
        ),
        _created(kind, "64 characters of name beside an ID", metadata__name="a" * 64),
        _created(kind, "an ID with a blank", ".spec.appId", spec__appId="pay ments"),
        _created(kind, "an ID of 64 characters", ".spec.appId", spec__appId="a" * 64),
        _updated(kind, "another ID", "spec.appId cannot change", spec__appId="payments"),
        _updated(kind, "no ID any more", "spec.appId cannot change", spec__appId=ABSENT),
        _updated(kind, "the ID that it had by its name", before={"spec__appId": ABSENT}, spec__appId="payments"),
        _updated(
            kind, "another ID than by its name", "cannot change", before={"spec__appId": ABSENT}, spec__appId="Payments"
        ),
        _updated(kind, "other offers", spec__offers={}),
        _created(kind, "an empty selector", "an empty selector", spec__selector={}),
        _created(kind, "empty labels", "an empty selector", spec__selector={"matchLabels": {}, "matchExpressions": []}),
        _created(kind, "no selector", "selector", spec__selector=ABSENT),
        _created(kind, "a selector of an expression", spec__selector={"matchExpressions": [other_operator]}),
        _created(kind, "a label's key that is too long", "317", spec__selector={"matchLabels": {"k" * 318: "v"}}),
        _created(
            kind,
            "In without values",
            "In and NotIn need",
            spec__selector={"matchExpressions": [other_operator | {"operator": "In"}]},
        ),
        _created(
            kind,
            "Exists with values",
            "In and NotIn need",
            spec__selector={"matchExpressions": [other_operator | {"values": ["x"]}]},
        ),
        _created(
            kind,
            "In with values",
            spec__selector={"matchExpressions": [other_operator | {"operator": "In", "values": ["x"]}]},
        ),
        _created(kind, "no store", "storeRef", spec__storeRef=ABSENT),
        _created(
            kind, "two activities of one name", "Duplicate", spec__offers={"activities": [{"name": "a"}, {"name": "a"}]}
        ),
        _created(
            kind,
            "a version of a workflow twice",
            "Duplicate",
            spec__offers={"workflows": [{"name": "a"}, {"name": "a", "version": ""}]},
        ),
        _created(kind, "a caller twice", "Duplicate", spec__allowFrom=[{"appId": "a"}, {"appId": "a"}]),
        _created(kind, "nobody may call", spec__allowFrom=[]),
        _created(
            kind, "a limit of 0", "maxConcurrent", spec__limits={"activities": [{"name": "a", "maxConcurrent": 0}]}
        ),
        _created(kind, "an unknown level of logs", "logLevel", spec__sidecar={"logLevel": "INFO"}),
        _created(kind, "memory that is none", "memory", spec__sidecar={"resources": {"limits": {"memory": "much"}}}),
        _created(kind, "a field that is not known", "spec", spec__selecter={}),
    ]


def _workflow() -> list[Case]:
    kind = "Workflow"
    return [
        _created(kind, "as documented"),
        _created(kind, "least of all", spec={"entry": {"appId": "orders", "workflow": "buy"}}),
        _created(kind, "no entry", "entry", spec__entry=ABSENT),
        _created(
            kind, "a call to both", "exactly one of", spec__calls=[{"appId": "a", "activity": "b", "workflow": "c"}]
        ),
        _created(kind, "a call to neither", "exactly one of", spec__calls=[{"appId": "a"}]),
        _created(kind, "a call without an app", "appId", spec__calls=[{"activity": "b"}]),
        _created(kind, "an unknown policy", "contractPolicy", spec__contractPolicy="enforce"),
        _created(kind, "the policy Off", spec__contractPolicy="Off"),
        _created(kind, "a composed duration", spec__retention={"completed": "1h30m", "failed": "90s"}),
        _created(kind, "days", "168h or 1h30m", spec__retention={"completed": "7d"}),
        _created(kind, "no unit", "168h or 1h30m", spec__retention={"failed": "3600"}),
        _created(kind, "a duration of one character", ".spec.retention", spec__retention={"failed": "0"}),
        _created(kind, "more calls than there may be", "calls", spec__calls=[{"appId": "a", "activity": "b"}] * 257),
    ]


def _run() -> list[Case]:
    kind = "WorkflowRun"
    return [
        _created(kind, "as documented"),
        _created(kind, "least of all", spec={"workflowRef": {"name": "buy"}}),
        _created(kind, "an input that is no object", spec={"workflowRef": {"name": "buy"}, "inputJson": "[1]"}),
        _created(kind, "two inputs", "not both", spec__inputJson="[1]"),
        _created(kind, "an input of another type", "input", spec__input="text"),
        _created(kind, "a name of 200 characters", metadata__name="a" * 200),
        _created(kind, "a name of 201 characters", "at most 200 characters", metadata__name="a" * 201),
        _created(kind, "an unknown wish", "desired", spec__desired="Paused"),
        _updated(kind, "suspended", spec__desired="Suspended"),
        _updated(kind, "terminated", spec__desired="Terminated"),
        _updated(
            kind,
            "running after its end",
            "does not run again",
            before={"spec__desired": "Terminated"},
            spec__desired="Running",
        ),
        _updated(kind, "another workflow", "workflowRef cannot change", spec__workflowRef={"name": "sell"}),
        _updated(kind, "another input", "input cannot change", spec__input={"orderId": "4712"}),
        _updated(
            kind,
            "another input deep down",
            "input cannot change",
            spec__input={"orderId": "4711", "lines": [{"sku": "b"}]},
        ),
        _updated(kind, "no input any more", "input cannot change", spec__input=ABSENT),
        _updated(
            kind,
            "another input that is no object",
            "inputJson cannot change",
            before={"spec__input": ABSENT, "spec__inputJson": "1"},
            spec__inputJson="2",
        ),
        _updated(kind, "another policy for its end", "deletionPolicy cannot change", spec__deletionPolicy="Terminate"),
        _updated(kind, "kept for longer", "ttlSecondsAfterFinished cannot", spec__ttlSecondsAfterFinished=7200),
        _updated(kind, "kept for ever", "ttlSecondsAfterFinished cannot", spec__ttlSecondsAfterFinished=ABSENT),
        _updated(kind, "its receipt", status={"phase": "Completed", "output": [1, "two"], "outputTruncated": False}),
        _updated(kind, "a phase that there is not", "phase", status={"phase": "Done"}),
    ]


def _schedule() -> list[Case]:
    kind = "WorkflowSchedule"
    schedules = {
        "": ["*/5 * * * *", "0,30 8-18/2 1,15 JAN-DEC mon-fri", "59 23 31 12 7", "0 0 * * SUN", "@daily", "@yearly"],
        "five fields": ["* * * *", "0  3 * * *", "0 3 * * * *", "@every 5m", "@reboot", "TZ=UTC 0 3 * * *"],
        "minute": ["60 * * * *", "a * * * *", "*/0 * * * *", "1- * * * *"],
        "hour": ["0 24 * * *", "0 -1 * * *"],
        "day of the month": ["0 0 0 * *", "0 0 32 * *"],
        "the month:": ["0 0 * 13 *", "0 0 * JANUARY *"],
        "day of the week": ["0 0 * * 8", "0 0 * * MONDAY"],
    }
    zones = {"": ["UTC", "Etc/GMT+5", "America/Argentina/Buenos_Aires"], "IANA": ["Local", "europe/berlin", "+01:00"]}
    return [
        _created(kind, "as documented"),
        _created(kind, "least of all", spec={"workflowRef": {"name": "nightly"}, "schedule": "@hourly"}),
        _created(kind, "a name of 52 characters", metadata__name="a" * 52),
        _created(kind, "a name of 53 characters", "at most 52 characters", metadata__name="a" * 53),
        *(
            _created(kind, f"schedule {each!r}", refusal, spec__schedule=each)
            for refusal, group in schedules.items()
            for each in group
        ),
        *(
            _created(kind, f"time zone {each!r}", refusal, spec__timeZone=each)
            for refusal, group in zones.items()
            for each in group
        ),
        _created(kind, "two inputs", "not both", spec__inputJson="[1]"),
        _created(kind, "a deadline of a second", "startingDeadlineSeconds", spec__startingDeadlineSeconds=1),
        _created(kind, "an unknown policy", "concurrencyPolicy", spec__concurrencyPolicy="Queue"),
        _updated(kind, "another time", spec__schedule="0 4 * * *"),
    ]


def _store() -> list[Case]:
    kind = "StateStore"
    secret = {"urlSecretRef": {"name": "db", "key": "url"}}
    return [
        _created(kind, "as documented"),
        _created(kind, "least of all", spec={"postgresql": secret}),
        _created(kind, "no backend", "exactly one backend", spec={}),
        _created(kind, "no key", "key", spec={"postgresql": {"urlSecretRef": {"name": "db"}}}),
        _created(
            kind, "a schema with a blank", "no name for a schema", spec={"postgresql": secret | {"schema": "a b"}}
        ),
        _created(
            kind, "a schema of PostgreSQL", "no name for a schema", spec={"postgresql": secret | {"schema": "pg_a"}}
        ),
        _created(kind, "no connection", "poolSize", spec={"postgresql": secret | {"poolSize": 0}}),
    ]


CASES: tuple[Case, ...] = (*_app(), *_workflow(), *_run(), *_schedule(), *_store())
