"""What the SDKs of others need: an environment of its own for each, because they overwrite each other.

Made once under .cache/compat and kept for as long as what they are made from, and the tool, stay the same.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "compat"
_INSTALL_S = 600


def python_with(requirements: Path) -> Path:
    """Return an interpreter that has what a file of requirements names, and nothing of ours."""

    def make(place: Path) -> None:
        pip = (place / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
        _run(sys.executable, "-m", "venv", place)
        _run(*pip, "install", "-r", requirements)

    stamp = _stamp(sys.version, [requirements])
    return _made(requirements.stem.removeprefix("requirements-"), stamp, make) / "bin" / "python"


def node_with(name: str, packages: Path) -> Path:
    """Return the node_modules that a folder's package-lock.json names."""
    npm, node = tool("npm", "Node.js 20 or newer"), tool("node", "Node.js 20 or newer")
    named = [packages / "package.json", packages / "package-lock.json"]

    def make(place: Path) -> None:
        place.mkdir()
        for file in named:
            shutil.copy(file, place)
        _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", cwd=place)

    return _made(name, _stamp(_run(node, "--version"), named), make) / "node_modules"


def go_with(name: str, sources: Path, module: Path) -> Path:
    """Return a program: the sources of a folder built with the module of another."""
    go = tool("go", "Go 1.26 or newer")
    parts = sorted([*sources.glob("*.go"), *module.iterdir()])

    def make(place: Path) -> None:
        place.mkdir()
        for file in parts:
            shutil.copy(file, place)
        _run(go, "build", "-mod=readonly", "-o", "app", ".", cwd=place)

    return _made(name, _stamp(_run(go, "version"), parts), make) / "app"


def tool(name: str, needed: str) -> str:
    """Return the path of a program that the machine must have."""
    found = shutil.which(name)
    assert found is not None, f"`{name}` is missing: the tests of Dapr's SDKs need {needed} on the PATH"
    return found


def _made(name: str, stamp: str, make: Callable[[Path], None]) -> Path:
    """Return the place of that name, made anew unless it was made under the same stamp."""
    place = CACHE / name
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        noted = place / "stamp"
        if not noted.is_file() or noted.read_text() != stamp:
            shutil.rmtree(place, ignore_errors=True)
            make(place)
            noted.write_text(stamp)
    return place


def _stamp(tool: str, files: Iterable[Path]) -> str:
    return " ".join([tool.strip(), *(hashlib.sha256(file.read_bytes()).hexdigest() for file in files)])


def _run(*words: str | Path, cwd: Path | None = None) -> str:
    command = [str(word) for word in words]
    done = subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
    return done.stdout
