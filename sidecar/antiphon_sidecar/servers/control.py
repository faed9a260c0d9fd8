"""The control API: what the command line and the operator ask about any app of the namespace."""

import base64
import os
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from importlib import metadata
from typing import Protocol

import grpc

from antiphon_names import errors as codes
from antiphon_proto.v1 import control_pb2 as ct
from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec.values import from_failure, to_timestamp
from antiphon_sidecar.coordination.base import Contract
from antiphon_sidecar.runtime.clock import SystemClock
from antiphon_sidecar.runtime.known import Offered
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.why import Link, Scene, Wait, failures, fix_for, why
from antiphon_sidecar.servers.control_figures import Figures
from antiphon_sidecar.servers.errors import Rejected, text_of
from antiphon_sidecar.servers.handlers import Context, Unary
from antiphon_sidecar.servers.lists import wanted
from antiphon_sidecar.stores.base import InstanceRow, Store
from antiphon_sidecar.stores.errors import StoreError

_PAGE = 100


class HostView(Protocol):
    """What the control API sees of its process."""

    store: Store
    store_text: str
    namespace: str
    metrics_port: int | None

    def replicas(self) -> Sequence[Replica]:
        """Return this process's replicas of all apps."""

    def scene(self) -> Scene:
        """Return what can be seen from here of what instances wait for."""

    def grpc_address(self, app: str) -> str:
        """Return where the app finds its sidecar, empty when not in this process."""


class ControlService:
    """Serves one process's control API."""

    def __init__(
        self, host: HostView, *, register: Callable[[str, int | None, int | None], Awaitable[tuple[int, int]]]
    ) -> None:
        self._host = host
        self._register = register
        self._clock = SystemClock()
        self._figures = Figures(host)

    def implementations(self) -> Mapping[str, Unary]:
        """Return the calls by method name."""
        return {
            "ListInstances": self.list_instances,
            "ListApps": self.list_apps,
            "Why": self.why,
            "Check": self.check,
            "RegisterApp": self.register_app,
            "ExportApps": self.export_apps,
            "Counts": self._figures.counts,
            "StoreStatus": self._figures.store_status,
        }

    async def list_instances(self, request: ct.ListInstancesRequest, context: Context) -> ct.ListInstancesResponse:
        """Return a page of instances, newest first."""
        try:
            after = base64.urlsafe_b64decode(request.continuation_token) if request.continuation_token else None
            page, following = await self._host.store.list_instances(
                wanted(request), limit=min(request.page_size or _PAGE, 1_000), after=after
            )
        except ValueError as error:
            raise Rejected(
                grpc.StatusCode.INVALID_ARGUMENT,
                codes.REQUEST_INVALID,
                "the continuation token is none of ours. Begin the list again.",
            ) from error
        return ct.ListInstancesResponse(
            instances=[_summary(row) for row in page],
            continuation_token="" if following is None else base64.urlsafe_b64encode(following).decode(),
        )

    async def list_apps(self, request: ct.ListAppsRequest, context: Context) -> ct.ListAppsResponse:
        """Return the apps that run now, then those that were seen before."""
        scene = self._host.scene()
        apps = sorted({registration.app for registration in scene.view.replicas.values()})
        away = [record for record in await scene.store.known_apps() if record.app not in apps]
        return ct.ListAppsResponse(
            namespace=self._host.namespace,
            store=self._host.store_text,
            apps=[
                *(self._app_summary(app, scene) for app in apps),
                *(_away(record.app, scene, seen_at=record.seen_at) for record in away),
            ],
        )

    def _app_summary(self, app: str, scene: Scene) -> ct.AppSummary:
        replicas = scene.view.of_app(app)
        return ct.AppSummary(
            app_id=app,
            replicas=len(replicas),
            workers=scene.workers(app),
            offers=_offers({n for r in replicas for n in r.workflows}, {n for r in replicas for n in r.activities}),
            grpc_address=self._host.grpc_address(app),
            changed_at=to_timestamp(self._changed_at(app, scene)),
        )

    async def export_apps(self, request: ct.ExportAppsRequest, context: Context) -> ct.ExportAppsResponse:
        """Return what apps offer, or offered when they were last seen, with the schemas they declare."""
        records = {known.app: Offered.read(known.record) for known in await self._host.store.known_apps()}
        wanted = list(request.app_ids) or sorted(records)
        apps = [_contract(app, records[app]) for app in wanted if app in records]
        digests = {
            digest for app in apps for offer in app.offers for digest in (offer.input_digest, offer.output_digest)
        }
        return ct.ExportAppsResponse(
            namespace=self._host.namespace,
            apps=apps,
            schemas=await self._host.store.schemas(digests - {""}),
            known=sorted(records),
        )

    def _changed_at(self, app: str, scene: Scene) -> int:
        """Return the store time at which an app's replicas or workers last changed."""
        ago_s = self._clock.monotonic() - scene.view.changed_at.get(app, 0.0)
        return scene.now - int(ago_s * 1e9)

    async def check(self, request: ct.CheckRequest, context: Context) -> ct.CheckResponse:
        """Say how this process and its store are."""
        answer = ct.CheckResponse(
            version=_version(),
            pid=os.getpid(),
            namespace=self._host.namespace,
            store=self._host.store_text,
            metrics_port=self._host.metrics_port or 0,
            held=_held_calls(self._host.replicas()),
        )
        before = self._clock.monotonic()
        try:
            answer.store_time.CopyFrom(to_timestamp(await self._host.store.now()))
        except StoreError as error:
            answer.store_error = text_of(error)
        answer.store_us = int((self._clock.monotonic() - before) * 1e6)
        answer.host_time.CopyFrom(to_timestamp(self._clock.wall_ns()))
        return answer

    async def why(self, request: ct.WhyRequest, context: Context) -> ct.WhyResponse:
        """Say what an instance waits for, or how it failed."""
        scene = self._host.scene()
        row = await scene.store.get_instance(app=request.app_id, instance_id=request.instance_id)
        if row is None:
            return ct.WhyResponse(exists=False)
        links = await failures(row, scene)
        return ct.WhyResponse(
            exists=True,
            status=pb.InstanceStatus.Name(row.status),
            name=row.name,
            waiting_on=[_waiting_on(wait) for wait in await why(row, scene)],
            failure_chain=[_link(link) for link in links],
            fix=fix_for(links),
        )

    async def register_app(self, request: ct.RegisterAppRequest, context: Context) -> ct.RegisterAppResponse:
        """Open listeners for a further app in this process."""
        grpc_port, http_port = await self._register(
            request.app_id, request.grpc_port or None, request.http_port or None
        )
        return ct.RegisterAppResponse(grpc_port=grpc_port, http_port=http_port)


def _contract(app: str, offered: Offered) -> ct.AppContract:
    """Return an app's names, each version once: of several contracts of a rollout, the last in order."""
    contracts = {(each.kind, each.name, each.version): each for each in offered.contracts}
    declared = {(each.kind, each.name) for each in offered.contracts}
    names = [("workflow", name) for name in offered.workflows] + [("activity", name) for name in offered.activities]
    plain = [Contract(kind, name, "", "", "") for kind, name in names if (kind, name) not in declared]
    offers = [
        wk.OfferedName(
            kind=f"KIND_{each.kind.upper()}",
            name=each.name,
            version=each.version,
            input_digest=each.input_digest,
            output_digest=each.output_digest,
        )
        for each in sorted([*contracts.values(), *plain])
    ]
    return ct.AppContract(app_id=app, offers=offers)


def _offers(workflows: Iterable[str], activities: Iterable[str]) -> list[wk.OfferedName]:
    kinds = wk.OfferedName
    return [
        *(wk.OfferedName(kind=kinds.KIND_WORKFLOW, name=name) for name in sorted(workflows)),
        *(wk.OfferedName(kind=kinds.KIND_ACTIVITY, name=name) for name in sorted(activities)),
    ]


def _away(app: str, scene: Scene, *, seen_at: int) -> ct.AppSummary:
    workflows, activities = scene.known.offers(app)
    return ct.AppSummary(app_id=app, offers=_offers(workflows, activities), changed_at=to_timestamp(seen_at), away=True)


def _held_calls(replicas: Iterable[Replica]) -> list[ct.HeldCalls]:
    counts = Counter(
        (replica.identity.app, held.row.target_app, held.row.name, held.reason)
        for replica in replicas
        for held in replica.dispatcher.held.values()
    )
    return [
        ct.HeldCalls(caller_app_id=caller, target_app_id=target, name=name, reason=reason, count=count)
        for (caller, target, name, reason), count in sorted(counts.items())
    ]


def _version() -> str:
    try:
        return metadata.version("antiphon")
    except metadata.PackageNotFoundError:
        return ""


def _waiting_on(wait: Wait) -> ct.WaitingOn:
    return ct.WaitingOn(
        reason=wait.reason,
        message=wait.message,
        since=to_timestamp(wait.since),
        kind=wait.kind,
        app_id=wait.app,
        name=wait.name,
        instance_id=wait.instance_id,
        event_id=wait.event_id,
        until=None if wait.until is None else to_timestamp(wait.until),
        replica=wait.replica,
        attempt=wait.attempt,
        waiting_on=[_waiting_on(below) for below in wait.waits],
    )


def _link(link: Link) -> ct.FailureLink:
    return ct.FailureLink(
        kind=link.kind,
        app_id=link.app,
        instance_id=link.instance_id,
        name=link.name,
        failure=from_failure(link.failure),
    )


def _summary(row: InstanceRow) -> ct.InstanceSummary:
    return ct.InstanceSummary(
        app_id=row.app,
        instance_id=row.instance_id,
        name=row.name,
        status=pb.InstanceStatus.Name(row.status),
        created_at=to_timestamp(row.created_at),
        updated_at=to_timestamp(row.updated_at),
        completed_at=None if row.completed_at is None else to_timestamp(row.completed_at),
        parent_app_id=row.parent_app or "",
        parent_instance_id=row.parent_instance or "",
        waiting_on=row.waiting_on or "",
        tags=dict(row.tags),
    )
