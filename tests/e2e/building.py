"""The project's Dockerfile, built without an engine: buildah in a chroot, over a base image of this machine's Python.

What is built differs from `docker build` in the base alone.
"""

import json
import os
import signal
import ssl
import subprocess
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from tests.e2e import layers
from tests.e2e.cluster import images
from tests.e2e.cluster.images import Image, Layer

ROOT = Path(__file__).parents[2]
BASE = "localhost/python:base"
BUILD_TIMEOUT_S = 900


@dataclass(frozen=True, slots=True)
class Workshop:
    """A folder for everything that buildah keeps; `built`: the images made so far, by target."""

    folder: Path
    built: dict[str, str] = field(default_factory=dict)

    def buildah(self, *arguments: str | Path) -> str:
        """Run buildah and return what it printed; its complaint is the failure's text."""
        done = subprocess.run(
            [*self._buildah(), *map(str, arguments)],
            capture_output=True,
            text=True,
            timeout=BUILD_TIMEOUT_S,
            check=False,
        )
        assert done.returncode == 0, (
            f"buildah {' '.join(map(str, arguments))}:\n{done.stdout[-2000:]}{done.stderr[-6000:]}"
        )
        return done.stdout.strip()

    def _buildah(self) -> list[str]:
        places = ("--root", self.folder / "root", "--runroot", self.folder / "run", "--storage-driver", "overlay")
        return ["buildah", *map(str, places)]

    def build(self, target: str) -> str:
        """Build a target of the Dockerfile, once, and return its name."""
        if target in self.built:
            return self.built[target]
        name = f"localhost/antiphon-{target}:built"
        options = ("--isolation", "chroot", "--network", "host", "--layers", "--quiet", "--format", "docker")
        self.buildah("build", *options, "--build-arg", f"BASE={BASE}", "--target", target, "--tag", name, ROOT)
        self.built[target] = name
        return name

    @contextmanager
    def container(self, image: str) -> Iterator[tuple[str, Path]]:
        """Make a container of an image; yield its name and its files."""
        name = self.buildah("from", "--pull-never", image)
        try:
            yield name, Path(self.buildah("mount", name))
        finally:
            self.buildah("rm", name)

    def run(self, container: str, *command: str) -> str:
        """Run a command in a container as its user."""
        return self.buildah("run", "--isolation", "chroot", container, "--", *command)

    @contextmanager
    def running(self, container: str, *command: str) -> "Iterator[subprocess.Popen[str]]":
        """Run a command beside the test; at the end it and all it has started are killed."""
        words = [*self._buildah(), "run", "--isolation", "chroot", container, "--", *command]
        with subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True
        ) as process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    def configuration(self, image: str) -> dict[str, object]:
        """Return what containers of an image have unless they are told otherwise."""
        found: dict[str, object] = json.loads(self.buildah("inspect", "--type", "image", image))["Docker"]["config"]
        return found

    def compressed(self, image: str) -> list[int]:
        """Return the sizes of an image's layers as a registry would keep them, lowest first."""
        with tempfile.TemporaryDirectory(dir=self.folder) as place:
            self.buildah("push", "--quiet", image, f"oci:{place}:image")
            blobs = Path(place) / "blobs" / "sha256"
            (top,) = json.loads((Path(place) / "index.json").read_text())["manifests"]
            manifest = json.loads((blobs / _hex(top["digest"])).read_text())
            return [(blobs / _hex(layer["digest"])).stat().st_size for layer in manifest["layers"]]

    def archive(self, image: str, path: Path, *, name: str) -> Path:
        """Write an image as an archive that container runtimes read, under a name of choice."""
        self.buildah("push", "--quiet", image, f"docker-archive:{path}:{name}")
        return path


@contextmanager
def workshop() -> Iterator[Workshop]:
    """Open a workshop that has the base image; nothing of it stays."""
    with tempfile.TemporaryDirectory(prefix="antiphon-buildah-", ignore_cleanup_errors=True) as name:
        made = Workshop(Path(name))
        try:
            base = (Image(BASE, ["python3"]), [layers.busybox(), layers.python(), _pip(made.folder)])
            archive = images.archive(made.folder / "base.tar", [base])
            made.buildah("pull", "--quiet", f"docker-archive:{archive}")
            yield made
        finally:
            subprocess.run(
                ["buildah", "--root", f"{name}/root", "--runroot", f"{name}/run", "rm", "--all"],
                capture_output=True,
                timeout=60,
                check=False,
            )


def _pip(folder: Path) -> Path:
    """What an image of Python has besides: pip, whom it trusts, and the system's libraries."""
    with Layer(folder / "pip.layer") as layer:
        site = Path(sysconfig.get_path("purelib", vars={"base": os.path.realpath(sysconfig.get_config_var("base"))}))
        for part in sorted(site.glob("pip*")):
            layer.add(part, f"{layers.SITE}/{part.name}")
        # Those that the interpreter does not load itself; packages that were built for older systems do.
        folder_of_libraries = Path("/lib", sysconfig.get_config_var("MULTIARCH") or "")
        for part in _SYSTEM:
            for library in folder_of_libraries.glob(f"lib{part}.so.[0-9]"):
                layer.add(library.resolve(), f"{images.LIBRARIES}/{library.name}")
        trusted = ssl.get_default_verify_paths().cafile or "/etc/ssl/certs/ca-certificates.crt"
        layer.add(Path(trusted).resolve(), "etc/ssl/certs/ca-certificates.crt")
        indexes = {name: value for name, value in os.environ.items() if name in _INDEXES}
        lines = ["[global]", "cert = /etc/ssl/certs/ca-certificates.crt"]
        lines += [f"{_INDEXES[name]} = {value}" for name, value in indexes.items()]
        layer.text("etc/pip.conf", "\n".join(lines) + "\n")
    return folder / "pip.layer"


_SYSTEM = ("dl", "gcc_s", "pthread", "resolv", "rt", "stdc++", "util")
#: Where this machine's pip is told to look, if not where it does by itself.
_INDEXES = {"PIP_INDEX_URL": "index-url", "PIP_EXTRA_INDEX_URL": "extra-index-url"}


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
