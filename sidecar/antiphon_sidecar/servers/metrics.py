"""Prometheus metrics of a process, read from the replicas when they are scraped; nothing is counted twice."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon_sidecar.runtime.replica import Replica
from antiphon_sidecar.stores.pools import Pooled


class ReplicaMetrics(Collector):
    """Reports each app's lanes, tasks and workers."""

    def __init__(self, replicas: Callable[[], Iterable[Replica]]) -> None:
        self._replicas = replicas

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of all apps of this process."""
        hot = GaugeMetricFamily("antiphon_instances_hot", "Instances in memory", labels=["app"])
        waiting = GaugeMetricFamily(
            "antiphon_instances_waiting_for_worker", "Instances that wait for a free worker", labels=["app"]
        )
        running = GaugeMetricFamily(
            "antiphon_tasks_outstanding", "Tasks handed to a replica, without result", labels=["app"]
        )
        held = GaugeMetricFamily("antiphon_tasks_held", "Tasks that wait, by reason", labels=["app", "reason"])
        hand = GaugeMetricFamily("antiphon_tasks_in_hand", "Tasks of any caller at this replica", labels=["app"])
        stalled = GaugeMetricFamily(
            "antiphon_instances_stalled", "Instances in memory that cannot go on, by reason", labels=["app", "reason"]
        )
        workers = GaugeMetricFamily("antiphon_workers", "Connected workers", labels=["app"])
        partitions = GaugeMetricFamily("antiphon_partitions_owned", "Partitions owned", labels=["app"])
        retired = CounterMetricFamily(
            "antiphon_runs_retired", "Finished runs that retention has deleted here", labels=["app", "status"]
        )
        for replica in self._replicas():
            app = [replica.identity.app]
            hot.add_metric(app, sum(1 for _ in replica.instances.lanes()))
            line = replica.instances.line
            waiting.add_metric(app, len(line.waiting) + len(line.absent) + len(line.suspects))
            running.add_metric(app, len(replica.dispatcher.outstanding))
            hand.add_metric(app, len(replica.intake.hands))
            workers.add_metric(app, len(replica.workers.streams))
            partitions.add_metric(app, len(replica.ownership.epochs))
            reasons: dict[str, int] = {}
            for entry in replica.dispatcher.held.values():
                reasons[entry.reason] = reasons.get(entry.reason, 0) + 1
            for reason, count in reasons.items():
                held.add_metric([*app, reason], count)
            for status, count in replica.retention.deleted.items():
                retired.add_metric([*app, status.name], count)
            for reason, count in Counter(_stalls(replica)).items():
                stalled.add_metric([*app, reason], count)
        yield from (hot, waiting, stalled, running, held, hand, workers, partitions, retired)


class PoolMetrics(Collector):
    """Reports the connections of a process to its store."""

    def __init__(self, store: Pooled) -> None:
        self._store = store

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics of the pool."""
        use = self._store.use
        yield GaugeMetricFamily("antiphon_store_pool_size", "Connections to the store, at most", value=use.size)
        yield GaugeMetricFamily("antiphon_store_pool_busy", "Connections to the store at work", value=use.busy)
        yield GaugeMetricFamily("antiphon_store_pool_waiting", "Calls that wait for a connection", value=use.waiting)
        yield CounterMetricFamily(
            "antiphon_store_pool_exhausted", "Calls that got no connection in time", value=use.exhausted
        )


def _stalls(replica: Replica) -> Iterator[str]:
    """Yield the reason of each stalled instance in memory."""
    for lane in replica.instances.lanes():
        if lane.state is not None and lane.state.stall is not None:
            yield lane.state.stall.reason
