"""The webhook as a process: what it is told, how it ends, and that its page says what it reports."""

import asyncio
import contextlib
import json
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path

import aiohttp
import pytest

from antiphon_names import labels
from antiphon_operator.webhook import options
from antiphon_operator.webhook.metrics import Metrics
from antiphon_operator.webhook.server import native_sidecars
from tests.ports import quiet_port
from tests.unit.injection.examples import registration, store
from tests.unit.webhook.reviews import recorded
from tests.unit.webhook.world import WITHIN_S, World, world

PAGE = Path(__file__).parents[3] / "docs" / "kubernetes" / "injection.md"
NEEDED = ["--sidecar-image=antiphon/sidecar:0.1.0", "--etcd=http://etcd:2379"]
RUN = "import sys; from antiphon_operator.webhook.server import main; sys.exit(main(sys.argv[1:]))"


def test_flags_win_over_the_environment():
    read = options.read(NEEDED, {"ANTIPHON_ETCD": "http://other:2379", "ANTIPHON_METRICS_PORT": "1"})
    assert (read.injection.etcd, read.metrics_port, read.port) == ("http://etcd:2379", 1, 9443)


def test_namespaces_repeat_as_flags_and_have_commas_in_the_environment():
    assert options.read([*NEEDED, "--watch-namespace=a", "--watch-namespace=b"], {}).watch_namespaces == ("a", "b")
    assert options.read(NEEDED, {"ANTIPHON_WATCH_NAMESPACE": "a, b"}).watch_namespaces == ("a", "b")
    assert options.read(NEEDED, {}).watch_namespaces == ()


@pytest.mark.parametrize("missing", range(len(NEEDED)))
def test_what_every_sidecar_needs_has_to_be_given(missing, capsys):
    with pytest.raises(SystemExit):
        options.read([flag for index, flag in enumerate(NEEDED) if index != missing], {})
    assert NEEDED[missing].partition("=")[0] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("image", "version"),
    [
        ("antiphon/sidecar:0.1.0", "0.1.0"),
        ("registry.test:5000/antiphon/sidecar", "latest"),
        ("registry.test:5000/antiphon/sidecar:1@sha256:ab", "sha256:ab"),
    ],
)
def test_the_version_is_the_images(image, version):
    assert options.version_of(image) == version


@pytest.mark.parametrize(
    ("major", "minor", "native"),
    [("1", "28", False), ("1", "29", True), ("1", "29+", True), ("1", "30", True), ("2", "0", True), ("", "", False)],
)
def test_sidecar_containers_came_with_a_release(major, minor, native):
    assert native_sidecars(major, minor) is native


async def test_what_is_under_way_is_answered_when_the_process_is_told_to_end(tmp_path):
    folder = tmp_path / "certs"
    folder.mkdir()
    async with world(folder) as running:
        port, metrics_port = quiet_port(), quiet_port()
        (tmp_path / "kubeconfig").write_text(json.dumps(_kubeconfig(running.api.url)))
        running.api.put(registration())
        flags = [
            *NEEDED,
            f"--port={port}",
            f"--metrics-port={metrics_port}",
            f"--certificate-directory={folder}",
            "--mutating-configuration=antiphon",
        ]
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-c", RUN, *flags, env={"KUBECONFIG": str(tmp_path / "kubeconfig"), "PATH": ""}
        )
        try:
            running.options = replace(running.options, port=port, metrics_port=metrics_port)
            await ready(running)
            asked = asyncio.create_task(running.post("/mutate/pods", recorded("pod-of-replicaset")), name="asked")
            await has_one_under_way(running)
            process.send_signal(signal.SIGTERM)
            running.api.put(store())
            status, answer = await asked
            assert (status, answer["response"]["allowed"]) == (200, True)
            assert await asyncio.wait_for(process.wait(), 15) == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def ready(running: World) -> None:
    """Wait until the process says that it may be asked."""
    async with asyncio.timeout(WITHIN_S):
        while True:
            with contextlib.suppress(aiohttp.ClientError):
                if (await running.probe("/readyz"))[0] == 200:
                    return
            await asyncio.sleep(0.05)


async def has_one_under_way(running: World) -> None:
    """Wait until the process works on a review of a pod."""
    async with asyncio.timeout(WITHIN_S):
        while 'antiphon_admission_under_way{resource="pods"} 1.0' not in (await running.probe("/metrics"))[1]:
            await asyncio.sleep(0.01)


def _kubeconfig(url: str) -> dict:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "twin",
        "clusters": [{"name": "twin", "cluster": {"server": url}}],
        "users": [{"name": "twin", "user": {"token": "none"}}],
        "contexts": [{"name": "twin", "context": {"cluster": "twin", "user": "twin"}}],
    }


def test_the_page_names_every_metric_and_every_annotation():
    page = PAGE.read_text()
    metrics = Metrics()
    metrics.watch(ready=lambda: True, cached=dict)
    suffix = {"counter": "_total"}
    reported = {family.name + suffix.get(family.type, "") for family in metrics.registry.collect()}
    assert set(re.findall(r"`(antiphon_\w+)`", page)) == reported
    assert {name for name in labels.POD_ANNOTATIONS if f"`{name}`" not in page} == set()
