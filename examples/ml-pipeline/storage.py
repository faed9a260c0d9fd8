"""The folder that stands in for an object store: arrays and models by path, for apps that exchange large data.

An activity may run twice, so a file appears whole or not at all, and writing it again is harmless.
"""

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

import joblib
import numpy as np

Arrays = dict[str, np.ndarray]


def put_arrays(path: Path, **arrays: np.ndarray) -> str:
    """Write arrays by name and return the path as text."""
    return _put(path, lambda file: np.savez(file, allow_pickle=False, **arrays))


def get_arrays(path: str) -> Arrays:
    """Read what `put_arrays` wrote."""
    with np.load(path) as arrays:
        return {name: arrays[name] for name in arrays.files}


def put_model(path: Path, model: object) -> str:
    """Pickle a model and return the path as text."""
    return _put(path, lambda file: joblib.dump(model, file))


def get_model(path: str) -> Any:
    """Read what `put_model` wrote; unpickling runs code, so read only what your own apps wrote."""
    return joblib.load(path)


def _put(path: Path, write: Callable[[IO[bytes]], object]) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        write(file)
    os.replace(file.name, path)
    return str(path)
