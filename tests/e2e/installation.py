"""Antiphon in a cluster, as its charts install it."""

from dataclasses import dataclass
from pathlib import Path

from tests import helm
from tests.e2e.kubernetes import Kubernetes

ROOT = Path(__file__).parents[2]
NAMESPACE = "antiphon-system"
RELEASE = "antiphon"
CRDS_RELEASE = "antiphon-crds"
#: Above the five minutes for which Helm waits.
HELM_TIMEOUT_S = 330.0


@dataclass(frozen=True, slots=True)
class Installation:
    """Both releases, by one of Helm's majors."""

    cluster: Kubernetes
    major: int

    @property
    def system(self) -> Kubernetes:
        """Antiphon's own namespace."""
        return self.cluster.within(NAMESPACE)

    def install(self) -> None:
        """Install both charts as the README says, or upgrade to what they are now where they are installed."""
        if CRDS_RELEASE in self.releases("default"):
            self.helm("upgrade", CRDS_RELEASE, "charts/antiphon-crds")
        else:
            self.helm("install", CRDS_RELEASE, "charts/antiphon-crds")
        if RELEASE in self.releases(NAMESPACE):
            self.upgrade()
        else:
            self.helm("install", RELEASE, "charts/antiphon", "-n", NAMESPACE, "--create-namespace", "--wait")

    def releases(self, namespace: str) -> list[str]:
        """Return the names of the releases in a namespace."""
        return self.helm("list", "--short", "--namespace", namespace).split()

    def upgrade(self, *options: str) -> None:
        """Upgrade the release with values of its own, and wait until all of it is ready."""
        self.helm("upgrade", RELEASE, "charts/antiphon", "--namespace", NAMESPACE, "--wait", *options)

    def uninstall(self) -> None:
        """Uninstall the release; the custom resources stay."""
        self.helm("uninstall", RELEASE, "--namespace", NAMESPACE, "--wait")

    def test(self) -> str:
        """Run `helm test` and return what it said."""
        return self.helm("test", RELEASE, "--namespace", NAMESPACE, "--timeout", "120s")

    def helm(self, *arguments: str) -> str:
        """Run Helm against the cluster."""
        return helm.run(
            self.major, *arguments, environment=self.cluster.environment, timeout_s=HELM_TIMEOUT_S, folder=ROOT
        )

    def leader(self) -> str:
        """Return the name of the operator's pod that leads."""
        holder = self.system.get(f"lease/{RELEASE}-operator")["spec"].get("holderIdentity") or ""
        pods = [pod["metadata"]["name"] for pod in self.pods("operator")]
        return next((name for name in pods if holder.startswith(name)), "")

    def pods(self, component: str) -> list[dict]:  # type: ignore[type-arg]  # JSON
        """Return the pods of a component."""
        found: list[dict] = self.system.get("pods", f"--selector=app.kubernetes.io/component={component}")  # type: ignore[type-arg]  # JSON
        return found
