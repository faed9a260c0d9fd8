"""The page about testing is code: its tests are run as they stand there."""

import re
from pathlib import Path
from typing import Any

import pytest

from antiphon import testing

PAGE = Path(__file__).parents[3] / "docs" / "testing.md"


def names() -> dict[str, Any]:
    found: dict[str, Any] = {"__name__": "testing_guide"}
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL):
        exec(compile(block, str(PAGE), "exec", dont_inherit=True), found)
    return found


@pytest.mark.parametrize("name", [name for name in names() if name.startswith("test_")])
async def test_the_page(name: str, antiphon_env: testing.Environment):
    test = names()[name]
    await (test(antiphon_env) if test.__code__.co_argcount else test())
