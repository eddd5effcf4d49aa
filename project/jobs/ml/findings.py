"""Findings about a training, as sentences, the most serious first. Pure."""

from collections.abc import Iterator
from math import isnan, sqrt

from project.html_report.figures import counted, enumerate_names, score, share, shorten
from project.html_report.page import Level
from project.jobs.ml.training import Training

Finding = tuple[Level, str]

_SMALL_TEST = 100
_RARE_CLASS = 0.05
_SMALL_DIFFERENCE = 0.03
_ORDER = [Level.SERIOUS, Level.NOTABLE, Level.GOOD, Level.MINOR]


def find_findings(training: Training) -> list[Finding]:
    """Return what the reader should know before trusting the figures."""
    found = [
        *_of_baseline(training),
        *_of_cross_validation(training),
        *_of_leaks(training),
        *((Level.NOTABLE, relation) for relation in training.relations),
        *_of_rows(training),
        *((Level.MINOR, note) for note in training.notes),
        *_of_columns(training),
    ]
    return sorted(found, key=lambda finding: _ORDER.index(finding[0]))


def _of_baseline(training: Training) -> Iterator[Finding]:
    main = training.scores[0]
    if main.baseline is None:
        return
    figures = f"{main.name.lower() if main.name != 'R²' else main.name} {score(main.value)}"
    area = next((each for each in training.scores if each.name == "ROC AUC"), None)
    if main.low <= main.baseline and area and area.low > (area.baseline or 0.5):
        yield (
            Level.NOTABLE,
            f"The model ranks the rows better than a guess (ROC AUC {score(area.value)}, "
            f"{score(area.low)} to {score(area.high)}), but its predictions are not clearly "
            f"better: {figures}, which may be as low as {score(main.low)}. Use its probabilities.",
        )
    elif main.low <= main.baseline:
        yield (
            Level.SERIOUS,
            f"The model is not clearly better than a guess: {figures}, which may be as low as "
            f"{score(main.low)}; a guess has {score(main.baseline)}.",
        )
    else:
        yield (
            Level.GOOD,
            f"The model is better than a guess: {figures} ({score(main.low)} to "
            f"{score(main.high)}), where a guess has {score(main.baseline)}.",
        )


def _of_cross_validation(training: Training) -> Iterator[Finding]:
    """Warn if the test and the cross-validation disagree: then one of them is luck."""
    main, chosen = training.scores[0], next(each for each in training.compared if each.is_chosen)
    # With few rows, all may be right and the interval empty; another sample would still differ.
    room = max(_SMALL_DIFFERENCE, 2 * chosen.deviation, 1 / sqrt(len(training.split.test)))
    if main.low - room <= chosen.mean <= main.high + room or isnan(chosen.mean):
        return
    yield (
        Level.SERIOUS,
        f"The test and the cross-validation disagree: {main.name} is {score(main.value)} "
        f"({score(main.low)} to {score(main.high)}) in the test, and {score(chosen.mean)} in the "
        "cross-validation of the training part. The two parts differ, for example in time or "
        "groups, or are too small: trust the lower figure.",
    )


def _of_leaks(training: Training) -> Iterator[Finding]:
    for name, value in training.leaks:
        yield (
            Level.SERIOUS,
            f"“{shorten(name, 40)}” alone predicts the target ({score(value)}). If it is computed "
            "from the target, or known only afterwards, leave it out.",
        )


def _of_rows(training: Training) -> Iterator[Finding]:
    tested = len(training.split.test)
    if tested < _SMALL_TEST:
        yield Level.NOTABLE, f"The test has only {counted(tested, 'row')}: its figures are rough."
    if training.class_counts:
        whole = sum(training.class_counts)
        rarest = min(training.class_counts)
        if rarest < _RARE_CLASS * whole:
            name = training.target.classes[training.class_counts.index(rarest)]
            yield (
                Level.NOTABLE,
                f"The class “{shorten(name, 40)}” is rare ({share(rarest, whole)}): use "
                "balanced accuracy, not accuracy.",
            )
    if training.threshold is not None:
        name = training.target.classes[1]
        yield (
            Level.MINOR,
            f"The model predicts “{shorten(name, 40)}” from a probability of "
            f"{training.threshold:.2g}, because one class is rarer than the other. "
            "Cross-validation within the training part chose this threshold.",
        )


def _of_columns(training: Training) -> Iterator[Finding]:
    if training.dropped:
        names = [f"{shorten(each.name, 30)} ({each.reason})" for each in training.dropped]
        yield Level.MINOR, f"Columns not learnt from: {enumerate_names(names, 8)}."
