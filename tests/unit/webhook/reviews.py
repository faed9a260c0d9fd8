"""AdmissionReviews as an API server of Kubernetes 1.34 sends them."""

import copy
import json
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("recorded")


def recorded(name: str, **request: Any) -> dict[str, Any]:
    """A recorded review, with some fields of its request changed."""
    review = json.loads((FOLDER / f"{name}.json").read_text())
    review["request"].update(copy.deepcopy(request))
    return review
