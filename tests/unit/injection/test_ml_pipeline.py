"""Pods of the ML pipeline get their sidecars, stay `restricted`, and are what every supported release takes."""

import jsonpatch
import pytest

from antiphon_operator.injection import Injected, inject
from tests.unit.crds import admission, manifests
from tests.unit.injection.examples import NAMESPACE, SETTINGS, known
from tests.unit.injection.pod_security import violations

EXAMPLE = manifests.of(manifests.ROOT / "examples" / "ml-pipeline" / "k8s")
OURS = [admission.admitted(each)[0] for each in EXAMPLE if each["apiVersion"].startswith(manifests.OURS)]
ASKING = {
    name: template
    for name, template in manifests.pod_templates(EXAMPLE)
    if "antiphon.dev/inject" in template["metadata"]["labels"]
}


@pytest.mark.parametrize("name", ASKING)
def test_a_pod_gets_the_sidecar_of_its_app(name):
    pod = {"apiVersion": "v1", "kind": "Pod", **ASKING[name]}
    outcome = inject(pod, namespace=NAMESPACE, known=known(*OURS), settings=SETTINGS)
    assert isinstance(outcome, Injected), outcome
    assert name == f"Deployment {outcome.app_id}"
    patched = jsonpatch.apply_patch(pod, [dict(operation) for operation in outcome.patch])
    assert violations(patched) == []
    assert manifests.errors({**patched, "metadata": {**patched["metadata"], "name": "pod"}}) == []
