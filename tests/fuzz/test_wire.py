"""Conversations of real SDKs, played badly against the real servicers: nothing dies, hangs or is lost."""

import os
import subprocess
import sys

import pytest

from tests.fuzz.conversations import Conversation, Said, every, read, write
from tests.fuzz.planted import BUGS
from tests.fuzz.scripts import script_of
from tests.fuzz.world import CASES, fuzz

_CASES = 1_000
_SOAK_CASES = 100_000
#: Seeds that found something: answers that named another task (1, 4), an action id that was a timer of the runtime's
#: own (371, 388), a time that cannot be written (100277).
FOUND = (1, 4, 371, 388, 100_277)


@pytest.mark.parametrize("seed", sorted({*range(1, _CASES // CASES + 1), *FOUND}))
def test_survives_what_apps_may_send(seed):
    verdict = fuzz(seed)
    text = "\n".join([f"seed={seed}", *map(str, verdict.broken), *verdict.tail[-40:]])
    assert not verdict.broken, text
    assert verdict.instances > 0


@pytest.mark.parametrize("plant", BUGS, ids=lambda plant: plant.__name__)
def test_finds_the_planted_bug(plant, monkeypatch):
    plant(monkeypatch.setattr)
    found: set[str] = set()
    for seed in range(1, 41):
        found |= {broken.promise for broken in fuzz(seed).broken}
        if found & BUGS[plant]:
            return
    pytest.fail(f"not found, but {found}")


@pytest.mark.parametrize("name", every())
def test_a_recording_tells_who_connects_and_what_workers_answer(name):
    script = script_of(every()[name])
    assert script.starts
    assert all(answers for recorded in script.turns.values() for answers in recorded)
    assert {app for app, _ in script.turns} <= set(script.connects)
    assert script.tasks


def test_a_conversation_reads_as_it_was_written(tmp_path):
    said = (Said("orders", 3, "/Service/Call", True, b"\x00\xff"), Said("orders", 3, "/Service/Call", False, b""))
    written = Conversation("some-sdk 1.0", "a note", said)
    write(tmp_path / "one.jsonl", written)
    assert read(tmp_path / "one.jsonl") == written


def test_a_run_repeats_exactly():
    assert fuzz(7).tail == fuzz(7).tail


@pytest.mark.soak
def test_survives_a_hundred_thousand_cases():
    seeds = _SOAK_CASES // CASES // 2
    shards = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.fuzz", "--keep-going", "--count", str(seeds), "--seed", str(first)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(entry for entry in sys.path if entry)},
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in (100_000, 100_000 + seeds)
    ]
    said = [shard.communicate(timeout=3_600)[0] for shard in shards]
    assert [shard.returncode for shard in shards] == [0, 0], "\n".join(said)
