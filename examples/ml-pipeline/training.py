"""App `training`: trains several candidates side by side and keeps the best. Offers workflow `train_model`."""

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from antiphon import RetryPolicy, Worker, activity, workflow
from sklearn.ensemble import ExtraTreesClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import KNeighborsClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeClassifier

import records
import storage
from contracts import FeaturePart, Score, TrainedModel, TrainingRequest

CANDIDATES = {
    "naive-bayes": lambda: GaussianNB(),
    "random-forest": lambda: RandomForestClassifier(n_estimators=200, random_state=7),
    "nearest-neighbours": lambda: KNeighborsClassifier(n_neighbors=3),
    "extra-trees": lambda: ExtraTreesClassifier(n_estimators=250, random_state=7),
    "decision-tree": lambda: DecisionTreeClassifier(random_state=7),
    "neural-network": lambda: MLPClassifier((64,), early_stopping=True, random_state=7),
    "support-vectors": lambda: SVC(C=10),
    "logistic-regression": lambda: LogisticRegression(max_iter=1000),
}
VALIDATION_SHARE = 0.25
AT_ONCE = 4

SHORTLY = RetryPolicy(max_attempts=3, first_interval=timedelta(milliseconds=500))


@dataclass(frozen=True, slots=True)
class Split:
    """Rows to train on and rows to validate with, in files; stays within this app."""

    train: str
    validation: str
    rows: int


@dataclass(frozen=True, slots=True)
class Candidate:
    """One model to try; stays within this app."""

    name: str
    split: Split


@dataclass(frozen=True, slots=True)
class Fitted:
    """A candidate that has been trained, in a file; stays within this app."""

    candidate: Candidate
    path: str


@workflow.define
async def train_model(ctx: workflow.Context, request: TrainingRequest) -> TrainedModel:
    """Prepare the data, train and validate all candidates in parallel, and choose the best."""
    split = await ctx.call_activity(prepare_data, request, retry=SHORTLY)

    async def trained_and_validated(name: str) -> tuple[Score, Fitted]:
        fitted = await ctx.call_activity(train_candidate, Candidate(name, split), retry=SHORTLY)
        return await ctx.call_activity(validate_candidate, fitted, retry=SHORTLY), fitted

    ctx.set_custom_status(f"training {len(CANDIDATES)} candidates on {split.rows} rows")
    results = await ctx.gather(*[trained_and_validated(name) for name in CANDIDATES])
    results.sort(key=lambda result: (-result[0].accuracy, result[0].candidate))
    best, fitted = results[0]
    return TrainedModel(best.candidate, fitted.path, [score for score, _ in results])


@activity.define
@records.recorded()
def prepare_data(request: TrainingRequest) -> Split:
    """Join the parts, shuffle them, and set rows aside to validate with."""
    if not request.parts:
        raise ValueError("there is nothing to train on: the request has no parts")
    features, labels = _joined(request.parts)
    order = np.random.default_rng(seed=11).permutation(len(labels))
    features, labels = features[order], labels[order]
    aside = int(len(labels) * VALIDATION_SHARE)

    def put(name: str, rows: slice) -> str:
        return storage.put_arrays(storage.within(request.folder, name), features=features[rows], labels=labels[rows])

    return Split(
        train=put("train.npz", slice(aside, None)),
        validation=put("validation.npz", slice(aside)),
        rows=len(labels) - aside,
    )


@activity.define
@records.recorded(lambda candidate: candidate.name)
def train_candidate(candidate: Candidate) -> Fitted:
    """Fit one model and store it."""
    data = storage.get_arrays(candidate.split.train)
    model = make_pipeline(StandardScaler(), CANDIDATES[candidate.name]())
    model.fit(data["features"], data["labels"])
    place = storage.beside(candidate.split.train, f"model-{candidate.name}.joblib")
    return Fitted(candidate, storage.put_model(place, model))


@activity.define
@records.recorded(lambda fitted: fitted.candidate.name)
def validate_candidate(fitted: Fitted) -> Score:
    """Measure a trained model on rows it has not seen."""
    data = storage.get_arrays(fitted.candidate.split.validation)
    model = storage.get_model(fitted.path)
    return Score(fitted.candidate.name, float(model.score(data["features"], data["labels"])))


def _joined(parts: list[FeaturePart]) -> tuple[np.ndarray, np.ndarray]:
    arrays = [storage.get_arrays(part.path) for part in parts]
    return np.vstack([each["features"] for each in arrays]), np.concatenate([each["labels"] for each in arrays])


if __name__ == "__main__":
    Worker(
        workflows=[train_model],
        activities=[prepare_data, train_candidate, validate_candidate],
        max_concurrent_activities=AT_ONCE,
        on_settled=records.acknowledged,
    ).run_sync()
