"""What /metrics says after something has happened."""

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from antiphon_sidecar.engine.actions import Complete, ScheduleTask, Target
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.servers.metrics import CommitMetrics, ReplicaMetrics
from tests.unit.runtime.fakes import FakeClock
from tests.unit.runtime.house import House, house


def scraped(made: House) -> dict[tuple[str, ...], float]:
    """Return every sample by its name and the values of its labels, those sorted by their names."""
    registry = CollectorRegistry()
    registry.register(ReplicaMetrics(lambda: [made.replica]))
    registry.register(CommitMetrics(made.replica.parts.committer.figures))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    return {(s.name, *s.labels.values()): s.value for family in families for s in family.samples}


async def test_a_run_is_counted_from_its_first_turn_to_its_end():
    async with house(FakeClock()) as made:
        hand = await made.worker("ship")
        await made.start("i1")
        turn = await made.turn(hand)
        assert ("antiphon_instances_ended_total", "orders", "COMPLETED") not in scraped(made)
        made.answer(turn, Complete(id=0, status=Status.COMPLETED))
        await made.reaches("i1", Status.COMPLETED)
        seen = scraped(made)
        assert seen["antiphon_instances_started_total", "orders"] == 1
        assert seen["antiphon_instances_ended_total", "orders", "COMPLETED"] == 1
        assert seen["antiphon_turn_seconds_count", "orders"] == 1
        assert seen["antiphon_commits_total", "committed"] == seen["antiphon_commit_group_size_sum",] == 1


async def test_the_backlog_is_told_by_target_and_activity():
    async with house(FakeClock()) as made:
        hand = await made.worker("ship")
        await made.start("i1")
        made.answer(await made.turn(hand), ScheduleTask(id=0, name="charge", target=Target("payments")))
        await made.until(lambda: bool(made.replica.dispatcher.held))
        seen = scraped(made)
        assert seen["antiphon_tasks_backlog", "charge", "orders", "payments"] == 1
        assert seen["antiphon_tasks_held", "orders", "TargetAppNotFound"] == 1
        assert seen["antiphon_instances_hot", "orders", "RUNNING"] == 1
