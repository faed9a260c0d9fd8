"""The webhook over HTTPS: what it answers an API server, and when it says that it may be asked."""

import asyncio
import base64
import json
import ssl

import aiohttp
import jsonpatch
import pytest

from antiphon_names import errors as codes
from antiphon_operator.validation import PLURALS
from tests.unit.injection.examples import pod, registration, store, workflow
from tests.unit.webhook.reviews import recorded
from tests.unit.webhook.world import World, until, world

ORDER = {"type": "object", "required": ["orderId"]}


@pytest.fixture
async def running(tmp_path):
    async with world(tmp_path) as made:
        await made.ready()
        yield made


async def known(running: World, *objects: dict) -> None:
    """Wait until the webhook knows these objects."""
    before = sum(running.webhook.cache.counts().values())
    for found in objects:
        running.api.put(found)
    await until(lambda: sum(running.webhook.cache.counts().values()) == before + len(objects))


async def test_a_pod_of_a_replicaset_gets_its_sidecar(running):
    await known(running, registration(), store())
    review = recorded("pod-of-replicaset")
    status, answer = await running.post("/mutate/pods?timeout=5s", review)
    response = answer["response"]
    assert status == 200
    assert (answer["apiVersion"], answer["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
    assert (response["uid"], response["allowed"], response["patchType"]) == (
        review["request"]["uid"],
        True,
        "JSONPatch",
    )
    patched = jsonpatch.apply_patch(review["request"]["object"], json.loads(base64.b64decode(response["patch"])))
    assert patched["spec"]["initContainers"][0]["name"] == "antiphon-sidecar"
    assert response["auditAnnotations"] == {"outcome": "Injected", "app": "orders"}


async def test_a_refusal_is_one_that_the_replicaset_shows(running):
    _, answer = await running.post("/mutate/pods", recorded("pod-of-replicaset"))
    status = answer["response"]["status"]
    assert answer["response"]["allowed"] is False
    assert (status["code"], status["status"]) == (403, "Failure")
    assert status["message"].startswith(f"{codes.APP_REGISTRATION_MISSING}: pod orders-6d4c8f9b7-* asks for a sidecar")
    assert "patch" not in answer["response"]


async def test_a_pod_that_comes_just_before_its_registration_waits_for_that(running):
    asked = asyncio.create_task(running.post("/mutate/pods", recorded("pod-of-replicaset")), name="asked")
    await asyncio.sleep(0.05)
    running.api.put(registration())
    running.api.put(store())
    _, answer = await asked
    assert answer["response"]["allowed"] is True


async def test_a_pod_that_is_left_alone_passes_as_it_is(running):
    found = pod(labels={"app": "orders", "antiphon.dev/inject": "false"})
    _, answer = await running.post("/mutate/pods", recorded("pod-of-replicaset", object=found))
    assert answer["response"]["allowed"] is True
    assert "patch" not in answer["response"]
    assert answer["response"]["auditAnnotations"] == {"outcome": "OptedOut"}


async def test_a_pod_without_a_label_was_sent_for_its_namespace(running):
    await known(running, registration(), store())
    _, answer = await running.post("/mutate/pods", recorded("pod-of-replicaset", object=pod(labels={"app": "orders"})))
    assert "patch" in answer["response"]


@pytest.mark.parametrize("dry_run", [False, True])
async def test_a_run_is_held_against_its_workflow_also_in_a_dry_run(running, dry_run):
    await known(running, workflow(input=ORDER))
    review = recorded("workflowrun", dryRun=dry_run)
    _, answer = await running.post("/validate/workflowruns", review)
    assert answer["response"] == {"uid": review["request"]["uid"], "allowed": True}
    review["request"]["object"]["spec"]["input"] = {"order": 1}
    _, answer = await running.post("/validate/workflowruns", review)
    assert answer["response"]["allowed"] is False
    assert answer["response"]["status"]["message"].startswith(f"{codes.RUN_INPUT_INVALID}: spec.input does not fit")


async def test_what_may_become_right_is_a_warning(running):
    _, answer = await running.post("/validate/workflowruns", recorded("workflowrun"))
    assert answer["response"]["allowed"] is True
    (warning,) = answer["response"]["warnings"]
    assert warning.startswith('spec.workflowRef names Workflow "process-order", and this namespace has nothing.')


@pytest.mark.parametrize("path", ["/mutate/pod", "/validate/pods", "/validate/workflow", "/", "/mutate/pods/"])
async def test_a_path_that_is_not_known_is_an_error_and_lets_nothing_pass(running, path):
    status, answer = await running.post(path, recorded("pod-of-replicaset"))
    assert status == 404
    assert answer.startswith(f"{codes.ADMISSION_REQUEST_INVALID}: the webhook has nothing at {path}")


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"request": {"uid": 1}}', b"\xff"])
async def test_a_body_that_is_no_review_is_an_error(running, body):
    status, answer = await running.post("/mutate/pods", body)
    assert status == 400
    assert str(codes.ADMISSION_REQUEST_INVALID) in answer


@pytest.mark.parametrize("plural", PLURALS)
async def test_a_review_of_another_resource_is_an_error(running, plural):
    status, answer = await running.post(f"/validate/{plural}", recorded("pod-of-replicaset"))
    assert status == 400
    assert f"about {plural}" in answer


async def test_reviews_go_over_tls_alone(running):
    with pytest.raises(aiohttp.ClientError):
        async with (
            aiohttp.ClientSession() as session,
            session.post(f"http://127.0.0.1:{running.options.port}/mutate/pods", data=b"{}"),
        ):
            pass


async def test_answers_are_counted(running):
    await running.post("/mutate/pods", recorded("pod-of-replicaset"))
    await running.post("/mutate/pods", b"")
    await running.post("/validate/workflowruns", recorded("workflowrun"))
    _, text = await running.probe("/metrics")
    for line in (
        'antiphon_admission_reviews_total{outcome="refused",reason="AppRegistrationMissing",resource="pods"} 1.0',
        'antiphon_admission_reviews_total{outcome="error",reason="AdmissionRequestInvalid",resource="pods"} 1.0',
        'antiphon_admission_reviews_total{outcome="warned",reason="",resource="workflowruns"} 1.0',
        'antiphon_admission_seconds_count{resource="workflowruns"} 1.0',
        "antiphon_webhook_ready 1.0",
    ):
        assert line in text.splitlines()


async def test_a_cluster_without_sidecar_containers_is_said_to_be_one(tmp_path):
    async with world(tmp_path, version="v1.28.15+k3s1") as old:
        await old.ready()
        await known(old, registration(), store())
        _, answer = await old.post("/mutate/pods", recorded("pod-of-replicaset"))
        assert answer["response"]["status"]["message"].startswith(str(codes.NATIVE_SIDECARS_MISSING))


async def test_it_is_ready_when_the_api_server_trusts_it_and_only_then(running):
    assert await running.probe("/readyz") == (200, "ok\n")
    found = running.api.get("mutatingwebhookconfigurations", "antiphon")
    for webhook in found["webhooks"]:
        webhook["clientConfig"].pop("caBundle")
    running.api.put(found)
    await running.webhook.look_at_trust("antiphon")
    status, text = await running.probe("/readyz")
    assert status == 503
    assert "webhook pods has no caBundle yet" in text
    await running.keeper.step()
    await running.webhook.look_at_trust("antiphon")
    assert await running.probe("/readyz") == (200, "ok\n")


async def test_it_is_alive_without_the_api_server(running):
    running.api.failing = 500
    running.api.hang_up()
    await until(lambda: running.api.watches() == 0)
    await running.webhook.look_at_trust("antiphon")
    assert (await running.probe("/livez"))[0] == 200
    assert (await running.probe("/readyz"))[0] == 200


async def test_a_pod_is_refused_as_long_as_the_cluster_has_not_been_read(running):
    for follower in running.webhook.cache._followers:
        follower.read = False
    status, answer = await running.post("/mutate/pods", recorded("pod-of-replicaset"))
    assert (status, answer.split(":")[0]) == (503, str(codes.ADMISSION_NOT_READY))
    assert (await running.probe("/readyz"))[0] == 503


async def test_without_files_it_is_alive_and_not_ready(tmp_path):
    async with world(tmp_path, certificate=False) as made:
        assert (await made.probe("/livez"))[0] == 200
        status, text = await made.probe("/readyz")
        assert status == 503
        assert text.startswith(f"{codes.WEBHOOK_CERTIFICATE_UNFIT}: the certificate in {tmp_path} cannot be used")
        made.bring_certificate()
        await made.ready()


async def test_a_certificate_and_a_key_that_do_not_fit_leave_the_ones_in_use(running):
    before = running.webhook.certificate.expires
    folder = (running.folder / "..data").resolve()
    (folder / "tls.key").write_text("-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n")
    assert running.webhook.certificate.look() is False
    assert running.webhook.certificate.expires == before
    status, _ = await running.post("/validate/workflowruns", recorded("workflowrun"))
    assert status == 200
    assert (await running.probe("/readyz"))[0] == 200


async def test_who_does_not_trust_the_authority_is_not_answered(running):
    stranger = ssl.create_default_context()
    with pytest.raises(aiohttp.ClientConnectorCertificateError):
        await running.post("/mutate/pods", b"{}", stranger)
