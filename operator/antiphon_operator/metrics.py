"""What the operator reports of itself; a scrape reads memory only."""

from collections.abc import Iterable

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from antiphon_operator.reconcile import objects
from antiphon_operator.registry.etcd import Etcd
from antiphon_operator.runtime.cache import Cache
from antiphon_operator.runtime.controller import Controller


class OperatorMetrics(Collector):
    """The operator's metrics: a standby has few of them, since it looks at nothing."""

    def __init__(self) -> None:
        self.leads = False
        self._controller: Controller | None = None
        self._etcd: Etcd | None = None
        self._cache: Cache | None = None

    def observe(self, *, controller: Controller, etcd: Etcd, cache: Cache) -> None:
        """Report of these from now on."""
        self._controller, self._etcd, self._cache = controller, etcd, cache

    def collect(self) -> Iterable[Metric]:
        """Yield the metrics as they are now."""
        yield GaugeMetricFamily("antiphon_operator_leads", "1 at the replica that has the lease.", value=self.leads)
        yield from self._of_etcd()
        yield from self._of_queue()
        yield self._of_objects()

    def _of_etcd(self) -> Iterable[Metric]:
        etcd = self._etcd
        connected = etcd is not None and etcd.connected
        yield GaugeMetricFamily(
            "antiphon_operator_etcd_connected", "1 while etcd is followed; else conditions may be old.", value=connected
        )
        yield CounterMetricFamily(
            "antiphon_operator_etcd_writes",
            "Keys of apps that were written to etcd, or deleted.",
            value=0 if etcd is None else etcd.writes_done,
        )

    def _of_queue(self) -> Iterable[Metric]:
        controller = self._controller
        tally = None if controller is None else controller.tally
        waiting = 0 if controller is None else len(controller.queue) + len(controller.asking)
        yield GaugeMetricFamily("antiphon_operator_queue", "Objects and namespaces that wait to be looked at.", waiting)
        counts = (
            ("reconciled", "Times that an object was judged.", tally.reconciled if tally else 0),
            ("status_writes", "Statuses that were written.", tally.written if tally else 0),
            ("failures", "Tries that failed and are made again.", tally.failures if tally else 0),
            ("defects", "Failures that are bugs: the log has the stack trace.", tally.defects if tally else 0),
        )
        for name, text, value in counts:
            yield CounterMetricFamily(f"antiphon_operator_{name}", text, value=value)

    def _of_objects(self) -> Metric:
        family = GaugeMetricFamily(
            "antiphon_operator_objects",
            "Objects by kind, status and reason of their condition Ready.",
            labels=("kind", "ready", "reason"),
        )
        counts: dict[tuple[str, str, str], int] = {}
        if self._cache is None:
            return family
        for plural in self._cache.kinds():
            for body in self._cache.all(plural):
                ready = next((each for each in objects.conditions(body) if each["type"] == "Ready"), {})
                key = (plural, ready.get("status", "Unknown"), ready.get("reason", ""))
                counts[key] = counts.get(key, 0) + 1
        for labels, count in sorted(counts.items()):
            family.add_metric(labels, count)
        return family
