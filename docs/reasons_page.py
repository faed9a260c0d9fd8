"""Makes docs/kubernetes/reasons.md from the lists of codes and of reasons: what conditions of our objects say, and the fix.

`make docs` writes the page and a test keeps it current; nothing of ours imports this.
"""

from pathlib import Path

from antiphon_names.conditions import REASONS, Reason
from antiphon_names.errors import CODES, Code
from antiphon_names.explanations import EXPLANATIONS

PAGE = Path(__file__).parent / "kubernetes" / "reasons.md"
#: Parts of the list of codes that can be the reason of a condition or of a refusal, and what they are about.
PARTS = {
    "1": "Calls between apps",
    "2": "Instances",
    "3": "State store",
    "4": "etcd and the registry",
    "6": "Kubernetes",
}

INTRODUCTION = """\
# Reasons

<!-- Written by `make docs` from proto/antiphon_names. Edit that. -->

What conditions of our objects, results of calls, Events and refusals give as the reason, and what to do. The message beside a
reason says what is known in that place, the nearest match, and the fix; `antiphon explain CODE` prints more, and
[errors.md](../errors.md) has it all.
"""

NO_ERRORS = """\
## All is well, or not known yet

Reasons without a code: conditions have them while nothing is wrong, or while something is not known.

"""


def page() -> str:
    """Return the whole page, reasons of each part by name."""
    rows = "".join(plain_row(reason) for reason in sorted(REASONS, key=lambda reason: reason.name))
    parts = [INTRODUCTION, f"{NO_ERRORS}| reason | meaning | fix |\n|---|---|---|\n{rows}"]
    for digit, title in PARTS.items():
        codes = sorted((code for code in CODES if code.number[2] == digit), key=lambda code: code.name)
        if codes:
            rows = "".join(row(code) for code in codes)
            parts.append(f"## {title}\n\n| reason | meaning | cause | fix |\n|---|---|---|---|\n{rows}")
    return "\n".join(parts)


def plain_row(reason: Reason) -> str:
    """Return the line of a reason that has no code."""
    return f"| `{reason.name}` | {sentence(reason.summary)} | {reason.fix} |\n"


def sentence(summary: str) -> str:
    """Return a summary as a sentence; the name of a field stays as it is."""
    return f"{summary if summary.startswith('spec.') else summary[0].upper() + summary[1:]}."


def row(code: Code) -> str:
    """Return the code's line of the table."""
    told = EXPLANATIONS[code]
    link = f"[{code.number}](../errors.md#{code.number.lower()}-{code.name.lower()})"
    cells = (f"`{code.name}` {link}", sentence(code.summary), told.cause, told.fix)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
