"""The control API: what the command line and the operator ask about any app of the namespace."""

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import grpc

from antiphon_names import errors as codes
from antiphon_proto.v1 import control_pb2 as ct
from antiphon_proto.v1 import history_pb2 as pb
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec.values import to_timestamp
from antiphon_sidecar.coordination.base import Contract, View
from antiphon_sidecar.runtime.known import Offered
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.why import why
from antiphon_sidecar.servers.errors import Rejected
from antiphon_sidecar.servers.handlers import Context, Unary
from antiphon_sidecar.stores.base import InstanceFilter, InstanceRow, Store

_PAGE = 100


class HostView(Protocol):
    """What the control API sees of its process."""

    store: Store
    store_text: str
    namespace: str

    def view(self) -> View:
        """Return the newest view of all apps."""

    def replica_of(self, app: str) -> Replica | None:
        """Return this process's replica of an app."""

    def grpc_address(self, app: str) -> str:
        """Return where the app finds its sidecar, empty when not in this process."""


class ControlService:
    """Serves one process's control API."""

    def __init__(
        self, host: HostView, *, register: Callable[[str, int | None, int | None], Awaitable[tuple[int, int]]]
    ) -> None:
        self._host = host
        self._register = register

    def implementations(self) -> Mapping[str, Unary]:
        """Return the calls by method name."""
        return {
            "ListInstances": self.list_instances,
            "ListApps": self.list_apps,
            "Why": self.why,
            "RegisterApp": self.register_app,
            "ExportApps": self.export_apps,
        }

    async def list_instances(self, request: ct.ListInstancesRequest, context: Context) -> ct.ListInstancesResponse:
        """Return a page of instances, newest first."""
        try:
            after = base64.urlsafe_b64decode(request.continuation_token) if request.continuation_token else None
            page, following = await self._host.store.list_instances(
                InstanceFilter(app=request.app_id or None, statuses=list(request.statuses), name=request.name or None),
                limit=min(request.page_size or _PAGE, 1_000),
                after=after,
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
        """Return the apps that run now."""
        view = self._host.view()
        apps = sorted({registration.app for registration in view.replicas.values()})
        return ct.ListAppsResponse(
            namespace=self._host.namespace,
            store=self._host.store_text,
            apps=[self._app_summary(app, view) for app in apps],
        )

    def _app_summary(self, app: str, view: View) -> ct.AppSummary:
        replicas = view.of_app(app)
        kinds = wk.OfferedName
        workflows = sorted({name for r in replicas for name in r.workflows})
        activities = sorted({name for r in replicas for name in r.activities})
        return ct.AppSummary(
            app_id=app,
            replicas=len(replicas),
            workers=sum(r.workers for r in replicas),
            offers=[
                *(wk.OfferedName(kind=kinds.KIND_WORKFLOW, name=name) for name in workflows),
                *(wk.OfferedName(kind=kinds.KIND_ACTIVITY, name=name) for name in activities),
            ],
            grpc_address=self._host.grpc_address(app),
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

    async def why(self, request: ct.WhyRequest, context: Context) -> ct.WhyResponse:
        """Say what an instance waits for."""
        row = await self._host.store.get_instance(app=request.app_id, instance_id=request.instance_id)
        if row is None:
            return ct.WhyResponse(exists=False)
        replica = self._host.replica_of(request.app_id)
        waits = await why(row, replica=replica, store=self._host.store, view=self._host.view())
        return ct.WhyResponse(
            exists=True,
            status=pb.InstanceStatus.Name(row.status),
            waiting_on=[
                ct.WaitingOn(reason=wait.reason, message=wait.message, since=to_timestamp(wait.since)) for wait in waits
            ],
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
    )
