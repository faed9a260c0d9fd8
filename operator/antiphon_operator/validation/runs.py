"""Checks of a WorkflowRun and a WorkflowSchedule: what is to run, with which input, and when."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from antiphon_names import errors as codes
from antiphon_operator.injection.resources import Known
from antiphon_operator.validation import schemas, timing
from antiphon_operator.validation.problems import Problem, part


def run_problems(found: Mapping[str, Any], known: Known) -> Iterator[Problem]:
    """Yield what can never be right of a WorkflowRun."""
    yield from _input(part(found, "spec"), known)


def schedule_problems(found: Mapping[str, Any], known: Known) -> Iterator[Problem]:
    """Yield what can never be right of a WorkflowSchedule."""
    spec = part(found, "spec")
    if "schedule" in spec:
        yield from timing.bad_schedule(str(spec["schedule"]))
    if spec.get("timeZone"):
        yield from timing.bad_zone(str(spec["timeZone"]))
    yield from _input(spec, known)


def warnings(found: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Yield what does not work now, and may later."""
    spec = part(found, "spec")
    name = str(part(spec, "workflowRef").get("name") or "")
    workflow = known.workflow(name)
    if workflow is None:
        names = [each.name for each in known.workflows]
        yield (
            f'spec.workflowRef names Workflow "{name}", and this namespace has {codes.listing(names)}.'
            f"{codes.nearest(name, names)} Nothing runs until there is one."
        )
        return
    if workflow.suspended:
        yield (
            f'{codes.WORKFLOW_SUSPENDED}: Workflow "{name}" is suspended: nothing runs until its spec.suspend is false.'
        )
    try:
        _unfit(spec, workflow.input)
    except schemas.Undecided as undecided:
        yield f'the input was not held against spec.input of Workflow "{name}": {undecided}.'
    except ValueError:
        return


def _input(spec: Mapping[str, Any], known: Known) -> Iterator[Problem]:
    workflow = known.workflow(str(part(spec, "workflowRef").get("name") or ""))
    try:
        why = _unfit(spec, None if workflow is None else workflow.input)
    except ValueError as error:
        yield Problem(
            codes.RUN_INPUT_INVALID,
            f"spec.inputJson is no JSON ({error}). Correct it, or write an object into spec.input.",
        )
        return
    except schemas.Undecided:
        return
    if why is not None and workflow is not None:
        where = "spec.inputJson" if "inputJson" in spec else "spec.input"
        yield Problem(
            codes.RUN_INPUT_INVALID,
            f'{where} does not fit what Workflow "{workflow.name}" declares: {why}. Correct the input, or spec.input '
            "of the Workflow.",
        )


def _unfit(spec: Mapping[str, Any], schema: schemas.Schema | None) -> str | None:
    """Return why an input does not fit; an input that is not given is null.

    Raises:
        ValueError: `inputJson` is no JSON.
        Undecided: it cannot be found out.
    """
    value = json.loads(spec["inputJson"]) if "inputJson" in spec else spec.get("input")
    return None if schema is None else schemas.unfit(value, schema)
