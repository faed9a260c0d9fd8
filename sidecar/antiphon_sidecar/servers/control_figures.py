"""The part of the control API that reports figures: what status pages of apps, workflows and stores show."""

from typing import Protocol

from google.protobuf.timestamp_pb2 import Timestamp

from antiphon_proto.v1 import control_pb2 as ct
from antiphon_sidecar.codec.values import to_timestamp
from antiphon_sidecar.runtime.why import Scene
from antiphon_sidecar.servers.errors import text_of
from antiphon_sidecar.servers.handlers import Context
from antiphon_sidecar.stores.base import Store
from antiphon_sidecar.stores.errors import StoreError

_HOUR_NS = 3_600 * 1_000_000_000


class StoreView(Protocol):
    """What figures are taken from."""

    store: Store
    store_text: str

    def scene(self) -> Scene:
        """Return what can be seen from here."""


class Figures:
    """Counts, and how the store is."""

    def __init__(self, host: StoreView) -> None:
        self._host = host

    async def counts(self, request: ct.CountsRequest, context: Context) -> ct.CountsResponse:
        """Count instances by app and workflow, and the calls that wait for each app."""
        store, view = self._host.store, self._host.scene().view
        apps = list(dict.fromkeys(request.app_ids))
        if not apps:
            seen = {record.app for record in await store.known_apps()}
            apps = sorted(seen | {registration.app for registration in view.replicas.values()})
        names = frozenset(request.names)
        counted = await store.count_instances(apps=apps, failed_since=await store.now() - _HOUR_NS)
        in_hand = dict.fromkeys(apps, 0)
        for (app, replica), beat in (await store.heartbeats()).items():
            # A replica that died leaves its row behind, and what it had is queued again.
            if app in in_hand and replica in view.replicas:
                in_hand[app] += beat.in_hand
        return ct.CountsResponse(
            counts=[
                ct.NameCounts(
                    app_id=each.app,
                    name=each.name,
                    running=each.running,
                    suspended=each.suspended,
                    stalled=each.stalled,
                    failed_last_hour=each.failed,
                    oldest_created_at=_time(each.oldest_created_at),
                )
                for each in counted
                if not names or each.name in names
            ],
            backlogs=[
                ct.Backlog(
                    app_id=each.app,
                    # The heartbeats are older than the count.
                    queued=max(0, each.count - in_hand[each.app]),
                    running=min(each.count, in_hand[each.app]),
                    oldest_due_at=_time(each.oldest_created_at),
                )
                for each in await store.count_tasks(apps=apps)
            ],
        )

    async def store_status(self, request: ct.StoreStatusRequest, context: Context) -> ct.StoreStatusResponse:
        """Say which store this is, and how it is; one that does not answer is an answer too."""
        store = self._host.store
        answer = ct.StoreStatusResponse(identity=store.identity, backend=self._host.store_text.partition(":")[0])
        try:
            about = await store.about()
        except StoreError as error:
            answer.error = text_of(error)
            return answer
        answer.backend, answer.server_version = about.backend, about.server_version
        answer.schema_version, answer.newest_schema_version = about.schema_version, about.newest_schema_version
        return answer


def _time(at: int | None) -> Timestamp | None:
    return None if at is None else to_timestamp(at)
