"""Our descriptors beside those of an installed `dapr` package, and the facts that unit tests rely on."""

import json
import os
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.compat

ROOT = Path(__file__).parents[2]
SNAPSHOT = ROOT / "tests" / "unit" / "dialect_1_19_0.json"
DUMP = Path(__file__).with_name("dialect_dump.py")
OURS = "import antiphon_proto.methods"
THEIRS = "from dapr.ext.workflow._durabletask.internal import orchestrator_service_pb2"


def run(python: Path, *arguments: str) -> str:
    done = subprocess.run(
        [str(python), *arguments],
        env={**os.environ, "PYTHONPATH": str(ROOT / "proto")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_item_2_the_snapshot_is_what_the_package_says(dapr_python: Path) -> None:
    assert json.loads(run(dapr_python, str(DUMP))) == json.loads(SNAPSHOT.read_text())


@pytest.mark.parametrize(
    "order", [pytest.param((OURS, THEIRS), id="ours first"), pytest.param((THEIRS, OURS), id="theirs first")]
)
def test_item_2_one_process_can_load_both_descriptor_sets(dapr_python: Path, order: tuple[str, str]) -> None:
    code = f"{order[0]}\n{order[1]}\nprint('both')"
    assert run(dapr_python, "-c", code).strip() == "both"
