"""What `helm uninstall` runs: `webhooks` before anything is deleted, `finalizers` after the operator is gone.

Without the first, a webhook that answers no longer would keep pods from being created; without the second, runs that
were to be terminated could not be deleted any more.
"""

import sys
import urllib.error

from api import call

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
RUNS = "/apis/antiphon.dev/v1alpha1"
FINALIZER = "antiphon.dev/"


def remove_webhooks(name: str) -> None:
    """Delete both configurations; one that is gone already is fine."""
    for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        try:
            call("DELETE", f"{CONFIGURATIONS}/{plural}/{name}")
            print(f"deleted {plural}/{name}")
        except urllib.error.HTTPError as error:
            if error.code != 404:
                raise


def remove_finalizers(namespaces: list[str]) -> None:
    """Take our finalizers off all runs, in some namespaces or in the whole cluster."""
    paths = [f"{RUNS}/namespaces/{name}/workflowruns" for name in namespaces] or [f"{RUNS}/workflowruns"]
    for path in paths:
        try:
            runs = call("GET", path)["items"]
        except urllib.error.HTTPError as error:
            if error.code == 404:  # the custom resources are gone, and the runs with them
                continue
            raise
        for run in runs:
            metadata = run["metadata"]
            given = metadata.get("finalizers", [])
            kept = [name for name in given if not name.startswith(FINALIZER)]
            if kept == given:
                continue
            patch = {"metadata": {"finalizers": kept, "resourceVersion": metadata["resourceVersion"]}}
            where = f"{RUNS}/namespaces/{metadata['namespace']}/workflowruns/{metadata['name']}"
            call("PATCH", where, patch, "application/merge-patch+json")
            print(f"released {metadata['namespace']}/{metadata['name']}")


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["webhooks", name]:
            remove_webhooks(name)
        case ["finalizers", *namespaces]:
            remove_finalizers(namespaces)
        case _:
            sys.exit(__doc__)
