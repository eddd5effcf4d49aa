"""`ml.train` and `ml.predict`, called as plain functions on real tables."""

import csv
import functools
import io
import json
import os
import pickle
import zipfile
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import skops.io
from PIL import Image
from sklearn.exceptions import InconsistentVersionWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import r2_score, roc_auc_score

from project.errors import CancelledError, InvalidInputError, PermanentError
from project.files import FileStore
from project.files.job_files import open_files
from project.jobs import get_kind
from project.jobs.ml import scoring, splitting, stored
from project.jobs.ml.features import Feature, Use, choose_features, encode, learn_categories
from project.jobs.ml.findings import find_findings
from project.jobs.ml.models import Recipe
from project.jobs.ml.relations import find_relations
from project.jobs.ml.targets import Target, choose_target
from project.jobs.ml.threads import count_cores, limited_threads
from project.jobs.ml.training import Compared, Training
from project.kinds.context import Context
from tests.tables import HONEST, csv_bytes, flats, parquet_bytes

TRAIN, PREDICT = get_kind("ml.train"), get_kind("ml.predict")


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FileStore(str(tmp_path))


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[FileStore, Any]:
    """A store, and the result of a training in it: trees for `is_dear`."""
    store = FileStore(str(tmp_path_factory.mktemp("store")))
    return store, train(store, flats(400), target="is_dear", features=HONEST, model="trees")


def run(kind: Any, store: FileStore, content: bytes, **parameters: Any) -> Any:
    suffix = ".parquet" if content[:4] == b"PAR1" else ".csv"
    values = {"table": store.write(content, suffix), **parameters}
    with open_files(store) as files:
        return kind.run(kind.parse(values), Context(files=files))


def train(store: FileStore, frame: pl.DataFrame, **parameters: Any) -> Any:
    return run(TRAIN, store, parquet_bytes(frame), **parameters)


def predict(store: FileStore, frame: pl.DataFrame, model: str, **parameters: Any) -> Any:
    return run(PREDICT, store, parquet_bytes(frame), model=model, **parameters)


def predictions(store: FileStore, result: Any) -> pl.DataFrame:
    return pl.read_parquet(store.path(result["files"][1]["file"]))


def findings(result: Any) -> str:
    return "\n".join(finding["text"] for finding in result["findings"])


# ── Training ───────────────────────────────────────────────────────────────────────────────────


def test_number_is_learnt_far_better_than_by_a_guess(store: FileStore) -> None:
    result = train(store, flats(400), target="rent", features=HONEST, model="linear")

    rows = {row[0]: row for row in result["tables"][0]["rows"]}
    assert result["task"] == "regression"
    assert rows["R²"][1] > 0.6
    assert rows["R²"][2] < rows["R²"][1] < rows["R²"][3]
    assert rows["MAE"][1] < rows["MAE"][4]


def test_class_is_learnt_far_better_than_by_a_guess(trained: tuple[FileStore, Any]) -> None:
    _, result = trained

    assert result["task"] == "classification"
    assert result["scores"]["Balanced accuracy"] > 0.75
    assert result["scores"]["ROC AUC"] > 0.8
    assert "The model is better than a guess" in findings(result)


def test_noise_is_not_sold_as_knowledge(store: FileStore) -> None:
    result = train(store, flats(400), target="is_dear", features=["noise"], model="linear")

    assert "not clearly better than a guess" in findings(result)


def test_feature_that_tells_the_target_alone_is_a_warning(store: FileStore) -> None:
    result = train(store, flats(500), target="rent", model="linear")

    assert "“rent_tax” alone predicts the target" in findings(result)
    assert "may leak" in result["summary"]


def _rare(rows: int, share: float) -> pl.DataFrame:
    """A class of that share, which `risk` tells in part."""
    chance = np.random.default_rng(11)
    risk = chance.normal(size=rows)
    cut = np.quantile(risk + chance.normal(size=rows) * 1.2, 1 - share)
    is_bad = risk + chance.normal(size=rows) * 1.2 > cut
    other = chance.normal(size=rows)
    return pl.DataFrame({"risk": risk, "other": other, "bad": np.where(is_bad, "yes", "no")})


@pytest.mark.parametrize("model", ["linear", "trees"])
def test_rare_class_is_said_from_a_lower_probability_on(store: FileStore, model: str) -> None:
    frame = _rare(4000, 0.03)

    result = train(store, frame, target="bad", model=model)
    said = predictions(store, predict(store, frame, result["model"]))

    assert result["scores"]["Balanced accuracy"] > 0.65
    assert "is not clearly better than a guess" not in findings(result)
    assert "The model predicts “yes” from a probability of" in findings(result)
    yes = said.filter(pl.col("prediction") == "yes")
    assert 0.05 < yes.height / said.height < 0.6
    assert float(yes["probability of yes"].min()) < 0.2  # type: ignore[arg-type]
    # Probabilities stay what they are: their mean is the share of the class.
    assert float(said["probability of yes"].mean()) == pytest.approx(0.03, abs=0.02)  # type: ignore[arg-type]


def test_rare_one_of_many_classes_counts_for_more(store: FileStore) -> None:
    chance = np.random.default_rng(4)
    kinds = chance.choice(["a", "b", "rare"], 1500, p=[0.55, 0.42, 0.03])
    means = {"a": 0.0, "b": 1.0, "rare": 2.0}
    x = [means[kind] + chance.normal() for kind in kinds]

    result = train(store, pl.DataFrame({"x": x, "kind": kinds}), target="kind", model="linear")

    assert result["scores"]["Balanced accuracy"] > 0.52


def test_words_of_few_rows_each_are_learnt_by_their_mean(store: FileStore) -> None:
    chance = np.random.default_rng(6)
    level = chance.normal(size=150) * 10
    places = chance.integers(0, 150, 1800)
    frame = pl.DataFrame(
        {
            "country": [f"land {place}" for place in places],
            "n": chance.normal(size=1800),
            "income": level[places] + chance.normal(size=1800),
        }
    )

    for model in ("linear", "trees"):
        result = train(store, frame, target="income", model=model)
        assert result["scores"]["R²"] > 0.9
        said = predict(store, frame.with_columns(country=pl.lit("nowhere")), result["model"])
        assert predictions(store, said)["prediction"].is_finite().all()
    assert "“country” has 150 values that repeat" in findings(result)


def test_test_that_contradicts_the_cross_validation_is_told() -> None:
    score = scoring.Score("Balanced accuracy", 0.62, 0.55, 0.69, 0.5)
    told = {
        mean: [
            level
            for level, text in find_findings(
                a_training(score, [Compared("Trees", mean, 0.02, is_chosen=True)])
            )
            if "disagree" in text
        ]
        for mean in (0.4, 0.5, 0.65, 0.72, 0.93)
    }

    assert told == {0.4: ["serious"], 0.5: [], 0.65: [], 0.72: [], 0.93: ["serious"]}


def test_order_that_is_better_than_a_guess_is_no_guess() -> None:
    scores = [
        scoring.Score("Balanced accuracy", 0.5, 0.48, 0.53, 0.5),
        scoring.Score("ROC AUC", 0.74, 0.7, 0.78, 0.5),
    ]
    texts = " ".join(text for _, text in find_findings(a_training(*scores)))

    assert "ranks the rows better than a guess (ROC AUC 0.740" in texts
    assert "not clearly better than a guess" not in texts


def a_training(*scores: Any) -> Training:
    """One of 50 and 50 rows; a list among the scores are the models that were compared."""
    compared = [each for each in scores if isinstance(each, list)] or [
        [Compared("Trees", 0.5, 0.02, is_chosen=True)]
    ]
    rows = np.arange(50)
    return Training(
        estimator=None,
        recipe=Recipe("trees", "classification", (), 0),
        target=Target("y", "classification", ("a", "b")),
        dropped=(),
        split=splitting.Split(rows, rows + 50, "at random"),
        truth=rows,
        predicted=scoring.Predictions(rows),
        scores=[each for each in scores if isinstance(each, scoring.Score)],
        compared=compared[0],
        importances=(),
        leaks=(),
        relations=(),
        threshold=None,
        class_counts=(50, 50),
        notes=(),
    )


@pytest.mark.parametrize(
    ("values", "is_told"),
    [
        (pl.Series("patient", np.repeat(np.arange(30), 20)), True),
        (pl.Series("who", [f"p{n // 20:03}" for n in range(600)]), True),
        (pl.Series("visit_id", np.arange(600) // 3), True),
        (pl.Series("rooms", np.arange(600) % 12), False),
        (pl.Series("city", [("a", "b", "c")[n % 3] for n in range(600)]), False),
        (pl.Series("on", [date(2020, 1, 1) + timedelta(days=n) for n in range(600)]), True),
        (
            pl.Series("on", [date(2020, 1, 1) + timedelta(days=n * 7 % 9) for n in range(600)]),
            False,
        ),
    ],
)
def test_rows_that_belong_together_are_told(values: pl.Series, *, is_told: bool) -> None:
    assert bool(list(find_relations(values.to_frame(), []))) is is_told
    assert not list(find_relations(values.to_frame(), [values.name]))


def test_identifiers_constants_and_free_text_are_not_learnt_from(store: FileStore) -> None:
    frame = flats(300).with_columns(pl.lit("x").alias("constant")).drop("rent_tax", "is_dear")

    result = train(store, frame, target="rent", model="linear")

    learnt = {row[0] for row in result["tables"][1]["rows"]}
    assert learnt == set(HONEST)
    assert "flat_id (an identifier)" in findings(result)
    assert "constant (the same value in each row)" in findings(result)


def test_same_seed_gives_the_same_scores(trained: tuple[FileStore, Any]) -> None:
    store, first = trained

    again = train(store, flats(400), target="is_dear", features=HONEST, model="trees")

    assert again["scores"] == first["scores"]


def test_sample_is_told(store: FileStore) -> None:
    result = train(store, flats(300), target="rent", features=HONEST, model="linear", row_limit=200)

    assert "A random 200 of 300 rows were used" in findings(result)
    assert result["facts"]["Rows to learn from"] + result["facts"]["Rows for the test"] == 200


def test_test_by_time_is_of_the_latest_rows(store: FileStore) -> None:
    result = train(
        store, flats(300), target="rent", features=HONEST, time_column="listed_on", model="linear"
    )

    assert result["facts"]["Split"].startswith("by “listed_on”, testing from 2025-")


def test_result_shows_pictures_report_and_model(trained: tuple[FileStore, Any]) -> None:
    store, result = trained

    titles = [picture["title"] for picture in result["pictures"]]
    assert titles == ["Confusion matrix", "ROC curve", "Importance of columns"]
    for picture in result["pictures"]:
        with Image.open(store.path(picture["file"])) as opened:
            assert opened.size == (picture["width"], picture["height"])
    page = store.path(result["report"]["file"]).read_text()
    assert "<script" not in page
    assert "Confusion matrix" in page
    assert result["files"][0]["file"] == result["model"]
    assert result["model"].endswith(".skops")


def test_better_model_is_chosen_by_cross_validation(store: FileStore) -> None:
    numbers = np.random.default_rng(2).uniform(-1, 1, (300, 2))
    circle = (numbers**2).sum(axis=1) < 0.6  # no straight line parts it
    frame = pl.DataFrame({"x": numbers[:, 0], "y": numbers[:, 1], "inside": circle})

    result = train(store, frame, target="inside")

    assert result["facts"]["Model"] == "Gradient-boosted trees"


def test_report_escapes_names_and_classes(store: FileStore) -> None:
    frame = flats(200).select(
        pl.col("area").alias("<script>a</script>"),
        pl.when("is_dear").then(pl.lit("<img src=x>")).otherwise(pl.lit("b")).alias("target"),
    )

    result = train(store, frame, target="target", model="linear")

    page = store.path(result["report"]["file"]).read_text()
    assert "<script" not in page
    assert "<img" not in page


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"target": "price"}, r"no column price; it has flat_id"),
        ({"target": "rent", "features": ["size", "city"]}, r"no column size"),
        ({"target": "note"}, r"200 different values, but may have at most 30 classes"),
        ({"target": "city", "task": "regression"}, r"not a number column"),
        ({"target": "rent", "features": ["note"]}, r"No column is left .* note \(free text"),
        ({"target": "rent", "time_column": "city"}, r"can't order the rows by time"),
    ],
)
def test_plan_that_cannot_work_says_why(
    store: FileStore, changes: dict[str, Any], sentence: str
) -> None:
    with pytest.raises(PermanentError, match=sentence):
        train(store, flats(200), **changes)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (csv_bytes("a,b", *(f"{n},1" for n in range(50))), "same value in each row"),
        (csv_bytes("a,b", "1,2", "3,4"), "Only 2 rows"),
        (csv_bytes("a,b", *(f"{n},x" for n in range(50)), "5,y"), "two classes with at least 5"),
        (csv_bytes("a,b", *(f"{n}," for n in range(50))), "two classes|Only 0 rows"),
    ],
)
def test_table_that_teaches_nothing_says_why(
    store: FileStore, content: bytes, sentence: str
) -> None:
    with pytest.raises(PermanentError, match=sentence):
        run(TRAIN, store, content, target="b")


def test_cancel_stops_it_between_steps(store: FileStore) -> None:
    steps: list[str] = []

    def stop(done: float, total: float, step: str = "") -> None:
        steps.append(step)
        if step.startswith("Testing"):
            raise CancelledError("stop")

    table = store.write(parquet_bytes(flats(200)), ".parquet")
    parameters = TRAIN.parse({"table": table, "target": "rent", "features": HONEST})
    with pytest.raises(CancelledError), open_files(store) as files:
        TRAIN.run(parameters, Context(files=files, report_progress=stop))

    assert any(step.startswith("Cross-validating") for step in steps)


@pytest.mark.parametrize(
    "parameters",
    [
        {},
        {"target": ""},
        {"target": "x", "test_share": 0.9},
        {"target": "x", "row_limit": 5},
        {"target": "x", "model": "neural"},
        {"target": "x", "features": ["y" * 300]},
        {"target": "x", "colour": "red"},
    ],
)
def test_wrong_parameters_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(InvalidInputError):
        TRAIN.parse({"table": "a" * 32 + ".csv", **parameters})


# ── An honest split ────────────────────────────────────────────────────────────────────────────


def test_copies_of_a_row_are_never_on_both_sides() -> None:
    chance = np.random.default_rng(1)
    different = pl.DataFrame({"x": chance.random(100), "y": chance.random(100)})
    rows = different.sample(500, with_replacement=True, seed=1)
    target = (rows["x"] > 0.5).to_numpy().astype(float)

    for is_stratified in (True, False):
        split = splitting.split_rows(
            rows, target, test_share=0.3, seed=1, is_stratified=is_stratified
        )
        train_rows = set(rows[split.train.tolist()].rows())
        assert not train_rows & set(rows[split.test.tolist()].rows())
        assert sorted([*split.train, *split.test]) == list(range(500))
        assert "same features as another row" in split.notes[0]


def test_rows_of_few_combinations_are_parted_by_chance(store: FileStore) -> None:
    """As on a ship with classes, ages and sexes: 12 combinations, each of which must be learnt."""
    chance = np.random.default_rng(5)
    rows = pl.DataFrame(
        {
            "class": chance.choice(["1st", "2nd", "3rd"], 900),
            "age": chance.choice(["adult", "child"], 900, p=[0.92, 0.08]),
            "sex": chance.choice(["man", "woman"], 900, p=[0.65, 0.35]),
        }
    )
    likely = 0.15 + 0.6 * (rows["sex"] == "woman").to_numpy()
    frame = rows.with_columns(saved=pl.Series(np.where(chance.random(900) < likely, "yes", "no")))

    result = train(store, frame, target="saved", model="linear")

    assert result["scores"]["Balanced accuracy"] > 0.73
    assert "equal rows are in both parts" in findings(result)


def test_rows_of_one_group_are_on_one_side(store: FileStore) -> None:
    chance = np.random.default_rng(2)
    groups = np.repeat(np.arange(40), 20)
    target = (chance.random(40) < 0.4)[groups].astype(float)

    for is_stratified in (True, False):
        split = splitting.split_groups(
            groups, target, test_share=0.25, seed=0, is_stratified=is_stratified, name="patient"
        )
        assert not set(groups[split.train]) & set(groups[split.test])
        assert 0.15 < len(split.test) / 800 < 0.35


def test_what_is_known_by_heart_of_a_group_is_no_success(store: FileStore) -> None:
    """Each patient has an illness or not, and a size that says who it is, but nothing else."""
    chance = np.random.default_rng(3)
    patients = np.repeat(np.arange(60), 15)
    frame = pl.DataFrame(
        {
            "patient": [f"p{number}" for number in patients],
            "size": chance.random(60)[patients] + chance.random(900) / 1000,
            "is_ill": (chance.random(60) < 0.5)[patients],
        }
    )

    alone = train(store, frame, target="is_ill", features=["size"], model="trees")
    grouped = train(
        store, frame, target="is_ill", features=["size"], model="trees", group_column="patient"
    )

    assert alone["scores"]["Balanced accuracy"] > 0.9
    assert grouped["scores"]["Balanced accuracy"] < 0.7
    assert "all rows of the same “patient” in one part" in grouped["facts"]["Split"]


def test_each_class_has_its_share_in_the_test() -> None:
    target = np.array([0.0] * 900 + [1.0] * 100)
    rows = pl.DataFrame({"x": range(1000)})

    split = splitting.split_rows(rows, target, test_share=0.2, seed=1, is_stratified=True)

    assert [int((target[split.test] == label).sum()) for label in (0, 1)] == [180, 20]


def test_rows_of_one_time_are_on_one_side_and_late_copies_are_not_tested() -> None:
    rows = pl.DataFrame({"x": [*range(80), *range(20)]})
    times = pl.Series("at", [1] * 40 + [2] * 30 + [3] * 30)

    split = splitting.split_by_time(rows, times, test_share=0.3)

    assert set(times[split.train.tolist()]) == {1, 2}
    assert set(times[split.test.tolist()]) == {3}
    assert len(split.test) == 10
    assert split.how == "by “at”, testing from 3"
    assert "20 late rows" in split.notes[0]


def test_categories_are_learnt_from_the_training_part_alone() -> None:
    frame = pl.DataFrame({"city": ["a"] * 30 + ["b"] * 20 + ["c"] * 5})
    features, _ = choose_features(frame, [], leave_out=[], time_column="")

    learnt = learn_categories(features, frame.head(50))

    assert learnt[0].categories == ("a", "b")
    numbers = encode(frame, learnt)[:, 0]
    assert np.isnan(numbers[-5:]).all()
    assert set(numbers[:-5]) == {0.0, 1.0}


def test_time_of_a_test_by_time_is_learnt_only_as_what_comes_again() -> None:
    frame = flats(100).select("listed_on", "area")

    known, _ = choose_features(frame, [], leave_out=[], time_column="listed_on")
    other, _ = choose_features(frame, [], leave_out=[], time_column="")

    assert known[0].parts == ("month", "day", "weekday")
    assert "days" in other[0].parts


@pytest.mark.parametrize(
    ("values", "task"),
    [
        ([1.5, 2.5, 3.5] * 10, "regression"),
        (list(range(30)), "regression"),
        ([0, 1] * 15, "classification"),
        ([0.0, 1.0, None] * 10, "classification"),
        ([True, False] * 15, "classification"),
        (["a", "b"] * 15, "classification"),
    ],
)
def test_task_follows_from_the_target(values: list[Any], task: str) -> None:
    target, _, _ = choose_target(pl.DataFrame({"y": values}), "y", "auto")

    assert target.task == task


def test_numbers_that_are_taken_as_classes_are_told_and_named_as_whole_ones() -> None:
    target, _, notes = choose_target(pl.DataFrame({"y": [0.0, 1.0, None] * 10}), "y", "auto")

    assert target.classes == ("0", "1")
    assert np.array_equal(target.encode(pl.Series([1, 0])), [1.0, 0.0])
    assert "are used as classes" in " ".join(notes)


def test_rare_classes_and_rows_without_target_are_left_out_and_told() -> None:
    frame = pl.DataFrame({"y": ["a"] * 20 + ["b"] * 20 + ["rare"] * 2 + [None] * 3})

    target, known, notes = choose_target(frame, "y", "auto")

    assert target.classes == ("a", "b")
    assert known.height == 40
    assert "3 rows without a target value were left out" in notes[0]
    assert "rare" in notes[1]


# ── Scores ─────────────────────────────────────────────────────────────────────────────────────


def test_scores_of_classes_are_those_of_the_definitions() -> None:
    target = Target("y", "classification", ("a", "b"))
    truth = np.array([0, 0, 0, 0, 1, 1.0])
    values = np.array([0, 0, 0, 1, 1, 0.0])

    scores = scoring.score(target, truth, scoring.Predictions(values), None, 0)

    found = {each.name: each.value for each in scores}
    assert found["Accuracy"] == pytest.approx(4 / 6)
    assert found["Balanced accuracy"] == pytest.approx((3 / 4 + 1 / 2) / 2)
    assert found["F1, mean of classes"] == pytest.approx((6 / 8 + 2 / 4) / 2)


def test_own_measures_are_those_of_scikit_learn() -> None:
    chance = np.random.default_rng(3)
    truth, values = chance.integers(0, 2, 200).astype(float), chance.random(200).round(1)

    assert scoring.measure_area(truth == 1, values) == pytest.approx(roc_auc_score(truth, values))
    assert scoring.explain(truth, values) == pytest.approx(r2_score(truth, values))
    assert np.isnan(scoring.measure_area(truth > 5, values))


def test_interval_is_narrow_where_there_are_many_rows() -> None:
    chance = np.random.default_rng(0)
    target = Target("y", "regression")
    widths = []
    for rows in (50, 20_000):
        truth = chance.normal(size=rows)
        predicted = scoring.Predictions(truth + chance.normal(size=rows) * 0.5)
        score = scoring.score(target, truth, predicted, None, 0)[0]
        assert score.low < score.value < score.high
        widths.append(score.high - score.low)

    assert widths[1] < widths[0] / 5


# ── Predicting ─────────────────────────────────────────────────────────────────────────────────


def test_predictions_stand_beside_the_rows_in_their_order(trained: tuple[FileStore, Any]) -> None:
    store, model = trained[0], trained[1]["model"]
    frame = flats(300, seed=9)

    result = predict(store, frame, model)

    made = predictions(store, result)
    assert made["flat_id"].to_list() == frame["flat_id"].to_list()
    assert set(made["prediction"]) == {"true", "false"}
    shares = made["probability of true"]
    assert ((shares > 0.5) == (made["prediction"] == "true")).all()
    written = pl.read_csv(store.path(result["files"][0]["file"]))
    assert written["flat_id"].to_list() == frame["flat_id"].to_list()
    assert result["scores"]["Accuracy"] > 0.75


def test_table_without_target_and_with_more_columns_will_do(trained: tuple[FileStore, Any]) -> None:
    store, model = trained[0], trained[1]["model"]
    frame = flats(50).drop("is_dear").with_columns(pl.lit(1).alias("prediction"))

    result = predict(store, frame, model)

    assert "scores" not in result or result["scores"] == {}
    assert "Columns the model does not use: flat_id" in result["notes"][0]
    assert "prediction (2)" in predictions(store, result).columns


def test_csv_repeats_no_formula_and_parquet_repeats_all(
    trained: tuple[FileStore, Any],
) -> None:
    """A spreadsheet would run a cell of the sender's."""
    store, model = trained[0], trained[1]["model"]
    texts = ["=1+1", "@SUM(A1)", "+1", "a=b"]
    frame = flats(len(texts)).with_columns(pl.Series("note", texts), pl.lit(-5).alias("change"))

    result = predict(store, frame, model)

    with store.path(result["files"][0]["file"]).open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["note"] for row in rows] == ["'=1+1", "'@SUM(A1)", "'+1", "a=b"]
    assert {row["change"] for row in rows} == {"-5"}
    assert predictions(store, result)["note"].to_list() == texts


def _sales(rows: int, written: str) -> bytes:
    """Days by month, an amount with a decimal comma, and yes or no."""
    days = [date(2021, 1, 1) + timedelta(days=n * 3) for n in range(rows)]
    lines = [
        f"{day:{written}};{n % 7},50;{-n};{'yes' if n % 7 > 3 else 'no'}"
        for n, day in enumerate(days)
    ]
    return csv_bytes("day;amount;change;paid", *lines)


def test_own_columns_are_written_as_they_came(store: FileStore) -> None:
    content = _sales(200, "%m/%d/%Y")
    model = run(TRAIN, store, content, target="paid", model="trees")["model"]

    result = run(PREDICT, store, content, model=model)

    with store.path(result["files"][0]["file"]).open(newline="") as file:
        header, *rows = csv.reader(file)
    sent = [line.split(";") for line in content.decode().splitlines()]
    assert header == [*sent[0], "prediction", "probability of no", "probability of yes"]
    assert [row[:4] for row in rows] == sent[1:]
    assert {row[4] for row in rows} == {"no", "yes"}
    assert predictions(store, result)["day"].to_list() == [row[0] for row in sent[1:]]


def test_model_keeps_the_formats_that_it_has_learnt(store: FileStore) -> None:
    """Alone, these days would be read with the day first, which would be other days."""
    model = run(TRAIN, store, _sales(200, "%m/%d/%Y"), target="paid", model="trees")["model"]
    loaded = stored.load_model(store.path(model))
    few = csv_bytes("day;amount;change", "03/04/2021;1,5;-1", "soon;5,50;-1")

    result = run(PREDICT, store, few, model=model)

    assert {each.name: each.type for each in loaded.features} == {
        "day": "date_month_first",
        "amount": "number_comma",
        "change": "number",
    }
    assert any("“day” is a date except for 1 value, such as “soon”" in n for n in result["notes"])


def test_predictions_alone_if_wanted(trained: tuple[FileStore, Any]) -> None:
    store, model = trained[0], trained[1]["model"]

    made = predictions(store, predict(store, flats(50), model, with_input=False))

    assert made.columns == ["prediction", "probability of false", "probability of true"]
    assert made.height == 50


def test_unknown_categories_and_empty_columns_are_missing_values(
    trained: tuple[FileStore, Any],
) -> None:
    store, model = trained[0], trained[1]["model"]
    frame = flats(40).with_columns(
        pl.lit("Paris").alias("city"),
        pl.lit(None).alias("listed_on"),
        pl.col("area").cast(pl.String),
    )

    result = predict(store, frame, model)

    assert any("40 values of “city”" in note for note in result["notes"])
    assert predictions(store, result).height == 40


@pytest.mark.parametrize(
    ("frame", "sentence"),
    [
        (
            flats(30).drop("city", "area"),
            r"needs the columns city and area, but the table has only",
        ),
        (flats(30).with_columns(pl.lit("big").alias("area")), "“area” is set to number"),
        (
            flats(30).with_columns(pl.lit(7).alias("listed_on")),
            '"listed_on" cannot be read as date',
        ),
    ],
)
def test_table_that_does_not_fit_is_named(
    trained: tuple[FileStore, Any], frame: pl.DataFrame, sentence: str
) -> None:
    store, model = trained[0], trained[1]["model"]

    with pytest.raises(PermanentError, match=sentence):
        predict(store, frame, model)


def test_number_is_predicted_as_a_number(store: FileStore) -> None:
    model = train(store, flats(400), target="rent", features=HONEST, model="linear")["model"]

    result = predict(store, flats(100, seed=4), model)

    made = predictions(store, result)
    assert made["prediction"].dtype == pl.Float64
    assert float(np.corrcoef(made["prediction"], made["rent"])[0, 1]) > 0.8
    assert result["tables"][0]["rows"][2][0] == "median"


# ── Models that somebody has made ──────────────────────────────────────────────────────────────


class Reducing:
    """Runs a command where it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("touch /tmp/should-not-be",)


def _as_skops(content: Any) -> bytes:
    return bytes(skops.io.dumps(content))


def _edited(content: bytes, change: Any) -> bytes:
    """The same archive with another description of its objects."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(buffer, "w") as target:
        for name in source.namelist():
            data = source.read(name)
            if name == "schema.json":
                schema = json.loads(data)
                change(schema)
                data = json.dumps(schema).encode()
            target.writestr(name, data)
    return buffer.getvalue()


def _name_another_class(schema: Any) -> None:
    """The estimator is said to be of a class that runs commands."""
    estimator = schema["content"]["estimator"]
    estimator["__module__"], estimator["__class__"] = "subprocess", "Popen"


def _bomb() -> bytes:
    buffer = io.BytesIO()
    with (
        zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("schema.json", "w", force_zip64=True) as member,
    ):
        for _ in range(510):
            member.write(b"\0" * 1_000_000)
    return buffer.getvalue()


GOOD = _as_skops({"estimator": LogisticRegression(), "facts": "{}"})


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (
            _as_skops({"estimator": functools.partial(os.system, "touch x"), "facts": "{}"}),
            "objects that no model",
        ),
        (_edited(GOOD, _name_another_class), "objects that no model"),
        (GOOD, "not a model from ml.train"),
        (_as_skops([1, 2]), "not a model from ml.train"),
        (GOOD[: len(GOOD) // 2], "not a model from ml.train"),
        (pickle.dumps(Reducing()), "not a model from ml.train"),
        (_edited(GOOD, lambda schema: schema.clear()), "not a model from ml.train"),
        (b"", "not a model from ml.train"),
    ],
)
def test_model_that_is_not_ours_is_refused_and_nothing_of_it_runs(
    tmp_path: Path, content: bytes, sentence: str
) -> None:
    (tmp_path / "model.skops").write_bytes(content)

    with pytest.raises(PermanentError, match=sentence):
        stored.load_model(tmp_path / "model.skops")

    assert not Path("/tmp/should-not-be").exists()


def test_model_that_would_unpack_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    (tmp_path / "model.skops").write_bytes(_bomb())

    with pytest.raises(PermanentError, match="unpack to more than"):
        stored.load_model(tmp_path / "model.skops")


def test_model_of_another_version_is_to_be_trained_again(tmp_path: Path) -> None:
    model = stored.StoredModel(
        LogisticRegression(),
        "Logistic regression",
        Target("y", "classification", ("a", "b")),
        [Feature("x", Use.NUMBER)],
        100,
        ("Accuracy", 0.9),
    )
    stored.save_model(model, tmp_path / "model.skops")
    assert stored.load_model(tmp_path / "model.skops").features == [Feature("x", Use.NUMBER)]

    def age(schema: Any) -> None:
        text = json.dumps(schema)
        assert stored.sklearn.__version__ in text
        schema.update(json.loads(text.replace(stored.sklearn.__version__, "0.1")))

    (tmp_path / "old.skops").write_bytes(_edited((tmp_path / "model.skops").read_bytes(), age))

    with (
        pytest.warns(InconsistentVersionWarning),
        pytest.raises(PermanentError, match=r"trained with scikit-learn 0\.1.*train it again"),
    ):
        stored.load_model(tmp_path / "old.skops")


@pytest.mark.parametrize("model", ["a" * 32 + ".bin", "a" * 32 + ".csv", "model.skops", ""])
def test_file_that_was_sent_is_no_model(model: str) -> None:
    with pytest.raises(InvalidInputError):
        PREDICT.parse({"table": "a" * 32 + ".csv", "model": model})


def test_learning_takes_no_more_cores_than_its_share() -> None:
    from threadpoolctl import threadpool_info  # noqa: PLC0415

    with limited_threads():
        assert {pool["num_threads"] for pool in threadpool_info()} <= {count_cores()}
