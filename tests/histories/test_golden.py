"""Histories of released versions: they must decode, fold and replay as they did, for ever."""

from pathlib import Path

import pytest

from antiphon import _definitions
from antiphon._turns import Turns
from antiphon_proto.v1 import worker_pb2 as wk
from antiphon_sidecar.codec import events as codec
from antiphon_sidecar.engine import events as ev
from antiphon_sidecar.runtime import rows
from antiphon_sidecar.stores.base import Loaded
from tests.histories import workflows
from tests.histories.files import FOLDER, Golden, described, read, says
from tests.histories.record import SCRIPTS

FILES = sorted(FOLDER.glob("*.json"))
golden_histories = pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)


def loaded(golden: Golden) -> Loaded:
    return Loaded(row=golden.row, history=golden.history, inbox=())


def test_every_script_has_its_history():
    assert {path.stem for path in FILES} >= set(SCRIPTS)


@golden_histories
def test_decodes_and_keeps_its_bytes(path: Path):
    _, sealed = rows.state_of(loaded(read(path)))
    assert sealed
    for raw in sealed:
        event = codec.unseal(raw)
        assert not isinstance(event, ev.Unrecognized)
        assert codec.seal(event) == raw


@golden_histories
def test_folds_to_the_state_it_had(path: Path):
    golden = read(path)
    state, _ = rows.state_of(loaded(golden))
    assert state is not None
    found = described(state)
    # A later version may know more about a state; what was known must be the same.
    assert {key: found[key] for key in golden.state} == dict(golden.state)


@golden_histories
def test_replays_to_the_actions_it_had(path: Path):
    golden = read(path)
    past: list[bytes] = []
    assert len(golden.replayed) == len(golden.history)
    for row, replayed in zip(golden.history, golden.replayed, strict=True):
        events = list(codec.unpack(row.events))
        if replayed is not None:
            request = wk.WorkflowRequest(instance_id=golden.row.instance_id, new_events=events[: replayed.new])
            request.execution_id.value = golden.row.execution_id
            turns = Turns(_definitions.table(workflows.ALL, kind="workflow"), most=1)
            answer = turns.replay(request, "token", history=past)
            assert len(answer.actions) == len(replayed.actions)
            for action, recorded in zip(answer.actions, replayed.actions, strict=True):
                assert says(action, recorded), (action, wk.WorkflowAction.FromString(recorded))
            assert (answer.custom_status.value or None) == (replayed.custom_status or None)
        past.extend(events)


@golden_histories
def test_a_change_of_what_was_recorded_is_noticed(path: Path):
    """A check of the test above: its comparison is not satisfied by just any action."""
    recorded = [raw for turn in read(path).replayed if turn is not None for raw in turn.actions]
    for raw in recorded:
        action = wk.WorkflowAction.FromString(raw)
        assert says(action, raw)
        action.id += 1
        assert not says(action, raw)
