"""Whether the calls of a contract can be made: the one entry is `check`.

Each rule reads what is known of caller and target and adds what it finds. Rules are in the order of their weight: an
app that is not there is not asked what it offers. Equal input gives equal findings, in any order of apps.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from antiphon_names import conditions
from antiphon_names import errors as codes
from antiphon_operator.contracts import schemas, stores
from antiphon_operator.contracts.apps import App, Namespace, Offer, Schema
from antiphon_operator.contracts.findings import Call, Finding, Topic, Verdict
from antiphon_operator.contracts.replicas import Name

#: Calls of one contract for which the nearest match is looked for.
_HINTS_MOST = 5


@dataclass(frozen=True, slots=True)
class Planned:
    """A call as a Workflow resource declares it.

    `version`: empty takes any. `sends`, `expects`: None says nothing about what is sent and expected. `entry`: this is
    the workflow itself, as whoever starts it calls it.
    """

    call: Call
    version: str = ""
    sends: Schema | None = None
    expects: Schema | None = None
    entry: bool = False


def check(workflow: str, planned: Iterable[Planned], namespace: Namespace) -> tuple[Verdict, ...]:
    """Judge each call; `workflow` is how messages call the contract, such as `workflow "buy" (orders)`."""
    words = _Words()
    return tuple(_Judging(workflow, each, namespace, words).verdict() for each in planned)


@dataclass(slots=True)
class _Words:
    """What messages of one contract have in common.

    Nearest matches cost far more than all else, and nobody reads hundreds: the first of a contract get them.
    """

    hints_left: int = _HINTS_MOST
    listings: dict[tuple[str, str], tuple[set[str], str]] = field(default_factory=dict)

    def nearest(self, name: str, known: Iterable[str]) -> str:
        self.hints_left -= 1
        return codes.nearest(name, known) if self.hints_left >= 0 else ""

    def known(self, app: App, kind: str) -> tuple[set[str], str]:
        """Return the names of a kind that an app is known to have, as a set and as a message lists them."""
        key = (app.app_id, kind)
        if key not in self.listings:
            names = app.known(kind)
            self.listings[key] = (names, codes.listing(names))
        return self.listings[key]


@dataclass(frozen=True, slots=True)
class _Judging:
    workflow: str
    planned: Planned
    namespace: Namespace
    words: _Words

    def verdict(self) -> Verdict:
        call = self.planned.call
        caller, target = self.namespace.apps.get(call.caller), self.namespace.apps.get(call.app_id)
        if target is None:
            return Verdict(call, self._missing(call.app_id, f"{self._says()} in app"))
        if caller is None:
            said = f'{self.workflow} names "{call.caller}" as the caller of {call.kind} "{call.name}", app'
            return Verdict(call, self._missing(call.caller, said))
        found = (
            *self._names(target),
            *stores.compare(caller, target, subject=f"{self._says()} in app"),
            *self._policy(caller, target),
            *self._schemas(target),
        )
        return Verdict(call, tuple(sorted(found, key=lambda finding: not finding.broken)))

    def _says(self) -> str:
        call = self.planned.call
        if self.planned.entry:
            return f'{self.workflow} begins with {call.kind} "{call.name}"'
        caller = "" if call.caller in self.workflow else f" (called by {call.caller})"
        return f'{self.workflow} calls {call.kind} "{call.name}"{caller}'

    # the app

    def _missing(self, app_id: str, said: str) -> tuple[Finding, ...]:
        where = self.namespace.elsewhere.get(app_id)
        if where is not None:
            message = (
                f'{said} "{app_id}", which is in namespace "{where}" and not in "{self.namespace.name}". Workflows do '
                f"not leave their namespace. Deploy {app_id} in {self.namespace.name}, or the callers in {where}."
            )
            reason = codes.NAMESPACE_MISMATCH.name
            return tuple(Finding(topic, reason, message, lasting=True) for topic in (Topic.NAMESPACE, Topic.REGISTERED))
        if not self.namespace.seen:
            return (_unseen(said, app_id),)
        known = self.namespace.apps
        return (
            Finding(
                Topic.REGISTERED,
                codes.TARGET_APP_NOT_FOUND.name,
                f'{said} "{app_id}", which namespace "{self.namespace.name}" does not have; it has: '
                f"{codes.listing(known)}.{self.words.nearest(app_id, known)} Deploy {app_id} or create its "
                "AppRegistration, or fix the app ID.",
            ),
        )

    # the name

    def _names(self, target: App) -> Iterator[Finding]:
        call = self.planned.call
        name = Name(call.kind, call.name)
        live = target.live
        declared = (target.declared or {}).get(name, ())
        if name in live.offered or declared:
            yield from self._version(target, name, declared)
            if name not in live.offered and live.connected and not live.silent:
                yield self._not_yet(target)
        elif target.declared is None and not live.connected:
            if name not in target.remembered:
                yield self._nobody(target)
        elif target.declared is None and live.silent:
            yield Finding(
                Topic.REGISTERED,
                conditions.NAMES_NOT_DECLARED.name,
                f'{self._says()} in app "{target.app_id}", whose workers do not say which names they have. List it '
                f"under spec.offers of {_registration(target)}, so that it can be checked.",
                broken=False,
            )
        else:
            yield self._unregistered(target)

    def _version(self, target: App, name: Name, declared: tuple[Offer, ...]) -> Iterator[Finding]:
        wanted = self.planned.version
        if not wanted:
            return
        live = {contract.version for contract in target.live.offered.get(name, ()) if contract.version}
        known = {offer.version for offer in declared if offer.version} | live
        if not known or wanted in known:
            return
        yield Finding(
            Topic.REGISTERED,
            codes.VERSION_NOT_AVAILABLE.name,
            f'{self._says()} version "{wanted}" in app "{target.app_id}", which has of it: {codes.listing(known)}. '
            f"Deploy a worker with version {wanted}, or fix spec.entry.version.",
            lasting=True,
        )

    def _not_yet(self, target: App) -> Finding:
        call = self.planned.call
        offered = target.live.names(call.kind)
        return Finding(
            Topic.REGISTERED,
            conditions.DECLARED_NOT_OFFERED.name,
            f'{self._says()} in app "{target.app_id}", whose AppRegistration declares it and whose workers do not '
            f"offer it; they offer: {codes.listing(offered)} "
            f"({_replicas(target)}).{self.words.nearest(call.name, offered)} Calls wait until a worker offers it. "
            "Deploy one, or fix the name.",
            broken=False,
        )

    def _nobody(self, target: App) -> Finding:
        if not self.namespace.seen:
            return _unseen(f"{self._says()} in app", target.app_id)
        return Finding(
            Topic.REGISTERED,
            codes.TARGET_APP_UNAVAILABLE.name,
            f'{self._says()} in app "{target.app_id}", which has no worker connected now, so nobody knows what it '
            f"offers. Calls wait. Start {target.app_id}, or list what it offers under spec.offers of "
            f"{_registration(target)}.",
            broken=False,
        )

    def _unregistered(self, target: App) -> Finding:
        call = self.planned.call
        known, listing = self.words.known(target, call.kind)
        code = codes.ACTIVITY_NOT_REGISTERED if call.kind == "activity" else codes.WORKFLOW_NOT_REGISTERED
        other = "workflow" if call.kind == "activity" else "activity"
        hint = self.words.nearest(call.name, known)
        if call.name in self.words.known(target, other)[0]:
            hint = f' It has {_a(other)} of this name: say "{other}" in the call.'
        return Finding(
            Topic.REGISTERED,
            code.name,
            f'{self._says()} in app "{target.app_id}"; {target.app_id} offers: {listing} '
            f"({_replicas(target)}).{hint} Such a call fails. Fix the name in {call.caller}, or register it in "
            f"{target.app_id}.",
            lasting=True,
        )

    # the policy

    def _policy(self, caller: App, target: App) -> Iterator[Finding]:
        allowed = target.allow_from
        if self.planned.entry or allowed is None or caller.app_id == target.app_id or caller.app_id in allowed:
            return
        yield Finding(
            Topic.ALLOWED,
            codes.CALL_DENIED.name,
            f'{self._says()} in app "{target.app_id}", which allows calls from: {_allowed(allowed)}. Such a call is '
            f"refused at once. Put {{appId: {caller.app_id}}} into spec.allowFrom of {_registration(target)}.",
            lasting=True,
        )

    # the schemas

    def _schemas(self, target: App) -> Iterator[Finding]:
        call = self.planned.call
        offers = [
            offer
            for offer in (target.declared or {}).get(Name(call.kind, call.name), ())
            if not self.planned.version or offer.version in ("", self.planned.version)
        ]
        for offer in offers:
            if self.planned.sends is not None and offer.input is not None:
                result = schemas.compare(self.planned.sends, offer.input)
                yield from self._misfit(target, result, "sends", "takes")
            if self.planned.expects is not None and offer.output is not None:
                result = schemas.compare(offer.output, self.planned.expects)
                yield from self._misfit(target, result, "expects", "returns")

    def _misfit(self, target: App, result: schemas.Comparison, here: str, there: str) -> Iterator[Finding]:
        if result.fit is schemas.Fit.FITS:
            return
        broken = result.fit is schemas.Fit.CLASHES
        reason = codes.SCHEMA_MISMATCH.name if broken else conditions.SCHEMAS_NOT_COMPARABLE.name
        field = "spec.input" if self.planned.entry else here
        said = "does not fit" if broken else "cannot be shown to fit"
        yield Finding(
            Topic.SCHEMAS,
            reason,
            f'{self._says()} in app "{target.app_id}": what the contract {here} {said} what {target.app_id} {there} '
            f"({result.why}). Make {field} and spec.offers of {_registration(target)} agree.",
            broken=broken,
            lasting=broken,
        )


def _unseen(said: str, app_id: str) -> Finding:
    return Finding(
        Topic.REGISTERED,
        codes.ETCD_UNREACHABLE.name,
        f'{said} "{app_id}"; which apps are alive is not known, because the operator has not read etcd yet. It goes on '
        "as soon as etcd answers.",
        broken=False,
    )


def _registration(app: App) -> str:
    return f"AppRegistration {app.registration}" if app.registration else f"an AppRegistration of {app.app_id}"


def _replicas(app: App) -> str:
    match app.live.connected:
        case 0:
            return "no worker connected"
        case 1:
            return "1 replica with workers"
        case many:
            return f"{many} replicas with workers"


def _a(kind: str) -> str:
    return f"an {kind}" if kind == "activity" else f"a {kind}"


def _allowed(apps: frozenset[str]) -> str:
    return codes.listing(apps) if apps else "no other app"
