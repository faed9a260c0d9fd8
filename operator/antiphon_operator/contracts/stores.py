"""Whether two apps share a state store: equal identities, and each finds the other's heartbeat in its own."""

from collections.abc import Iterator

from antiphon_names import conditions
from antiphon_names import errors as codes
from antiphon_operator.contracts.apps import App
from antiphon_operator.contracts.findings import Finding, Topic


def compare(caller: App, target: App, *, subject: str) -> Iterator[Finding]:
    """Yield what speaks against it; what replicas report counts before what resources say."""
    if caller.app_id == target.app_id:
        yield from _split(caller, subject)
        return
    yield from _split(target, subject)
    mine, theirs = _identities(caller), _identities(target)
    if mine and theirs and not mine & theirs:
        yield _different(caller, target, f'{subject} "{target.app_id}"', _named(caller, mine), _named(target, theirs))
    elif caller.live.apart & target.live.replicas or target.live.apart & caller.live.replicas:
        yield _copied(caller, target, subject)
    elif (not mine or not theirs) and not _one_resource(caller, target):
        yield _unknown(caller, target, subject, bool(mine))


def _identities(app: App) -> frozenset[str]:
    if app.live.stores:
        return app.live.stores
    return frozenset({app.store.identity}) if app.store is not None and app.store.identity else frozenset()


def _one_resource(caller: App, target: App) -> bool:
    return caller.store is not None and target.store is not None and caller.store.name == target.store.name


def _named(app: App, identities: frozenset[str]) -> str:
    store = f"StateStore {app.store.name}, " if app.store is not None else ""
    return f"{store}identity {', '.join(sorted(identities))}"


def _different(caller: App, target: App, said: str, mine: str, theirs: str) -> Finding:
    return Finding(
        Topic.STORE,
        codes.STATE_STORE_MISMATCH.name,
        f"{said}, which keeps its state elsewhere: {caller.app_id} in {mine}; {target.app_id} in {theirs}. Apps that "
        "call each other share one store. Give both AppRegistrations the same spec.storeRef and restart the pods of "
        "one.",
        lasting=True,
    )


def _copied(caller: App, target: App, subject: str) -> Finding:
    return Finding(
        Topic.STORE,
        codes.STATE_STORE_MISMATCH.name,
        f'{subject} "{target.app_id}", whose store has the same identity and is another database: the replicas of '
        f"{caller.app_id} and {target.app_id} do not find each other in it. One was restored from a copy of the other. "
        "Point both at one database.",
        lasting=True,
    )


def _split(app: App, subject: str) -> Iterator[Finding]:
    """Yield what speaks against the replicas of one app sharing a store among themselves."""
    if len(app.live.stores) > 1:
        found = ", ".join(sorted(app.live.stores))
        yield Finding(
            Topic.STORE,
            codes.STATE_STORE_MISMATCH.name,
            f'{subject} "{app.app_id}", whose own replicas keep their state in {len(app.live.stores)} stores '
            f"({found}). Wait for its rollout to end, or restart the pods that have the old store.",
        )
    elif app.live.apart & app.live.replicas:
        yield Finding(
            Topic.STORE,
            codes.STATE_STORE_MISMATCH.name,
            f'{subject} "{app.app_id}", whose own replicas have stores of one identity that are different databases. '
            "One was restored from a copy of the other. Point all at one database.",
            lasting=True,
        )


def _unknown(caller: App, target: App, subject: str, mine: bool) -> Finding:
    silent = target.app_id if mine else caller.app_id
    return Finding(
        Topic.STORE,
        conditions.STORE_NOT_KNOWN.name,
        f'{subject} "{target.app_id}"; which store {silent} uses is not known, because no replica of it runs and no '
        f"StateStore says it. It is known as soon as a replica of {silent} runs.",
        broken=False,
    )
