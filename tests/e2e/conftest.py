"""The suite's cluster, Antiphon installed in it by its charts, and a namespace for each test.

Whatever fails leaves what the cluster knew about it in the report.
"""

import os
import re
import secrets
from collections.abc import Generator, Iterator
from contextlib import contextmanager

import pytest

from tests import helm
from tests.e2e import dumps
from tests.e2e.figures import Figures
from tests.e2e.installation import Installation
from tests.e2e.kubernetes import Kubernetes
from tests.e2e.nodes import Nodes
from tests.e2e.providers import Provider, chosen
from tests.e2e.standins import all_images
from tests.e2e.world import World

_FIGURES: pytest.StashKey[Figures] = pytest.StashKey()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_FIGURES] = Figures()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for what, value in config.stash[_FIGURES].rows:
        terminalreporter.write_line(f"{what}: {value}")


@pytest.fixture(scope="session")
def figures(pytestconfig: pytest.Config) -> Figures:
    return pytestconfig.stash[_FIGURES]


@pytest.fixture(scope="session")
def provider() -> Iterator[Provider]:
    made = chosen()
    yield made
    made.down()


@pytest.fixture(scope="session")
def cluster(provider: Provider) -> Kubernetes:
    """The cluster, with every image that the suite's pods run."""
    access = provider.up()
    provider.load(all_images())
    return access


@pytest.fixture(scope="session")
def nodes(provider: Provider, cluster: Kubernetes) -> Nodes:
    """The way into the nodes; tests that kill containers are left out where somebody else's cluster has none."""
    found = provider.nodes()
    if found is None:
        pytest.skip("this cluster's nodes cannot be entered")
    return found


@pytest.fixture(scope="session")
def installation(cluster: Kubernetes, figures: Figures) -> Installation:
    """Antiphon, as the charts install it; it stays for the next run where the cluster stays.

    `ANTIPHON_HELM` names the major of Helm that does it; the newest one by default.
    """
    made = Installation(cluster, major=int(os.environ.get("ANTIPHON_HELM") or helm.MAJORS[-1]))
    with figures.timed("helm install to all ready"):
        made.install()
    return made


@pytest.fixture
def namespace(cluster: Kubernetes, request: pytest.FixtureRequest) -> Iterator[Kubernetes]:
    """A namespace of the test's own."""
    with _namespace(cluster, request.node.name) as made:
        yield made


@pytest.fixture(scope="module")
def shared_namespace(cluster: Kubernetes, request: pytest.FixtureRequest) -> Iterator[Kubernetes]:
    """A namespace that the tests of a module share."""
    with _namespace(cluster, request.module.__name__.rpartition(".")[2]) as made:
        yield made


@contextmanager
def _namespace(cluster: Kubernetes, purpose: str) -> Iterator[Kubernetes]:
    words = re.sub(r"[^a-z0-9]+", "-", purpose.removeprefix("test_").lower())[:40].strip("-")
    name = f"{words}-{secrets.token_hex(2)}"
    cluster.run("create", "namespace", name)
    yield cluster.within(name)
    cluster.delete("namespace", name, wait=False)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what the cluster knows to the report of a test that has failed."""
    report = yield
    fixtures = getattr(item, "funcargs", {})
    if report.failed and report.when in {"setup", "call"}:
        places = [access for access in fixtures.values() if isinstance(access, Kubernetes)]
        worlds = [world.kubernetes for world in fixtures.values() if isinstance(world, World)]
        for access in {place.namespace: place for place in [*places, *worlds]}.values():
            report.sections.append((f"namespace {access.namespace}", dumps.of_namespace(access)))
    return report
