"""The control API: what the command line and the operator ask about any app of the namespace."""

import base64
from collections.abc import Awaitable, Callable, Iterable, Mapping

import grpc

from antiphon_names import errors as codes
from antiphon_proto.v1 import control_pb2 as ct
from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec.values import from_failure, to_timestamp
from antiphon_sidecar.coordination.base import Contract
from antiphon_sidecar.runtime.clock import SystemClock
from antiphon_sidecar.runtime.known import Offered
from antiphon_sidecar.runtime.why import Link, Scene, caveats, failures, fix_for, task_at, why
from antiphon_sidecar.servers.checking import checked, version
from antiphon_sidecar.servers.control_figures import Figures
from antiphon_sidecar.servers.errors import Rejected
from antiphon_sidecar.servers.handlers import Context, Unary
from antiphon_sidecar.servers.hostview import HostView
from antiphon_sidecar.servers.lists import wanted
from antiphon_sidecar.servers.waits import task_answer, waiting_on
from antiphon_sidecar.stores.base import InstanceRow, TaskRef

_PAGE = 100


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
            "TaskAt": self.task_at,
            "Greet": self.greet,
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
            workers=0 if scene.alone else scene.workers(app),
            unasked=scene.alone,
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

    async def greet(self, request: ct.GreetRequest, context: Context) -> ct.GreetResponse:
        """Say who answers here, whatever the store does."""
        app = self._host.replicas()[0].identity.app if self._host.replica_id and self._host.replicas() else ""
        return ct.GreetResponse(
            version=version(), namespace=self._host.namespace, app_id=app, replica_id=self._host.replica_id
        )

    async def check(self, request: ct.CheckRequest, context: Context) -> ct.CheckResponse:
        """Say how this process and its store are, and the other replicas that it sees."""
        self._check_meant(request.to_replica_id)
        return await checked(self._host, self._clock, alone=bool(request.to_replica_id))

    async def why(self, request: ct.WhyRequest, context: Context) -> ct.WhyResponse:
        """Say what an instance waits for, or how it failed."""
        self._check_meant(request.to_replica_id)
        scene = self._host.scene()
        row = await scene.store.get_instance(app=request.app_id, instance_id=request.instance_id)
        if row is None:
            known = scene.apps()
            unknown = request.app_id not in known
            return ct.WhyResponse(exists=False, app_unknown=unknown, known_apps=sorted(known) if unknown else ())
        answer = ct.WhyResponse(exists=True, status=pb.InstanceStatus.Name(row.status), name=row.name)
        if request.to_replica_id:
            answer.waiting_on.extend(map(waiting_on, await why(row, scene, here=True)))
            return answer
        links = await failures(row, scene)
        answer.waiting_on.extend(map(waiting_on, await why(row, scene)))
        answer.failure_chain.extend(map(_link, links))
        answer.fix = fix_for(links)
        answer.caveats.extend(caveats(scene))
        return answer

    async def task_at(self, request: ct.TaskAtRequest, context: Context) -> ct.TaskAtResponse:
        """Say how far this replica is with an activity that it was handed."""
        self._check_meant(request.to_replica_id)
        meant = [r for r in self._host.replicas() if r.identity.replica == request.to_replica_id]
        if not meant:
            return ct.TaskAtResponse()
        ref = TaskRef(request.app_id, request.instance_id, request.execution_id, request.task_id)
        return task_answer(task_at(meant[0], ref))

    def _check_meant(self, replica: str) -> None:
        """Refuse a question that is meant for another replica: addresses are given again.

        Raises:
            Rejected: it is.
        """
        if replica not in ("", self._host.replica_id):
            raise Rejected(
                grpc.StatusCode.FAILED_PRECONDITION,
                codes.PEER_MISTAKEN,
                f'replica "{replica}" is meant, but this is "{self._host.replica_id}". Its address was given again.',
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
