"""The guide's code is code: it is defined here as it stands there, and its first workflow is run."""

import re
from pathlib import Path
from typing import Any

from tests.unit.sdk.scribe import Scribe, done

GUIDE = Path(__file__).parents[3] / "docs" / "sdk.md"


def guide() -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "guide"}
    for block in re.findall(r"```python\n(.*?)```", GUIDE.read_text(), re.DOTALL):
        exec(compile(block, str(GUIDE), "exec", dont_inherit=True), names)
    return names


def run(name: str, input: str, *results: str) -> str:
    scribe = Scribe(guide()[name], input=input)
    scribe.turn()
    for number, result in enumerate(results, 1):
        scribe.turn(done(number, result))
    assert scribe.end is not None
    return scribe.end.result.value


def test_the_first_workflow_of_the_guide_runs():
    assert run("buy", '{"item":"tea","count":2}', '"receipt"', "null") == '"receipt"'


def test_the_guide_retries_and_gives_up():
    assert run("trip", '"hotel"', '"hotel"') == '"hotel"'


def test_the_guide_compares_prices_side_by_side():
    scribe = Scribe(guide()["compare"], input='["tea"]')
    scribe.turn()
    scribe.turn(done(1, "1.5"), done(2, "2.5"))
    scribe.turn(done(3, '"north"'))
    assert scribe.end is not None
    assert scribe.end.result.value == '"north"'
