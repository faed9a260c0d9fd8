"""Where a call goes, and why it may not: what tasks, children and detached workflows have in common."""

from antiphon_names import errors as codes
from antiphon_sidecar.engine.actions import CreateChild, CreateDetached, ScheduleTask, Target
from antiphon_sidecar.engine.events import Failure, Propagation, Route
from antiphon_sidecar.engine.outcome import Call, Scope
from antiphon_sidecar.engine.state import State


def route_of(state: State, target: Target | None) -> Route:
    """Return the route of a call; without a target it stays in the caller's app."""
    if target is None or not target.app:
        return Route(source=state.app)
    return Route(source=state.app, target=target.app, namespace=target.namespace)


def foreign_namespace(target: Target | None, scope: Scope) -> Failure | None:
    """Return the refusal of a call that names another namespace."""
    if target is None or not target.namespace or target.namespace == scope.namespace:
        return None
    return Failure(
        error_type=codes.NAMESPACE_MISMATCH.name,
        message=(
            f'{codes.NAMESPACE_MISMATCH}: the call names app "{target.app}" in namespace "{target.namespace}", '
            f'but calls stay inside their own, "{scope.namespace}". Deploy the app there, or drop the namespace.'
        ),
        non_retriable=True,
        code=codes.NAMESPACE_MISMATCH.number,
    )


def refusal_of(state: State, action: ScheduleTask | CreateChild, scope: Scope) -> Failure | None:
    """Return why a call cannot be carried out."""
    return (
        foreign_namespace(action.target, scope)
        or _history_kept_back(state, action)
        or not_allowed(state.app, state.instance_id, action, scope)
    )


def not_allowed(
    app: str, instance_id: str, action: ScheduleTask | CreateChild | CreateDetached, scope: Scope
) -> Failure | None:
    """Return why the rules between apps refuse a call."""
    kind = "activity" if isinstance(action, ScheduleTask) else "workflow"
    target = action.target.app if action.target is not None and action.target.app else app
    return scope.refuse(Call(kind, action.name, target, instance_id))


def _history_kept_back(state: State, action: ScheduleTask | CreateChild) -> Failure | None:
    """Refuse to hand a history on where it would carry one app's data to another."""
    target = action.target.app if action.target is not None and action.target.app else state.app
    match action.propagation:
        case Propagation.OWN if target != state.app:
            what = f'its own history to app "{target}"'
            fix = "Pass what the other app needs as input."
        case Propagation.LINEAGE:
            what = "the histories of its callers too"
            fix = "Hand on the workflow's own history, inside its app, or pass what is needed as input."
        case _:
            return None
    return Failure(
        error_type=codes.HISTORY_NOT_PROPAGATED.name,
        message=(
            f'{codes.HISTORY_NOT_PROPAGATED}: workflow "{state.name}" ({state.app}) calls "{action.name}" and hands on '
            f"{what}, but a history stays inside its app: it holds inputs and results of others. {fix}"
        ),
        non_retriable=True,
        code=codes.HISTORY_NOT_PROPAGATED.number,
    )
