"""Layers of images, made of programs of this machine and kept in the user's cache."""

import compileall
import hashlib
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from types import MappingProxyType

from tests import etcd, postgres
from tests.e2e.cluster import images
from tests.e2e.cluster.images import NONROOT, Layer

ROOT = Path(__file__).parents[2]
SITE = f"usr/local/lib/python{sys.version_info.major}.{sys.version_info.minor}/site-packages"
INSTALL_TIMEOUT_S = 900

_PASSWD = "".join(
    f"{name}:x:{number}:{number}:{name}:/tmp:/bin/sh\n"
    for name, number in {"root": 0, "postgres": 999, "nonroot": NONROOT}.items()
)


def cache_directory() -> Path:
    """Return where layers and images stay between runs."""
    place = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "antiphon" / "images"
    place.mkdir(parents=True, exist_ok=True)
    return place


@cache
def busybox() -> Path:
    target = cache_directory() / f"busybox-{_digest(Path('/bin/busybox'))}.layer"
    return _kept(target, lambda unfinished: images.busybox_layer(unfinished))


@cache
def python() -> Path:
    """The interpreter, with a shell and small tools for those who look inside."""
    interpreter = Path(sys.base_prefix, "bin", f"python{sys.version_info.major}.{sys.version_info.minor}")
    stamp = hashlib.sha256(f"{sys.version} {_digest(interpreter)} 1".encode()).hexdigest()[:16]
    return _kept(cache_directory() / f"python-{stamp}.layer", lambda unfinished: images.python_layer(unfinished))


@cache
def _packages_of(requirements: tuple[str, ...]) -> Path:
    stamp = hashlib.sha256(f"{sys.version} {requirements}".encode()).hexdigest()[:16]

    def make(unfinished: Path) -> None:
        with tempfile.TemporaryDirectory(prefix="antiphon-packages-") as folder:
            pip = (sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--no-input")
            subprocess.run(
                [*pip, "install", "--prefer-binary", "--target", folder, *requirements],
                check=True,
                timeout=INSTALL_TIMEOUT_S,
            )
            images.packages_layer(unfinished, Path(folder))

    return _kept(cache_directory() / f"packages-{stamp}.layer", make)


def packages(requirements: Sequence[str]) -> Path:
    return _packages_of(tuple(requirements))


def code(
    kind: str, roots: Sequence[str], *, apps: Path | None = None, scripts: Mapping[str, str] = MappingProxyType({})
) -> Path:
    """Our own code, compiled, with the files of apps in /app, and scripts that call a module's `main` by their name."""
    with tempfile.TemporaryDirectory(prefix="antiphon-code-") as name:
        folder = Path(name)
        for root in roots:
            ignored = shutil.ignore_patterns("__pycache__", "*.proto")
            shutil.copytree(ROOT / root, folder / SITE / Path(root).name, ignore=ignored)
        if apps is not None:
            ignored = shutil.ignore_patterns("__pycache__", "k8s", "driver", "*.md", "*.yaml")
            shutil.copytree(apps, folder / "app", ignore=ignored)
        for script, module in scripts.items():
            place = folder / "usr/local/bin" / script
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(_SCRIPT.format(module=module))
            place.chmod(0o755)
        target = cache_directory() / f"code-{kind}-{_stamp(folder)}.layer"
        for old in cache_directory().glob(f"code-{kind}-*.layer"):
            if old != target:
                old.unlink(missing_ok=True)
        return _kept(target, lambda unfinished: _compiled(folder, unfinished))


def _stamp(folder: Path) -> str:
    stamp = hashlib.sha256(sys.version.encode())
    for file in sorted(folder.rglob("*")):
        if file.is_file():
            stamp.update(f"{file.relative_to(folder)} ".encode() + file.read_bytes())
    return stamp.hexdigest()[:16]


def _compiled(folder: Path, unfinished: Path) -> None:
    compileall.compile_dir(folder, quiet=1, invalidation_mode=_UNCHECKED)
    with Layer(unfinished) as layer:
        for part in folder.iterdir():
            layer.add(part, part.name)


_UNCHECKED = py_compile.PycInvalidationMode.UNCHECKED_HASH
_SCRIPT = """#!/usr/local/bin/python3
import sys

from {module} import main

sys.exit(main())
"""


@cache
def etcd_server() -> Path:
    program = etcd.program()

    def make(unfinished: Path) -> None:
        with Layer(unfinished) as layer:
            layer.add(program, "usr/local/bin/etcd")

    return _kept(cache_directory() / f"etcd-{_digest(program)}.layer", make)


@cache
def postgres_server() -> Path:
    """PostgreSQL's programs, with the user of the official image, who may run them."""
    programs = postgres.programs()
    if programs is None:
        raise FileNotFoundError("PostgreSQL's server programs are not on this machine: apt install postgresql")
    share, libraries = (
        Path(
            subprocess.run([programs / "pg_config", option], check=True, capture_output=True, text=True).stdout.strip()
        )
        for option in ("--sharedir", "--pkglibdir")
    )
    stamp = hashlib.sha256(f"{_digest(programs / 'postgres')} 3".encode()).hexdigest()[:16]

    def make(unfinished: Path) -> None:
        with Layer(unfinished) as layer:
            for name in ("postgres", "initdb", "psql", "pg_isready", "pg_ctl"):
                layer.add((programs / name).resolve(), f"{programs}/{name}")
                layer.link(f"usr/local/bin/{name}", f"{programs}/{name}")
            layer.add(share, str(share))
            layer.add(libraries, str(libraries), _COMPILER)
            layer.add(Path("/usr/share/zoneinfo"), "usr/share/zoneinfo")
            images.add_libraries(
                layer,
                [
                    programs / "postgres",
                    programs / "psql",
                    *(file for file in libraries.glob("*.so") if not _COMPILER.search(file.name)),
                ],
            )
            layer.directory("var/run/postgresql", 0o1777)
            layer.text("etc/passwd", _PASSWD)

    return _kept(cache_directory() / f"postgres-{stamp}.layer", make)


#: PostgreSQL's just-in-time compiler, which is larger than all the rest.
_COMPILER = re.compile(r"(^|/)(llvmjit.*|bitcode)$")


def _kept(target: Path, make: Callable[[Path], object]) -> Path:
    """Make a file of the cache unless it is there; a run that is cut short leaves nothing that looks finished."""
    if not target.exists():
        unfinished = target.with_name(f"{target.name}.{os.getpid()}")
        make(unfinished)
        unfinished.replace(target)
    return target


def _digest(file: Path) -> str:
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()[:16]
