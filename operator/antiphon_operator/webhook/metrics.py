"""Prometheus metrics of the webhook."""

from collections.abc import Callable, Iterable, Mapping

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0)


class Metrics:
    """What the webhook counts; each process has one."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self._reviews = Counter(
            "antiphon_admission_reviews",
            "Admission requests by resource, outcome and, where there is one, reason",
            ["resource", "outcome", "reason"],
            registry=self.registry,
        )
        self.seconds = Histogram(
            "antiphon_admission_seconds",
            "From an admission request to its answer",
            ["resource"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self.under_way = Gauge(
            "antiphon_admission_under_way",
            "Admission requests that are not answered yet",
            ["resource"],
            registry=self.registry,
        )
        self.certificate_expires = Gauge(
            "antiphon_webhook_certificate_expires_seconds",
            "When the certificate in use expires, as Unix time",
            registry=self.registry,
        )
        self.certificate_loads = Counter(
            "antiphon_webhook_certificate_loads",
            "Times that a certificate was taken into use",
            registry=self.registry,
        )

    def counted(self, resource: str, outcome: str, reason: str) -> None:
        """Count an answer."""
        self._reviews.labels(resource, outcome, reason).inc()

    def watch(self, *, ready: Callable[[], bool], cached: Callable[[], Mapping[str, int]]) -> None:
        """Report, when scraped, whether the webhook is ready and what its cache holds."""
        self.registry.register(_State(ready, cached))


class _State(Collector):
    def __init__(self, ready: Callable[[], bool], cached: Callable[[], Mapping[str, int]]) -> None:
        self._ready = ready
        self._cached = cached

    def collect(self) -> Iterable[Metric]:
        yield GaugeMetricFamily(
            "antiphon_webhook_ready",
            "1 when this process may be asked: it has read the cluster, and the API server trusts its certificate",
            value=float(self._ready()),
        )
        objects = GaugeMetricFamily(
            "antiphon_webhook_cached_objects", "Objects that the webhook knows, by resource", labels=["resource"]
        )
        for resource, count in self._cached().items():
            objects.add_metric([resource], count)
        yield objects
