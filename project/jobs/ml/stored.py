"""Saves a model to a file and loads it, without running code from the file.

The file is in skops format: a ZIP with a description of the objects, and arrays. It may contain
only the types that scikit-learn's own models consist of; a file with any other type is refused, and
so is a file that is too large or from another version of scikit-learn.
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
    # skops already trusts scikit-learn's estimators; these are parts of HistGradientBoosting*.
    # A partial can only wrap a function that is also trusted.
    "functools.partial",
    "numpy.dtype",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.utils.validation.check_array",
    # Numbers and flags: how the word encoder split its rows.
    "sklearn.model_selection._split.KFold",
    "sklearn.model_selection._split.StratifiedKFold",
)
_READER_ERRORS = (
    *(AttributeError, EOFError, ImportError, LookupError, NotImplementedError, OSError),
    *(RecursionError, TypeError, ValueError, zipfile.BadZipFile, zlib.error),
)
"""Errors that skops raises for a damaged file: it has no specific error for that."""
MAX_UNPACKED_BYTES = 500_000_000
MAX_MEMBERS = 50_000
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class StoredModel:
    """A fitted model with everything needed to use it on another table."""

    estimator: Any
    title: str
    target: Target
    features: Sequence[Feature]
    rows: int
    """Number of rows that it learnt from."""
    main_score: tuple[str, float]
    """Name and value of the main score on the test part."""


@dataclass(frozen=True, slots=True)
class _Facts:
    """The facts stored with the estimator, as JSON."""

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
    """Load the model; raises PermanentError if `save_model` did not write the file."""
    refusal = PermanentError("The file is not a model from ml.train: choose another file.")
    _check_archive(path, refusal)
    try:
        content = skops.io.load(path, trusted=list(TRUSTED))
        facts = TypeAdapter(_Facts).validate_json(content["facts"])
        estimator = content["estimator"]
    except UntrustedTypesFoundException as error:
        raise PermanentError(
            "The model contains objects that no model from ml.train has, so it was not loaded."
        ) from error
    # Any error: skops has no specific one for a damaged file.
    except (ValidationError, Exception) as error:
        raise refusal from error
    if facts.format != _FORMAT or facts.sklearn != sklearn.__version__:
        raise PermanentError(
            f"The model was trained with scikit-learn {facts.sklearn[:20]}, but this server has "
            f"{sklearn.__version__}: train it again."
        )
    if not hasattr(estimator, "predict"):
        raise refusal
    return StoredModel(
        estimator, facts.title, facts.target, facts.features, facts.rows, facts.main_score
    )


def _check_archive(path: Path, refusal: PermanentError) -> None:
    """Refuse an archive that would unpack to too much, before unpacking it."""
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
        raise refusal from error
    if len(members) > MAX_MEMBERS or sum(each.file_size for each in members) > MAX_UNPACKED_BYTES:
        raise PermanentError(
            f"The model would unpack to more than {MAX_UNPACKED_BYTES:,} bytes, so it was not "
            "loaded."
        )
