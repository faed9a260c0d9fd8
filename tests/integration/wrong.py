"""docs/when-it-goes-wrong.md: what is printed must be what stands there."""

import re
from collections.abc import Mapping
from functools import cache
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "when-it-goes-wrong.md"


@cache
def sections() -> Mapping[str, str]:
    """The texts of the page by heading, as `bare` makes them."""
    found = re.split(r"^### (.+)$", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]
    return {
        title: "\n".join(bare(text) for text in re.findall(r"^```text\n(.*?)^```", body, re.DOTALL | re.MULTILINE))
        for title, body in zip(found[::2], found[1::2], strict=True)
    }


def bare(text: str) -> str:
    """Return a text without what differs from run to run: paths, numbers, commands of processes, line breaks."""
    text = re.sub(r"process \d+ \(.*?\)(?= does)", "process 0 (...)", text)
    text = re.sub(r"(?<![\w\"])(?:/[\w.+-]*[\w+-])+", "/", text)
    text = re.sub(r"\d+(?:\.\d+)?", "0", text)
    text = re.sub(r"-[0-9a-f]{4,}\b", "-0", text)
    return " ".join(text.split())


def shows(title: str, text: str) -> None:
    """Make sure that a section of the page has this text."""
    assert title in sections(), f"no section {title}"
    assert bare(text) in sections()[title], f"### {title}\n\n{text}\n"
