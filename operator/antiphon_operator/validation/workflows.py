"""Checks of a Workflow."""

from collections.abc import Iterator, Mapping
from typing import Any

from antiphon_names import errors as codes
from antiphon_operator.injection import resources
from antiphon_operator.injection.resources import Known, Registration
from antiphon_operator.validation import schemas
from antiphon_operator.validation.problems import Problem, entries, part, repeated


def problems(found: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what can never be right."""
    spec = part(found, "spec")
    if "input" in spec:
        yield from schemas.invalid(spec["input"], where="spec.input")
    calls = entries(found, "spec", "calls")
    yield from repeated((_title(call, found) for call in calls), where="spec.calls")
    for index, call in enumerate(calls):
        for side in ("sends", "expects"):
            if side in call:
                yield from schemas.invalid(call[side], where=f"spec.calls[{index}].{side}")


def warnings(found: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Yield what does not work now, and may later."""
    workflow = resources.read_workflow(found)
    apps = known.by_app()
    for other in known.workflows:
        same = (other.app_id, other.workflow) == (workflow.app_id, workflow.workflow)
        if same and other.name != workflow.name:
            yield (
                f'Workflow "{other.name}" has the same entry, workflow "{workflow.workflow}" of app {workflow.app_id}. '
                "One workflow has one contract: keep one of the two."
            )
    yield from _entry(workflow, apps)
    for call in entries(found, "spec", "calls"):
        yield from _call(call, caller=str(call.get("from") or workflow.app_id), apps=apps)


def _entry(workflow: resources.Workflow, apps: Mapping[str, Registration]) -> Iterator[str]:
    registration = apps.get(workflow.app_id)
    if registration is None:
        yield _app_missing("spec.entry", workflow.app_id, apps)
        return
    names = registration.workflows()
    if names is not None and workflow.workflow not in names:
        yield (
            f'{codes.WORKFLOW_NOT_REGISTERED}: spec.entry names workflow "{workflow.workflow}", and app '
            f"{workflow.app_id} offers {codes.listing(names)}.{codes.nearest(workflow.workflow, names)}"
        )


def _call(call: Mapping[str, Any], *, caller: str, apps: Mapping[str, Registration]) -> Iterator[str]:
    app_id = str(call.get("appId"))
    registration = apps.get(app_id)
    if registration is None:
        yield _app_missing("spec.calls", app_id, apps)
        return
    activity = call.get("activity")
    name = str(activity or call.get("workflow"))
    names = registration.activities() if activity else registration.workflows()
    if names is not None and name not in names:
        kind, code = (
            ("activity", codes.ACTIVITY_NOT_REGISTERED) if activity else ("workflow", codes.WORKFLOW_NOT_REGISTERED)
        )
        yield (
            f'{code}: spec.calls names {kind} "{name}" of app {app_id}, which offers {codes.listing(names)}.'
            f"{codes.nearest(name, names)}"
        )
    if not registration.allows(caller):
        yield (
            f'{codes.CALL_DENIED}: AppRegistration "{registration.name}" (app {app_id}) does not allow calls from app '
            f"{caller}. Its owners may add {caller} to spec.allowFrom."
        )


def _app_missing(where: str, app_id: str, apps: Mapping[str, Registration]) -> str:
    return (
        f'{codes.TARGET_APP_NOT_FOUND}: {where} names app "{app_id}", which no AppRegistration of this namespace '
        f"declares; declared: {codes.listing(apps)}.{codes.nearest(app_id, apps)}"
    )


def _title(call: Mapping[str, Any], found: Mapping[str, Any]) -> str:
    caller = call.get("from") or part(found, "spec", "entry").get("appId")
    kind = "activity" if call.get("activity") else "workflow"
    return f"{caller} -> {kind} {call.get(kind)} of {call.get('appId')}"
