"""A model in a file, and back. Nothing that the file says is run.

The file is of skops: a ZIP with a description of the objects, and arrays. Only objects of the types
that scikit-learn's own models consist of are made from it; a file that names any other is refused,
and so is one that is larger than it should be, or of another version of scikit-learn.
"""

import json
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import sklearn
import skops.io
from pydantic import TypeAdapter, ValidationError
from skops.io.exceptions import UntrustedTypesFoundException

from project.errors import PermanentError
from project.jobs.ml.features import Feature
from project.jobs.ml.targets import Target

TRUSTED = (
    # Beside the estimators of scikit-learn, which skops knows; these are parts of
    # HistGradientBoosting*. A partial can only be of a function that is trusted, too.
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
    # Numbers and flags: how the encoder of words has parted its rows.
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
)
_READER_ERRORS = (
    *(AttributeError, EOFError, ImportError, LookupError, NotImplementedError, OSError),
    *(RecursionError, TypeError, ValueError, zipfile.BadZipFile, zlib.error),
)
"""What skops trips over where a file is damaged: it has no error of its own for that."""
MAX_UNPACKED_BYTES = 500_000_000
MAX_MEMBERS = 50_000
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A fitted model with all that is needed to use it on another table."""

    estimator: Any
    title: str
    target: Target
    features: Sequence[Feature]
    rows: int
    """Rows that it has learnt from."""
    main_score: tuple[str, float]
    """Name and value of the main score on the test part."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """What stands beside the estimator, as JSON."""

    format: int
    sklearn: str
    title: str
    target: Target
    features: Sequence[Feature]
    rows: int
    main_score: tuple[str, float]


def save_model(model: StoredModel, path: Path) -> None:
    """Write the model to that file."""
    facts = _Facts(
        format=_FORMAT,
        sklearn=sklearn.__version__,
        title=model.title,
        target=model.target,
        features=model.features,
        rows=model.rows,
        main_score=model.main_score,
    )
    content = {"estimator": model.estimator, "facts": json.dumps(asdict(facts))}
    skops.io.dump(content, path, compression=zipfile.ZIP_DEFLATED)


def load_model(path: Path) -> StoredModel:
    """The model in that file; PermanentError where it is none that `save_model` has written."""
    refusal = PermanentError("The file is no model that ml.train has made: choose another one.")
    _check_archive(path, refusal)
    try:
        content = skops.io.load(path, trusted=list(TRUSTED))
        facts = TypeAdapter(_Facts).validate_json(content["facts"])
        estimator = content["estimator"]
    except UntrustedTypesFoundException as error:
        raise PermanentError(
            "The model holds objects that no model of ml.train has; it was not loaded."
        ) from error
    # Whatever skops trips over: its reader has no error of its own for a file that is damaged.
    except (ValidationError, Exception) as error:
        raise refusal from error
    if facts.format != _FORMAT or facts.sklearn != sklearn.__version__:
        raise PermanentError(
            f"The model was trained with scikit-learn {facts.sklearn[:20]}, and this is "
            f"{sklearn.__version__}: train it again."
        )
    if not hasattr(estimator, "predict"):
        raise refusal
    return StoredModel(
        estimator, facts.title, facts.target, facts.features, facts.rows, facts.main_score
    )


def _check_archive(path: Path, refusal: PermanentError) -> None:
    """Before anything is unpacked: how much it would be."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise refusal from error
    if len(members) > MAX_MEMBERS or sum(each.file_size for each in members) > MAX_UNPACKED_BYTES:
        raise PermanentError(
            f"The model would unpack to more than {MAX_UNPACKED_BYTES:,} bytes; it was not loaded."
        )
