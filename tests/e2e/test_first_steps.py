"""What README.md promises, word for word: from a cluster to a pipeline over four apps that has run."""

import shlex
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.figures import Figures
from tests.e2e.installation import Installation
from tests.e2e.kubernetes import Kubernetes

ROOT = Path(__file__).parents[2]


@pytest.fixture
def example(installation: Installation, cluster: Kubernetes) -> Iterator[Kubernetes]:
    """The namespace that kubectl takes by itself; what the example puts there is gone at the end."""
    access = cluster.within("default")
    yield access
    access.delete("--filename", str(ROOT / "examples/ml-pipeline/run.yaml"))
    access.delete("--filename", str(ROOT / "examples/ml-pipeline/k8s"))


def test_the_pipeline_runs_as_the_readme_says(example: Kubernetes, figures: Figures) -> None:
    with figures.timed("ml-pipeline: apply to Ready"):
        _shell(example, "kubectl apply -f examples/ml-pipeline/k8s/")
        _shell(example, "kubectl wait awf/ml-pipeline --for=condition=Ready --timeout=180s")
    with figures.timed("ml-pipeline: run to Succeeded"):
        _shell(example, "kubectl apply -f examples/ml-pipeline/run.yaml")
        _shell(example, "kubectl wait awfrun/first --for=condition=Succeeded --timeout=180s")
    header, row = _shell(example, "kubectl get awfrun").splitlines()
    shown = dict(zip(header.split(), row.split(), strict=False))
    assert shown["NAME"] == "first"
    assert "Succeeded" in row or "Completed" in row


def _shell(kubernetes: Kubernetes, command: str) -> str:
    """Run a command as it stands in a page."""
    done = subprocess.run(
        shlex.split(command),
        cwd=ROOT,
        env=kubernetes.environment,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, f"{command}: {done.stderr}"
    return done.stdout
