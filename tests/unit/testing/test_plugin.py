"""The pytest plugin: what a user's test run sees of it."""

import os
import subprocess
import sys
from datetime import timedelta
from importlib import metadata
from pathlib import Path

from antiphon import testing, workflow
from antiphon.testing import pytest_plugin


@workflow.define
async def nap(ctx: workflow.Context) -> str:
    await ctx.sleep(timedelta(days=365))
    return f"{ctx.now():%Y}"


async def test_the_fixture_gives_a_running_environment(antiphon_env: testing.Environment):
    app = await antiphon_env.app("naps", workflows=[nap])
    assert antiphon_env.client is app.client
    state = await antiphon_env.client.wait(await antiphon_env.client.start(nap), result=str)
    assert state.output == "2031"


WITHOUT_ASYNCIO = """
import sys
import pytest
sys.modules["pytest_asyncio"] = None
sys.exit(pytest.main(["-q", "-p", "antiphon.testing.pytest_plugin", "test_it.py"]))
"""


def test_without_pytest_asyncio_the_fixture_says_what_is_missing(tmp_path: Path):
    (tmp_path / "test_it.py").write_text("def test_it(antiphon_env): ...\n")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_ASYNCIO],
        cwd=tmp_path,
        env={**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert "the fixture antiphon_env needs pytest-asyncio: pip install 'antiphon[testing]'" in done.stdout


def test_pytest_finds_the_plugin_by_itself():
    (found,) = metadata.entry_points(group="pytest11", name="antiphon")
    assert found.load() is pytest_plugin
