"""PURE: from a pod and what is known of its namespace to the patch that gives it a sidecar, or to why not.

The same input gives the same answer; nothing is read, written or remembered here. `resources` holds the views of
custom resources that `validation` and the webhook's cache use too.
"""

from collections.abc import Mapping
from typing import Any

from antiphon_names import errors as codes
from antiphon_names import labels as names
from antiphon_operator.injection import deciding, patching, pods, sidecar
from antiphon_operator.injection.outcomes import Injected, LeftAlone, Operation, Outcome, Refused, Unconcerned
from antiphon_operator.injection.overrides import AnnotationInvalid, Wanted, ports, wanted
from antiphon_operator.injection.pods import Pod
from antiphon_operator.injection.resources import Known
from antiphon_operator.injection.settings import InjectionSettings, Ports, Resources

_CREATE = "CREATE"


def inject(
    pod: Mapping[str, Any], *, namespace: str, known: Known, settings: InjectionSettings, operation: str = _CREATE
) -> Outcome:
    """Return what becomes of a pod; `namespace` is the request's, since pods of controllers do not say theirs yet.

    A pod that has its sidecar already gets only what containers that were added since then lack, so that another
    call with the patched pod changes nothing.
    """
    if operation != _CREATE:
        return LeftAlone(Unconcerned.NOT_A_CREATION, "A pod gets its sidecar when it is created, or never.")
    view = pods.read(pod)
    if view.has_sidecar:
        return _again(view, settings)
    chosen = deciding.decide(view, namespace=namespace, known=known, settings=settings)
    if not isinstance(chosen, deciding.Chosen):
        return chosen
    registration = chosen.registration
    given = wanted(view.annotations, registration.sidecar, defaults=settings)
    if isinstance(given, Refused):
        return given
    taken = _taken(view, given)
    if taken is not None:
        return taken
    addition = sidecar.addition(registration.app_id, chosen.store, wanted=given, settings=settings)
    patch = patching.injecting(view, addition, app_id=registration.app_id, version=settings.version)
    return Injected(registration.app_id, patch, _unknown_annotations(view))


def _again(pod: Pod, settings: InjectionSettings) -> Outcome:
    if names.INJECTED not in pod.labels:
        return LeftAlone(
            Unconcerned.OWN_SIDECAR, f"The pod brings a container {names.SIDECAR_CONTAINER} that nobody injected."
        )
    app_id = pod.annotations.get(names.APP_ID, "")
    try:
        env = sidecar.app_env(app_id, ports(pod.annotations, settings.ports))
    except AnnotationInvalid:
        # Somebody has changed what the sidecar was made from; what it then got is not known here.
        env = ()
    patch = patching.completing(pod, env)
    if not patch:
        return LeftAlone(Unconcerned.ALREADY_INJECTED, "The pod has its sidecar.")
    return Injected(app_id, patch)


def _taken(pod: Pod, given: Wanted) -> Refused | None:
    ours = given.ports.taken()
    for _, container in pod.all_containers():
        for port in container.get("ports") or ():
            number = port.get("containerPort")
            if number in ours and (port.get("protocol") or "TCP") == "TCP":
                return Refused(
                    codes.SIDECAR_PORT_TAKEN,
                    f'container "{container.get("name")}" of pod {pod.name} has port {number}, on which the sidecar '
                    f"would listen ({ours[number]}). The pod is not started. Give the container or the sidecar "
                    f"another port; annotations of the pod for the latter: {names.GRPC_PORT}, {names.HTTP_PORT}, "
                    f"{names.PEER_PORT}, {names.METRICS_PORT}.",
                )
    return None


def _unknown_annotations(pod: Pod) -> list[str]:
    unknown = sorted(
        key for key in pod.annotations if key.startswith(names.PREFIX) and key not in names.POD_ANNOTATIONS
    )
    return [
        f"annotation {key} of pod {pod.name} has no meaning here.{codes.nearest(key, names.POD_ANNOTATIONS)}"
        for key in unknown
    ]


__all__ = [
    "Injected",
    "InjectionSettings",
    "Known",
    "LeftAlone",
    "Operation",
    "Outcome",
    "Ports",
    "Refused",
    "Resources",
    "Unconcerned",
    "inject",
]
