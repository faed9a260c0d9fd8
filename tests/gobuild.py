"""Programs that tests need and that are built from pinned Go modules, once, into the user's cache."""

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

MODULES = Path(__file__).parent / "go"
BUILD_TIMEOUT_S = 900


def cache_directory() -> Path:
    """Return where built programs stay between runs, outside of the repository."""
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "antiphon" / "go"


def built(name: str, package: str) -> Path | None:
    """Return the program of a module, building it when its pinned versions have changed; None without Go."""
    module = MODULES / name
    digest = hashlib.sha256(b"".join(file.read_bytes() for file in sorted(module.iterdir()))).hexdigest()[:16]
    program = cache_directory() / f"{name}-{digest}"
    if program.exists():
        return program
    if shutil.which("go") is None:
        return None
    program.parent.mkdir(parents=True, exist_ok=True)
    unfinished = program.with_name(f"{program.name}.{os.getpid()}")
    subprocess.run(
        ["go", "build", "-trimpath", "-buildvcs=false", "-ldflags", "-s -w", "-o", str(unfinished), package],
        cwd=module,
        env=os.environ | {"CGO_ENABLED": "0"},
        check=True,
        timeout=BUILD_TIMEOUT_S,
    )
    unfinished.replace(program)
    return program


def needed(program: Path | None, what: str) -> Path:
    """Return the program, or leave the test out where it cannot be had; in CI that is a failure."""
    if program is not None:
        return program
    text = f"{what} is neither on this machine nor can it be built: install Go"
    if os.environ.get("CI"):
        pytest.fail(f"{text}; CI must not leave its tests out")
    pytest.skip(text)
