"""Draws a training's predictions and its columns' importance with matplotlib, as PNG."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn import metrics

from project.html_report.canvas import Canvas, clear_axes, new_canvas
from project.html_report.figures import count, number, score, shorten
from project.html_report.grids import mix
from project.html_report.style import ACCENT, GROUND, INK, LINE, SOFT, WARM
from project.jobs.ml.importance import Importance
from project.jobs.ml.report import SHOWN_POINTS
from project.jobs.ml.scoring import count_confusions
from project.jobs.ml.training import Training

_SHOWN_FEATURES = 12
_MAX_BARS = 15

Array = Any
"""A numpy array."""


def draw_pictures(training: Training) -> list[tuple[str, Canvas]]:
    """Draw the training's pictures, each with its title."""
    if training.target.classes:
        pictures = [("Confusion matrix", _draw_confusions(training))]
        if len(training.target.classes) == 2 and len(np.unique(training.truth)) == 2:
            pictures.append(("ROC curve", _draw_roc(training)))
    else:
        pictures = [
            ("Predicted and true", _draw_predicted(training)),
            ("Residuals", _draw_residuals(training)),
        ]
    return [*pictures, ("Importance of columns", _draw_importances(training.importances))]


def draw_predictions(name: str, values: Array, classes: Sequence[str]) -> Canvas:
    """Draw the predictions' distribution: by class, or as a histogram."""
    if classes:
        return _draw_class_counts(
            name, np.bincount(values.astype(int), minlength=len(classes)), classes
        )
    canvas = new_canvas(820, 420)
    axes = canvas.figure.add_axes((0.06, 0.16, 0.88, 0.66))
    clear_axes(axes)
    axes.hist(values, bins=40, color=ACCENT, rwidth=0.94)
    axes.margins(x=0)
    low, high = float(values.min()), float(values.max())
    axes.set_xticks([low, float(np.median(values)), high])
    axes.set_xticklabels(
        [number(low), f"{number(float(np.median(values)))} (median)", number(high)]
    )
    _head(canvas, f"Predicted: {shorten(name, 40)}", f"{count(len(values))} rows")
    return canvas


def _draw_class_counts(name: str, counts: Array, classes: Sequence[str]) -> Canvas:
    order = np.argsort(-counts)[:_MAX_BARS]
    canvas = new_canvas(820, 110 + 36 * len(order))
    axes = canvas.figure.add_axes((0.24, 16 / canvas.height, 0.62, 1 - 90 / canvas.height))
    _bars(axes, [classes[place] for place in order], counts[order].tolist(), count)
    _head(canvas, f"Predicted: {shorten(name, 40)}", f"{count(int(counts.sum()))} rows")
    return canvas


def _draw_confusions(training: Training) -> Canvas:
    classes = training.target.classes
    matrix = count_confusions(len(classes), training.truth, training.predicted.values)
    size = len(classes)
    cell = max(34, min(110, 640 // size))
    canvas = new_canvas(170 + cell * size + 40, 110 + cell * size + 90)
    axes = canvas.figure.add_axes(
        (
            170 / canvas.width,
            90 / canvas.height,
            cell * size / canvas.width,
            cell * size / canvas.height,
        )
    )
    for down in range(size):
        whole = matrix[down].sum() or 1
        for across in range(size):
            _draw_cell(
                axes, (across, down), int(matrix[down, across]), matrix[down, across] / whole
            )
    names = [shorten(name, 16) for name in classes]
    turn = 0 if size <= 4 else 40
    axes.set_xlim(0, size)
    axes.set_ylim(size, 0)
    places = [place + 0.5 for place in range(size)]
    axes.set_xticks(places, names, rotation=turn, ha="right" if turn else "center")
    axes.set_yticks(places, names)
    axes.set_xlabel("predicted", color=SOFT)
    axes.set_ylabel("true", color=SOFT)
    axes.tick_params(length=0, labelsize=9.5, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)
    _head(canvas, "Confusion matrix", f"{count(len(training.truth))} tested rows")
    return canvas


def _draw_cell(axes: Any, place: tuple[int, int], rows: int, share: float) -> None:
    from matplotlib.patches import Rectangle  # noqa: PLC0415

    across, down = place
    fill = mix("#f4f5f3", ACCENT if across == down else WARM, share) if rows else GROUND
    axes.add_patch(Rectangle((across + 0.02, down + 0.02), 0.96, 0.96, facecolor=fill, linewidth=0))
    ink = "white" if share > 0.55 else INK
    axes.text(
        across + 0.5, down + 0.5, count(rows), ha="center", va="center", color=ink, fontsize=10
    )


def _draw_roc(training: Training) -> Canvas:
    shares = training.predicted.shares[:, 1]  # type: ignore[index]  # classifiers have them
    false_rate, true_rate, _ = metrics.roc_curve(training.truth, shares)
    area = metrics.roc_auc_score(training.truth, shares)
    canvas, axes = _square("False alarms", f"{shorten(training.target.classes[1], 24)} found")
    axes.plot([0, 1], [0, 1], color=SOFT, linewidth=1, linestyle=(0, (4, 4)))
    axes.plot(false_rate, true_rate, color=ACCENT, linewidth=2.2)
    axes.fill_between(false_rate, true_rate, color=ACCENT, alpha=0.08, linewidth=0)
    axes.set_xlim(0, 1)
    axes.set_ylim(0, 1.01)
    _head(canvas, "ROC curve", f"area {score(area)}")
    return canvas


def _draw_predicted(training: Training) -> Canvas:
    truth, values = _thin(training)
    canvas, axes = _square("True", "Predicted")
    low, high = min(truth.min(), values.min()), max(truth.max(), values.max())
    axes.plot([low, high], [low, high], color=WARM, linewidth=1.4)
    axes.scatter(truth, values, s=12, color=ACCENT, alpha=0.4, linewidths=0)
    _head(canvas, "Predicted and true", f"R² {score(training.scores[0].value)}")
    return canvas


def _draw_residuals(training: Training) -> Canvas:
    truth, values = _thin(training)
    canvas, axes = _square("Predicted", "True − predicted")
    axes.axhline(0, color=WARM, linewidth=1.4)
    axes.scatter(values, truth - values, s=12, color=ACCENT, alpha=0.4, linewidths=0)
    _head(canvas, "Residuals", f"MAE {score(training.scores[1].value)}")
    return canvas


def _thin(training: Training) -> tuple[Array, Array]:
    step = max(1, len(training.truth) // SHOWN_POINTS)
    return training.truth[::step], training.predicted.values[::step]


def _draw_importances(importances: Sequence[Importance]) -> Canvas:
    shown = importances[:_SHOWN_FEATURES]
    canvas = new_canvas(820, 110 + 36 * len(shown))
    axes = canvas.figure.add_axes((0.28, 16 / canvas.height, 0.58, 1 - 90 / canvas.height))
    values = [max(0.0, each.mean) for each in shown]
    _bars(axes, [each.name for each in shown], values, score)
    _head(canvas, "Importance of columns", "drop in score when shuffled")
    return canvas


def _bars(
    axes: Any, names: Sequence[str], values: Sequence[float], label: Callable[[Any], str]
) -> None:
    places = list(range(len(names), 0, -1))
    axes.barh(places, values, height=0.6, color=ACCENT)
    most = max(values, default=0) or 1
    for place, value in zip(places, values, strict=True):
        axes.text(value + 0.015 * most, place, label(value), va="center", fontsize=9, color=SOFT)
    axes.set_yticks(places, [shorten(name, 24) for name in names])
    axes.set_xticks([])
    axes.set_xlim(0, most * 1.05)
    axes.set_ylim(0.4, len(names) + 0.6)
    axes.tick_params(length=0, labelsize=9.5, labelcolor=INK)
    for spine in axes.spines.values():
        spine.set_visible(False)


def _square(across: str, up: str) -> tuple[Canvas, Any]:
    canvas = new_canvas(620, 600)
    axes = canvas.figure.add_axes((0.13, 0.11, 0.82, 0.74))
    for side in ("right", "top"):
        axes.spines[side].set_visible(False)
    for side in ("left", "bottom"):
        axes.spines[side].set_color(LINE)
    axes.tick_params(length=0, labelsize=9, labelcolor=SOFT)
    axes.set_xlabel(across, color=SOFT)
    axes.set_ylabel(up, color=SOFT)
    return canvas, axes


def _head(canvas: Canvas, title: str, beside: str) -> None:
    top = 1 - 34 / canvas.height
    left = 24 / canvas.width
    canvas.figure.text(left, top, title, color=INK, fontsize=13, weight="bold")
    canvas.figure.text(1 - left, top, beside, color=SOFT, fontsize=10, ha="right")
