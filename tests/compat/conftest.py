"""Environments of the SDKs under test, running worlds, and the matrix of what came of each feature."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat import matrix
from tests.compat.driving import Driver
from tests.compat.environments import python_with
from tests.compat.sdks import PEER, SDKS, python
from tests.compat.worlds import Commands, World, world

OUTCOMES = pytest.StashKey[dict[tuple[str, str], bool]]()


@pytest.fixture(scope="session")
def dapr_python() -> Path:
    return python_with(Path(__file__).with_name("requirements-dapr-1.19.0.txt"))


@pytest.fixture(scope="session", params=["deltas", "full histories"])
def shared(
    request: pytest.FixtureRequest, dapr_python: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[World]:
    """A host with its three apps, for all tests that kill nothing."""
    folder = tmp_path_factory.mktemp("world")
    with world(folder, dapr_python, deltas=request.param == "deltas") as made:
        made.start()
        yield made


@pytest.fixture(scope="session")
def dapr(shared: World) -> Driver:
    """A client of app1: the blocking one where workers take deltas, the asyncio one where they do not."""
    return shared.client("sync" if shared.deltas else "aio")


@pytest.fixture(scope="session")
def every_sdk() -> dict[str, Commands]:
    """How the app of each SDK is run, and the Python app beside them."""
    return {PEER: python("1.19.0")(), **{sdk.id: sdk.make() for sdk in SDKS}}


@pytest.fixture(scope="session")
def outcomes(request: pytest.FixtureRequest) -> dict[tuple[str, str], bool]:
    """What came of each (feature, SDK) so far."""
    return request.config.stash[OUTCOMES]


def pytest_configure(config: pytest.Config) -> None:
    config.stash[OUTCOMES] = {}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test of a feature with each SDK that has it."""
    if "sdk" in metafunc.fixturenames:
        feature = _feature(metafunc.definition)
        having = [sdk.id for sdk in SDKS if feature not in sdk.lacks]
        assert having, f"no SDK has {feature}: its test would never run"
        metafunc.parametrize("sdk", having)


def _feature(item: pytest.Item) -> str:
    mark = item.get_closest_marker("feature")
    assert mark is not None, f"{item.name} does not say of which feature it is"
    feature: str = mark.args[0]
    assert feature in matrix.FEATURES, f"{item.name}: the matrix has no feature {feature}"
    return feature


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Judge the matrix when everything else has run."""
    items.sort(key=lambda item: item.path.name == "test_matrix.py")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Iterator[pytest.TestReport]:
    report: pytest.TestReport = yield
    mark = item.get_closest_marker("feature")
    if mark is not None and (report.when == "call" or not report.passed):
        cell = (mark.args[0], item.callspec.params["sdk"])  # type: ignore[attr-defined]
        seen = item.config.stash[OUTCOMES]
        seen[cell] = report.passed and seen.get(cell, True)
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    seen = config.stash[OUTCOMES]
    if seen:
        terminalreporter.section("SDKs and features")
        for line in matrix.summary(seen):
            terminalreporter.line(line)
