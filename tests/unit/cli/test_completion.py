"""`antiphon completion`: what it prints makes a shell complete our commands."""

import os
import shutil
import subprocess
import sys

import pytest
from click.testing import CliRunner

from antiphon_cli.main import main


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_prints_the_script_of_a_shell(shell):
    done = CliRunner().invoke(main, ["completion", shell])
    assert done.exit_code == 0
    assert "_ANTIPHON_COMPLETE" in done.stdout
    assert f"{shell}_complete" in done.stdout


def test_names_the_shells_that_there_are():
    done = CliRunner().invoke(main, ["completion", "tcsh"])
    assert done.exit_code == 2
    assert "bash" in done.stderr


@pytest.mark.parametrize(
    ("typed", "offered"),
    [
        pytest.param(["antiphon", "work"], "workflow", id="a command"),
        pytest.param(["antiphon", "workflow", "susp"], "suspend", id="a command of a group"),
        pytest.param(["antiphon", "workflow", "suspend", "--recur"], "--recursive", id="an option"),
    ],
)
def test_bash_completes_with_it(tmp_path, typed, offered):
    bash = shutil.which("bash")
    assert bash, "this test needs bash"
    program = tmp_path / "antiphon"
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m antiphon_cli "$@"\n')
    program.chmod(0o755)
    script = (
        'eval "$(antiphon completion bash)"\n'
        f"COMP_WORDS=({' '.join(typed)}); COMP_CWORD={len(typed) - 1}\n"
        '_antiphon_completion antiphon; printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    path = os.pathsep.join(entry for entry in sys.path if entry)
    env = {**os.environ, "PATH": f"{tmp_path}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": path}
    done = subprocess.run([bash, "-c", script], env=env, capture_output=True, text=True, timeout=60, check=False)
    assert offered in done.stdout.splitlines(), done.stderr
