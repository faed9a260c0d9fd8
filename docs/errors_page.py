"""Makes docs/errors.md from the lists of codes, explanations and reasons.

`make docs` writes the page and a test keeps it current; nothing of ours imports this.
"""

from pathlib import Path

from antiphon_names.errors import CODES, Code
from antiphon_names.explanations import EXPLANATIONS
from antiphon_names.reasons import REASONS

PAGE = Path(__file__).with_name("errors.md")

INTRODUCTION = """\
# Errors and reasons

<!-- Written by `make docs` from proto/antiphon_names: errors.py, explanations/, reasons.py. Edit those. -->

Everything that can go wrong has one code and one name. You meet the same pair in gRPC error
details, in the failures that workflow code catches, in `antiphon why`, on the command line and in
metrics labels. A message says what happened, where, what is known there, the nearest match, the
consequence and the fix. `antiphon explain AN101` prints the section of a code.

*Again* says whether trying again can help. Where it says no, the failure is marked not retriable
and retry policies leave it alone.
"""

WAITS = """\
## Reasons that are no errors

`antiphon why` also names what an instance waits for while nothing is wrong. These have a name and no code.

| name | meaning |
|---|---|
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
    return (
        f"| [{code.number}](#{code.number.lower()}-{code.name.lower()}) | `{code.name}` | {code.summary} | {again} |\n"
    )


def section(code: Code) -> str:
    """Return the code's own section."""
    told = EXPLANATIONS[code]
    lines = [f"### {code}\n", f"{code.summary[0].upper()}{code.summary[1:]}.\n"]
    if told.reserved:
        lines.append("Reserved: nothing of this release says it yet.\n")
    lines.append(f"- **Seen:** {told.seen}\n- **Cause:** {told.cause}\n- **Fix:** {told.fix}\n")
    if told.example:
        lines.append(f"```text\n{code}: {told.example}\n```\n")
    return "\n".join(lines)


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
        parts += [section(code) for code in codes]
    parts.append(WAITS + "".join(f"| `{reason.name}` | {reason.summary} |\n" for reason in REASONS))
    return "\n".join(parts)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
