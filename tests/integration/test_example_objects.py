"""The object store of the ML pipeline on Kubernetes: what the apps put there, others get, and nothing outside of it."""

import importlib
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

EXAMPLE = Path(__file__).parents[2] / "examples" / "ml-pipeline"

pytestmark = pytest.mark.integration


@pytest.fixture
def storage(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    pytest.importorskip("joblib", reason="the demo's requirements are not installed: make demo does it")
    monkeypatch.syspath_prepend(str(EXAMPLE))
    yield importlib.import_module("storage")
    for name in ("storage", "objects"):
        sys.modules.pop(name, None)


@pytest.fixture
def url(storage: Any, tmp_path: Path) -> Iterator[str]:
    folder = tmp_path / "objects"
    folder.mkdir()
    server = importlib.import_module("objects").serve(folder, 0)
    thread = threading.Thread(target=server.serve_forever, name="objects")
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/run"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture(params=["folder", "url"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return request.getfixturevalue("url") if request.param == "url" else str(tmp_path / "run")


def test_what_is_put_is_got_from_a_folder_and_from_the_store(storage: Any, place: str) -> None:
    there = storage.put_arrays(storage.within(place, "raw-1.npz"), labels=storage.np.arange(3))
    assert (there, storage.stem(there)) == (f"{place}/raw-1.npz", "raw-1")
    assert storage.get_arrays(there)["labels"].tolist() == [0, 1, 2]
    model = storage.put_model(storage.beside(there, "model.joblib"), {"weight": 1})
    assert (model, storage.get_model(model)) == (f"{place}/model.joblib", {"weight": 1})
    assert storage.size_bytes(model) > 0


def test_the_store_serves_nothing_outside_of_its_folder(storage: Any, url: str, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("not for others")
    server = url.removesuffix("/run")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{server}/../secret", timeout=10)
    assert refused.value.code == 404
    refused.value.close()
    put = urllib.request.Request(f"{server}/../other", data=b"x", method="PUT")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(put, timeout=10)
    assert refused.value.code == 400
    refused.value.close()
    assert not (tmp_path / "other").exists()
