"""What `helm uninstall` runs: `before` anything is deleted, and `after` the operator is gone.

Before: removes the webhook configurations, since a webhook that answers no longer would keep pods from being created.
After: takes our finalizers off runs, which could not be deleted any more otherwise, and deletes what the operator has
made for itself in its namespace.
"""

import sys
import urllib.error

from api import call

CONFIGURATIONS = "/apis/admissionregistration.k8s.io/v1"
RUNS = "/apis/antiphon.dev/v1alpha1"
FINALIZER = "antiphon.dev/"


def remove_webhooks(name: str) -> None:
    """Delete both configurations."""
    for plural in ("mutatingwebhookconfigurations", "validatingwebhookconfigurations"):
        delete(f"{CONFIGURATIONS}/{plural}/{name}")


def delete(path: str) -> None:
    """Delete an object; one that is gone already is fine."""
    try:
        call("DELETE", path)
        print(f"deleted {path}")
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
        case ["before", configurations]:
            remove_webhooks(configurations)
        case ["after", own, lease, secret, *namespaces]:
            remove_finalizers(namespaces)
            delete(f"/apis/coordination.k8s.io/v1/namespaces/{own}/leases/{lease}")
            if secret:
                delete(f"/api/v1/namespaces/{own}/secrets/{secret}")
        case _:
            sys.exit(__doc__)
