"""Takes in what is seen, looks at what it concerns, and carries out what was decided.

Level-triggered: whatever happened, a key is put into the queue, and the object is judged as it stands when its turn
comes. Two kinds of keys: an object, and a whole namespace, whose changes are gathered for a moment and then put its
objects into the queue. Nothing is lost by doing so late, and nothing goes wrong by doing so twice.
"""

import asyncio
import logging
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from antiphon_names.registry import SyncedRecord
from antiphon_operator.clock import Clock
from antiphon_operator.control.client import NotAnswered
from antiphon_operator.kube.access import FAILURES, said
from antiphon_operator.reconcile import objects, run, selecting
from antiphon_operator.reconcile.conditions import stamp
from antiphon_operator.reconcile.records import records
from antiphon_operator.registry.wanted import Wanted
from antiphon_operator.runtime.cache import Cache
from antiphon_operator.runtime.figures import Tally
from antiphon_operator.runtime.kinds import Reconciler
from antiphon_operator.runtime.parts import Kube, Registry, Reporter
from antiphon_operator.runtime.queue import KeyedQueue
from antiphon_operator.runtime.world import World
from antiphon_operator.settings import APP_REGISTRATIONS, PODS, STATE_STORES, WORKFLOW_RUNS, WORKFLOWS, Settings

logger = logging.getLogger(__name__)

Body = Mapping[str, Any]

#: Kinds that what is known of a namespace, and its records in etcd, are made of.
_BEARING = (APP_REGISTRATIONS, STATE_STORES, WORKFLOWS)
#: After a failure an object is looked at again, later each time, in seconds.
_RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
#: Everything is listed for the second time after so many seconds.
_SECOND_LIST_S = 30.0
#: After so many objects the loop is given to others: the lease has to be kept meanwhile.
_BREATHE = 25


class Key(NamedTuple):
    """What is to be looked at: an object, or with an empty name the whole namespace."""

    plural: str
    namespace: str
    name: str

    def fields(self) -> dict[str, str]:
        """Return it for a line of the log, whose records have a `name` of their own."""
        return {"kind": self.plural or "namespace", "namespace": self.namespace, "object": self.name}


class Controller:
    """The operator's one place of decision; everything of it runs on one event loop."""

    def __init__(
        self,
        *,
        settings: Settings,
        clock: Clock,
        cache: Cache,
        world: World,
        kube: Kube,
        events: Reporter,
        etcd: Registry,
        reconcilers: Iterable[Reconciler],
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._cache = cache
        self._world = world
        self._kube = kube
        self._events = events
        self._etcd = etcd
        self._reconcilers = {each.plural: each for each in reconcilers}
        self._settle_s = settings.settle.total_seconds()
        self._failures: dict[Key, int] = {}
        self._was_away = False
        self.queue: KeyedQueue[Key] = KeyedQueue(clock.monotonic)
        #: Keys of kinds that sidecars are asked about: a sidecar that hangs holds up nothing else.
        self.asking: KeyedQueue[Key] = KeyedQueue(clock.monotonic)
        self.tally = Tally()
        #: Set when everything has been listed once: from then on things are decided.
        self.listed = asyncio.Event()

    # what is seen

    def saw(self, plural: str, body: Body, *, deleted: bool = False) -> None:
        """Take in an object of ours, or that it is gone."""
        changed = self._cache.drop(plural, body) if deleted else self._cache.put(plural, body)
        if not changed:
            return
        about = objects.meta(body)
        if deleted and plural == WORKFLOWS:
            self._world.forget(about.namespace, about.name)
        if not deleted:
            self._add(Key(plural, about.namespace, about.name))
        elif plural in self._reconcilers:
            self._reconcilers[plural].forget(body)
        self._concern(plural, body)
        if plural in _BEARING:
            self.touched({about.namespace})

    def _add(self, key: Key, after_s: float = 0.0) -> None:
        reconciler = self._reconcilers.get(key.plural)
        queue = self.asking if reconciler is not None and reconciler.asks else self.queue
        queue.add(key, after_s)

    def _concern(self, plural: str, body: Body) -> None:
        """Have objects looked at that depend on one that has changed."""
        namespace = objects.meta(body).namespace
        for reconciler in self._reconcilers.values():
            for name in reconciler.dependents(plural, body):
                self._add(Key(reconciler.plural, namespace, name))

    def saw_pod(self, pod: Body, *, deleted: bool = False) -> None:
        """Take in a pod, of which only labels and phase count."""
        meta = pod["metadata"]
        before = self._cache.get(PODS, meta["namespace"], meta["name"])
        changed = self._cache.drop(PODS, pod) if deleted else self._cache.put(PODS, pod)
        if not changed or (not deleted and before is not None and _bearing(before) == _bearing(pod)):
            return
        labels = [each["metadata"].get("labels") or {} for each in (before, pod) if each is not None]
        for body in self._cache.of(APP_REGISTRATIONS, meta["namespace"]):
            selector = objects.app_registration(body).selector
            if any(selecting.selects(selector, each) for each in labels):
                about = objects.meta(body)
                self.queue.add(Key(APP_REGISTRATIONS, about.namespace, about.name), self._settle_s)

    def touched(self, namespaces: Iterable[str]) -> None:
        """Have namespaces looked at as a whole, as soon as their changes have been gathered."""
        for namespace in namespaces:
            self.queue.add(Key("", namespace, ""), self._settle_s)

    def counted(self, namespace: str) -> None:
        """Take in that sidecars have counted something else, or say something else of their store."""
        self._add_objects(namespace)

    def touch_all(self) -> None:
        """Have everything looked at."""
        for namespace in self._world.namespaces():
            self.touched({namespace})
            self._add_objects(namespace)

    def _add_objects(self, namespace: str) -> None:
        for plural, reconciler in self._reconcilers.items():
            for body in self._cache.of(plural, namespace) if reconciler.of_namespace else ():
                self._add(Key(plural, namespace, body["metadata"]["name"]))

    # the loops

    async def run(self) -> None:
        """Look at what is due, until cancelled."""
        async with asyncio.TaskGroup() as loops:
            loops.create_task(self._resync(), name="resync")
            loops.create_task(self._watch_etcd(), name="etcd-state")
            for number in range(self._settings.writers):
                loops.create_task(self._work(self.queue), name=f"reconcile-{number}")
            for number in range(self._settings.askers):
                loops.create_task(self._work(self.asking), name=f"ask-{number}")

    async def _resync(self) -> None:
        """List everything: at first so that nothing is decided on half of it, later so that nothing stays missed."""
        while True:
            try:
                for plural in self._reconcilers:
                    await self._list(plural)
            except FAILURES as error:
                logger.warning("objects could not be listed", extra={"error": said(error)})
                await asyncio.sleep(_RETRY_S[3])
                continue
            first = not self.listed.is_set()
            if first:
                logger.info("all objects are listed", extra={"namespaces": len(self._world.namespaces())})
                self.listed.set()
            self.touch_all()
            for plural in self._reconcilers:
                for body in self._cache.all(plural):
                    about = objects.meta(body)
                    self._add(Key(plural, about.namespace, about.name))
            # What was deleted between the first listing and the beginning of the watch is missed by both.
            await asyncio.sleep(_SECOND_LIST_S if first else self._settings.resync.total_seconds())

    async def _list(self, plural: str) -> None:
        since = self._cache.uids(plural)
        found = await self._kube.all(plural)
        for body in found:
            self.saw(plural, body)
        for body in self._cache.missing(plural, found, since=since):
            self.saw(plural, body, deleted=True)

    async def _watch_etcd(self) -> None:
        """Notice that etcd has been away for long enough to be said, or is back."""
        while True:
            away = self._world.etcd().away_since is not None
            if away != self._was_away:
                self._was_away = away
                self.touch_all()
            await asyncio.sleep(1.0)

    async def _work(self, queue: KeyedQueue[Key]) -> None:
        while True:
            key = await queue.next()
            try:
                await self._look(key)
            except (*FAILURES, NotAnswered) as error:
                self._again(key, error)
            except Exception as error:
                logger.error("an object could not be reconciled", extra=key.fields(), exc_info=error)
                self.tally.defects += 1
                self._again(key, error)
            else:
                self._failures.pop(key, None)
            finally:
                queue.done(key)

    def _again(self, key: Key, error: Exception) -> None:
        failures = self._failures.get(key, 0)
        self._failures[key] = failures + 1
        self.tally.failures += 1
        wait_s = _RETRY_S[min(failures, len(_RETRY_S) - 1)]
        logger.info("will try again", extra={**key.fields(), "after_s": wait_s, "error": said(error)})
        self._add(key, wait_s)

    async def _look(self, key: Key) -> None:
        if not self.listed.is_set():
            # Looked at when everything is listed.
            return
        if key.plural:
            await self._reconcile(key)
        else:
            await self._gather(key.namespace)

    async def _gather(self, namespace: str) -> None:
        """Put a namespace's landscape together, have its objects looked at if it is another one, write its records."""
        changed, moved = self._world.renew(namespace)
        if changed:
            self._add_objects(namespace)
            self._add_waiting(namespace)
        if moved:
            self.touched(self._world.namespaces() - {namespace})
        judged = []
        for number, body in enumerate(self._cache.of(WORKFLOWS, namespace)):
            judged.append((body, self._world.verdicts(body)))
            if number % _BREATHE == 0:
                await asyncio.sleep(0)
        wanted = records(self._world.landscape(namespace), self._cache.of(APP_REGISTRATIONS, namespace), judged)
        synced = SyncedRecord(self._settings.identity, stamp(self._clock.now()))
        self._etcd.want(Wanted(namespace, wanted, synced))

    def _add_waiting(self, namespace: str) -> None:
        """Have runs looked at that wait: a sidecar that can be asked may be there now."""
        for body in self._cache.of(WORKFLOW_RUNS, namespace):
            if run.waits(body):
                self._add(Key(WORKFLOW_RUNS, namespace, body["metadata"]["name"]))

    async def _reconcile(self, key: Key) -> None:
        body = self._cache.get(key.plural, key.namespace, key.name)
        reconciler = self._reconcilers.get(key.plural)
        if body is None or reconciler is None:
            return
        if body["metadata"].get("deletionTimestamp") and not reconciler.guards:
            return
        await reconciler.observe(body)
        outcome = reconciler.decide(body, self._clock.now())
        self.tally.reconciled += 1
        if outcome.status != objects.status(body):
            written = await self._kube.apply_status(key.plural, body, outcome.status)
            if written is None:
                return
            self.tally.written += 1
            # Later decisions go by what stands there now, not by what the watch will bring in a moment.
            self._cache.put(key.plural, written)
            if _matters(body, written):
                self.touched({key.namespace})
            self._concern(key.plural, written)
            body = written
        if outcome.again_s is not None:
            self._add(key, outcome.again_s)
        for happening in outcome.happenings:
            await self._events.report(body, happening)
        await reconciler.act(body, outcome)


def _bearing(pod: Body) -> tuple[object, ...]:
    """Return what of a pod counts here."""
    meta = pod["metadata"]
    return (
        meta.get("uid"),
        meta.get("labels"),
        bool(meta.get("deletionTimestamp")),
        (pod.get("status") or {}).get("phase"),
    )


def _matters(before: Body, after: Body) -> bool:
    """Tell whether a status that we wrote is read by the judging of others: what was offered, and identities."""
    return any(objects.status(before).get(key) != objects.status(after).get(key) for key in ("offered", "identity"))
