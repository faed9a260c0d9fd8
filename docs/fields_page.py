"""Makes docs/kubernetes/fields.md from crds/: what `kubectl explain` says, as one page.

`make docs` writes the page and a test keeps it current; nothing of ours imports this.
"""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

PAGE = Path(__file__).parent / "kubernetes" / "fields.md"
CRDS = Path(__file__).parents[1] / "crds"

INTRODUCTION = """\
# Every field of the five kinds

<!-- Written by `make docs` from crds/. Edit those. -->

What `kubectl explain` says, as one page; group `antiphon.dev`, version `v1alpha1`. `[]` stands for each item of a list, **bold**
for what must be given.
"""

Schema = Mapping[str, Any]


def page() -> str:
    """Return the whole page."""
    parts = [INTRODUCTION]
    for path in sorted(CRDS.glob("*.yaml")):
        spec = yaml.safe_load(path.read_text(encoding="utf-8"))["spec"]
        (version,) = spec["versions"]
        schema = version["schema"]["openAPIV3Schema"]
        parts.append(f"## {spec['names']['kind']}\n\n{schema['description']}\n")
        for part in ("spec", "status"):
            rows = "".join(row(*found) for found in below(schema["properties"][part], part))
            parts.append(f"| {part} | type | meaning |\n|---|---|---|\n{rows}")
    return "\n".join(parts)


def below(schema: Schema, path: str) -> Iterator[tuple[str, Schema, bool]]:
    """Yield the fields below one: path, schema, and whether it must be given."""
    for name, field in schema.get("properties", {}).items():
        here = name if path in ("spec", "status") else f"{path}.{name}"
        yield here, field, name in schema.get("required", ())
        yield from below(field, here)
        if "items" in field:
            yield from below(field["items"], f"{here}[]")


def row(path: str, schema: Schema, required: bool) -> str:
    """Return the field's line of the table."""
    said = [schema["description"]]
    if "enum" in schema:
        said.append(f"One of {', '.join(f'`{value}`' for value in schema['enum'])}.")
    if schema.get("default", "") != "":
        said.append(f"Default: `{json.dumps(schema['default']).strip(chr(34))}`.")
    name = f"**`{path}`**" if required else f"`{path}`"
    return f"| {name} | {kind(schema)} | {' '.join(said).replace('|', chr(92) + '|')} |\n"


def kind(schema: Schema) -> str:
    """Return the field's type in a word or two."""
    if "items" in schema:
        return f"list of {kind(schema['items'])}s"
    if schema.get("x-kubernetes-int-or-string"):
        return "quantity"
    if schema.get("format") == "date-time":
        return "time"
    return str(schema.get("type", "any"))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
