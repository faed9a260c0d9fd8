"""App `serving`: loads a trained model and answers with it."""

from functools import lru_cache
from typing import Any

from antiphon import Worker, activity

import records
import storage
from contracts import Inference, InferenceRequest, LoadedModel, Prediction, TrainedModel

ANSWERS_SHOWN = 8


# Another replica, or this one after a restart, may get the next call: memory only saves time.
@lru_cache(maxsize=4)
def _model(path: str) -> Any:
    return storage.get_model(path)


@activity.define
@records.recorded(lambda trained: trained.candidate)
def load_model(trained: TrainedModel) -> LoadedModel:
    """Load the model into memory and see that it can predict at all."""
    model = _model(trained.path)
    if not hasattr(model, "predict"):
        raise TypeError(f"{trained.path} holds a {type(model).__name__}, which cannot predict")
    return LoadedModel(trained.candidate, trained.path, storage.size_bytes(trained.path))


@activity.define
@records.recorded(lambda request: request.model.name)
def set_up_inference(request: InferenceRequest) -> Inference:
    """Answer for the whole holdout, which no training has seen."""
    holdout = storage.get_arrays(request.holdout.path)
    predicted, actual = _model(request.model.path).predict(holdout["features"]), holdout["labels"]
    shown = zip(predicted[:ANSWERS_SHOWN], actual[:ANSWERS_SHOWN], strict=True)
    return Inference(
        accuracy=float((predicted == actual).mean()),
        rows=len(actual),
        predictions=[Prediction(int(says), int(is_)) for says, is_ in shown],
    )


if __name__ == "__main__":
    Worker(activities=[load_model, set_up_inference], on_settled=records.acknowledged).run_sync()
