"""What the benchmark makes of figures: ratios, shares, verdicts, losses; and its slow proxy."""

import asyncio
import json
import subprocess
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from redis import RedisError

from bench.accounting import find_descendants
from bench.delay import HOST, make_loop, serve
from bench.environments import BEFORE, LISTS, find_folder, find_program, list_versions
from bench.kinds import KINDS, REPEATABLE
from bench.ledger import sizes_up_to
from bench.measures import mixed, overhead, payload
from bench.measures.drain import Moment, slope
from bench.measures.profile import summarize
from bench.naps import Nap, nap
from bench.peers.json_log import JobLines, open_log
from bench.peers.work import WORK, make_text
from bench.plan import MEASURES, Measure, Plan
from bench.report import load_tables, own_tables, render, tables
from bench.report.figures import Figures, Value, percentile
from bench.report.goals import GOALS, Goal, goals_table
from bench.report.guarantees import find_guarantees, guarantees_table
from bench.report.losses import list_losses
from bench.rounds import count_rounds, read_earlier, take_step
from bench.stack import Stack
from bench.systems import __main__ as command_line
from bench.systems.catalog import SYSTEMS
from bench.systems.earlier import find_commit
from bench.systems.outcomes import MARK
from bench.systems.peers import Peer, has_all_processes
from bench.waiting import await_that
from project.config import Settings
from project.kinds.definition import Context


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
    raw = {"began_at": "2030-01-01T00:00:00", "is_quick": False, "before": "", "machine": machine}
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


@pytest.mark.parametrize(
    ("rate", "verdict"),
    [(300, "aim met"), (299, "met, aim not met"), (260, "met, aim not met"), (259, "**not met**")],
)
def test_goal_is_met_from_its_bound_on(rate: float, verdict: str) -> None:
    figures = a_run(a_drain("jobs", rate), a_drain("celery-durable", 100))

    row = next(line for line in goals_table(figures) if "Celery's" in line)

    assert row.endswith(f"| 1.00 × | ≥ 2.6 × | ≥ 3 × | {verdict} |")


@pytest.mark.parametrize(
    ("must", "aim", "verdict"),
    [
        (2, None, "met"),
        (None, 2, "aim met"),
        (None, 0.5, "aim not met"),
        (0.5, None, "**not met**"),
    ],
)
def test_goal_may_have_only_what_must_be_or_only_an_aim(
    must: float | None, aim: float | None, verdict: str
) -> None:
    goal = Goal("Waits", ("drain", "jobs", "ms"), None, must, aim, is_upper=True)

    assert goal.judge(Value((1.0,))) == verdict


def test_goal_without_figures_is_neither_met_nor_missed() -> None:
    rows = goals_table(a_run())[2:-1]

    assert len(rows) == len(GOALS)
    assert all("| not measured |" in row for row in rows)


def test_every_goal_compares_with_a_system_that_takes_part() -> None:
    paths = {path[:2] for goal in GOALS for path in (goal.ours, goal.other) if path}
    absent = {path for path in paths if path[0] not in SYSTEMS[path[1]].measures}

    assert not absent


def test_losses_name_who_is_better_and_by_how_much() -> None:
    figures = a_run(a_drain("jobs", 100), a_drain("dramatiq", 250), a_drain("rq", 50))

    assert list_losses(figures) == ["- Drains more jobs a second: Dramatiq, defaults (2.5 ×)."]


def test_limit_is_no_loss() -> None:
    figures = a_run(
        an_entry("submit", "jobs", one={"jobs_a_second": 10}),
        an_entry("submit", "raw-channel", one={"jobs_a_second": 99}),
    )

    assert list_losses(figures) == ["Nowhere, by these figures."]


def test_report_tells_what_failed() -> None:
    text = render(a_run(an_entry("drain", "rq", failed="A worker of RQ has ended.")), "")

    assert "## Failed measurements\n\n- drain, rq: A worker of RQ has ended." in text


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
        "main (celery/bin.py:1);run (project/worker/execution:9);run (celery/app.py:2) 3\n"
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


# ── The plan ─────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asked", "is_quick", "drains", "overheads", "ledgers"),
    [(None, False, 3, 2, 1), (None, True, 1, 1, 1), (5, False, 5, 5, 1), (5, True, 5, 5, 1)],
)
def test_measure_is_taken_as_often_as_it_says_or_as_is_asked(
    asked: int | None, is_quick: bool, drains: int, overheads: int, ledgers: int
) -> None:
    plan = Plan.choose(is_quick=is_quick, rounds=asked, systems=["jobs"])

    taken = [step.measure for step in plan.steps()]

    counts = tuple(taken.count(measure) for measure in ("drain", "overhead", "ledger"))
    assert counts == (drains, overheads, ledgers)


def test_systems_take_turns_within_a_round() -> None:
    plan = Plan.choose(rounds=2, measures=["overhead"], systems=["jobs", "celery-durable", "rq"])

    assert [(step.round, step.system) for step in plan.steps()] == [
        (0, "jobs"),
        (0, "celery-durable"),
        (1, "jobs"),
        (1, "celery-durable"),
    ]


def test_earlier_commit_takes_part_only_if_it_is_asked_for() -> None:
    assert BEFORE not in Plan.choose().systems
    assert BEFORE not in Plan.choose(systems=["jobs", BEFORE]).systems
    assert Plan.choose(systems=["jobs", "rq"], before="abc1234").systems == ["jobs", BEFORE, "rq"]


def test_rounds_of_another_run_come_after_those_that_are_there() -> None:
    entries = [an_entry("drain", "jobs", 0), an_entry("drain", "rq", 2), an_entry("http", "jobs")]

    assert count_rounds(entries) == {"drain": 3, "http": 1}


def a_file(folder: Path, **head: Any) -> Path:
    """Raw figures of an earlier run."""
    path = folder / "systems.json"
    path.write_text(json.dumps({"is_quick": False, "figures": [a_drain("jobs", 1)], **head}))
    return path


@pytest.mark.parametrize("before", ["", "abc1234"])
def test_figures_of_an_earlier_run_are_kept(tmp_path: Path, before: str) -> None:
    output = a_file(tmp_path, before="abc1234")

    earlier = read_earlier(output, Plan.choose(before=before))

    assert earlier["figures"] == [a_drain("jobs", 1)]


def test_first_run_of_several_has_nothing_to_keep(tmp_path: Path) -> None:
    assert read_earlier(tmp_path / "systems.json", Plan.choose()) == {}


@pytest.mark.parametrize("changes", [{"is_quick": True}, {"before": "fff9999"}])
def test_figures_of_another_kind_of_run_are_not_mixed(
    tmp_path: Path, changes: dict[str, Any]
) -> None:
    output = a_file(tmp_path, before="abc1234")

    with pytest.raises(ValueError, match="leave out --add"):
        read_earlier(output, Plan.choose(**changes))


# ── Quick jobs beside slow ones ──────────────────────────────────────────────────────────────────


def test_jobs_arrive_at_the_same_moments_each_time() -> None:
    assert list(mixed.plan_arrivals(20)) == list(mixed.plan_arrivals(20))


def test_arrivals_are_a_load_that_the_processes_can_bear() -> None:
    arrivals = list(mixed.plan_arrivals(10_000))

    load = sum(arrival.seconds for arrival in arrivals) / 10_000 / mixed.PROCESSES
    slow = sum(arrival.seconds == mixed.SLOW_SECONDS for arrival in arrivals) / len(arrivals)

    assert load == pytest.approx(0.6, rel=0.05)
    assert slow == pytest.approx(0.1, rel=0.05)


def test_nap_returns_the_moment_of_its_start() -> None:
    before = time.time()

    began_at = nap.function(Nap(seconds=0.01), Context())

    assert before <= began_at <= time.time() - 0.01


# ── Jobs with work ───────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("milliseconds", "processes", "cores", "expected"),
    [(1, 2, 2, 2000), (10, 2, 8, 200), (100, 8, 2, 20)],
)
def test_ideal_is_a_job_in_each_process_as_far_as_there_are_cores(
    milliseconds: int, processes: int, cores: int, expected: float
) -> None:
    assert overhead.ideal_rate(milliseconds, processes, cores) == expected


@pytest.mark.parametrize(
    ("ideal", "seconds", "expected"), [(2000, 8, 3000), (200, 8, 1600), (20, 1, 30)]
)
def test_so_many_jobs_fill_the_time_within_reason(
    ideal: float, seconds: int, expected: int
) -> None:
    assert overhead.count_jobs(ideal, seconds) == expected


def test_overhead_is_what_is_missing_of_the_ideal_and_what_comes_on_top_of_the_job() -> None:
    drained = {"jobs_a_second": 150.0, "cpu_ms_a_job": {"main": 0.5, "children": 9.0, "Redis": 0.5}}

    found = overhead.summarize(drained, children_ms=11.0, milliseconds=10, ideal=200)

    assert found["missing_share"] == pytest.approx(0.25)
    assert found["added_cpu_ms"] == pytest.approx(2)
    assert found["added_cpu_share"] == pytest.approx(0.2)
    assert found["cpu_ms_a_job"]["children"] == 11


def test_drain_goes_by_what_happened_between_two_moments() -> None:
    begin = Moment(10.0, 200, {"main": 1.0})

    assert slope(begin, Moment(12.0, 1000, {"main": 1.4})) == {
        "jobs_a_second": 400,
        "cpu_ms_a_job": {"main": pytest.approx(0.5)},
    }


def test_drain_that_was_over_too_soon_is_no_figure() -> None:
    moment = Moment(10.0, 1000, {"main": 1.0})

    with pytest.raises(ValueError, match="use more jobs"):
        slope(moment, moment)


def test_larger_payloads_are_fewer_jobs() -> None:
    counts = [payload.count_jobs(2000, size) for size in payload.SIZES]

    assert counts == [2000, 1000, 60]


def test_busy_job_uses_the_cpu_time_that_it_is_told() -> None:
    before = time.thread_time()

    WORK["busy"](20)

    assert time.thread_time() - before >= 0.02


@pytest.mark.parametrize("characters", [1, 1000, 32_000])
def test_large_text_has_its_size_in_bytes_and_is_the_same_each_time(characters: int) -> None:
    assert len(make_text(characters).encode()) == characters
    assert WORK["give"](characters) == make_text(characters)
    assert WORK["take"](make_text(characters)) == characters


def test_all_measured_work_is_known() -> None:
    assert set(payload.WAYS.values()) | {"busy"} <= set(WORK)


# ── Systems ──────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "name", [name for name in SYSTEMS if "processes" in SYSTEMS[name].measures and name != "jobs"]
)
def test_peer_starts_as_many_processes_as_a_measure_wants(name: str) -> None:
    peer = SYSTEMS[name]
    assert isinstance(peer, Peer)

    (command,) = peer.with_processes(7).commands

    assert "7" in command
    assert not any("{" in part for part in command)
    assert "2" in peer.commands[0]


def test_our_own_start_takes_processes_and_addresses_from_the_measure() -> None:
    stack = Stack(Settings()).at_ports(broker=1001, redis=1002)

    variables = SYSTEMS["jobs"].with_processes(4).variables(stack)

    assert variables == {
        "JOBS_BROKER_URL": "amqp://jobs:development-jobs@127.0.0.1:1001/jobs",
        "JOBS_REDIS_URL": "redis://:development-redis@127.0.0.1:1002/0",
        "JOBS_QUEUES": "short: concurrency=4; long",
        "JOBS_SHORT_CONCURRENCY": "4",
    }


def test_programs_of_an_earlier_commit_are_ours_in_a_folder_with_its_files() -> None:
    assert find_program(BEFORE, "gunicorn") == find_program("jobs", "gunicorn")
    assert find_folder(BEFORE) != find_folder("jobs") == find_folder("celery")


def test_settings_of_another_stack_are_those_of_its_programs() -> None:
    stack = Stack(Settings(), {"JOBS_WEB_PORT": "6001", "JOBS_REDIS_URL": "redis://near"})
    before = SYSTEMS[BEFORE]

    apart = before.with_processes(4)

    assert before.variables(stack)["JOBS_WEB_PORT"] == "6001"
    assert apart.environment == BEFORE
    assert apart.variables(stack)["JOBS_WEB_PORT"] == "6001"
    assert apart.variables(stack)["JOBS_QUEUES"] == "short: concurrency=4; long"


def test_command_line_without_a_commit_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    plans: list[Plan] = []
    monkeypatch.setattr("sys.argv", ["bench.systems", "--beside-stack", "--only", "drain"])
    monkeypatch.setattr(command_line, "run_rounds", lambda plan, *_: plans.append(plan))
    monkeypatch.setattr(command_line, "write_report", lambda _: None)

    assert command_line.main() == 0
    assert [plan.before for plan in plans] == [""]


def test_web_server_is_there_when_the_last_of_its_processes_is() -> None:
    """The first one answers as soon as it is there: its CPU time alone is not the server's."""
    server = "sleep 60 & read; sleep 60 & read; kill $(jobs -p)"
    with subprocess.Popen(["bash", "-c", server], stdin=subprocess.PIPE, text=True) as process:
        assert process.stdin
        await_that(lambda: len(find_descendants([process.pid])) == 1, "the first one is there")
        assert not has_all_processes(process.pid)

        print(file=process.stdin, flush=True)

        await_that(lambda: has_all_processes(process.pid), "the second one is there")
        print(file=process.stdin, flush=True)


def test_commit_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="There is no commit of-nobody here"):
        find_commit("of-nobody")


def test_the_repeatable_kind_is_repeatable_and_no_other() -> None:
    assert [kind.name for kind in KINDS if kind.is_repeatable] == [REPEATABLE]


def test_peers_find_servers_where_the_measure_has_put_them() -> None:
    variables = SYSTEMS["celery-durable"].variables(Stack(Settings()).at_ports(1001, 1002))

    assert "@127.0.0.1:1001/" in variables["BENCH_BROKER_URL"]
    assert "@127.0.0.1:1002/" in variables["BENCH_RESULTS_URL"]


def test_each_system_that_runs_jobs_says_what_it_guarantees() -> None:
    silent = [
        name
        for name, system in SYSTEMS.items()
        if "drain" in system.measures and not find_guarantees(name)
    ]

    assert silent == []


def test_end_of_a_job_is_one_line_of_a_peer_that_writes_lines(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("BENCH_LOG_FILE", str(tmp_path / "lines.jsonl"))
    open_log()
    lines = JobLines()

    lines.start("an-id", "bench.noop")
    lines.finish("an-id", "bench.noop", "succeeded")

    started, finished = (tmp_path / "lines.jsonl").read_bytes().splitlines()
    assert (MARK in started, MARK in finished) == (False, True)
    assert json.loads(finished)["transaction"] == {"id": "an-id"}


def test_systems_that_guarantee_the_same_are_one_row() -> None:
    rows = guarantees_table(a_run(a_drain("huey", 1), a_drain("huey-notify", 1)))[2:-1]

    assert [row.split("|")[1].strip() for row in rows] == ["Huey"]


@pytest.mark.parametrize("name", [path.stem for path in LISTS.glob("*.txt")])
def test_each_package_of_an_environment_is_pinned_with_a_hash(name: str) -> None:
    entries = (LISTS / f"{name}.txt").read_text().replace(" \\\n", " ").splitlines()

    assert all("==" in entry and "--hash=sha256:" in entry for entry in entries)
    assert len(list_versions(name)) == len(entries)
    assert not any(" " in version for version in list_versions(name).values())


# ── Tables ───────────────────────────────────────────────────────────────────────────────────────


def test_row_of_an_earlier_commit_names_it() -> None:
    figures = a_run(a_drain("jobs", 2), a_drain(BEFORE, 1), before="abc1234")

    rows = tables.drain_table(figures)[2:-1]

    assert [row.split("|")[1].strip() for row in rows] == ["Jobs", "Jobs before (abc1234)"]


def test_http_table_has_the_systems_side_by_side() -> None:
    def a_request(rate: float, bad: int = 0) -> dict[str, Any]:
        cost = {"web": 1.5, "RabbitMQ": 0.25, "Redis": 0.25}
        times = {"p50_ms": 20.0, "p99_ms": 70.0}
        return {"a_second": rate, **times, "cpu_ms_a_request": cost, "bad": bad, "errors": 0}

    figures = a_run(
        an_entry("http", "jobs", post=a_request(900), post_64=a_request(1100, bad=3)),
        an_entry("http", "hello", post=a_request(3000)),
    )

    rows = tables.http_table(figures, "http")

    assert "| POST, 16 | Jobs | 900 | 20.0 | 70.0 | 1.50 | 0.25 | 0.25 | 2.00 | 0 |" in rows
    assert "| POST, 64 | Jobs | 1,100 | 20.0 | 70.0 | 1.50 | 0.25 | 0.25 | 2.00 | 3 |" in rows
    assert len(rows) == 2 + 3 + 1


def test_tables_of_what_only_jobs_has_have_the_earlier_commit_beside_it() -> None:
    def a_trip(system: str, p50: float) -> list[dict[str, Any]]:
        trip = {"p50_ms": p50, "p99_ms": 2 * p50}
        return [
            an_entry("live", system, stream=trip, poll=trip),
            an_entry("mixed", system, mean_ms=p50, **trip),
        ]

    figures = a_run(*a_trip("jobs", 3), *a_trip(BEFORE, 4), before="abc1234")

    assert own_tables.live_table(figures)[2:4] == [
        "| POST → server-sent event | Jobs | 3.00 | 6.00 |",
        "| POST → server-sent event | Jobs before (abc1234) | 4.00 | 8.00 |",
    ]
    assert own_tables.mixed_table(figures)[2:-1] == [
        "| Jobs | 3.0 | 6.0 | 3.0 |",
        "| Jobs before (abc1234) | 4.0 | 8.0 | 4.0 |",
    ]


def test_overhead_table_has_the_systems_side_by_side() -> None:
    def an_overhead(system: str, rate: float) -> dict[str, Any]:
        one = {
            "jobs_a_second": rate,
            "ideal_a_second": 200,
            "missing_share": 1 - rate / 200,
            "added_cpu_ms": 1.5,
            "added_cpu_share": 0.15,
        }
        return an_entry("overhead", system, **{"start_cpu_seconds": 0.1, "10": one})

    figures = a_run(an_overhead("jobs", 180), an_overhead("celery-durable", 120))

    assert load_tables.overhead_table(figures)[2:-1] == [
        "| 10 ms | Jobs | 180 | 200 | 10.0% | 1.50 | 15.0% | – |",
        "| 10 ms | Celery, durable | 120 | 200 | 40.0% | 1.50 | 15.0% | 1.50 × |",
    ]


def test_payload_table_tells_bytes() -> None:
    found = {
        "submitted_a_second": 50,
        "jobs_a_second": 25,
        "bytes_a_second": 25e6,
        "cpu_ms_a_job": {"main": 2, "children": 3},
        "redis_bytes_a_job": {"read": 1_008_000, "written": 3_400},
    }
    figures = a_run(an_entry("payload", "jobs", parameter={"1 MB": found}, result={}))

    assert load_tables.payload_table(figures)[2:-1] == [
        "| parameter, 1 MB | Jobs | 50 | 25 | 25.0 | 5.00 | 1,008.0 | 3.4 | – |"
    ]


def test_processes_table_goes_by_their_number() -> None:
    def a_count(rate: float) -> dict[str, Any]:
        return {"jobs_a_second": rate, "cpu_ms_a_job": {"main": 0.25, "children": 0.5}}

    figures = a_run(
        an_entry("processes", "jobs", **{"1": a_count(100), "8": a_count(300)}),
        an_entry("processes", "dramatiq-confirms", **{"8": a_count(400)}),
    )

    assert load_tables.processes_table(figures)[2:-1] == [
        "| 1 | Jobs | 100 | 0.75 | – |",
        "| 8 | Jobs | 300 | 0.75 | – |",
        "| 8 | Dramatiq, confirms | 400 | 0.75 | 0.75 × |",
    ]


def test_delay_table_shows_the_same_without_the_delay() -> None:
    far = {"drain": {"jobs_a_second": 250}, "ping_ms": 2.2}
    figures = a_run(a_drain("jobs", 1000), an_entry("delay", "jobs", **far))

    rows = load_tables.delay_table(figures)

    assert "| drain, jobs/s | 250 | 1,000 | – |" in rows
    assert "| a round trip to Redis, ms | 2.20 | – | – |" in rows


def test_losses_tell_of_jobs_with_work_and_of_servers_far_away() -> None:
    figures = a_run(
        *(
            an_entry("overhead", system, **{"1": {"jobs_a_second": rate}})
            for system, rate in (("jobs", 500), ("celery-durable", 750))
        ),
        *(
            an_entry("delay", system, trips={"p50_ms": milliseconds})
            for system, milliseconds in (("jobs", 16.0), ("celery-durable", 8.0))
        ),
    )

    assert list_losses(figures) == [
        "- Does more jobs of 1 ms: Celery, durable (1.5 ×).",
        "- Has a shorter round trip, servers 1 ms away: Celery, durable (2.0 ×).",
    ]


# ── The proxy ────────────────────────────────────────────────────────────────────────────────────

DELAY_SECONDS = 0.01


def run(scenario: Any) -> None:
    with asyncio.Runner(loop_factory=make_loop) as runner:
        runner.run(asyncio.wait_for(scenario, 30))


@asynccontextmanager
async def a_proxied_echo() -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A connection through the proxy to a server that sends back what it reads, until its end."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(echo, HOST, 0)
    (proxy,) = await serve(DELAY_SECONDS, [(0, server.sockets[0].getsockname()[1])])
    reader, writer = await asyncio.open_connection(HOST, proxy.sockets[0].getsockname()[1])
    try:
        yield reader, writer
    finally:
        writer.close()
        proxy.close()
        server.close()


def test_proxy_delays_each_way() -> None:
    async def scenario() -> None:
        async with a_proxied_echo() as (reader, writer):
            began = time.monotonic()
            writer.write(b"ping")
            assert await reader.readexactly(4) == b"ping"
            assert time.monotonic() - began >= 2 * DELAY_SECONDS

    run(scenario())


def test_proxy_keeps_all_bytes_in_their_order() -> None:
    """More than the sockets hold, so that each side has to wait for the other."""
    sent = make_text(5_000_000).encode()

    async def scenario() -> None:
        async with a_proxied_echo() as (reader, writer):
            received = asyncio.create_task(reader.readexactly(len(sent)))
            writer.write(sent)
            await writer.drain()
            assert await received == sent

    run(scenario())


def test_proxy_ends_the_connection_of_a_client_that_leaves() -> None:
    async def scenario() -> None:
        left = asyncio.Event()

        async def wait_for_end(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.read() == b"last words"
            left.set()
            writer.close()

        server = await asyncio.start_server(wait_for_end, HOST, 0)
        (proxy,) = await serve(DELAY_SECONDS, [(0, server.sockets[0].getsockname()[1])])
        _, writer = await asyncio.open_connection(HOST, proxy.sockets[0].getsockname()[1])
        writer.write(b"last words")
        writer.close()
        await left.wait()
        proxy.close()
        server.close()

    run(scenario())


def test_proxy_without_a_server_ends_the_connection() -> None:
    async def scenario() -> None:
        unused = await asyncio.start_server(lambda _reader, _writer: None, HOST, 0)
        port = unused.sockets[0].getsockname()[1]
        unused.close()
        await unused.wait_closed()
        (proxy,) = await serve(DELAY_SECONDS, [(0, port)])
        reader, writer = await asyncio.open_connection(HOST, proxy.sockets[0].getsockname()[1])
        assert await reader.read() == b""
        writer.close()
        proxy.close()

    run(scenario())
