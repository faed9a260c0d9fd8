"""What a user of the SDK gets: no shadowed standard module, and no package they did not ask for."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMPORT_ROOTS = ("proto", "sdk", "sidecar", "operator", "cli")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

# grpcio and protobuf, and what they bring along themselves.
SDK_BRINGS = {"antiphon", "antiphon_names", "antiphon_proto", "google", "grpc", "typing_extensions"}

# For a fresh interpreter, because this one has imported half the world by now. What has no spec was
# made up by an extension module and is nobody's package.
NEW_MODULES = """
import importlib, json, pkgutil, sys
before = set(sys.modules)
for name in sys.argv[1:]:
    package = importlib.import_module(name)
    for module in pkgutil.iter_modules(package.__path__):
        if not module.name.startswith("_"):
            importlib.import_module(f"{name}.{module.name}")
new = {
    name.partition(".")[0]
    for name in set(sys.modules) - before
    if getattr(sys.modules[name], "__spec__", None)
}
print(json.dumps(sorted(new - sys.stdlib_module_names)))
"""


def run_fresh(code: str, *arguments: str) -> str:
    path = os.pathsep.join(str(ROOT / root) for root in IMPORT_ROOTS)
    done = subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": path},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_no_init_file_shadows_the_stdlib_operator_module() -> None:
    assert not (ROOT / "operator" / "__init__.py").exists()
    found = run_fresh("import operator; print(operator.__file__)")
    assert Path(found) == Path(os.__file__).with_name("operator.py")


@pytest.mark.parametrize("root", IMPORT_ROOTS)
def test_import_roots_hold_packages_only(root: str) -> None:
    assert [path.name for path in (ROOT / root).glob("*.py")] == []


def test_base_dependencies_are_the_sdks_alone() -> None:
    names = {re.split(r"[^A-Za-z0-9-]", needed)[0] for needed in PROJECT["project"]["dependencies"]}
    assert names == {"grpcio", "protobuf"}


def test_the_wheel_holds_every_package_under_the_import_roots() -> None:
    found = {
        f"{root}/{package.parent.name}" for root in IMPORT_ROOTS for package in (ROOT / root).glob("*/__init__.py")
    }
    assert found <= set(PROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"])


def test_an_editable_install_sees_every_import_root() -> None:
    assert set(PROJECT["tool"]["hatch"]["build"]["dev-mode-dirs"]) == set(IMPORT_ROOTS)


def test_names_need_the_standard_library_alone() -> None:
    assert json.loads(run_fresh(NEW_MODULES, "antiphon_names")) == ["antiphon_names"]


def test_the_sdk_brings_nothing_but_grpc_and_protobuf() -> None:
    new = set(json.loads(run_fresh(NEW_MODULES, "antiphon", "antiphon_proto")))
    assert new <= SDK_BRINGS


@pytest.mark.parametrize("package", ["antiphon", "antiphon_names", "antiphon_proto"])
def test_packages_that_users_import_are_marked_as_typed(package: str) -> None:
    root = "sdk" if package == "antiphon" else "proto"
    assert (ROOT / root / package / "py.typed").exists()
