"""What the operator knows: objects, live replicas, figures; and the landscapes and verdicts that follow from these.

A landscape is put together anew when its namespace was touched, and a workflow is judged anew when it or the landscape
is another one. Both are pure, so that keeping them is only a matter of time saved.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from antiphon_names import conditions as reasons
from antiphon_operator.clock import Clock
from antiphon_operator.contracts.apps import App
from antiphon_operator.contracts.findings import Verdict
from antiphon_operator.contracts.replicas import Replica
from antiphon_operator.reconcile import objects, selecting, workflow
from antiphon_operator.reconcile.landscape import Landscape, landscape, registered
from antiphon_operator.reconcile.observed import (
    Entry,
    Etcd,
    OfRegistration,
    OfStore,
    OfWorkflow,
    Unanswered,
)
from antiphon_operator.runtime.cache import Cache
from antiphon_operator.runtime.figures import Figures, identities
from antiphon_operator.runtime.parts import Registry
from antiphon_operator.settings import APP_REGISTRATIONS, PODS, STATE_STORES, WORKFLOWS

Body = Mapping[str, Any]


class World:
    """Everything that reconciling reads."""

    def __init__(self, cache: Cache, replicas: Registry, *, clock: Clock, endpoints: str, away: timedelta) -> None:
        self.cache = cache
        self.replicas = replicas
        self.figures = Figures()
        #: The name of the Secret for etcd, where it is known that a namespace does not have it.
        self.secret_missing: Callable[[str], str | None] = lambda namespace: None
        self._clock = clock
        self._endpoints = endpoints
        self._away_s = away.total_seconds()
        self._landscapes: dict[str, Landscape] = {}
        self._homes: dict[str, frozenset[str]] = {}
        self._judged: dict[tuple[str, str], tuple[object, Landscape, tuple[Verdict, ...]]] = {}

    # namespaces

    def namespaces(self) -> set[str]:
        """Return the namespaces that have anything of ours."""
        kinds = (APP_REGISTRATIONS, WORKFLOWS, STATE_STORES)
        return self.replicas.view.namespaces().union(*(self.cache.namespaces(kind) for kind in kinds))

    def renew(self, namespace: str) -> tuple[bool, bool]:
        """Put a namespace's landscape together; tell whether it is another one, and whether its set of apps is."""
        before = self._landscapes.get(namespace)
        found = landscape(
            namespace,
            registrations=self.cache.of(APP_REGISTRATIONS, namespace),
            stores=self.cache.of(STATE_STORES, namespace),
            replicas=self.replicas.view.replicas(namespace).values(),
            elsewhere=self._elsewhere(namespace),
            seen=self.replicas.seen,
        )
        homes = frozenset(found.namespace.apps)
        moved = homes != self._homes.get(namespace, frozenset())
        self._homes[namespace] = homes
        if found == before:
            return False, moved
        self._landscapes[namespace] = found
        return True, moved

    def _elsewhere(self, namespace: str) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for other in sorted(self._homes, reverse=True):
            if other != namespace:
                found |= dict.fromkeys(self._homes[other], other)
        return found

    def landscape(self, namespace: str) -> Landscape:
        """Return a namespace's landscape as it was last put together."""
        if namespace not in self._landscapes:
            self.renew(namespace)
        return self._landscapes[namespace]

    # what surrounds one object

    def etcd(self) -> Etcd:
        """Return how etcd is, as conditions say it."""
        since = self.replicas.away_since
        if since is None or self._clock.monotonic() - since < self._away_s:
            return Etcd(self._endpoints)
        age = timedelta(seconds=self._clock.monotonic() - since)
        return Etcd(self._endpoints, (self._clock.now() - age).replace(microsecond=0))

    def of_workflow(self, body: Body) -> OfWorkflow:
        """Return what surrounds a Workflow."""
        namespace = objects.meta(body).namespace
        app_id, workflow_name = objects.workflow(body).entry
        here = self.landscape(namespace).namespace
        return OfWorkflow(here, self.figures.instances(namespace, here.apps.get(app_id), workflow_name), self.etcd())

    def verdicts(self, body: Body) -> tuple[Verdict, ...]:
        """Judge a Workflow, or return the verdicts that still hold."""
        about = objects.meta(body)
        key, here = (about.namespace, about.name), self.landscape(about.namespace)
        version = (about.uid, about.generation)
        known = self._judged.get(key)
        if known is not None and known[0] == version and known[1] is here:
            return known[2]
        found = workflow.judge(body, self.of_workflow(body))
        self._judged[key] = (version, here, found)
        return found

    def forget(self, namespace: str, name: str) -> None:
        """Forget the verdicts of a Workflow that is gone."""
        self._judged.pop((namespace, name), None)

    def workflows(self, namespace: str) -> tuple[str, ...]:
        """Return the names of a namespace's Workflows."""
        return tuple(sorted(body["metadata"]["name"] for body in self.cache.of(WORKFLOWS, namespace)))

    def entry(self, namespace: str, name: str) -> Entry | None:
        """Return where the instances of a Workflow begin; None when there is no such Workflow."""
        body = self.cache.get(WORKFLOWS, namespace, name)
        if body is None:
            return None
        found = objects.workflow(body)
        ready = next((each for each in objects.conditions(body) if each.get("type") == "Ready"), {})
        judged = ready.get("reason") not in (None, reasons.PENDING.name)
        admission = workflow.entry(body, self.verdicts(body)) if judged else None
        return Entry(found.app_id, found.workflow, found.version or None, admission)

    def sidecars(self, namespace: str, app_id: str) -> Sequence[Replica] | Unanswered:
        """Return the replicas that share an app's store, so that any of them answers for it; else why there is none."""
        etcd = self.etcd()
        if not self.replicas.seen:
            return Unanswered(reasons.WAITING.name, f"etcd ({etcd.endpoints}) has not been read yet")
        here = [each for each in self.replicas.view.replicas(namespace).values() if each.address and each.store]
        app = self.landscape(namespace).namespace.apps.get(app_id)
        stores = frozenset(() if app is None else identities(app)) or frozenset(each.store for each in here)
        if len(stores) > 1 and (app is None or not app.live.stores):
            reason = reasons.STORE_NOT_KNOWN
            return Unanswered(reason.name, f"it is not known which state store app {app_id} uses. {reason.fix}")
        found = [each for each in here if each.store in stores]
        if not found:
            return Unanswered(
                reasons.NO_REPLICAS.name,
                f"no sidecar runs that uses the state store of app {app_id}, so that nobody can be asked. Start a pod "
                "of it, or of another app with that store.",
            )
        return found

    def of_registration(self, body: Body) -> OfRegistration:
        """Return what surrounds an AppRegistration."""
        registration = objects.app_registration(body)
        namespace = registration.meta.namespace
        here = self.landscape(namespace)
        owner = here.registrations.get(registration.app_id)
        older = owner if owner not in (None, registration.meta.name) else None
        app = here.namespace.apps.get(registration.app_id)
        if app is None or older is not None:
            app = registered(body, None, {})
        pods = self.cache.of(PODS, namespace)
        return OfRegistration(
            app=app,
            older=older,
            pods=selecting.pods(registration, pods),
            store_found=registration.store is None
            or self.cache.get(STATE_STORES, namespace, registration.store) is not None,
            secret_missing=self.secret_missing(namespace),
            report=self.figures.store(app),
            backlog=self.figures.backlog(namespace, app),
            etcd=self.etcd(),
            seen=self.replicas.seen,
        )

    def of_store(self, body: Body) -> OfStore:
        """Return what surrounds a StateStore."""
        about = objects.meta(body)
        apps = self.landscape(about.namespace).namespace.apps.values()
        users = [app for app in apps if app.store is not None and app.store.name == about.name]
        return OfStore(tuple(sorted(users, key=_by_id)), self.figures.stores)


def _by_id(app: App) -> str:
    return app.app_id
