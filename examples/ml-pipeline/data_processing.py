"""App `data-processing`: reads the images and turns them into features."""

import numpy as np
from antiphon import Worker, activity
from sklearn.datasets import load_digits

import records
import storage
from contracts import Dataset, FeaturePart, IngestRequest, RawPart

PIXEL_MAX = 16
HOLDOUT_SHARE = 0.2


@activity.define
@records.recorded()
def ingest(request: IngestRequest) -> Dataset:
    """Read 1,797 handwritten digits of 8 by 8 pixels, set a holdout aside and cut the rest into parts."""
    digits = load_digits()
    order = np.random.default_rng(seed=7).permutation(len(digits.target))
    images, labels = digits.images[order], digits.target[order]
    held_out = int(len(labels) * HOLDOUT_SHARE)

    def put(name: str, rows: np.ndarray) -> RawPart:
        place = storage.within(request.folder, f"raw-{name}.npz")
        return RawPart(storage.put_arrays(place, images=images[rows], labels=labels[rows]), len(rows))

    rows = np.arange(len(labels))
    parts = [put(str(n), part) for n, part in enumerate(np.array_split(rows[held_out:], request.parts))]
    return Dataset(parts, holdout=put("holdout", rows[:held_out]), classes=len(digits.target_names))


@activity.define
@records.recorded(lambda part: storage.stem(part.path))
def engineer_features(part: RawPart) -> FeaturePart:
    """Describe each image by its pixels, its ink by row and by column, and its edges."""
    raw = storage.get_arrays(part.path)
    images = raw["images"] / PIXEL_MAX
    count = len(images)
    features = np.hstack(
        [
            images.reshape(count, -1),
            images.mean(axis=1),
            images.mean(axis=2),
            np.diff(images, axis=1).reshape(count, -1),
            np.diff(images, axis=2).reshape(count, -1),
        ]
    )
    place = storage.beside(part.path, storage.stem(part.path).replace("raw-", "features-") + ".npz")
    stored = storage.put_arrays(place, features=features, labels=raw["labels"])
    return FeaturePart(stored, rows=count, columns=features.shape[1])


if __name__ == "__main__":
    Worker(activities=[ingest, engineer_features], on_settled=records.acknowledged).run_sync()
