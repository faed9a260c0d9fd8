"""What a type checker says of right and wrong uses of the SDK, and which names are public."""

import re
from pathlib import Path

from mypy import api

from antiphon import codec, interceptors, testing
from antiphon.testing import pytest_plugin

ROOT = Path(__file__).parents[3]
USES = Path(__file__).parent / "typed" / "uses.py"


def test_wrong_uses_are_errors_and_right_ones_are_not():
    found, complaints, _ = api.run(
        ["--config-file", str(ROOT / "pyproject.toml"), "--no-error-summary", "--hide-error-context", str(USES)]
    )
    assert complaints == ""
    reported = {
        (int(line), code) for line, code in re.findall(r"uses\.py:(\d+): error: .*\[([a-z-]+)\]$", found, re.MULTILINE)
    }
    lines = enumerate(USES.read_text().splitlines(), 1)
    expected = {(number, code) for number, line in lines for code in re.findall(r"# wrong: ([a-z-]+)$", line)}
    assert reported == expected, found
    assert len(expected) > 15


def test_public_names_of_the_modules_are_these():
    assert testing.__all__ == [
        "App",
        "ContractBroken",
        "Environment",
        "EverythingWaits",
        "Replayed",
        "replay",
    ]
    assert codec.__all__ == ["PayloadCodec", "Zlib"]
    assert interceptors.__all__ == [
        "ActivityCall",
        "ActivityInterceptor",
        "ClientCall",
        "ClientInterceptor",
        "WorkflowInterceptor",
        "WorkflowRun",
    ]
    assert pytest_plugin.__all__ == ["antiphon_env"]
