"""Writes the table of values in charts/antiphon/README.md (`make docs`); `tests/charts/test_values.py` compares."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

CHART = Path(__file__).parents[1] / "charts" / "antiphon"
PAGE = CHART / "README.md"
BEGIN = "<!-- values: made by make docs -->"
END = "<!-- end of values -->"

Schema = Mapping[str, Any]


def main() -> None:
    """Write the page again."""
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")


def page(shown: str) -> str:
    """Return the page with the table as the chart's files say it now."""
    before, _, rest = shown.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n{table()}{END}{after}"


def table() -> str:
    """Return one row for each value, in the order of values.yaml."""
    schema = json.loads((CHART / "values.schema.json").read_text(encoding="utf-8"))
    defaults = yaml.safe_load((CHART / "values.yaml").read_text(encoding="utf-8"))
    rows = ["| value | default | meaning |", "|---|---|---|"]
    for path, default, described in leaves((), defaults, schema):
        rows.append(f"| `{'.'.join(path)}` | `{json.dumps(default)}` | {described['description']} |")
    return "\n".join(rows) + "\n"


def leaves(path: tuple[str, ...], value: object, schema: Schema) -> Iterator[tuple[tuple[str, ...], object, Schema]]:
    """Yield what can be set by itself: its path, its default and its schema."""
    if isinstance(value, Mapping) and value and "properties" in schema:
        for name, inner in value.items():
            yield from leaves((*path, name), inner, schema["properties"][name])
    else:
        yield path, value, schema


if __name__ == "__main__":
    main()
