"""The one list of errors: codes, what is said about them, the texts in the code and the page are the same."""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from antiphon_names import errors, explanations, reasons
from antiphon_names.errors import CODES, Code
from antiphon_names.explanations import EXPLANATIONS

ROOT = Path(__file__).parents[2]
NAMES = ROOT / "proto" / "antiphon_names"
#: Where the lists themselves are.
LISTS = {NAMES / "errors.py", NAMES / "reasons.py", *(NAMES / "explanations").glob("*.py")}
CONSTANTS = {
    name: value for name, value in vars(errors).items() if isinstance(value, Code) and value is not errors.Code
}
#: How much of an example has to be words of the source; the rest is names and values.
SAID_LEAST = 0.19

#: Reasons that are also plain words of the API: a kind of wait, a phase of a run.
WORDS = ("Suspended", "Timer")
#: How sentences begin that say what to do.
FIXES = re.compile(
    "(Add|Allow|Bring|Call|Check|Choose|Correct|Create|Declare|Deploy|End|Find|Fix|Give|Grant|Have|If|Join|"
    "Keep|Label|Let|Look|Make|Mend|Name|Pass|Point|Put|Raise|Remove|Rename|Restore|Run|See|Send|Set|Start|Store|Terminate|This|Try|Upgrade|Use|Write)"
)

told = pytest.mark.parametrize("code", CODES, ids=str)


@cache
def trees() -> dict[Path, ast.Module]:
    """The sources of all parts, the lists and what is generated left out."""
    found = [path for part in ("proto", "sdk", "sidecar", "operator", "cli") for path in (ROOT / part).rglob("*.py")]
    return {path: ast.parse(path.read_text()) for path in found if path not in LISTS and "_pb2" not in path.name}


@cache
def used() -> frozenset[str]:
    """Names of the constants of `errors` that the sources read."""
    names = set()
    for tree in trees().values():
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                names.add(node.attr)
            elif isinstance(node, ast.ImportFrom) and node.module == "antiphon_names.errors":
                names.update(alias.name for alias in node.names)
    return frozenset(names & CONSTANTS.keys())


def docstrings(tree: ast.Module) -> set[int]:
    """The nodes that are docstrings, by identity."""
    holders = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    return {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, holders) and node.body and isinstance(node.body[0], ast.Expr)
    }


def texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """The texts of a module that are no docstrings, with their lines."""
    left_out = docstrings(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in left_out:
            yield node.lineno, node.value


def fragments(node: ast.expr) -> tuple[str, ...]:
    """What a text or f-string says whatever its values are, in order."""
    match node:
        case ast.Constant(value=str(text)):
            return (text,)
        case ast.JoinedStr(values=values):
            return tuple(part for value in values for part in fragments(value))
        case _:
            return ()


@cache
def sayings() -> frozenset[tuple[str, ...]]:
    """All texts and f-strings of the sources."""
    nodes = (node for tree in trees().values() for node in ast.walk(tree) if isinstance(node, ast.expr))
    return frozenset(found for node in nodes if (found := fragments(node)))


def said(example: str, parts: tuple[str, ...]) -> float:
    """How much of an example a source's text accounts for, from 0 to 1; 0 if any part of it is not there in order."""
    at = 0
    for part in parts:
        found = example.find(part, at)
        if found < 0:
            return 0
        at = found + len(part)
    return sum(map(len, parts)) / len(example)


@told
def test_a_code_is_explained(code):
    explained = EXPLANATIONS[code]
    for sentence in (explained.seen, explained.cause, explained.fix):
        assert sentence[0].isupper()
        assert sentence.endswith(".")
    assert explanations.of(code.number) is explained


def test_nothing_else_is_explained():
    assert set(EXPLANATIONS) == set(CODES)


@told
def test_a_code_is_used_or_reserved_for_a_later_release(code):
    (constant,) = [name for name, value in CONSTANTS.items() if value is code]
    reserved = EXPLANATIONS[code].reserved
    assert (constant in used()) != reserved, "reserved" if reserved else f"nothing uses {constant}"


@told
def test_an_example_is_a_text_that_the_sources_make(code):
    explained = EXPLANATIONS[code]
    assert bool(explained.example) != explained.reserved
    if explained.example:
        example = f"{code}: {explained.example}"
        assert max(said(example, parts) for parts in sayings()) > SAID_LEAST


@told
def test_an_example_names_a_fix(code):
    said = EXPLANATIONS[code].example
    if said and code is not errors.PEER_MISTAKEN and code is not errors.SCHEMA_MISMATCH:
        firsts = {part.strip(" `").split(" ")[0] for part in re.split(r"[.;:?] |, or |\n", said)}
        assert "accepted: " in said or any(FIXES.fullmatch(first.capitalize()) for first in firsts), said


def test_a_text_that_no_source_makes_is_noticed():
    example = f"{errors.TOKEN_WRONG}: the metadata key dapr-api-token was eaten by the moon, which is made of cheese."
    assert max(said(example, parts) for parts in sayings()) < SAID_LEAST


def test_no_source_writes_a_code_by_hand():
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text[:60]}"
        for path, tree in trees().items()
        for line, text in texts(tree)
        if re.search(r"\bAN\d{3}\b", text)
    ]
    assert found == []


def test_no_source_writes_a_name_of_the_list_by_hand():
    names = {code.name for code in CODES} | {reason.name for reason in reasons.REASONS if reason.name not in WORDS}
    found = [
        f"{path.relative_to(ROOT)}:{line}: {text}"
        for path, tree in trees().items()
        for line, text in texts(tree)
        # Classes that are named for an error say so in __all__.
        if text in names and path.name != "__init__.py" and not in_all(tree, line)
    ]
    assert found == []


def in_all(tree: ast.Module, line: int) -> bool:
    lists = [
        node for node in tree.body if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "__all__"
    ]
    return any(node.lineno <= line <= (node.end_lineno or 0) for node in lists)


def test_reasons_are_named_once_and_differ_from_codes():
    names = Counter([reason.name for reason in reasons.REASONS] + [code.name for code in CODES])
    assert [name for name, times in names.items() if times > 1] == []
    for reason in reasons.REASONS:
        assert re.fullmatch(r"([A-Z][a-z0-9]+)+", reason.name)
        assert not reason.summary.endswith(".")


def test_every_reason_is_used():
    names = {
        node.attr
        for tree in trees().values()
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "reasons"
    }
    listed = {name for name, value in vars(reasons).items() if isinstance(value, reasons.Reason)}
    assert listed - names == set()
