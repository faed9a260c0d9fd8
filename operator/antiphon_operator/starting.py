"""Puts the operator's parts together and runs them: the one module that knows them all."""

import asyncio
import logging
import os
import signal
from collections.abc import Callable, Mapping
from typing import Any

from kubernetes.aio.client import ApiClient
from prometheus_client import CollectorRegistry

from antiphon_operator import probes
from antiphon_operator.certificates.keeper import Place, keep
from antiphon_operator.clock import Clock
from antiphon_operator.control.client import ControlClient
from antiphon_operator.control.instances import Instances
from antiphon_operator.handlers.watching import Watching, registry
from antiphon_operator.kube import access
from antiphon_operator.kube.election import Election
from antiphon_operator.kube.events import Events
from antiphon_operator.kube.objects import Objects
from antiphon_operator.kube.secrets import KubeSecrets
from antiphon_operator.metrics import OperatorMetrics
from antiphon_operator.registry.etcd import Etcd
from antiphon_operator.runtime.cache import Cache
from antiphon_operator.runtime.controller import Controller
from antiphon_operator.runtime.credentials import Credentials
from antiphon_operator.runtime.figures import Counting
from antiphon_operator.runtime.reconcilers import AppRegistrations, StateStores, Workflows
from antiphon_operator.runtime.runs import WorkflowRuns
from antiphon_operator.runtime.schedules import WorkflowSchedules
from antiphon_operator.runtime.world import World
from antiphon_operator.settings import APP_REGISTRATIONS, Settings

logger = logging.getLogger(__name__)

Body = Mapping[str, Any]

#: The exit status when the lease is lost: the pod is started again and stands by.
LOST = 3


class Operator:
    """One replica of the operator: a standby until it has the lease, then the leader until the process ends."""

    def __init__(self, settings: Settings, clock: Clock, *, end: Callable[[int], Any] = os._exit) -> None:
        self._settings = settings
        self._end = end
        self._clock = clock
        self._metrics = OperatorMetrics()

    async def run(self) -> None:
        """Run until SIGTERM or SIGINT, or until the lease is lost."""
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, stop.set)
        exposed = CollectorRegistry()
        exposed.register(self._metrics)
        async with (
            probes.served(self._settings.metrics_port, metrics=exposed, ready=lambda: True) as port,
            access.connected() as client,
        ):
            logger.info("the operator runs", extra={"identity": self._settings.identity, "port": port})
            lease, identity = self._settings.lease, self._settings.identity
            async with Election(lease, identity=identity, clock=self._clock, lost=self._lost) as election:
                await _until(stop, self._lead(client, election))

    async def _lead(self, client: ApiClient, election: Election) -> None:
        await election.leads.wait()
        self._metrics.leads = True
        async with asyncio.TaskGroup() as parts:
            if self._settings.certificates.mode == "self-managed":
                parts.create_task(self._keep_certificates(client), name="certificates")
            parts.create_task(self._work(client), name="work")

    def _lost(self, why: str) -> None:
        logger.error("the lease is lost; this process ends", extra={"error": why})
        # At once: another replica leads soon, and nothing of this one may go on, not even its clean-up.
        self._end(LOST)

    async def _keep_certificates(self, client: ApiClient) -> None:
        chosen = self._settings.certificates
        place = Place(
            namespace=self._settings.lease.namespace,
            secret=chosen.secret,
            service=chosen.service,
            mutating=chosen.mutating_configuration,
            validating=chosen.validating_configuration,
        )
        await keep(client, place, now=self._clock.now, monotonic=self._clock.monotonic)

    async def _work(self, client: ApiClient) -> None:
        settings, clock = self._settings, self._clock
        cache = Cache()
        etcd = Etcd(settings.etcd, namespaces=settings.namespaces, clock=clock, changed=lambda found: touched(found))
        world = World(cache, etcd, clock=clock, endpoints=", ".join(settings.etcd.endpoints), away=settings.away)
        control = ControlClient(settings.peers)

        def saw(plural: str, body: Body) -> None:
            controller.saw(plural, body)

        kube = Objects(client, settings.namespaces)
        runs = WorkflowRuns(world, Instances(control), kube=kube, clock=clock, saw=saw)
        schedules = WorkflowSchedules(world, kube=kube, saw=saw)
        # Listed in this order: what others depend on first.
        reconcilers = (StateStores(world), AppRegistrations(world), Workflows(world), schedules, runs)
        controller = Controller(
            settings=settings,
            clock=clock,
            cache=cache,
            world=world,
            kube=kube,
            events=Events(client, identity=settings.identity, clock=clock),
            etcd=etcd,
            reconcilers=reconcilers,
        )
        touched = controller.touched
        self._metrics.observe(controller=controller, etcd=etcd, cache=cache)
        counting = Counting(
            control=control,
            view=lambda: etcd.view,
            figures=world.figures,
            clock=clock,
            period_s=settings.figures.total_seconds(),
            changed=controller.counted,
        )
        credentials = Credentials(
            settings.etcd.sidecar_secret,
            KubeSecrets(client),
            clock=clock,
            namespaces=lambda: cache.namespaces(APP_REGISTRATIONS),
            changed=controller.counted,
        )
        world.secret_missing = credentials.missing
        loop = asyncio.get_running_loop()
        handlers = registry(
            kinds=[each.plural for each in reconcilers],
            saw=lambda plural, body, gone: _hand(loop, lambda: controller.saw(plural, body, deleted=gone)),
            saw_pod=lambda pod, gone: _hand(loop, lambda: controller.saw_pod(pod, deleted=gone)),
        )
        watching = Watching(handlers, namespaces=settings.namespaces)
        try:
            async with asyncio.TaskGroup() as parts:
                parts.create_task(etcd.run(), name="etcd")
                parts.create_task(controller.run(), name="controller")
                parts.create_task(counting.run(), name="counting")
                parts.create_task(credentials.run(), name="credentials")
                parts.create_task(_watch(watching, controller), name="watching")
        finally:
            await control.close()
            await watching.stop()


async def _watch(watching: Watching, controller: Controller) -> None:
    # Not before: kopf does not look again for kinds that were not there when it began.
    await controller.listed.wait()
    watching.start()
    await watching.ended()
    raise RuntimeError("kopf has ended; without it nothing is seen")


def _hand(loop: asyncio.AbstractEventLoop, call: Callable[[], None]) -> None:
    """Have something called on the operator's loop, which may have ended before kopf's."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        logger.debug("seen too late")


async def _until(stop: asyncio.Event, work: Any) -> None:  # noqa: ANN401  (a coroutine)
    """Run until the work ends or the stop is asked for."""
    running = asyncio.ensure_future(work)
    asked = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({running, asked}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        asked.cancel()
        if not running.done():
            running.cancel()
        await asyncio.gather(running, asked, return_exceptions=True)
    if not running.cancelled() and (error := running.exception()) is not None:
        raise error
