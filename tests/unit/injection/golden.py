"""Patches as they are meant to be, in files; `python -m tests.unit.injection.golden` writes them anew after a change.

Each case is a pod in YAML; beside it lies what becomes of it.
"""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from antiphon_operator.injection import Injected, inject
from tests.unit.injection.examples import NAMESPACE, SETTINGS, known, registration, store

FOLDER = Path(__file__).with_name("golden")
CASES = sorted(path.stem for path in FOLDER.glob("*.yaml"))


def given(case: str) -> dict[str, Any]:
    """The pod of a case, with `settings`, `registration` and `store` where they are not the usual ones."""
    return yaml.safe_load((FOLDER / f"{case}.yaml").read_text())


def made(case: str) -> list[Any]:
    """What the injector makes of a case."""
    described = given(case)
    outcome = inject(
        described["pod"],
        namespace=NAMESPACE,
        known=known(registration(**described.get("registration", {})), store(**described.get("store", {}))),
        settings=replace(SETTINGS, **described.get("settings", {})),
    )
    assert isinstance(outcome, Injected), outcome
    return [dict(operation) for operation in outcome.patch]


def path(case: str) -> Path:
    """Where the patch of a case is kept."""
    return FOLDER / f"{case}.json"


if __name__ == "__main__":
    for name in CASES:
        path(name).write_text(json.dumps(made(name), indent=2) + "\n")
