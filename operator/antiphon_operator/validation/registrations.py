"""Checks of an AppRegistration."""

from collections.abc import Iterator, Mapping
from typing import Any

from antiphon_names import errors as codes
from antiphon_operator.injection import quantities, resources
from antiphon_operator.injection.resources import Known
from antiphon_operator.validation import schemas
from antiphon_operator.validation.problems import Problem, entries, part, repeated

_KINDS = ("activities", "workflows")


def problems(found: Mapping[str, Any]) -> Iterator[Problem]:
    """Yield what can never be right."""
    for kind in _KINDS:
        offered = entries(found, "spec", "offers", kind)
        yield from repeated(map(_title, offered), where=f"spec.offers.{kind}")
        for each in offered:
            for side in ("input", "output"):
                if side in each:
                    where = f"spec.offers.{kind}[{each.get('name')}].{side}"
                    yield from schemas.invalid(each[side], where=where)
        limited = entries(found, "spec", "limits", kind)
        yield from repeated((str(each.get("name")) for each in limited), where=f"spec.limits.{kind}")
    yield from repeated(
        (str(each.get("appId")) for each in entries(found, "spec", "allowFrom")), where="spec.allowFrom"
    )
    yield from _amounts(part(found, "spec", "sidecar", "resources"))


def warnings(found: Mapping[str, Any], known: Known) -> Iterator[str]:
    """Yield what does not work now, and may later."""
    registration = resources.read_registration(found)
    others = [each for each in known.registrations if each.name != registration.name]
    stores = [store.name for store in known.stores]
    if registration.store and registration.store not in stores:
        yield (
            f'{codes.STATE_STORE_MISSING}: there is no StateStore "{registration.store}" in this namespace, which has '
            f"{codes.listing(stores)}.{codes.nearest(registration.store, stores)} Pods of app {registration.app_id} "
            "are not started until there is."
        )
    for other in others:
        if other.app_id == registration.app_id and _older(other, registration):
            yield (
                f'{codes.APP_ID_CONFLICT}: app ID "{registration.app_id}" belongs to AppRegistration "{other.name}", '
                "which is older: this one has no effect while that exists."
            )
        elif other.app_id != registration.app_id and other.selector == registration.selector:
            yield (
                f'AppRegistration "{other.name}" (app {other.app_id}) selects the same pods ({registration.selector}): '
                "those that do not name their app in an annotation are refused."
            )
    apps = {each.app_id for each in others} | {registration.app_id}
    for caller in sorted(registration.allow_from or ()):
        if caller not in apps:
            yield f'spec.allowFrom names app "{caller}", which nobody declares.{codes.nearest(caller, apps)}'
    yield from _limits(found)


def _title(offer: Mapping[str, Any]) -> str:
    # Several versions of a workflow may be offered side by side.
    version = offer.get("version")
    return f"{offer.get('name')} (version {version})" if version else str(offer.get("name"))


def _older(other: resources.Registration, than: resources.Registration) -> bool:
    return not than.created or (other.created, other.name) < (than.created, than.name)


def _limits(found: Mapping[str, Any]) -> Iterator[str]:
    if "offers" not in part(found, "spec"):
        return
    for kind in _KINDS:
        offered = [str(each.get("name")) for each in entries(found, "spec", "offers", kind)]
        for limited in entries(found, "spec", "limits", kind):
            name = str(limited.get("name"))
            if name not in offered:
                yield f'spec.limits.{kind} names "{name}", which is not offered.{codes.nearest(name, offered)}'


def _amounts(given: Mapping[str, Any]) -> Iterator[Problem]:
    amounts = {}
    for kind in ("requests", "limits"):
        for name, text in part(given, kind).items():
            try:
                amounts[kind, name] = quantities.amount(str(text))
            except ValueError:
                yield Problem(
                    codes.FIELD_INVALID,
                    f'spec.sidecar.resources.{kind}.{name} is "{text}"; accepted: an amount such as 50m or 96Mi.',
                )
    for (kind, name), asked in amounts.items():
        limit = amounts.get(("limits", name))
        if kind == "requests" and limit is not None and asked > limit:
            yield Problem(
                codes.FIELD_INVALID,
                f"spec.sidecar.resources.requests.{name} is above the limit. Lower it, or raise limits.{name}.",
            )
