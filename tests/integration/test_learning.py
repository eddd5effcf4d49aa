"""A model, from a table that was sent to predictions that are fetched, over the API."""

import io
from typing import Any

import polars as pl

from tests.integration.client import Client
from tests.integration.test_data_analyze import SECONDS, send
from tests.tables import HONEST, flats, parquet_bytes


def run(browser: Client, kind: str, frame: pl.DataFrame, **parameters: Any) -> dict[str, Any]:
    """The job, however it ended."""
    values = {"table": send(browser, parquet_bytes(frame)), **parameters}
    return browser.await_end(browser.submit(kind, values)["id"], SECONDS)


def test_model_is_trained_and_predicts_another_table(browser: Client) -> None:
    trained = run(browser, "ml.train", flats(600), target="is_dear", features=HONEST)
    assert trained["status"] == "succeeded", trained
    result = trained["result"]
    assert result["scores"]["Balanced accuracy"] > 0.75
    assert "Confusion matrix" in browser.get(result["report"]["url"]).text

    used = run(browser, "ml.predict", flats(300, seed=8), model=result["model"])

    assert used["status"] == "succeeded", used
    csv, parquet = (browser.get(link["url"]).content for link in used["result"]["files"])
    made = pl.read_parquet(io.BytesIO(parquet))
    assert made["flat_id"].to_list() == list(range(1, 301))
    assert pl.read_csv(csv)["prediction"].cast(pl.String).to_list() == made["prediction"].to_list()
    is_right = made["prediction"] == made["is_dear"].cast(pl.String)
    assert sum(is_right) > 0.75 * len(is_right)


def test_table_without_a_column_that_the_model_needs_fails_and_names_it(browser: Client) -> None:
    trained = run(browser, "ml.train", flats(300), target="rent", features=HONEST, model="linear")

    used = run(browser, "ml.predict", flats(50).drop("city"), model=trained["result"]["model"])

    assert used["status"] == "failed"
    assert "The model needs the column city" in used["error"]["message"]


def test_model_that_somebody_sends_is_never_one(browser: Client) -> None:
    trained = run(browser, "ml.train", flats(300), target="rent", features=HONEST, model="linear")
    model = browser.get(f"/api/v1/files/{trained['result']['model']}").content
    parameters = {"table": send(browser, parquet_bytes(flats(50))), "model": send(browser, model)}

    answer = browser.post("/api/v1/jobs", json={"kind": "ml.predict", "parameters": parameters})

    assert answer.status_code == 400
    assert answer.json()["field"] == "model"
