"""`ml.predict`: applies a model of `ml.train` to another table."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import structlog
from pydantic import Field

from project.kinds.artifacts import keep_file, keep_picture
from project.kinds.definition import Context, job
from project.kinds.files import ModelFile
from project.kinds.result_view import Table, show
from project.tables.parameters import TableParameters

if TYPE_CHECKING:
    import polars as pl

    from project.jobs.ml.stored import StoredModel
    from project.jobs.ml.using import Used
    from project.tables.opening import Table as OpenTable

_READ_SHARE = 0.3

_log = structlog.get_logger()


class PredictParameters(TableParameters):
    """The model, and the table to predict."""

    model: ModelFile = Field(title="Model", description="A model file from ml.train")
    with_input: bool = Field(
        True, title="Keep the columns", description="Also write the table's own columns"
    )


@job(
    "ml.predict",
    title="Predict with a model",
    queue="long",
    time_limit_seconds=1800,
    extra="ml",
)
def predict_rows(parameters: PredictParameters, context: Context) -> dict[str, Any]:
    """Predict a model's target for each row of a table, in the table's order.

    The result has the predictions as CSV and as Parquet, a picture of them, and scores if the table
    has the target.
    """
    context.report_progress(0, 1, "Reading the model")
    # Importing scikit-learn and polars takes seconds and 150 MiB: import them only here.
    from project.jobs.ml.stored import load_model  # noqa: PLC0415
    from project.jobs.ml.threads import limited_threads  # noqa: PLC0415
    from project.jobs.ml.using import check_features, use_model  # noqa: PLC0415

    model = load_model(context.files.path(parameters.model))
    table = _open(parameters, model, context)
    notes = check_features(model, table.columns)
    context.report_progress(_READ_SHARE, 1, f"Loading {table.row_count:,} rows")
    frame = table.load(check=context.check)

    def report(rows: int) -> None:
        done = _READ_SHARE + 0.5 * rows / table.row_count
        context.report_progress(round(done, 3), 1, f"Predicting: {rows:,} rows")

    with limited_threads():
        used = use_model(model, frame, report)
    _log.info("rows_predicted", rows=frame.height)
    own = table.load_original(check=context.check) if parameters.with_input else None
    numbers = [name for name, type_ in table.types.items() if type_.startswith("number")]
    return _make_result(
        model, used, own, numbers=numbers, notes=[*table.remarks, *notes], context=context
    )


def _open(parameters: PredictParameters, model: "StoredModel", context: Context) -> "OpenTable":
    from project.jobs.ml.using import list_types  # noqa: PLC0415
    from project.tables.opening import open_table  # noqa: PLC0415

    def rows_read(rows: int) -> None:
        done = min(_READ_SHARE, rows / 6_000_000)
        context.report_progress(round(done, 3), 1, f"Reading the table: {rows:,} rows")

    path = context.files.path(parameters.table)
    form = replace(parameters.format, learnt_types=list_types(model))
    return open_table(path, context.files.folder, form, rows_read)


def _make_result(
    model: "StoredModel",
    used: "Used",
    own: "pl.DataFrame | None",
    *,
    numbers: list[str],
    notes: list[str],
    context: Context,
) -> dict[str, Any]:
    from project.jobs.ml.pictures import draw_predictions  # noqa: PLC0415
    from project.jobs.ml.using import make_columns, summarise  # noqa: PLC0415
    from project.tables.writing import write_csv  # noqa: PLC0415

    context.report_progress(0.85, 1, "Writing the predictions")
    made = make_columns(model, used.predicted, own.columns if own is not None else [])
    whole = own.hstack(made) if own is not None else made
    write_csv(whole, context.files.folder / "predictions.csv", numbers)
    context.check()
    whole.write_parquet(context.files.folder / "predictions.parquet")
    files = [keep_file(context, f"predictions.{ending}") for ending in ("csv", "parquet")]
    context.report_progress(0.95, 1, "Drawing")
    drawn = draw_predictions(model.target.name, used.predicted.values, model.target.classes)
    return show(
        summarise(model, made.height),
        facts={"Model": model.title, "Target": model.target.name, "Rows": made.height},
        pictures=[keep_picture(context, drawn, "Predictions")],
        tables=_make_tables(model, used),
        files=files,
        scores={each.name: round(each.value, 6) for each in used.scores},
        notes=[*notes, *used.notes],
    )


def _make_tables(model: "StoredModel", used: "Used") -> list[Table]:
    from project.jobs.ml.using import describe_counts  # noqa: PLC0415

    names = ["class", "rows"] if model.target.classes else ["prediction", "value"]
    predictions: Table = {
        "title": "Predictions",
        "columns": names,
        "rows": [list(row) for row in describe_counts(model, used.predicted)],
    }
    scores: Table = {
        "title": "Scores on rows with a known target",
        "columns": ["score", "value", "from", "to"],
        "rows": [
            [each.name, *(round(value, 4) for value in (each.value, each.low, each.high))]
            for each in used.scores
        ],
    }
    return [predictions, scores] if used.scores else [predictions]
