"""What the four teams have agreed on: the values that cross from one app to another, and nothing else.

Small values travel as they are. Large ones (arrays, models) stay in the run's folder, and their places travel: paths
of files, or URLs where the apps share no disk.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PipelineRequest:
    """Input of workflow `ml_pipeline` in app `pipeline`; the folder (a path, or a URL) is made when it is missing."""

    folder: str
    parts: int = 4


@dataclass(frozen=True, slots=True)
class IngestRequest:
    """Input of activity `ingest` in app `data-processing`."""

    folder: str
    parts: int


@dataclass(frozen=True, slots=True)
class RawPart:
    """Some images as they came, in a file; input of activity `engineer_features`."""

    path: str
    rows: int


@dataclass(frozen=True, slots=True)
class Dataset:
    """All images: parts to learn from, and a holdout that training never sees."""

    parts: list[RawPart]
    holdout: RawPart
    classes: int


@dataclass(frozen=True, slots=True)
class FeaturePart:
    """The features of one part, in a file."""

    path: str
    rows: int
    columns: int


@dataclass(frozen=True, slots=True)
class TrainingRequest:
    """Input of workflow `train_model` in app `training`."""

    folder: str
    parts: list[FeaturePart]


@dataclass(frozen=True, slots=True)
class Score:
    """How one candidate did on images it was not trained on; accuracy from 0 to 1."""

    candidate: str
    accuracy: float


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """The candidate that did best, in a file, and how all of them did, best first."""

    candidate: str
    path: str
    scores: list[Score]


@dataclass(frozen=True, slots=True)
class LoadedModel:
    """Output of activity `load_model` in app `serving`: a model that can be served."""

    name: str
    path: str
    size_bytes: int


@dataclass(frozen=True, slots=True)
class InferenceRequest:
    """Input of activity `set_up_inference` in app `serving`."""

    model: LoadedModel
    holdout: FeaturePart


@dataclass(frozen=True, slots=True)
class Prediction:
    """What the model says an image shows, and what it shows."""

    predicted: int
    actual: int


@dataclass(frozen=True, slots=True)
class Inference:
    """How the served model does on the holdout, and its first answers."""

    accuracy: float
    rows: int
    predictions: list[Prediction]


@dataclass(frozen=True, slots=True)
class Report:
    """Output of workflow `ml_pipeline`."""

    model: TrainedModel
    inference: Inference
