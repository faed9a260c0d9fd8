"""The operator's word: etcd's while it has one, else the store's copy, which holds when etcd was emptied."""

from antiphon_names.registry import AppRecord, EntryRecord, SyncedRecord
from antiphon_sidecar.coordination.base import View
from antiphon_sidecar.engine.events import Status
from antiphon_sidecar.runtime.registry import Registry
from antiphon_sidecar.stores.memory import MemoryStore
from antiphon_sidecar.stores.memory_tables import MemoryData

SYNCED = SyncedRecord("operator", "2026-11-27T00:00:00Z")
PAYMENTS = AppRecord(declared=True, allow_from=("orders",), activity_limits={"charge": 2})


class Etcd:
    """A view that can be changed."""

    def __init__(self) -> None:
        self.now = View()
        self.data = MemoryData()
        self.writes = 0

    def registry(self, *, operator: bool = True) -> Registry:
        etcd = self

        class Counted(MemoryStore):
            async def copy_registry(self, changed, *, gone=()):  # type: ignore[no-untyped-def]
                etcd.writes += 1
                await super().copy_registry(changed, gone=gone)

        return Registry(Counted(clock=lambda: 0, data=self.data), lambda: self.now, operator=operator)


async def test_without_an_operator_what_etcd_says_means_nothing():
    etcd = Etcd()
    etcd.now = View(apps={"payments": PAYMENTS})
    subject = etcd.registry(operator=False)
    await subject.refresh()
    assert (subject.synced, subject.record("payments"), subject.apps(), etcd.writes) == (True, None, frozenset(), 0)


async def test_what_etcd_says_counts_at_once():
    etcd = Etcd()
    subject = etcd.registry()
    assert (subject.synced, subject.unsure_of("payments")) == (False, True)
    etcd.now = View(apps={"payments": PAYMENTS})
    assert (subject.synced, subject.unsure_of("payments"), subject.unsure_of("web")) == (False, False, True)
    etcd.now = View(apps={"payments": PAYMENTS}, synced=SYNCED)
    assert (subject.synced, subject.unsure_of("web")) == (True, False)


async def test_the_copy_holds_when_etcd_was_emptied_and_after_a_restart():
    etcd = Etcd()
    etcd.now = View(apps={"payments": PAYMENTS}, synced=SYNCED)
    subject = etcd.registry()
    await subject.refresh()
    etcd.now = View()
    await subject.refresh()
    again = etcd.registry()
    await again.refresh()
    for each in (subject, again):
        assert (each.synced, each.record("payments"), each.apps()) == (True, PAYMENTS, {"payments"})


async def test_an_emptied_etcd_that_is_filled_again_wins_app_by_app():
    etcd = Etcd()
    etcd.now = View(apps={"payments": PAYMENTS, "web": AppRecord()}, synced=SYNCED)
    subject = etcd.registry()
    await subject.refresh()
    etcd.now = View(apps={"payments": AppRecord(declared=True)})
    await subject.refresh()
    assert (subject.record("payments"), subject.record("web")) == (AppRecord(declared=True), AppRecord())
    etcd.now = View(apps={"payments": AppRecord(declared=True)}, synced=SYNCED)
    await subject.refresh()
    assert subject.record("web") is None
    etcd.now = View()
    assert subject.apps() == {"payments"}


async def test_what_has_not_changed_is_not_copied_again():
    etcd = Etcd()
    etcd.now = View(apps={"payments": PAYMENTS}, synced=SYNCED)
    first, second = etcd.registry(), etcd.registry()
    for subject in (first, second, first):
        await subject.refresh()
    assert etcd.writes == 1


async def test_whatever_did_not_complete_is_kept_as_long_as_what_failed():
    etcd = Etcd()
    entries = {"ship": EntryRecord(retention={"completed": 60, "failed": 600}), "open": EntryRecord()}
    etcd.now = View(apps={"payments": AppRecord(entries=entries)}, synced=SYNCED)
    assert etcd.registry().retention("payments") == {
        Status.COMPLETED: {"ship": 60},
        Status.FAILED: {"ship": 600},
        Status.CANCELED: {"ship": 600},
        Status.TERMINATED: {"ship": 600},
    }
