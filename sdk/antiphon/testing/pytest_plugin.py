"""The pytest plugin: the fixture `antiphon_env`. Loaded by pytest wherever antiphon is installed.

Imports nothing of the sidecar: it is loaded by every test run of an environment, whatever that run tests.
"""

from collections.abc import AsyncIterator

import pytest

from antiphon.testing import Environment

__all__ = ["antiphon_env"]

try:
    import pytest_asyncio
except ImportError:

    @pytest.fixture
    def antiphon_env() -> None:
        """Say what is missing."""
        pytest.fail("the fixture antiphon_env needs pytest-asyncio: pip install 'antiphon[testing]'", pytrace=False)

else:

    @pytest_asyncio.fixture
    async def antiphon_env() -> AsyncIterator[Environment]:  # type: ignore[misc]  # the one above, with its library
        """Give the test a running `testing.Environment` of its own."""
        async with Environment() as env:
            yield env
