"""The report on a training: whether to trust the model, how good it is, what it uses. Pure."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from project.html_report import figures, grids, page, plots
from project.html_report.figures import count, score, share, shorten
from project.html_report.markup import Html, element
from project.jobs.ml.features import Use
from project.jobs.ml.findings import Finding
from project.jobs.ml.scoring import Score, count_confusions, describe_classes
from project.jobs.ml.training import Training

SHOWN_POINTS = 1200
_CURVE_POINTS = 200
_SHOWN_FEATURES = 20

Array = Any
"""A numpy array."""


def write_report(title: str, training: Training, found: Sequence[Finding], made_on: str) -> str:
    """Write the whole report."""
    links = {
        "Findings": "findings",
        "Scores": "scores",
        "Predictions": "predictions",
        "Columns": "columns",
        "Method": "method",
    }
    body = [
        _tiles(training),
        page.contents(links, is_main=True),
        page.section("findings", "What stands out", page.findings(found)),
        page.section("scores", "Scores", *_scores(training)),
        page.section("predictions", "Predictions of the test part", *_predictions(training)),
        page.section("columns", "Columns", *_columns(training)),
        page.section("method", "Method", *_method(training)),
    ]
    lead = (
        f"{training.recipe.title}, trained on {made_on} to predict "
        f"“{shorten(training.target.name, 60)}”."
    )
    return page.sheet(
        eyebrow=f"Model: {training.target.task}", title=title, lead=lead, body=body, foot=_FOOT
    )


_FOOT = (
    "An interval shows where a score would lie for other rows of the same kind (bootstrap of the "
    "test part, 95 %). It does not cover changes in the world after the data was collected."
)


def _tiles(training: Training) -> Html:
    main = training.scores[0]
    baseline = "–" if main.baseline is None else score(main.baseline)
    return page.tiles(
        {
            f"{main.name}, tested": score(main.value),
            "the same, guessing": baseline,
            "rows to learn from": count(len(training.split.train)),
            "rows kept for the test": count(len(training.split.test)),
            "columns learnt from": count(len(training.features)),
        }
    )


def _scores(training: Training) -> Iterator[Html]:
    yield page.note(
        "Measured on the held-out rows. The baseline always predicts "
        f"{'the most frequent class' if training.target.classes else 'the mean'}."
    )
    yield page.table(
        ("Score", "Model", "95 % interval", "Baseline", "Better is"),
        [_score_row(each) for each in training.scores],
        ("Model", "95 % interval", "Baseline"),
    )
    rows = [
        (
            each.title,
            score(each.mean),
            f"± {score(each.deviation)}",
            "chosen" if each.is_chosen else "",
        )
        for each in training.compared
    ]
    yield element("h3", "Cross-validation within the training part", style="margin-top:1.5rem")
    yield page.table(
        ("Model", training.scores[0].name, "Spread of the folds", ""),
        rows,
        (training.scores[0].name, "Spread of the folds"),
    )


def _score_row(row: Score) -> tuple[str, str, str, str | None, str]:
    return (
        row.name,
        score(row.value),
        f"{score(row.low)} – {score(row.high)}",
        None if row.baseline is None else score(row.baseline),
        "higher" if row.is_better_higher else "lower",
    )


def _predictions(training: Training) -> Iterator[Html]:
    if training.target.classes:
        yield from _class_parts(training)
    else:
        yield from _number_parts(training)


def _class_parts(training: Training) -> Iterator[Html]:
    classes = training.target.classes
    matrix = count_confusions(len(classes), training.truth, training.predicted.values)
    drawn = page.figure(
        grids.matrix(classes, matrix.tolist()),
        "Rows are true classes, columns predicted ones. A stronger colour means a larger share of "
        "the row.",
    )
    cards = [
        page.card("Confusion matrix", drawn),
        page.card("By class", _by_class(matrix, classes)),
    ]
    if len(classes) == 2 and training.predicted.shares is not None:
        shares = training.predicted.shares[:, 1]
        cards += _curves(training.truth, shares, classes[1])
    yield page.cards(*cards)


def _by_class(matrix: Array, classes: Sequence[str]) -> Html:
    rows = [
        (shorten(name, 24), count(rows), score(recall), score(precision))
        for name, rows, recall, precision in describe_classes(matrix, classes)
    ]
    return page.table(
        ("Class", "Rows", "Recall", "Precision"), rows, ("Rows", "Recall", "Precision")
    )


def _curves(truth: Array, shares: Array, positive: str) -> list[Html]:
    """Return the ROC curve, and precision by recall, if there are two classes."""
    if len(np.unique(truth)) < 2:
        return []
    false_rate, true_rate, _ = metrics.roc_curve(truth, shares)
    precision, recall, _ = metrics.precision_recall_curve(truth, shares)
    name = f"“{shorten(positive, 20)}”"
    roc = plots.curve(
        _thin(false_rate, true_rate), "false alarms", f"{name} found", has_diagonal=True
    )
    pr = plots.curve(
        _thin(recall[::-1], precision[::-1]), f"{name} found", "of these, right", has_diagonal=False
    )
    return [
        page.card("ROC curve", page.figure(roc, "The dashed line is a guess.")),
        page.card("Precision and recall", page.figure(pr)),
    ]


def _thin(across: Array, up: Array) -> list[tuple[float, float]]:
    step = max(1, len(across) // _CURVE_POINTS)
    kept = [*range(0, len(across), step), len(across) - 1]
    return [(float(across[place]), float(up[place])) for place in kept]


def _number_parts(training: Training) -> Iterator[Html]:
    step = max(1, len(training.truth) // SHOWN_POINTS)
    truth, values = training.truth[::step], training.predicted.values[::step]
    residuals = truth - values
    low, high = np.quantile(residuals, (0.005, 0.995))
    counts, edges = np.histogram(residuals, bins=40, range=(low, high) if low < high else None)
    of = f" {count(len(truth))} of {count(len(training.truth))} rows." if step > 1 else ""
    yield page.cards(
        page.card(
            "Predicted and true",
            page.figure(
                plots.scatter(_pair(truth, values), "true", "predicted", is_even=True),
                f"On the line, both are equal.{of}",
            ),
        ),
        page.card(
            "Residuals",
            page.figure(
                plots.scatter(
                    _pair(values, residuals), "predicted", "true − predicted", is_even=False
                ),
                f"A pattern here is something that the model did not learn.{of}",
            ),
        ),
        page.card(
            "Errors",
            page.figure(
                plots.histogram(counts.tolist(), edges.tolist()),
                "True − predicted, without the farthest 1 %.",
            ),
        ),
    )


def _pair(across: Array, up: Array) -> list[tuple[float, float]]:
    return list(zip(across.tolist(), up.tolist(), strict=True))


def _columns(training: Training) -> Iterator[Html]:
    name = training.scores[0].name
    longest = max((each.mean for each in training.importances), default=0) or 1
    bars = [
        (
            each.name,
            each.mean / longest,
            f"{score(each.mean)} ± {score(each.deviation)}",
            False,
        )
        for each in training.importances[:_SHOWN_FEATURES]
    ]
    used = [
        (
            shorten(each.name, 30),
            each.use,
            f"{len(each.categories)} values" if each.use is Use.CATEGORY else ", ".join(each.parts),
        )
        for each in training.features
    ]
    left = [(shorten(each.name, 30), each.reason) for each in training.dropped]
    cards = [
        page.card(
            "Importance",
            page.note(
                f"How much {name} falls on the test part when the column is shuffled. Columns with "
                "the same information share their importance."
            ),
            page.bars(bars),
        ),
        page.card("Learnt from", page.table(("Column", "Used as", "Details"), used)),
    ]
    if left:
        cards.append(page.card("Not learnt from", page.table(("Column", "Reason"), left)))
    yield page.cards(*cards)


def _method(training: Training) -> Iterator[Html]:
    whole = len(training.split.train) + len(training.split.test)
    tested = share(len(training.split.test), whole)
    chosen = (
        "Cross-validation within the training part chose the model; the test part was used only "
        "once, for the scores above."
        if len(training.compared) > 1
        else "The test part was used only once, for the scores above."
    )
    told = page.card(
        "How it was tested",
        page.note(f"Rows were split {training.split.how}; {tested} were kept for the test."),
        page.note(
            "Gaps are filled, numbers scaled and categories listed from the training part alone. "
            + chosen
        ),
        *(page.note(text) for text in training.notes),
        page.facts(
            {
                "Model": training.recipe.title,
                "Seed": training.recipe.seed,
                "Rows": figures.count(whole),
            }
        ),
    )
    yield element("div", told, class_="wide")
