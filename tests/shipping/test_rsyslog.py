"""A small journey of lines with a real rsyslog, for every run of the suite."""

import json
from dataclasses import replace
from pathlib import Path

from tests.shipping.journey import BROKEN, shipper_and_store, travel
from tests.shipping.writer import line
from tests.waiting import wait_until

RABBITMQ = (
    '{"time":"2026-11-25 02:33:52.796253+00:00","level":"notice","msg":"ra: starting \\"short\\"",'
    '"domain":"rabbitmq.prelaunch","file":"src/ra_system.erl","line":53,"pid":"<0.223.0>"}\n'
)


def test_every_line_arrives_once(tmp_path: Path) -> None:
    figures = travel(tmp_path, lines=2_000, rounds=4, troubles={1: "kill", 2: "restart"})

    assert figures.written == figures.stored == figures.unique == 2_000
    assert figures.redelivered > 0
    assert set(figures.died) == set(BROKEN)


def test_line_of_rabbitmqs_becomes_one_of_ours(tmp_path: Path) -> None:
    with shipper_and_store(tmp_path) as (shipper, store):
        (shipper.logs / "rabbitmq.a.host.jsonl.0").write_text(RABBITMQ)
        wait_until(lambda: store.documents, 30, "the line")

        (((stream, id_), document),) = store.documents.items()
        assert stream == "logs-jobs.rabbitmq-default"
        assert document == {
            "@timestamp": "2026-11-25T02:33:52.796253+00:00",
            "log.level": "info",
            "message": 'ra: starting "short"',
            "ecs.version": "9.4.0",
            "log": {"logger": "rabbitmq.prelaunch"},
            "labels": {"erlang_pid": "<0.223.0>"},
            "host": {"name": "a.host"},
            "service": {
                "name": "jobs",
                "node": {"name": "rabbitmq@a.host", "roles": ["rabbitmq"]},
            },
            "event": {"dataset": "jobs.rabbitmq", "id": id_},
        }


def test_line_that_the_store_has_no_room_for_is_sent_again(tmp_path: Path) -> None:
    with shipper_and_store(tmp_path) as (shipper, store):
        answers = {"a-0": [429, 503, 201], "a-1": [201], "a-2": [400]}
        store.judge = lambda id_: answers[id_].pop(0)
        lines = b"".join(line("a", number) for number in range(3))
        (shipper.logs / "web.host.jsonl").write_bytes(lines)

        wait_until(lambda: len(store.documents) == 2, 30, "the two lines")
        wait_until(shipper.dead_letters, 30, "the third")

        (letter,) = shipper.dead_letters()
        assert letter["reason"] == "refused by Elasticsearch: by the test"
        assert '"a-2"' in letter["line"]
        assert {id_ for _, id_ in store.documents} == {"a-0", "a-1"}


def test_refusal_of_a_whole_request_is_kept_and_may_be_sent_again(tmp_path: Path) -> None:
    """rsyslog 8.2302 does not ask again by itself; deploy/README.md says how a person does."""
    with shipper_and_store(tmp_path) as (shipper, store):
        store.status = 503
        refused = shipper.state / "refused.json"
        (shipper.logs / "web.host.jsonl").write_bytes(line("a", 0))
        wait_until(lambda: refused.exists() and refused.stat().st_size, 30, "the request")

        store.take(json.loads(refused.read_text())["request"]["postdata"].encode())

        assert [id_ for _, id_ in store.documents] == ["a-0"]


def test_line_that_was_made_blank_is_none(tmp_path: Path) -> None:
    """So ends a line whose writer was killed in it. NULs, left by a crash of the machine, stay."""
    with shipper_and_store(tmp_path) as (shipper, store):
        text = b"      \n\n\0\0\0\n" + line("a", 0)
        (shipper.logs / "web.host.jsonl").write_bytes(text)
        wait_until(lambda: store.documents and shipper.dead_letters(), 30, "both lines")

        assert [letter["reason"] for letter in shipper.dead_letters()] == ["not one JSON object"]


def test_second_shipper_leaves_the_state_of_the_first_alone(tmp_path: Path) -> None:
    with shipper_and_store(tmp_path) as (shipper, _):
        wait_until((shipper.state / "pid").exists, 30, "the first")
        second = replace(shipper)
        second.start()

        assert second.wait() == 1


def test_compressed_file_is_not_read(tmp_path: Path) -> None:
    """Its lines were read before it was compressed."""
    with shipper_and_store(tmp_path) as (shipper, store):
        (shipper.logs / "web.host.jsonl.2.gz").write_bytes(b"\x1f\x8b\x08 no\nlines\n")
        (shipper.logs / "web.host.jsonl").write_bytes(line("a", 0))
        wait_until(lambda: store.documents, 30, "the line")

        assert shipper.dead_letters() == []


def test_shipper_that_crashes_is_started_again_and_ships_on(tmp_path: Path) -> None:
    with shipper_and_store(tmp_path) as (shipper, store):
        file = shipper.logs / "web.host.jsonl"
        file.write_bytes(line("a", 0))
        wait_until(lambda: len(store.documents) == 1, 30, "the first line")

        shipper.crash()
        with file.open("ab") as more:
            more.write(line("a", 1))

        wait_until(lambda: len(store.documents) == 2, 30, "the second line")


def test_shipper_that_is_told_to_end_while_it_starts_ends(tmp_path: Path) -> None:
    with shipper_and_store(tmp_path) as (shipper, _):
        for _ in range(5):
            shipper.stop()  # fails where it has not ended after a minute
            shipper.start()

        shipper.crash()
        shipper.stop()  # in the pause before it starts again
