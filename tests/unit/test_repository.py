"""Ratchets: what review would otherwise have to say again and again."""

import ast
import re
import subprocess
import tomllib
from collections import Counter
from functools import cache
from pathlib import Path

import pytest
import yaml

from antiphon_names import errors
from docs.errors_page import PAGE, SECTIONS, page
from tests.compat import matrix

ROOT = Path(__file__).parents[2]
SOURCE_ROOTS = ("proto", "sdk", "sidecar", "operator", "cli")
LINES_MOST = 450
VAGUE = {"utils", "util", "common", "helpers", "helper", "misc", "impl", "shared"}

# Put together here, so that this file passes its own test.
PRIVATE = re.compile(
    "|".join(
        (
            r"(?<![\w.])/" + r"work/",
            r"(?<![\w.])/" + r"tmp/w\b",
            r"--(?:extra-)?" + r"index-url",
            r"\bregistry\s*=\s*[\"']?" + r"https?://",
            r"\bGO" + r"PROXY\s*=",
        )
    )
)


@cache
def files() -> tuple[Path, ...]:
    """Every file that is, or would be, committed, whoever owns the checkout."""
    listed = subprocess.run(
        [
            *("git", "-c", "safe.directory=*", "ls-files", "-z"),
            *("--cached", "--others", "--exclude-standard"),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    paths = (ROOT / name for name in listed.stdout.split("\0") if name)
    return tuple(sorted(path for path in paths if path.is_file()))


def sources() -> list[Path]:
    """Our own modules: no generated code, no tests."""
    return [
        path
        for path in files()
        if path.suffix == ".py" and path.relative_to(ROOT).parts[0] in SOURCE_ROOTS and not path.stem.endswith("_pb2")
    ]


def pages() -> list[Path]:
    return [path for path in files() if path.suffix == ".md"]


def calls(path: Path, attribute: str) -> list[ast.Call]:
    return [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == attribute
    ]


def test_modules_stay_small() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text().splitlines()) for path in sources()}
    assert {name: lines for name, lines in lengths.items() if lines > LINES_MOST} == {}


def test_modules_are_named_for_what_they_hold() -> None:
    assert [path for path in sources() if path.stem.strip("_") in VAGUE] == []


def test_every_asyncio_task_has_a_name() -> None:
    unnamed = [
        f"{path.relative_to(ROOT)}:{call.lineno}"
        for path in sources()
        for call in calls(path, "create_task")
        if not any(keyword.arg == "name" for keyword in call.keywords)
    ]
    assert unnamed == []


def test_tests_use_no_mocking_library() -> None:
    mocking = re.compile(r"^\s*(?:from|import)\s+(?:unittest\.mock|unittest import mock|mock\b)", re.M)
    tests = [path for path in files() if path.suffix == ".py" and "tests" in path.parts]
    assert [path for path in tests if mocking.search(path.read_text())] == []


def test_no_file_knows_the_machine_it_was_written_on() -> None:
    found = [
        f"{path.relative_to(ROOT)}: {match[0]}"
        for path in files()
        if (match := PRIVATE.search(path.read_text(encoding="utf-8", errors="ignore")))
    ]
    assert found == []


def test_generated_code_is_there_for_each_proto_file_and_no_other() -> None:
    protos = ROOT / "proto" / "antiphon_proto" / "v1"
    names = {path.stem for path in protos.glob("*.proto")}
    for suffix in ("_pb2.py", "_pb2.pyi"):
        assert {path.name.removesuffix(suffix) for path in protos.glob(f"*{suffix}")} == names


def test_error_numbers_and_names_are_given_once() -> None:
    given = Counter(value for code in errors.CODES for value in (code.number, code.name))
    assert [value for value, times in given.items() if times > 1] == []


@pytest.mark.parametrize("code", errors.CODES, ids=str)
def test_error_code_has_the_public_form(code: errors.Code) -> None:
    assert re.fullmatch(r"AN\d{3}", code.number)
    assert code.number[2] in SECTIONS
    assert re.fullmatch(r"([A-Z][a-z0-9]+)+", code.name)
    constant = re.sub(r"(?<!^)([A-Z])", r"_\1", code.name).upper()
    assert getattr(errors, constant) is code
    assert code.summary
    assert not code.summary.endswith(".")


def test_the_page_of_errors_is_current() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run make docs"


def test_the_matrix_of_sdks_is_current() -> None:
    shown = matrix.PAGE.read_text(encoding="utf-8")
    assert shown == matrix.page(shown), "run make docs"
    assert shown.count(matrix.BEGIN) == shown.count(matrix.END) == 1


def test_pages_name_no_error_that_does_not_exist() -> None:
    known = {str(code) for code in errors.CODES}
    named = {
        (str(path.relative_to(ROOT)), mention)
        for path in pages()
        for mention in re.findall(r"\bAN\d{3} [A-Z]\w+", path.read_text())
    }
    assert {(path, mention) for path, mention in named if mention not in known} == set()


def test_pages_name_no_make_verb_that_does_not_exist() -> None:
    verbs = set(re.findall(r"^([a-z0-9-]+):", (ROOT / "Makefile").read_text(), re.M))
    named = {
        (path.name, verb)
        for path in pages()
        for verb in re.findall(r"(?:`|^)make ([a-z0-9-]+)", path.read_text(), re.M)
    }
    assert {(name, verb) for name, verb in named if verb not in verbs} == set()


def test_pages_link_to_files_that_exist() -> None:
    links = [
        (path, target)
        for path in pages()
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
        if "://" not in target and not target.startswith("mailto:")
    ]
    broken = [f"{path.name}: {target}" for path, target in links if not (path.parent / target).exists()]
    assert broken == []


def test_hooks_and_make_use_the_same_tools() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    pinned = {need for need in project["optional-dependencies"]["dev"] if "==" in need}
    hooks = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text())
    used = {
        need
        for repository in hooks["repos"]
        for hook in repository["hooks"]
        for need in hook.get("additional_dependencies", [])
    }
    names = {need.partition("==")[0] for need in pinned}
    assert {need for need in used if need.partition("==")[0] in names} <= pinned
