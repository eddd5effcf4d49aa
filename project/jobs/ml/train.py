"""`ml.train`: learns to predict a column of a table, and measures how well."""

from datetime import UTC, datetime
from math import isfinite
from typing import TYPE_CHECKING, Annotated, Any, Literal

import structlog
from pydantic import Field

from project.kinds.artifacts import keep, keep_file, keep_picture
from project.kinds.definition import Context, job
from project.kinds.result_view import Table, show
from project.tables.parameters import TableParameters

if TYPE_CHECKING:
    import polars as pl

    from project.jobs.ml.findings import Finding
    from project.jobs.ml.training import Plan, Training
    from project.tables.opening import Table as OpenTable

ColumnName = Annotated[str, Field(min_length=1, max_length=200)]

_READ_SHARE = 0.15
_SHOWN_ROWS = 15

_log = structlog.get_logger()


class TrainParameters(TableParameters):
    """The table to learn from, the column to predict, and how."""

    target: ColumnName = Field(
        title="Target", description="The column to predict", examples=["price"]
    )
    task: Literal["auto", "classification", "regression"] = Field(
        "auto",
        title="Task",
        description="Predict a class or a number; auto decides by the target's values",
    )
    features: list[ColumnName] = Field(
        [],
        title="Features",
        description="Columns to learn from; default: all except identifiers, constants and free "
        "text",
        max_length=500,
        examples=[["area", "city"]],
    )
    time_column: str = Field(
        "",
        title="Time column",
        description="Test on the latest rows by this column; default: test on random rows",
        max_length=200,
        examples=["ordered_on"],
    )
    group_column: str = Field(
        "",
        title="Group column",
        description="Keep rows with the same value, for example of one patient or customer, "
        "together: either in training or in the test; default: rows are independent",
        max_length=200,
        examples=["customer"],
    )
    test_share: float = Field(
        0.25, ge=0.05, le=0.5, title="Test share", description="Share of the rows to test on"
    )
    model: Literal["auto", "linear", "trees"] = Field(
        "auto",
        title="Model",
        description="Linear, or gradient-boosted trees; auto: the better one by cross-validation",
    )
    row_limit: int = Field(
        200_000,
        ge=100,
        le=1_000_000,
        title="Row limit",
        description="If the table has more rows, use a random sample of this many",
    )
    seed: int = Field(
        0, ge=0, le=2**31 - 1, title="Seed", description="The same seed gives the same model"
    )
    title: str = Field(
        "",
        max_length=120,
        title="Title",
        description="Heading of the report; default: names the target",
        examples=["What orders cost"],
    )


@job("ml.train", title="Train a model", queue="long", time_limit_seconds=3600, extra="ml")
def train_model(parameters: TrainParameters, context: Context) -> dict[str, Any]:
    """Learn to predict a column of a table, and test the model on held-out rows.

    The result has the scores of the model and of a baseline, a report, pictures, and the model file
    for ml.predict.
    """
    context.report_progress(0, 1, "Reading the table")
    # Importing scikit-learn and polars takes seconds and 150 MiB: import them only here.
    from project.jobs.ml.findings import find_findings  # noqa: PLC0415
    from project.jobs.ml.threads import limited_threads  # noqa: PLC0415
    from project.jobs.ml.training import train  # noqa: PLC0415

    table = _open(parameters, context)
    frame = _load(table, parameters, context)
    done = _READ_SHARE

    def report(share: float, step: str) -> None:
        nonlocal done
        if share < 0:
            context.check()
            return
        done = _READ_SHARE + share * (0.95 - _READ_SHARE)
        context.report_progress(round(done, 3), 1, step)

    with limited_threads():
        training = train(frame, _make_plan(parameters, table), report)
    found = find_findings(training)
    _log.info(
        "model_trained",
        model=training.recipe.name,
        rows=len(training.split.train),
        columns=len(training.features),
    )
    return _make_result(parameters, training, found, context)


def _open(parameters: TrainParameters, context: Context) -> "OpenTable":
    from project.tables.opening import open_table  # noqa: PLC0415

    def rows_read(rows: int) -> None:
        done = min(_READ_SHARE, rows / 10_000_000)
        context.report_progress(round(done, 3), 1, f"Reading the table: {rows:,} rows")

    path = context.files.path(parameters.table)
    return open_table(path, context.files.folder, parameters.format, rows_read)


def _load(table: "OpenTable", parameters: TrainParameters, context: Context) -> "pl.DataFrame":
    """Load the needed columns; the target's classes stay the table's own words."""
    from project.jobs.ml.targets import keep_words  # noqa: PLC0415
    from project.jobs.ml.training import check_columns  # noqa: PLC0415

    wanted = [
        *(parameters.target, parameters.time_column, parameters.group_column),
        *parameters.features,
    ]
    check_columns(table.columns, wanted)
    names = [name for name in dict.fromkeys(wanted) if name] if parameters.features else None
    frame = table.load(names, context.check)
    return keep_words(frame, table, parameters.target)


def _make_plan(parameters: TrainParameters, table: "OpenTable") -> "Plan":
    from project.jobs.ml.training import Plan  # noqa: PLC0415

    return Plan(
        target=parameters.target,
        task=parameters.task,
        features=tuple(dict.fromkeys(parameters.features)),
        time_column=parameters.time_column,
        group_column=parameters.group_column,
        test_share=parameters.test_share,
        model=parameters.model,
        row_limit=parameters.row_limit,
        named_types=parameters.column_types,
        read_types=table.types,
        remarks=table.remarks,
        seed=parameters.seed,
    )


def _make_result(
    parameters: TrainParameters, training: "Training", found: "list[Finding]", context: Context
) -> dict[str, Any]:
    from project.jobs.ml.pictures import draw_pictures  # noqa: PLC0415
    from project.jobs.ml.report import write_report  # noqa: PLC0415
    from project.jobs.ml.stored import StoredModel, save_model  # noqa: PLC0415

    main = training.scores[0]
    title = parameters.title or f"Predicting {parameters.target}"
    context.report_progress(0.95, 1, "Writing the report")
    html = write_report(title, training, found, f"{datetime.now(UTC):%Y-%m-%d}")
    report = keep(context, html.encode(), "report.html")
    stored = StoredModel(
        estimator=training.estimator,
        title=training.recipe.title,
        target=training.target,
        features=training.features,
        rows=len(training.split.train),
        main_score=(main.name, main.value),
    )
    save_model(stored, context.files.folder / "model.skops")
    model = keep_file(context, "model.skops")
    context.report_progress(0.97, 1, "Drawing")
    pictures = [keep_picture(context, drawn, name) for name, drawn in draw_pictures(training)]
    return show(
        _summarise(training),
        facts={
            "Model": training.recipe.title,
            "Target": training.target.name,
            "Rows to learn from": len(training.split.train),
            "Rows for the test": len(training.split.test),
            "Split": training.split.how,
        },
        pictures=pictures,
        report=report,
        tables=_make_tables(training),
        files=[model],
        model=model["file"],
        task=training.target.task,
        scores={each.name: _round(each.value) for each in training.scores},
        findings=[{"level": level, "text": text} for level, text in found[:_SHOWN_ROWS]],
    )


def _summarise(training: "Training") -> str:
    from project.html_report.figures import score  # noqa: PLC0415

    main = training.scores[0]
    guess = "" if main.baseline is None else f" (a guess: {score(main.baseline)})"
    warning = ", but it may leak" if training.leaks else ""
    return f"{training.recipe.title}: {main.name} {score(main.value)}{guess}{warning}."


def _make_tables(training: "Training") -> list[Table]:
    scores: Table = {
        "title": "Scores on the test part",
        "columns": ["score", "model", "from", "to", "baseline"],
        "rows": [
            [each.name, *map(_round, (each.value, each.low, each.high, each.baseline))]
            for each in training.scores
        ],
    }
    importances: Table = {
        "title": "Importance of columns",
        "columns": ["column", "importance", "spread"],
        "rows": [
            [each.name, _round(each.mean), _round(each.deviation)]
            for each in training.importances[:_SHOWN_ROWS]
        ],
    }
    return [scores, importances]


def _round(value: float | None) -> float | None:
    """Replace NaN, which JSON does not have, by None."""
    return None if value is None or not isfinite(value) else round(value, 4)
