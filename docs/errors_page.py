"""Makes docs/errors.md from the one list of codes.

`make docs` writes the page and a test keeps it current; nothing of ours imports this.
"""

from pathlib import Path

from antiphon_names.errors import CODES, Code

PAGE = Path(__file__).with_name("errors.md")

INTRODUCTION = """\
# Errors and reasons

<!-- Written by `make docs` from proto/antiphon_names/errors.py. Edit that file. -->

Everything that can go wrong has one code and one name. You meet the same pair in gRPC error
details, in the failures that workflow code catches, in `antiphon why`, on the command line and in
metrics labels. A message says what happened, where, what is known there, the nearest match, the
consequence and the fix.

*Again* says whether trying again can help. Where it says no, the failure is marked not retriable
and retry policies leave it alone.
"""

SECTIONS = {
    "1": "Calls between apps",
    "2": "Instances",
    "3": "State store",
    "4": "Coordination",
    "5": "Workers and the app-facing API",
    "6": "Kubernetes",
    "7": "Configuration and command line",
}


def row(code: Code) -> str:
    """Return the code's line of the table."""
    again = "yes" if code.retriable else "no"
    return f"| {code.number} | `{code.name}` | {code.summary} | {again} |\n"


def page() -> str:
    """Return the whole page, codes in numeric order, sections without codes left out."""
    parts = [INTRODUCTION]
    for digit, title in SECTIONS.items():
        codes = sorted(
            (code for code in CODES if code.number.startswith(f"AN{digit}")),
            key=lambda code: code.number,
        )
        if not codes:
            continue
        rows = "".join(row(code) for code in codes)
        parts.append(f"## {title}\n\n| code | name | meaning | again |\n|---|---|---|---|\n{rows}")
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
