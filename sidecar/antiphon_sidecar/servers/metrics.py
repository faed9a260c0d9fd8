"""Prometheus metrics of a process, read off its parts when they are scraped; nothing reads the store.

`docs/metrics.md` is made from what is here.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from prometheus_client import Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon_sidecar.coordination.etcd import EtcdCoordinator
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.peers.grpc import GrpcPeers
from antiphon_sidecar.runtime.figures import CommitFigures
from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.stores.pools import Pooled


class ReplicaMetrics(Collector):
    """Reports each app's instances, tasks and workers at this process."""

    def __init__(self, replicas: Callable[[], Iterable[Replica]]) -> None:
        self._replicas = replicas

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of all apps of this process."""
        replicas = {replica.identity.app: replica for replica in self._replicas()}
        for part in (_instances, _tasks, _workers, _sweeps, _stores):
            yield from part(replicas)


def _gauge(name: str, what: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, labels=labels)


def _counter(name: str, what: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, what, labels=labels)


def _instances(replicas: Mapping[str, Replica]) -> Iterator[Metric]:
    hot = _gauge("antiphon_instances_hot", "Instances in memory, by status", "app", "status")
    started = _counter("antiphon_instances_started", "Runs whose first turn was committed here", "app")
    ended = _counter("antiphon_instances_ended", "Runs that ended here, by status", "app", "status")
    waiting = _gauge(
        "antiphon_instances_waiting_for_worker",
        "Instances that wait for a worker, by reason: all are busy, none offers the name, or workers may die of them",
        "app",
        "reason",
    )
    stalled = _gauge("antiphon_instances_stalled", "Instances in memory that cannot go on, by reason", "app", "reason")
    turns = HistogramMetricFamily(
        "antiphon_turn_seconds", "From handing a turn to a worker to its answer", labels=["app"]
    )
    retired = _counter(
        "antiphon_runs_retired", "Finished runs that retention has deleted here, by status", "app", "status"
    )
    for app, replica in replicas.items():
        for name, count in Counter(_statuses(replica)).items():
            hot.add_metric([app, name], count)
        figures, line = replica.instances.figures, replica.instances.line
        started.add_metric([app], figures.started)
        for status, count in figures.ended.items():
            ended.add_metric([app, status.name], count)
        for reason, lanes in (
            ("Busy", line.waiting),
            ("NotOffered", line.absent),
            ("Suspect", line.suspects),
        ):
            waiting.add_metric([app, reason], len(lanes))
        for reason, count in Counter(_stalls(replica)).items():
            stalled.add_metric([app, reason], count)
        _add(turns, [app], figures.turn_s)
        for status, count in replica.retention.deleted.items():
            retired.add_metric([app, status.name], count)
    yield from (hot, started, ended, waiting, stalled, turns, retired)


def _tasks(replicas: Mapping[str, Replica]) -> Iterator[Metric]:
    backlog = _gauge(
        "antiphon_tasks_backlog",
        "Tasks of this app's instances without result, in memory, by the app and activity that they are for",
        "app",
        "target",
        "activity",
    )
    running = _gauge("antiphon_tasks_outstanding", "Tasks handed to a replica, without result", "app")
    held = _gauge("antiphon_tasks_held", "Tasks that wait, by reason", "app", "reason")
    hand = _gauge("antiphon_tasks_in_hand", "Tasks of any caller at this replica", "app")
    for app, replica in replicas.items():
        dispatcher = replica.dispatcher
        running.add_metric([app], len(dispatcher.outstanding))
        hand.add_metric([app], len(replica.intake.hands))
        tasks = [entry.row for entry in dispatcher.outstanding.values()]
        tasks += [entry.row for entry in dispatcher.held.values()]
        for (target, name), count in Counter((row.target_app, row.name) for row in tasks).items():
            backlog.add_metric([app, target, name], count)
        for reason, count in Counter(entry.reason for entry in dispatcher.held.values()).items():
            held.add_metric([app, reason], count)
    yield from (backlog, running, held, hand)


def _workers(replicas: Mapping[str, Replica]) -> Iterator[Metric]:
    workers = _gauge("antiphon_workers", "Connected workers", "app")
    partitions = _gauge("antiphon_partitions_owned", "Partitions owned, of 32", "app")
    for app, replica in replicas.items():
        workers.add_metric([app], len(replica.workers.streams))
        partitions.add_metric([app], len(replica.ownership.epochs))
    yield from (workers, partitions)


def _sweeps(replicas: Mapping[str, Replica]) -> Iterator[Metric]:
    found = _counter(
        "antiphon_sweep_rows",
        "Rows that sweeps found: of inbox and tasks, what the fast path had lost or what waits; of timers, all that "
        "fire soon",
        "app",
        "table",
    )
    for app, replica in replicas.items():
        for table in ("inbox", "tasks", "timers"):
            found.add_metric([app, table], replica.instances.figures.swept[table])
    yield found


def _stores(replicas: Mapping[str, Replica]) -> Iterator[Metric]:
    apart = _gauge(
        "antiphon_replica_apart",
        "Replicas in the view that are on a copy of this replica's store: calls between the two are refused",
        "app",
    )
    for app, replica in replicas.items():
        apart.add_metric([app], len(replica.presence.apart.stands_apart()))
    yield apart


def _statuses(replica: Replica) -> Iterator[str]:
    """Yield the status of each instance in memory, whatever was read of it."""
    for lane in replica.instances.lanes():
        yield (lane.state.status if lane.state is not None else Status.PENDING).name


def _stalls(replica: Replica) -> Iterator[str]:
    """Yield the reason of each stalled instance in memory."""
    for lane in replica.instances.lanes():
        if lane.state is not None and lane.state.stall is not None:
            yield lane.state.stall.reason


class CommitMetrics(Collector):
    """Reports a process's commits."""

    def __init__(self, figures: CommitFigures) -> None:
        self._figures = figures

    def collect(self) -> Iterable[Metric]:
        """Yield how long commits took, how many went together, and what became of them."""
        seconds = HistogramMetricFamily("antiphon_commit_seconds", "From sending a group of commits to its answer")
        _add(seconds, [], self._figures.commit_s)
        size = HistogramMetricFamily("antiphon_commit_group_size", "Commits that were sent together")
        _add(size, [], self._figures.group)
        outcomes = _counter(
            "antiphon_commits",
            "Commits, by outcome: fenced, conflict, rows and unread were refused, of unknown ones nobody knows yet",
            "outcome",
        )
        for outcome in ("committed", "fenced", "conflict", "rows", "unread", "unknown"):
            outcomes.add_metric([outcome], self._figures.outcomes[outcome])
        yield from (seconds, size, outcomes)


class PoolMetrics(Collector):
    """Reports the connections of a process to its store."""

    def __init__(self, store: Pooled) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of the pool."""
        use = self._store.use
        yield _single("antiphon_store_pool_size", "Connections to the store, at most", use.size)
        yield _single("antiphon_store_pool_busy", "Connections to the store at work", use.busy)
        yield _single("antiphon_store_pool_waiting", "Calls that wait for a connection", use.waiting)
        exhausted = _counter("antiphon_store_pool_exhausted", "Calls that got no connection in time")
        exhausted.add_metric([], use.exhausted)
        yield exhausted


class FleetMetrics(Collector):
    """Reports a sidecar's lease in etcd and its links to other replicas."""

    def __init__(self, coordinator: EtcdCoordinator, peers: GrpcPeers) -> None:
        self._coordinator = coordinator
        self._peers = peers

    def collect(self) -> Iterable[Metric]:
        """Yield what is known of etcd and of the others."""
        coordinator = self._coordinator
        yield _single("antiphon_etcd_connected", "1 while etcd's keys are followed", coordinator.connected)
        yield _single(
            "antiphon_lease_left_seconds",
            "For how long the lease is certain, by this replica's clock; 0: nothing is claimed",
            coordinator.lease_left_s(),
        )
        yield _single("antiphon_replicas_seen", "Replicas of all apps in the view", len(coordinator.view().replicas))
        spoken_to, linked = self._peers.links
        links = _gauge("antiphon_peer_links", "Replicas that this one speaks to, by whether they are reached", "state")
        links.add_metric(["up"], linked)
        links.add_metric(["down"], spoken_to - linked)
        messages = _counter(
            "antiphon_peer_messages", "Messages between replicas: sent, received, or dropped unsent", "what"
        )
        for what in ("sent", "received", "dropped"):
            messages.add_metric([what], self._peers.traffic[what])
        yield from (links, messages)


def _single(name: str, what: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, what, value=value)


def _add(family: HistogramMetricFamily, labels: list[str], histogram: Histogram) -> None:
    """Add what a histogram of the runtime has counted."""
    (counted,) = histogram.collect()
    buckets = [(s.labels["le"], s.value) for s in counted.samples if s.name.endswith("_bucket")]
    (total,) = (s.value for s in counted.samples if s.name.endswith("_sum"))
    family.add_metric(labels, buckets, total)
