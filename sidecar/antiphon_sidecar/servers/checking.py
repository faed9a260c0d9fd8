"""How a process is, its store, its coordination, and the other replicas that it sees: what `antiphon check` shows."""

import asyncio
import os
from collections import Counter, defaultdict
from collections.abc import Iterable
from importlib import metadata

from antiphon_names import errors as codes
from antiphon_names.hashing import PARTITIONS
from antiphon_proto.v1 import control_pb2 as ct
from antiphon_sidecar.codec.values import to_timestamp
from antiphon_sidecar.coordination.base import Registration, View
from antiphon_sidecar.runtime.clock import SystemClock
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.runtime.why import Silent
from antiphon_sidecar.servers.errors import text_of
from antiphon_sidecar.servers.hostview import Etcd, HostView
from antiphon_sidecar.stores.errors import StoreError

#: Other replicas that are asked at once.
_ASKED_MOST = 16


def version() -> str:
    """Return the release that this process runs, empty from source files."""
    try:
        return metadata.version("antiphon")
    except metadata.PackageNotFoundError:
        return ""


async def checked(host: HostView, clock: SystemClock, *, alone: bool = False) -> ct.CheckResponse:
    """Say how this process is; unless `alone`, ask the other replicas that it sees too."""
    etcd = host.etcd()
    answer = ct.CheckResponse(
        version=version(),
        pid=os.getpid(),
        namespace=host.namespace,
        store=host.store_text,
        store_identity=host.store.identity,
        metrics_port=host.metrics_port or 0,
        held=_held_calls(host.replicas()),
        replica_id=host.replica_id,
        coordination=_coordination(etcd),
    )
    before = clock.monotonic()
    try:
        answer.store_time.CopyFrom(to_timestamp(await host.store.now()))
    except StoreError as error:
        answer.store_error = text_of(error)
    answer.store_us = int((clock.monotonic() - before) * 1e6)
    answer.host_time.CopyFrom(to_timestamp(clock.wall_ns()))
    if alone:
        return answer
    view = host.scene().view
    answer.unowned.extend(_unowned(view))
    if host.others is not None:
        await _ask_others(host, view, answer)
    return answer


def _coordination(etcd: Etcd | None) -> ct.Coordination:
    if etcd is None:
        return ct.Coordination(kind=ct.Coordination.KIND_LOCAL)
    away = None if etcd.away_since is None else to_timestamp(etcd.away_since)
    return ct.Coordination(kind=ct.Coordination.KIND_ETCD, endpoints=etcd.endpoints, away_since=away, lease=etcd.lease)


def _held_calls(replicas: Iterable[Replica]) -> list[ct.HeldCalls]:
    counts = Counter(
        (replica.identity.app, held.row.target_app, held.row.name, held.reason)
        for replica in replicas
        for held in replica.dispatcher.held.values()
    )
    return _held(counts)


def _held(counts: "Counter[tuple[str, str, str, str]]") -> list[ct.HeldCalls]:
    return [
        ct.HeldCalls(caller_app_id=caller, target_app_id=target, name=name, reason=reason, count=count)
        for (caller, target, name, reason), count in sorted(counts.items())
    ]


def _unowned(view: View) -> list[ct.UnownedPartitions]:
    """Return the partitions of apps with replicas that nobody has, or one that is gone."""
    found: dict[tuple[str, str], list[int]] = defaultdict(list)
    for app in {registration.app for registration in view.replicas.values()}:
        for partition in range(PARTITIONS):
            owner = view.owners.get((app, partition), "")
            if owner not in view.replicas:
                found[app, owner].append(partition)
    return [
        ct.UnownedPartitions(app_id=app, partitions=partitions, held_by=owner)
        for (app, owner), partitions in sorted(found.items())
    ]


async def _ask_others(host: HostView, view: View, answer: ct.CheckResponse) -> None:
    """Add what the other replicas say of themselves, and the calls that they hold."""
    at_once = asyncio.Semaphore(_ASKED_MOST)

    async def asked(registration: Registration) -> tuple[ct.CheckResponse | None, str]:
        if registration.replica == host.replica_id:
            return answer, ""
        assert host.others is not None
        async with at_once:
            try:
                return await host.others.check(registration), ""
            except Silent as silent:
                return None, f"{codes.REPLICA_SILENT}: {_silent(registration, str(silent))}"

    registrations = sorted(view.replicas.values(), key=lambda each: (each.app, each.replica))
    answers = await asyncio.gather(*map(asked, registrations))
    counts: Counter[tuple[str, str, str, str]] = Counter()
    owned = Counter(view.owners.values())
    for registration, (said, problem) in zip(registrations, answers, strict=True):
        other = registration.store_identity
        if not problem and other and other != host.store.identity:
            problem = f"{codes.STATE_STORE_MISMATCH}: {_elsewhere(host, registration)}"
        for held in said.held if said is not None else ():
            counts[held.caller_app_id, held.target_app_id, held.name, held.reason] += held.count
        answer.replicas.add(
            app_id=registration.app,
            replica_id=registration.replica,
            address=registration.address,
            workers=registration.workers,
            partitions=owned[registration.replica],
            version=said.version if said is not None else "",
            problem=problem,
            store=other,
        )
    del answer.held[:]
    answer.held.extend(_held(counts))


def _silent(registration: Registration, seen: str) -> str:
    return (
        f"replica {registration.replica} of {registration.app} is registered at {registration.address}, and {seen}. "
        "If it has died, others take over when its lease has run out; if not, look at its log and at the network."
    )


def _elsewhere(host: HostView, registration: Registration) -> str:
    return (
        f"replica {registration.replica} of {registration.app} uses the state store {registration.store_identity}, "
        f"this one {host.store.identity}; calls between them are refused. Give both the same store."
    )
