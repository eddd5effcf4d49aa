"""What stands out in a training: sentences, the most serious first. Pure."""

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
    """What the reader should know before the figures are believed."""
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
            f"The model puts the rows in a better order than a guess (ROC AUC {score(area.value)}, "
            f"{score(area.low)} to {score(area.high)}), but what it says of each is not clearly "
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
    """Where the test and the cross-validation contradict each other, one of them is by luck."""
    main, chosen = training.scores[0], next(each for each in training.compared if each.is_chosen)
    # Of few rows all may be right, and the interval is none: a second sample would differ, too.
    room = max(_SMALL_DIFFERENCE, 2 * chosen.deviation, 1 / sqrt(len(training.split.test)))
    if main.low - room <= chosen.mean <= main.high + room or isnan(chosen.mean):
        return
    yield (
        Level.SERIOUS,
        f"The test contradicts the cross-validation within the training part: {main.name} is "
        f"{score(main.value)} ({score(main.low)} to {score(main.high)}) in the test, and "
        f"{score(chosen.mean)} there. The parts differ, as by time or groups, or are too small: "
        "believe the lower figure.",
    )


def _of_leaks(training: Training) -> Iterator[Finding]:
    for name, value in training.leaks:
        yield (
            Level.SERIOUS,
            f"“{shorten(name, 40)}” alone tells the target ({score(value)}): is it made from "
            "it, or known only afterwards? If so, leave it out.",
        )


def _of_rows(training: Training) -> Iterator[Finding]:
    tested = len(training.split.test)
    if tested < _SMALL_TEST:
        yield Level.NOTABLE, f"The test has {counted(tested, 'row')} only: its figures are rough."
    if training.class_counts:
        whole = sum(training.class_counts)
        rarest = min(training.class_counts)
        if rarest < _RARE_CLASS * whole:
            name = training.target.classes[training.class_counts.index(rarest)]
            yield (
                Level.NOTABLE,
                f"The class “{shorten(name, 40)}” is rare ({share(rarest, whole)}): look at "
                "balanced accuracy, not at accuracy.",
            )
    if training.threshold is not None:
        name = training.target.classes[1]
        yield (
            Level.MINOR,
            f"“{shorten(name, 40)}” is said from a probability of {training.threshold:.2g} on, as "
            "one class is rarer than the other: chosen by cross-validation within the training "
            "part.",
        )


def _of_columns(training: Training) -> Iterator[Finding]:
    if training.dropped:
        names = [f"{shorten(each.name, 30)} ({each.reason})" for each in training.dropped]
        yield Level.MINOR, f"Not learnt from: {enumerate_names(names, 8)}."
