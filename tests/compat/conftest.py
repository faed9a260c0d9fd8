"""Environments of the SDKs under test, and one running world for each way to send histories."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.compat.driving import Driver
from tests.compat.environments import python_with
from tests.compat.worlds import World, world


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
