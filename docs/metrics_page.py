"""Writes docs/metrics.md from what the code reports (`make docs`); `tests/unit/test_metrics_page.py` compares."""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from antiphon_operator.metrics import OperatorMetrics
from antiphon_proto.etcd.cluster import Access
from antiphon_sidecar.coordination.etcd import EtcdCoordinator
from antiphon_sidecar.peers.grpc import GrpcPeers, Self
from antiphon_sidecar.runtime.figures import CommitFigures
from antiphon_sidecar.servers.metrics import CommitMetrics, FleetMetrics, PoolMetrics, ReplicaMetrics
from antiphon_sidecar.stores.pools import PoolUse

PAGE = Path(__file__).with_name("metrics.md")
INTRODUCTION = """# Metrics

`/metrics` on `--metrics-port`, in Prometheus's text format. A scrape reads memory only, never the store: it costs about as much
with a million instances as with none. So gauges of instances and tasks speak of what is *in memory* at that process; sum them
over the replicas of an app. For counts over the whole store: `antiphon workflow list --count`.

The operator's are on its own `--metrics-port`; a replica that stands by reports few of them.

A dashboard for Grafana lies in [grafana/antiphon.json](grafana/antiphon.json): import it and choose the Prometheus data source.

This page is made from the code by `make docs`.
"""


class _Pool:
    """A pool of nothing."""

    use = PoolUse(size=0, busy=0, waiting=0, exhausted=0)


class _Pool:
    """A pool of nothing."""

    use = PoolUse(size=0, busy=0, waiting=0, exhausted=0)


SECTIONS: Mapping[str, Callable[[], Collector]] = {
    "Instances, tasks, workers": lambda: ReplicaMetrics(lambda: []),
    "Commits": lambda: CommitMetrics(CommitFigures()),
    "Connections to PostgreSQL": lambda: PoolMetrics(_Pool()),
    "Sidecars with etcd": lambda: FleetMetrics(
        EtcdCoordinator(Access(("http://127.0.0.1",)), namespace="", replica="", lease_s=10, monotonic=lambda: 0.0),
        GrpcPeers(Self("", "", ""), address=lambda _: None),
    ),
    "The operator": OperatorMetrics,
}
ALERTS = """## What to alert on

| expression | means |
|---|---|
| `antiphon_lease_left_seconds == 0` for a minute | the sidecar cannot reach etcd: it goes on with what it owns, and claims nothing |
| `sum by (app) (antiphon_workers) == 0` | nobody runs this app's code: its instances and calls to it wait |
| `sum by (app) (antiphon_partitions_owned) < 32` for a minute | some of an app's instances have no owner |
| `sum by (app, reason) (antiphon_instances_stalled) > 0` | instances that go on only after a change of code; `antiphon why` says which |
| `max(antiphon_replica_apart) > 0` | sidecars of one namespace use a database and a copy of it: their logs say which (AN410) |
| `sum(antiphon_operator_leads) != 1` for a minute | nobody looks at resources: conditions, runs and schedules wait |
| `max(antiphon_operator_etcd_connected) == 0` for a minute | the operator does not see which replicas live: conditions say what was known before |
| `sum by (kind, reason) (antiphon_operator_objects{ready="False"}) > 0` | objects that are not Ready, by reason: [kubernetes/reasons.md](kubernetes/reasons.md) |
| `rate(antiphon_operator_defects_total[15m]) > 0` | a bug of the operator: its log has the stack trace |
| `rate(antiphon_commits_total{outcome="fenced"}[5m]) > 1` | two replicas fight over a partition: a clock, a network or etcd is unwell |
| `histogram_quantile(0.99, rate(antiphon_commit_seconds_bucket[5m])) > 0.5` | the database is slow |
| `rate(antiphon_sweep_rows_total{table="tasks"}[5m])` well above zero | sidecars do not reach each other: work moves by the sweep, a second late |
"""


def families() -> Iterable[tuple[str, Metric]]:
    """Yield every metric with its section."""
    for title, make in SECTIONS.items():
        for family in make().collect():
            yield title, family


def exposed(family: Metric) -> list[str]:
    """Return the names under which Prometheus keeps a metric."""
    if family.type == "histogram":
        return [f"{family.name}_{part}" for part in ("bucket", "sum", "count")]
    return [f"{family.name}_total"] if family.type == "counter" else [family.name]


def labels(family: Metric) -> list[str]:
    """Return the labels of a metric, those without a sample included."""
    given = list(getattr(family, "_labelnames", ()))
    return given or sorted({name for sample in family.samples for name in sample.labels if name != "le"})


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    for title in SECTIONS:
        rows = [
            f"| `{exposed(family)[0] if family.type != 'histogram' else family.name}` | {family.type} | "
            f"{', '.join(f'`{label}`' for label in labels(family))} | {family.documentation} |\n"
            for section, family in families()
            if section == title
        ]
        parts.append(f"## {title}\n\n| name | type | labels | meaning |\n|---|---|---|---|\n{''.join(rows)}")
    return "\n".join([*parts, ALERTS])


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
