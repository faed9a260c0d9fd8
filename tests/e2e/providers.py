"""Where the suite's cluster comes from: kind, a kubeconfig of your own, or plain processes on this machine.

`ANTIPHON_CLUSTER` names one: `kind` (needs Docker and kind), `kubeconfig` (uses KUBECONFIG; its nodes must be able to
pull the images, which `ANTIPHON_IMAGE_REGISTRY` may prefix), `local` (needs root). Without it: `kind` where an engine
answers, else `local`.
"""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from tests.e2e.cluster import binaries
from tests.e2e.cluster import images as archives
from tests.e2e.cluster.local import Cluster
from tests.e2e.kubernetes import Kubernetes
from tests.e2e.nodes import KindNodes, LocalNodes, Nodes
from tests.e2e.standins import StandIn

VARIABLE = "ANTIPHON_CLUSTER"
KIND_NAME = "antiphon"
KIND_CONFIGURATION = Path(__file__).with_name("kind.yaml")


class Provider(Protocol):
    """Something that has a cluster."""

    def up(self) -> Kubernetes:
        """Start the cluster unless it runs, and return access to it."""
        ...

    def load(self, images: Sequence[StandIn]) -> None:
        """Make images available to pods under their names."""
        ...

    def nodes(self) -> Nodes | None:
        """Return the way into the nodes; None where there is none."""
        ...

    def down(self) -> None:
        """Stop what `up` started, and nothing else."""
        ...


class Local:
    """A cluster of plain processes; one that was there before stays."""

    def __init__(self) -> None:
        self._cluster = Cluster.default()
        self._started = False

    def up(self) -> Kubernetes:
        self._started = not self._cluster.running()
        self._cluster.up()
        return Kubernetes(binaries.cache_directory() / "kubectl", self._cluster.kubeconfig)

    def load(self, images: Sequence[StandIn]) -> None:
        # What its nodes have; forgotten with them.
        noted = self._cluster.layout.root / "images.json"
        loaded = json.loads(noted.read_text()) if noted.exists() else {}
        stamps = {image.name: image.stamp() for image in images}
        new = [image for image in images if loaded.get(image.name) != stamps[image.name]]
        if new:
            with _archive(new) as archive:
                self._cluster.load(archive)
            noted.write_text(json.dumps(loaded | stamps))

    def nodes(self) -> Nodes | None:
        return LocalNodes(self._cluster)

    def down(self) -> None:
        if self._started:
            self._cluster.down()


class Kind:
    """A cluster in Docker; one that was there before stays."""

    def __init__(self) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="antiphon-kind-")
        self._started = False

    def up(self) -> Kubernetes:
        kubeconfig = Path(self._folder.name) / "kubeconfig"
        running = _output("kind", "get", "clusters").split()
        self._started = KIND_NAME not in running
        if self._started:
            _output("kind", "create", "cluster", "--name", KIND_NAME, "--config", KIND_CONFIGURATION, "--wait", "180s")
        kubeconfig.write_text(_output("kind", "get", "kubeconfig", "--name", KIND_NAME))
        return Kubernetes(_kubectl(), kubeconfig)

    def load(self, images: Sequence[StandIn]) -> None:
        with _archive(images) as archive:
            _output("kind", "load", "image-archive", "--name", KIND_NAME, archive)

    def nodes(self) -> Nodes | None:
        return KindNodes()

    def down(self) -> None:
        if self._started:
            _output("kind", "delete", "cluster", "--name", KIND_NAME)
        self._folder.cleanup()


class Given:
    """Whatever KUBECONFIG names. Its images are its owner's."""

    def up(self) -> Kubernetes:
        return Kubernetes(_kubectl(), Path(os.environ["KUBECONFIG"]))

    def load(self, images: Sequence[StandIn]) -> None:
        """Leave it to the nodes to pull them."""

    def nodes(self) -> Nodes | None:
        return None

    def down(self) -> None:
        """Leave it running."""


def chosen() -> Provider:
    """Return what `ANTIPHON_CLUSTER` names, or what this machine can do."""
    match os.environ.get(VARIABLE) or ("kind" if _engine_answers() else "local"):
        case "kind":
            return Kind()
        case "kubeconfig":
            return Given()
        case "local":
            return Local()
        case other:
            raise ValueError(f"{VARIABLE} is {other!r}; accepted: kind, kubeconfig, local")


def _engine_answers() -> bool:
    if shutil.which("docker") is None or shutil.which("kind") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, timeout=30, check=False).returncode == 0


def _kubectl() -> Path:
    found = shutil.which("kubectl")
    if found is None:
        raise FileNotFoundError("kubectl is not on the PATH")
    return Path(found)


@contextmanager
def _archive(images: Sequence[StandIn]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="antiphon-images-") as folder:
        yield archives.archive(Path(folder) / "images.tar", [(image.image(), image.files()) for image in images])


def _output(*command: str | Path) -> str:
    return subprocess.run(list(map(str, command)), check=True, stdout=subprocess.PIPE, text=True, timeout=600).stdout
