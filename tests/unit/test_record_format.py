"""What older and newer code have written is read, left alone, or refused with a reason."""

import configparser
import json
from pathlib import Path
from typing import Any

import pytest

from project import __version__
from project.broker.message import encode_body, make_headers
from project.broker.message_reader import read_message
from project.errors import NewerMessageError, NewerRecordError, UnavailableError
from project.ledger import Progress, Status
from project.ledger.job import JobError
from project.ledger.record import decode_job, encode_job
from project.ledger.record_format import FORMAT, FORMAT_TEXT, is_newer
from tests.builders import a_job, a_trace

ROOT = Path(__file__).parents[2]
NEWER = f"{FORMAT + 1} 9.0.0"
ODD: list[Any] = ["", "x", "1x", "-2", "²", "٣", {}, [], b"9", True, 1.5]


def read(**headers: Any) -> dict[str, Any]:
    job = a_job()
    every = {**make_headers(job, a_trace()), **headers}
    return read_message(every, encode_body(job), "application/json", "utf-8").headers


def test_version_is_that_of_the_package() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")

    assert setup["metadata"]["version"] == __version__


def test_record_and_message_say_their_format_and_who_wrote_them() -> None:
    job = a_job()

    assert encode_job(job)["format"] == FORMAT_TEXT == f"{FORMAT} {__version__}"
    assert make_headers(job, a_trace())["format"] == FORMAT_TEXT


@pytest.mark.parametrize("text", [None, f"{FORMAT} 0.0.1", str(FORMAT), "0 0.0.1", FORMAT, *ODD])
def test_older_and_odd_formats_are_read(text: Any) -> None:
    assert not is_newer(text)
    assert read(format=text)["id"]


@pytest.mark.parametrize("text", [NEWER, str(FORMAT + 1), FORMAT + 1, "9" * 5000])
def test_message_of_a_newer_format_is_refused_with_the_reason(text: Any) -> None:
    with pytest.raises(NewerMessageError, match="needs a newer worker"):
        read(format=text)


def test_older_record_is_read_with_defaults() -> None:
    record = {
        name: encode_job(a_job())[name]
        for name in ("id", "kind", "queue", "status", "parameters", "submitted_at")
    }

    assert decode_job(record).losses == 0


def test_fields_that_a_newer_version_has_added_are_ignored() -> None:
    job = a_job(status=Status.FAILED, error=JobError("X", "no"), progress=Progress(1, 2), attempt=1)
    record = encode_job(job)
    for name in ("error", "progress"):
        record[name] = json.dumps({**json.loads(record[name]), "added_later": 1})
    record |= {"added_later": "x", "format": f"{FORMAT} 9.0.0"}

    assert decode_job(record) == job


def test_record_of_a_newer_format_is_refused_for_now() -> None:
    job = a_job()

    with pytest.raises(
        NewerRecordError, match=f"{job.id} was written by a newer version"
    ) as caught:
        decode_job({**encode_job(job), "format": NEWER, "status": "paused"})

    assert isinstance(caught.value, UnavailableError)
