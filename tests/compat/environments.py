"""Virtual environments for the SDKs of others: one each, because they overwrite each other (wire.md, trap 1).

Made once under .cache/compat and kept for as long as their requirements and this Python stay the same.
"""

import fcntl
import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
CACHE = ROOT / ".cache" / "compat"
_INSTALL_S = 600


def python_with(requirements: Path) -> Path:
    """Return an interpreter that has what a file of requirements names, and nothing of ours."""
    name = requirements.stem.removeprefix("requirements-")
    place, stamp = CACHE / name, _stamp(requirements)
    CACHE.mkdir(parents=True, exist_ok=True)
    with (CACHE / f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        noted = place / "stamp"
        if not noted.is_file() or noted.read_text() != stamp:
            _make(place, requirements)
            noted.write_text(stamp)
    return place / "bin" / "python"


def _stamp(requirements: Path) -> str:
    return f"{sys.version} {hashlib.sha256(requirements.read_bytes()).hexdigest()}"


def _make(place: Path, requirements: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    pip = (place / "bin" / "python", "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
    _run(sys.executable, "-m", "venv", place)
    _run(*pip, "install", "-r", requirements)


def _run(*words: str | Path) -> None:
    command = [str(word) for word in words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_S, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}{done.stderr}"
