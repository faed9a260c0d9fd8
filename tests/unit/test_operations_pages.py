"""Pages for operators say what there is: every setting with its default, every cell of the fault matrix."""

import re
from pathlib import Path

import pytest

from antiphon_sidecar import quantities
from antiphon_sidecar.settings import Limits, Settings
from antiphon_sidecar.settings_loading import LIMITS, SETTINGS, Setting

ROOT = Path(__file__).parents[2]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
#: Defaults that depend on where the process runs.
_ELSEWHERE = {"peer_address", "worker_message_size_max"}


def rows() -> dict[str, str]:
    """Return the default that the page names for each setting."""
    table = OPERATIONS.partition("## Every setting")[2]
    found: dict[str, str] = {}
    for names, default in re.findall(r"^\| ((?:`\w+`(?:, )?)+) \| ([^|]+) \|", table, re.M):
        found |= dict.fromkeys(re.findall(r"`(\w+)`", names), default.strip("` "))
    return found


def test_every_setting_is_described_and_no_other():
    assert set(rows()) == {setting.name for setting in (*SETTINGS, *LIMITS)}


@pytest.mark.parametrize("setting", [*SETTINGS, *LIMITS], ids=lambda setting: setting.name)
def test_the_page_names_the_default(setting: Setting):
    shown = rows()[setting.name]
    default = getattr(Limits() if setting in LIMITS else Settings(), setting.field)
    if setting.name in _ELSEWHERE:
        assert default is None
    elif default in (None, ()):
        assert shown == "none"
    elif isinstance(default, float):
        assert quantities.seconds(shown) == default
    elif setting.field.endswith("bytes_max"):
        assert quantities.size_bytes(shown) == default
    else:
        assert shown.replace(",", "") == str(default)


def test_every_cell_of_the_fault_matrix_has_its_failure_mode():
    matrix = (ROOT / "tests" / "integration" / "faults.py").read_text()
    named = matrix.partition("\nCELLS: tuple[Cell, ...] = (")[2].partition(")")[0]
    cells = set(re.findall(r"\w+", named)) - {"nothing"}
    page = (ROOT / "docs" / "failure-modes.md").read_text()
    assert set(re.findall(r"\| `(\w+)` \|$", page, re.M)) == cells
