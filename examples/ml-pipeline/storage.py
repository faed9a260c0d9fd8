"""Where large data lies: arrays and models by their place, for apps that exchange no more than the place.

A place is the path of a file in a folder that all apps share, or a URL of `objects.py`, where they share none. An
activity may run twice, so an object appears whole or not at all, and writing it again is harmless.
"""

import io
import os
import tempfile
import urllib.request
from collections.abc import Callable
from pathlib import Path, PurePosixPath
from typing import IO, Any

import joblib
import numpy as np

Arrays = dict[str, np.ndarray]

_TIMEOUT_S = 30


def within(folder: str, name: str) -> str:
    """Return the place of this name in a folder."""
    return f"{folder.rstrip('/')}/{name}"


def beside(place: str, name: str) -> str:
    """Return the place of this name in the folder where another one is."""
    return within(place.rpartition("/")[0], name)


def stem(place: str) -> str:
    """Return a place's name without its folder and suffix."""
    return PurePosixPath(place).stem


def put_arrays(place: str, **arrays: np.ndarray) -> str:
    """Write arrays by name and return their place."""
    return _put(place, lambda file: np.savez(file, allow_pickle=False, **arrays))


def get_arrays(place: str) -> Arrays:
    """Read what `put_arrays` wrote."""
    with np.load(io.BytesIO(_get(place))) as arrays:
        return {name: arrays[name] for name in arrays.files}


def put_model(place: str, model: object) -> str:
    """Pickle a model and return its place."""
    return _put(place, lambda file: joblib.dump(model, file))


def get_model(place: str) -> Any:
    """Read what `put_model` wrote; unpickling runs code, so read only what your own apps wrote."""
    return joblib.load(io.BytesIO(_get(place)))


def size_bytes(place: str) -> int:
    """Return how large an object is."""
    return len(_get(place))


def _put(place: str, write: Callable[[IO[bytes]], object]) -> str:
    buffer = io.BytesIO()
    write(buffer)
    if _is_url(place):
        request = urllib.request.Request(place, data=buffer.getvalue(), method="PUT")
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S):
            return place
    write_whole(Path(place), buffer.getvalue())
    return place


def write_whole(path: Path, content: bytes) -> None:
    """Write a file under another name and rename it, so that nobody reads a part of it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(content)
    os.replace(file.name, path)


def _get(place: str) -> bytes:
    if _is_url(place):
        with urllib.request.urlopen(place, timeout=_TIMEOUT_S) as response:
            return response.read()
    return Path(place).read_bytes()


def _is_url(place: str) -> bool:
    return place.startswith("http://")
