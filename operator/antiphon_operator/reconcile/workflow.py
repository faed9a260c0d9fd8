"""A Workflow: whether its calls can be made, and whether new instances are admitted."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from antiphon_names import conditions as reasons
from antiphon_names import errors as codes
from antiphon_names.registry import EntryRecord
from antiphon_operator.contracts.check import Planned, check
from antiphon_operator.contracts.findings import Call, Finding, Topic, Verdict
from antiphon_operator.reconcile import etcd, objects
from antiphon_operator.reconcile.appregistration import age_s, figures, stalled
from antiphon_operator.reconcile.conditions import Condition, happenings, listed, pending_s, summary
from antiphon_operator.reconcile.observed import Instances, OfWorkflow
from antiphon_operator.reconcile.outcome import Body, Outcome

#: Findings that the message of a condition spells out; the rest is counted.
_TOLD_MOST = 3
_OFF = "Off"
_WELL = {
    Topic.NAMESPACE: reasons.SAME_NAMESPACE,
    Topic.STORE: reasons.SAME_STORE,
    Topic.REGISTERED: reasons.ALL_OFFERED,
    Topic.ALLOWED: reasons.ALLOWED,
    Topic.SCHEMAS: reasons.COMPATIBLE,
}


def judge(body: Body, observed: OfWorkflow) -> tuple[Verdict, ...]:
    """Judge the workflow's entry, the first verdict, and each of its calls, in their order."""
    workflow = objects.workflow(body)
    entry = Call(workflow.app_id, workflow.app_id, "workflow", workflow.workflow)
    planned = [Planned(entry, version=workflow.version, sends=workflow.input, entry=True)]
    planned += [
        Planned(Call(call.caller, call.app_id, call.kind, call.name), sends=call.sends, expects=call.expects)
        for call in workflow.calls
    ]
    return check(f'workflow "{workflow.workflow}" ({workflow.app_id})', planned, observed.namespace)


def reconcile(body: Body, verdicts: tuple[Verdict, ...], observed: OfWorkflow, now: datetime) -> Outcome:
    """Turn the verdicts into the status of the Workflow."""
    workflow = objects.workflow(body)
    before, known = objects.status(body), objects.conditions(body)
    wait_s = pending_s(known, workflow.meta.created, now)
    found = _pending() if wait_s is not None else _conditions(workflow, verdicts, observed)
    status: dict[str, Any] = {
        "observedGeneration": workflow.meta.generation,
        "conditions": listed(found, before=known, generation=workflow.meta.generation, now=now),
    }
    if wait_s is None:
        status["calls"] = [_call(verdict) for verdict in verdicts[1:]]
        status["apps"] = _apps(verdicts, observed)
    if shown := figures(_instances(observed.instances, now), before.get("instances")):
        status["instances"] = shown
    silent = wait_s is not None or workflow.policy == _OFF
    return Outcome(status, () if silent else happenings(found[0], known), wait_s)


def entry(body: Body, verdicts: Iterable[Verdict]) -> EntryRecord:
    """Return what sidecars are told about new instances of the workflow."""
    workflow = objects.workflow(body)
    admit, reason, message = True, "", ""
    broken = next((finding for verdict in verdicts for finding in verdict.findings if finding.broken), None)
    if workflow.suspend:
        admit, reason = False, codes.WORKFLOW_SUSPENDED.name
        message = (
            f'Workflow {workflow.meta.name} admits no new instances of "{workflow.workflow}" ({workflow.app_id}): '
            "spec.suspend is true. Set it to false."
        )
    elif broken is not None and workflow.policy != _OFF:
        admit, reason, message = workflow.policy != "Enforce", broken.reason, broken.message
    return EntryRecord(admit=admit, reason=reason, message=message, retention=workflow.retention)


def _instances(found: Instances | None, now: datetime) -> dict[str, int] | None:
    if found is None:
        return None
    return {
        "running": found.running,
        "suspended": found.suspended,
        "stalled": found.stalled,
        "failedLastHour": found.failed_last_hour,
        "oldestSeconds": age_s(found.oldest_created, now),
    }


def _call(verdict: Verdict) -> dict[str, Any]:
    call = verdict.call
    said = {"from": call.caller, "appId": call.app_id, "name": call.name}
    if not verdict.findings:
        return {**said, "result": reasons.RESOLVED.name}
    worst = verdict.findings[0]
    return {**said, "result": worst.reason, "message": worst.message}


def _pending() -> list[Condition]:
    reason = reasons.PENDING
    return [
        *(Condition(name, None, reason.name, reason.summary) for name in ("Ready", *Topic)),
        Condition("Progressing", True, reason.name, reason.summary),
        Condition("Stalled", False, reasons.HEALTHY.name),
    ]


def _conditions(workflow: objects.Workflow, verdicts: tuple[Verdict, ...], observed: OfWorkflow) -> list[Condition]:
    findings = [finding for verdict in verdicts for finding in verdict.findings]
    topics = {topic: _topic(topic, findings) for topic in Topic}
    absent = next((each for each in findings if each.reason == codes.TARGET_APP_NOT_FOUND.name), None)
    for topic in (Topic.STORE, Topic.ALLOWED):
        if absent is not None and topics[topic].status is True:
            topics[topic] = Condition(topic, None, absent.reason, "not known of an app that is not there")
    if observed.etcd.away_since is not None and observed.namespace.seen and topics[Topic.REGISTERED].status is True:
        topics[Topic.REGISTERED] = etcd.away(Topic.REGISTERED, observed.etcd)
    # What cannot be proven about schemas holds nobody up.
    weighed = [topics[topic] for topic in Topic if topic is not Topic.SCHEMAS or topics[topic].status is False]
    if workflow.policy == _OFF:
        unasked = reasons.NOT_CHECKED
        settled = Condition("Progressing", False, reasons.SETTLED.name)
        return [Condition("Ready", True, unasked.name, unasked.summary), *topics.values(), settled, stalled(None)]
    ready = summary("Ready", weighed, well=reasons.RESOLVED.name, message=_all_well(verdicts))
    waits = next((condition for condition in weighed if condition.status is None), None)
    mending = next((finding for finding in findings if finding.broken and not finding.lasting), None)
    lasting = next((finding for finding in findings if finding.lasting), None)
    return [
        ready,
        *topics.values(),
        _progressing(waits, mending),
        stalled(None if lasting is None else Condition("Stalled", True, lasting.reason, lasting.message)),
    ]


def _topic(topic: Topic, findings: Iterable[Finding]) -> Condition:
    concerned = [finding for finding in findings if finding.topic is topic]
    if not concerned:
        return Condition(topic, True, _WELL[topic].name, "")
    broken = [finding for finding in concerned if finding.broken]
    told = broken or concerned
    message = " ".join(finding.message for finding in told[:_TOLD_MOST])
    if len(told) > _TOLD_MOST:
        message += f" And {len(told) - _TOLD_MOST} more: see status.calls."
    return Condition(topic, False if broken else None, told[0].reason, message)


def _progressing(waits: Condition | None, mending: Finding | None) -> Condition:
    if waits is not None:
        return Condition("Progressing", True, waits.reason, waits.message)
    if mending is not None:
        return Condition("Progressing", True, mending.reason, mending.message)
    return Condition("Progressing", False, reasons.SETTLED.name)


def _taking_part(verdicts: tuple[Verdict, ...]) -> set[str]:
    return {verdict.call.app_id for verdict in verdicts} | {verdict.call.caller for verdict in verdicts}


def _apps(verdicts: tuple[Verdict, ...], observed: OfWorkflow) -> str:
    """Return how many of the apps that take part are known."""
    apps = _taking_part(verdicts)
    return f"{len(apps & observed.namespace.apps.keys())}/{len(apps)}"


def _all_well(verdicts: tuple[Verdict, ...]) -> str:
    return f"{len(verdicts) - 1} calls in {len(_taking_part(verdicts))} apps can be made"
