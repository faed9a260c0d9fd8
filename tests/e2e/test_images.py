"""The images that the Dockerfile makes: that they start, as whom, what is left to compile, how large they are."""

import urllib.request
from collections.abc import Iterator

import pytest

from tests.e2e import building
from tests.e2e.building import Workshop
from tests.e2e.kubernetes import eventually
from tests.ports import quiet_port

#: What our layers may add to a base image, compressed.
SIDECAR_MB_MOST = 60.0
PROGRAMS = {"sidecar": "antiphon", "operator": "antiphon-operator"}


@pytest.fixture(scope="module")
def workshop() -> Iterator[Workshop]:
    with building.workshop() as made:
        yield made


@pytest.fixture(scope="module", params=PROGRAMS)
def built(request: pytest.FixtureRequest, workshop: Workshop) -> tuple[str, str]:
    """The program of a target of the Dockerfile, and the image made of it."""
    return PROGRAMS[request.param], workshop.build(request.param)


def test_an_image_runs_its_program_as_a_user_without_rights(workshop: Workshop, built: tuple[str, str]) -> None:
    program, image = built
    configuration = workshop.configuration(image)
    assert configuration["Entrypoint"] == [program]
    assert configuration["User"] == "65532:65532"
    with workshop.container(image) as (container, _):
        assert "usage" in workshop.run(container, program, "--help").lower()
        assert workshop.run(container, "python3", "-c", "import os; print(os.getuid())") == "65532"


def test_nothing_of_an_image_is_left_to_compile(workshop: Workshop, built: tuple[str, str]) -> None:
    _, image = built
    with workshop.container(image) as (_, files):
        packages = next((files / "opt/antiphon/lib").glob("python*/site-packages"))
        sources = [path for path in packages.rglob("*.py") if path.stat().st_size]
        lacking = [path for path in sources if not list((path.parent / "__pycache__").glob(f"{path.stem}.*.pyc"))]
    assert len(sources) > 500
    assert lacking == []


def test_the_sidecars_image_serves_an_app(workshop: Workshop) -> None:
    ports = {name: quiet_port() for name in ("grpc", "http", "metrics")}
    flags = [f"--{name}-port={port}" for name, port in ports.items()]
    with (
        workshop.container(workshop.build("sidecar")) as (container, _),
        workshop.running(container, "antiphon", "sidecar", "--app=a", "--store=sqlite:////tmp/a.db", *flags) as process,
    ):

        def ready() -> bool:
            assert process.poll() is None, process.stdout.read() if process.stdout else ""
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{ports['metrics']}/readyz", timeout=2) as answer:
                    return bool(answer.status == 200)
            except OSError:
                return False

        eventually(ready, within_s=60, what="the sidecar is ready")


def test_the_sidecars_own_layers_stay_small(workshop: Workshop) -> None:
    base = workshop.compressed(building.BASE)
    whole = workshop.compressed(workshop.build("sidecar"))
    assert whole[: len(base)] == base
    size = sum(whole[len(base) :]) / 1e6
    print(f"\nthe sidecar's own layers, compressed: {size:.1f} MB")
    assert size <= SIDECAR_MB_MOST
