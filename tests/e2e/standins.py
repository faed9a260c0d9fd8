"""Images for clusters that can pull none: the names that charts and examples use, with programs of this machine inside.

Each has what the real one has where a pod looks for it: entry point, user, working directory. Layers that change
seldom are kept in the user's cache.
"""

import hashlib
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.e2e import layers
from tests.e2e.cluster.images import NONROOT, Image

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
VERSION: str = PROJECT["version"]

#: Import roots of each part.
SDK = ("proto/antiphon_proto", "proto/antiphon_names", "sdk/antiphon")
SIDECAR = (*SDK, "sidecar/antiphon_sidecar", "cli/antiphon_cli")
OPERATOR = ("proto/antiphon_proto", "proto/antiphon_names", "operator/antiphon_operator")


@dataclass(frozen=True, slots=True)
class StandIn:
    """An image by the name that pods use, and what makes its layers, lowest first."""

    name: str
    entrypoint: Sequence[str]
    layers: Sequence[Callable[[], Path]]
    command: Sequence[str] = ()
    user: str = str(NONROOT)
    workdir: str = "/"
    environment: Mapping[str, str] = field(default_factory=dict)

    def stamp(self) -> str:
        """Return a digest of what is in it and how it starts."""
        said = json.dumps([self.image().name, self.image().config(), [layer.name for layer in self.files()]])
        return hashlib.sha256(said.encode()).hexdigest()[:16]

    def files(self) -> list[Path]:
        """Return its layers, lowest first."""
        return [make() for make in self.layers]

    def image(self) -> Image:
        """Return what a container of it runs."""
        name = _full(self.name)
        return Image(name, self.entrypoint, self.user, self.environment, self.command, self.workdir)


@cache
def all_images() -> tuple[StandIn, ...]:
    """Return everything that the suite's pods run."""
    return (
        StandIn(
            f"antiphon/sidecar:{VERSION}",
            ("antiphon",),
            (
                layers.busybox,
                layers.python,
                lambda: layers.packages(_needed("cli")),
                lambda: layers.code("sidecar", SIDECAR, scripts={"antiphon": "antiphon_cli.main"}),
            ),
            command=("sidecar",),
            environment=_ENVIRONMENT,
        ),
        StandIn(
            f"antiphon/operator:{VERSION}",
            ("antiphon-operator",),
            (
                layers.busybox,
                layers.python,
                lambda: layers.packages(_needed("operator")),
                lambda: layers.code("operator", OPERATOR, scripts={"antiphon-operator": "antiphon_operator.main"}),
            ),
            environment=_ENVIRONMENT,
        ),
        StandIn(
            f"antiphon/ml-pipeline:{VERSION}",
            (),
            (
                layers.busybox,
                layers.python,
                lambda: layers.packages([*_needed(), *_lines(ROOT / "examples" / "ml-pipeline" / "requirements.txt")]),
                lambda: layers.code("ml-pipeline", SDK, apps=ROOT / "examples" / "ml-pipeline"),
            ),
            workdir="/app",
            environment=_ENVIRONMENT,
        ),
        StandIn(
            f"antiphon/e2e-apps:{VERSION}",
            (),
            (
                layers.busybox,
                layers.python,
                lambda: layers.packages(_needed()),
                lambda: layers.code("e2e-apps", SDK, apps=Path(__file__).with_name("apps")),
            ),
            workdir="/app",
            environment=_ENVIRONMENT,
        ),
        StandIn(
            POSTGRES,
            (),
            (layers.busybox, layers.postgres_server),
            user="0",
            command=("postgres",),
        ),
        StandIn(ETCD, (), (layers.busybox, layers.etcd_server), command=("etcd",)),
    )


POSTGRES = "postgres:17"
ETCD = "quay.io/coreos/etcd:v3.6.16"
_ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", "HOME": "/tmp"}


def _full(name: str) -> str:
    """Return a name as container runtimes complete it."""
    first, _, rest = name.partition("/")
    if "." in first:
        return name
    return f"docker.io/{name}" if rest else f"docker.io/library/{name}"


def _needed(*extras: str) -> list[str]:
    """Return what pyproject.toml wants for some extras, and for the SDK."""
    wanted: list[str] = list(PROJECT["dependencies"])
    for extra in extras:
        for requirement in PROJECT["optional-dependencies"][extra]:
            inner = requirement.removeprefix("antiphon[")
            wanted += _needed(*inner.rstrip("]").split(",")) if inner != requirement else [requirement]
    return sorted(set(wanted))


def _lines(requirements: Path) -> list[str]:
    return [line for line in requirements.read_text().splitlines() if line and not line.startswith("#")]
