"""What the operator writes into etcd: keys that can be taken apart, records that read as they were written."""

import pytest

from antiphon_names import registry
from antiphon_names.registry import AppRecord, DeclaredName, EntryRecord, SyncedRecord

FULL = AppRecord(
    declared=True,
    workflows=(DeclaredName("refund", "2", "in", "out"),),
    activities=(DeclaredName("charge"), DeclaredName("receipt", "", "in")),
    allow_from=("orders", "shipping"),
    activity_limits={"charge": 20},
    workflow_limits={"refund": 2},
    entries={
        "refund": EntryRecord(
            admit=False,
            reason="SchemaMismatch",
            message="charge was changed",
            retention={"completed": 60, "failed": 600},
        ),
        "open": EntryRecord(),
    },
)


@pytest.mark.parametrize("record", [AppRecord(), FULL, AppRecord(allow_from=())])
def test_an_app_reads_as_it_was_written(record: AppRecord) -> None:
    found = registry.read(registry.record(record.fields()))
    assert found is not None
    assert AppRecord.read(found) == record


def test_an_app_is_written_under_the_agreed_names() -> None:
    assert FULL.fields() == {
        "declared": True,
        "workflows": [{"name": "refund", "version": "2", "input": "in", "output": "out"}],
        "activities": [
            {"name": "charge", "version": "", "input": "", "output": ""},
            {"name": "receipt", "version": "", "input": "in", "output": ""},
        ],
        "allowFrom": ["orders", "shipping"],
        "limits": {"activities": {"charge": 20}, "workflows": {"refund": 2}},
        "entries": {
            "refund": {
                "admit": False,
                "reason": "SchemaMismatch",
                "message": "charge was changed",
                "retention": {"completed": 60, "failed": 600},
            },
            "open": {"admit": True, "reason": "", "message": ""},
        },
    }


def test_unknown_fields_are_ignored_and_absent_ones_have_a_meaning() -> None:
    assert AppRecord.read({"later": 1, "workflows": None}) == AppRecord()
    assert EntryRecord.read({"later": 1}) == EntryRecord(admit=True)


@pytest.mark.parametrize(
    "found", [{"workflows": [1]}, {"limits": {"activities": {"charge": "many"}}}, {"entries": [1]}]
)
def test_a_record_of_another_shape_is_refused(found: dict[str, object]) -> None:
    with pytest.raises((AttributeError, KeyError, TypeError, ValueError)):
        AppRecord.read(found)


def test_synced_reads_as_it_was_written() -> None:
    record = SyncedRecord("operator-1", "2026-11-27T01:19:06Z")
    assert SyncedRecord.read(record.fields()) == record


def test_keys_can_be_taken_apart() -> None:
    assert registry.parse("shop", registry.app_key("shop", "Payments")) == registry.AppKey("Payments")
    assert registry.parse("shop", registry.synced_key("shop")) == registry.SyncedKey()
    assert registry.parse("shop", registry.prefix("shop") + "apps/a/b") is None
