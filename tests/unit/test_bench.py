"""What the benchmark's report makes of figures: ratios, percentiles, verdicts, losses."""

from typing import Any

import pytest
from redis import RedisError

from bench.environments import LISTS, list_versions
from bench.ledger import sizes_up_to
from bench.measures.profile import summarize
from bench.plan import MEASURES, Measure, Plan
from bench.report import own_tables, render
from bench.report.figures import Figures, Value, percentile
from bench.report.goals import GOALS, goals_table
from bench.report.losses import list_losses
from bench.rounds import take_step
from bench.stack import Stack
from bench.systems.catalog import SYSTEMS
from project.config import Settings


def an_entry(measure: str, system: str, number: int = 0, **figures: Any) -> dict[str, Any]:
    """One system's turn."""
    return {"round": number, "measure": measure, "system": system, **figures}


def a_run(*entries: dict[str, Any], **changes: Any) -> Figures:
    """Raw figures as a run keeps them."""
    machine = {
        "cores": 2,
        "processor": "a processor",
        "memory_gib": 4,
        "system": "Linux",
        "python": "3.11",
        "rabbitmq": "3.10",
        "redis": "7.0",
        "ours": {"celery": "5.7.0"},
        "environments": {},
    }
    raw = {"began_at": "2030-01-01T00:00:00", "is_quick": False, "rounds": 1, "machine": machine}
    return Figures({**raw, "figures": list(entries), **changes})


def a_drain(system: str, rate: float, number: int = 0) -> dict[str, Any]:
    cost = {"main": 0.5, "children": 0.25}
    return an_entry("drain", system, number, jobs_a_second=rate, cpu_ms_a_job=cost)


@pytest.mark.parametrize(
    ("values", "share", "expected"),
    [([1.0], 0.99, 1.0), ([3.0, 1.0, 2.0, 4.0], 0.5, 2.0), (list(range(100)), 0.99, 98)],
)
def test_percentile_is_a_value_that_was_measured(
    values: list[float], share: float, expected: float
) -> None:
    assert percentile(values, share) == expected


def test_spread_is_the_round_furthest_from_the_median() -> None:
    value = Value((90.0, 100.0, 120.0))

    assert value.median == 100
    assert value.spread == pytest.approx(0.2)


def test_ratio_compares_within_a_round() -> None:
    """A round in which the machine was half as quick says the same as the others."""
    figures = a_run(
        a_drain("jobs", 300),
        a_drain("celery-durable", 100),
        a_drain("jobs", 150, 1),
        a_drain("celery-durable", 50, 1),
    )

    ratio = figures.ratio(
        ("drain", "jobs", "jobs_a_second"), ("drain", "celery-durable", "jobs_a_second")
    )

    assert ratio == Value((3.0, 3.0))


def test_figure_that_was_not_measured_is_none() -> None:
    figures = a_run(an_entry("drain", "jobs", failed="A worker has ended."))

    assert figures.value("drain", "jobs", "jobs_a_second") is None
    assert figures.systems("drain") == []


def test_plus_adds_up_the_parts() -> None:
    value = a_run(a_drain("jobs", 300)).value("drain", "jobs", "cpu_ms_a_job", "+")

    assert value == Value((0.75,))


@pytest.mark.parametrize(("rate", "verdict"), [(301, "met"), (300, "met"), (299, "**not met**")])
def test_goal_is_met_from_its_bound_on(rate: float, verdict: str) -> None:
    figures = a_run(a_drain("jobs", rate), a_drain("celery-durable", 100))

    row = next(line for line in goals_table(figures) if "Celery's" in line)

    assert row.endswith(f"| 1.00 × | ≥ 3 × | {verdict} |")


def test_goal_without_figures_is_neither_met_nor_missed() -> None:
    rows = goals_table(a_run())[2:-1]

    assert len(rows) == len(GOALS)
    assert all("| not measured |" in row for row in rows)


def test_every_goal_compares_with_a_system_that_takes_part() -> None:
    paths = [path for goal in GOALS for path in (goal.ours, goal.other) if path]

    assert all(measure in SYSTEMS[system].measures for measure, system, *_ in paths)


def test_losses_name_who_is_better_and_by_how_much() -> None:
    figures = a_run(a_drain("jobs", 100), a_drain("dramatiq", 250), a_drain("rq", 50))

    assert list_losses(figures) == ["- Who drains more jobs a second: Dramatiq, defaults (2.5 ×)."]


def test_limit_is_no_loss() -> None:
    figures = a_run(
        an_entry("submit", "jobs", one={"jobs_a_second": 10}),
        an_entry("submit", "raw-channel", one={"jobs_a_second": 99}),
    )

    assert list_losses(figures) == ["Nowhere, by these figures."]


def test_report_tells_what_failed() -> None:
    text = render(a_run(an_entry("drain", "rq", failed="A worker of RQ has ended.")), "")

    assert "## What failed\n\n- drain, rq: A worker of RQ has ended." in text


def test_sizes_of_a_measure_are_its_figures_alone() -> None:
    one = {"publish_us": 500.0, "deliver_us": 600.0}
    figures = a_run(an_entry("depth", "jobs", **{"took_seconds": 2.5, "100": one}))

    assert own_tables.depth_table(figures)[2:-1] == ["| 100 | 500 | 600 |"]


def test_redis_that_does_not_answer_fails_one_measure(monkeypatch: pytest.MonkeyPatch) -> None:
    def take(*_: Any) -> dict[str, Any]:
        raise RedisError("Redis is gone.")

    monkeypatch.setitem(MEASURES, "drain", Measure(take, 1, 1))
    plan = Plan.choose(is_quick=True, measures=["drain"], systems=["jobs"])

    assert take_step(plan, plan.steps()[0], Stack(Settings())) == {"failed": "Redis is gone."}


def test_profile_counts_a_module_once_a_stack() -> None:
    stacks = (
        "main (celery/bin.py:1);run (project/worker/execution.py:9);run (celery/app.py:2) 3\n"
        "main (celery/bin.py:1) 1\n"
    )

    found = summarize(stacks)

    assert found["samples"] == 4
    assert found["modules"] == {"celery": 1.0, "project.worker": 0.75}
    assert found["own"] == {"run (celery/app.py)": 0.75, "main (celery/bin.py)": 0.25}


@pytest.mark.parametrize(
    ("jobs", "sizes"),
    [(1000, [1000]), (5000, [1000, 5000]), (100_000, [1000, 10_000, 100_000])],
)
def test_ledger_is_measured_at_growing_sizes(jobs: int, sizes: list[int]) -> None:
    assert sizes_up_to(jobs) == sizes


@pytest.mark.parametrize("name", [path.stem for path in LISTS.glob("*.txt")])
def test_each_package_of_an_environment_is_pinned_with_a_hash(name: str) -> None:
    entries = (LISTS / f"{name}.txt").read_text().replace(" \\\n", " ").splitlines()

    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    assert len(list_versions(name)) == len(entries)
    assert not any(" " in version for version in list_versions(name).values())
