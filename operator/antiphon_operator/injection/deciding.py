"""Whether a pod gets a sidecar, and which app it is.

A pod that asked for a sidecar never runs without one: what stands in the way is a refusal that names the fix. Pods
that do not ask come here only from namespaces that do, as the API server selects them; such a pod is left alone unless
it belongs to an app.
"""

from dataclasses import dataclass

from antiphon_names import errors as codes
from antiphon_names import labels as names
from antiphon_operator.injection import selectors
from antiphon_operator.injection.outcomes import LeftAlone, Refused, Unconcerned
from antiphon_operator.injection.pods import Pod
from antiphon_operator.injection.resources import Known, Registration, StateStore
from antiphon_operator.injection.settings import InjectionSettings

_YES = "true"
_NO = "false"
_NOT_STARTED = "The pod is not started."


@dataclass(frozen=True, slots=True)
class Chosen:
    """The app of a pod, and where that keeps its state."""

    registration: Registration
    store: StateStore


@dataclass(frozen=True, slots=True)
class _Asked:
    """`itself`: the pod asks by its own label or annotation, not only its namespace."""

    itself: bool


def decide(pod: Pod, *, namespace: str, known: Known, settings: InjectionSettings) -> Chosen | LeftAlone | Refused:
    """Return the app of a pod that is being created, or why it gets no sidecar."""
    asked = _asked(pod)
    if not isinstance(asked, _Asked):
        return asked
    registration = _registration(pod, namespace, known, asked)
    if not isinstance(registration, Registration):
        return registration
    return (
        _unfit(pod, asked, settings)
        or _wrong_account(pod, registration)
        or _with_store(pod, registration, namespace, known)
    )


def _asked(pod: Pod) -> _Asked | LeftAlone | Refused:
    if pod.mirror:
        return LeftAlone(Unconcerned.MIRROR_POD, "The kubelet runs this pod from a file; a patch would not reach it.")
    label = pod.labels.get(names.INJECT)
    if label == _NO:
        return LeftAlone(Unconcerned.OPTED_OUT, f"The pod has the label {names.INJECT}=false.")
    if label not in (None, _YES):
        return Refused(
            codes.POD_ANNOTATION_INVALID,
            f'label {names.INJECT} of pod {pod.name} is "{label}"; accepted: "true" and "false". {_NOT_STARTED} '
            "Correct the label in the template of the pod.",
        )
    return _Asked(itself=label == _YES or names.APP_ID in pod.annotations)


def _registration(pod: Pod, namespace: str, known: Known, asked: _Asked) -> Registration | LeftAlone | Refused:
    apps = known.by_app()
    named = pod.annotations.get(names.APP_ID)
    if named is not None:
        return _of_name(pod, named, namespace, known)
    matching = [registration for registration in apps.values() if registration.selector.matches(pod.labels)]
    match matching:
        case [registration]:
            return registration
        case []:
            return _of_nobody(pod, namespace, known, asked)
    listed = ", ".join(f'"{each.name}" (app {each.app_id})' for each in sorted(matching, key=lambda each: each.name))
    return Refused(
        codes.APP_REGISTRATION_AMBIGUOUS,
        f"pod {pod.name} (namespace {namespace}) has labels that several AppRegistrations select: {listed}. "
        f"{_NOT_STARTED} Name the app with the annotation {names.APP_ID}, or make the selectors differ.",
    )


def _of_name(pod: Pod, app_id: str, namespace: str, known: Known) -> Registration | Refused:
    apps = known.by_app()
    registration = apps.get(app_id)
    if registration is None:
        return Refused(
            codes.APP_NOT_DECLARED,
            f'pod {pod.name} has the annotation {names.APP_ID} "{app_id}", and no AppRegistration of namespace '
            f"{namespace} declares that app; declared: {codes.listing(apps)}.{codes.nearest(app_id, apps)} "
            f"{_NOT_STARTED} Create the AppRegistration, or correct the annotation.",
            may_mend=True,
        )
    if not registration.selector.matches(pod.labels):
        return Refused(
            codes.POD_NOT_SELECTED,
            f'pod {pod.name} has the annotation {names.APP_ID} "{app_id}", but AppRegistration "{registration.name}" '
            f"of that app selects {registration.selector}, and the pod has {selectors.written(pod.labels)}. "
            f"{_NOT_STARTED} Give the pod the labels that are selected, or widen the selector.",
            may_mend=True,
        )
    return registration


def _of_nobody(pod: Pod, namespace: str, known: Known, asked: _Asked) -> LeftAlone | Refused:
    if not asked.itself:
        return LeftAlone(Unconcerned.NO_APP_FOR_POD, f"No AppRegistration of namespace {namespace} selects the pod.")
    ways = [f'"{each.name}" ({each.selector})' for each in sorted(known.registrations, key=lambda each: each.name)]
    return Refused(
        codes.APP_REGISTRATION_MISSING,
        f"pod {pod.name} asks for a sidecar by its label {names.INJECT}, and no AppRegistration of namespace "
        f"{namespace} selects its labels ({selectors.written(pod.labels)}); there is {codes.listing(ways, most=5)}. "
        f"{_NOT_STARTED} Create an AppRegistration whose selector matches the pod, or remove the label.",
        may_mend=True,
    )


def _unfit(pod: Pod, asked: _Asked, settings: InjectionSettings) -> LeftAlone | Refused | None:
    if not settings.native_sidecars:
        return Refused(
            codes.NATIVE_SIDECARS_MISSING,
            f"pod {pod.name} asks for a sidecar, and this cluster ({settings.server_version}) has no sidecar "
            f"containers: they came with Kubernetes 1.29. {_NOT_STARTED} Upgrade the cluster.",
        )
    if pod.host_network:
        why = "shares the network of its node (hostNetwork), where ports of sidecars would collide"
        return _unfit_for(pod, asked, Unconcerned.HOST_NETWORK, why)
    if pod.windows:
        return _unfit_for(pod, asked, Unconcerned.WINDOWS, "runs on Windows, and there is no sidecar for that")
    return None


def _unfit_for(pod: Pod, asked: _Asked, reason: Unconcerned, why: str) -> LeftAlone | Refused:
    if not asked.itself:
        return LeftAlone(reason, f"The pod {why}.")
    return Refused(
        codes.SIDECAR_IMPOSSIBLE,
        f"pod {pod.name} asks for a sidecar, but it {why}. {_NOT_STARTED} Remove the label {names.INJECT}, or the "
        "cause.",
    )


def _wrong_account(pod: Pod, registration: Registration) -> Refused | None:
    wanted = registration.service_account
    if wanted is None or wanted == pod.service_account:
        return None
    return Refused(
        codes.SERVICE_ACCOUNT_MISMATCH,
        f'pod {pod.name} runs as service account "{pod.service_account}", but AppRegistration "{registration.name}" '
        f'(app {registration.app_id}) wants "{wanted}". {_NOT_STARTED} Set serviceAccountName in the pod, or change '
        "spec.serviceAccountName of the AppRegistration.",
        may_mend=True,
    )


def _with_store(pod: Pod, registration: Registration, namespace: str, known: Known) -> Chosen | Refused:
    store = known.store(registration.store) if registration.store else None
    if store is not None:
        return Chosen(registration, store)
    stores = [each.name for each in known.stores]
    nearest = codes.nearest(registration.store or "", stores)
    return Refused(
        codes.STATE_STORE_MISSING,
        f'pod {pod.name} belongs to app {registration.app_id}, whose AppRegistration "{registration.name}" names the '
        f'StateStore "{registration.store or ""}", and namespace {namespace} has {codes.listing(stores)}.{nearest} '
        f"{_NOT_STARTED} Create the StateStore, or correct spec.storeRef.name.",
        may_mend=True,
    )
