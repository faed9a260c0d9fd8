"""What README and docs show is run: programs as they stand there, and each `antiphon` command.

Python of the guides is run by tests/unit/sdk/test_guide.py and tests/unit/testing/test_testing_guide.py, that of the
pages about calls and versions by test_calls and test_versioning.
"""

import itertools
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from antiphon_cli.main import main

pytestmark = pytest.mark.integration

ROOT = Path(__file__).parents[2]
README = ROOT / "README.md"
QUICKSTART = ROOT / "examples" / "quickstart"
PAGES = [README, *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "examples").rglob("README.md"))]
#: Pages whose Python is run elsewhere.
RUN_ELSEWHERE = {
    "docs/sdk.md",
    "docs/testing.md",
    "docs/activities.md",
    "docs/calls-to-other-apps.md",
    "docs/versioning.md",
}
#: Pages that quote programs, and where those are.
QUOTES = {"docs/ml-pipeline.md": ROOT / "examples" / "ml-pipeline"}
PATIENCE_S = 60


def blocks(page: Path, language: str) -> list[str]:
    """Return a page's blocks of a language; "" for those that name none."""
    found = re.findall(r"^```(\w*)\n(.*?)^```", page.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    return [text for name, text in found if name == language]


def commands(page: Path) -> list[list[str]]:
    """Return the `antiphon` commands of a page's shell blocks, word by word."""
    lines = [line for block in blocks(page, "") + blocks(page, "sh") for line in block.splitlines()]
    words = [shlex.split(line.removeprefix("$ "), comments=True) for line in lines if "antiphon " in line]
    # What the shell does with the output is the shell's.
    words = [list(itertools.takewhile(lambda word: word not in (">", "|"), line)) for line in words]
    return [line[1:] for line in words if line and line[0] == "antiphon"]


COMMANDS = [
    pytest.param(command, id=f"{page.relative_to(ROOT)}: {' '.join(command)}")
    for page in PAGES
    for command in commands(page)
]


def test_python_on_a_page_is_run_by_some_test():
    with_python = {str(page.relative_to(ROOT)) for page in PAGES if blocks(page, "python")}
    assert with_python == {"README.md", *RUN_ELSEWHERE, *QUOTES}


@pytest.mark.parametrize("name", QUOTES)
def test_a_page_quotes_programs_as_they_are(name: str):
    programs = [bare(path.read_text(encoding="utf-8")) for path in QUOTES[name].rglob("*.py")]
    quotes = [bare(part) for block in blocks(ROOT / name, "python") for part in block.split("\n\n")]
    assert [quote for quote in quotes if not any(quote in program for program in programs)] == []


def bare(program: str) -> str:
    """Return a program without white space, trailing commas and short docstrings: a page's lines are fewer."""
    program = re.sub(r'^\s*"""[^"]*"""$', "", program, flags=re.MULTILINE)
    return re.sub(r",(?=[)\]}])", "", "".join(program.split()))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_on_a_page_is_one_that_the_command_line_takes(command: list[str], tmp_path: Path, monkeypatch):
    # Files that a command names are there.
    for word in command:
        if word.endswith((".yaml", ".json")):
            (tmp_path / word).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / word).write_text("{}")
    monkeypatch.chdir(tmp_path)
    group: click.Command = main
    context = click.Context(main, info_name="antiphon")
    words = command
    while isinstance(group, click.Group):
        name, found, words = group.resolve_command(context, words)
        assert found is not None, name
        group = found
    # Parses all words and calls nothing; an option that does not exist is an error.
    group.make_context(name, list(words), parent=context)


def test_the_readme_shows_the_quickstart():
    shown = blocks(README, "python") + blocks(README, "yaml")
    there = [(QUICKSTART / name).read_text() for name in ("payments.py", "orders.py", "antiphon.yaml")]
    assert shown == there


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with what the README says to write."""
    for name, text in zip(
        ("payments.py", "orders.py", "antiphon.yaml"),
        blocks(README, "python") + blocks(README, "yaml"),
        strict=True,
    ):
        (tmp_path / name).write_text(text)
    return tmp_path


def environment(place: Path) -> dict[str, str]:
    path = os.pathsep.join(str(ROOT / root) for root in ("proto", "sdk", "sidecar", "operator", "cli"))
    return {
        **os.environ,
        # `python` in antiphon.yaml is the one that runs the tests.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": path,
        "XDG_RUNTIME_DIR": str(place),
        "ANTIPHON_STORE": f"sqlite:///{place}/state.db",
    }


@pytest.fixture
def apps(place: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """The first command of the README, under way."""
    run, _ = commands(README)
    process = subprocess.Popen(
        [sys.executable, "-m", "antiphon_cli", *run],
        cwd=place,
        env=environment(place),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    yield process
    process.send_signal(signal.SIGINT)
    process.wait(PATIENCE_S)


def ask(place: Path, words: list[str]) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "antiphon_cli", *words],
        cwd=place,
        env=environment(place),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def test_the_readmes_commands_run_its_workflow(place: Path, apps: "subprocess.Popen[bytes]"):
    _, run = commands(README)
    deadline = time.monotonic() + PATIENCE_S
    done = ask(place, run)
    # Until the host listens, the command says that nothing runs.
    while "HostNotFound" in done.stderr and time.monotonic() < deadline:
        done = ask(place, run)
    assert (done.returncode, done.stdout) == (0, '"receipt over 42"\n'), done.stderr
    assert apps.poll() is None
