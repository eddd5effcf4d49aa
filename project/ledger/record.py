"""A job as Redis keeps it: a flat hash of texts, and back. Pure.

Each earlier attempt is one field, `attempt:<number>`, with a JSON object. Some fields are only for
the scripts and not part of a Job: see `prelude.lua`.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TypeVar

import orjson

from project.errors import NewerRecordError
from project.ledger.job import Attempt, AttemptOutcome, Job, JobError, Progress, Status, format_time
from project.ledger.record_format import FORMAT_TEXT, is_newer

ATTEMPT_PREFIX = "attempt:"
_Form = TypeVar("_Form")


def decode_job(record: Mapping[str, str]) -> Job:
    """The job in a hash, or in an event made from it; NewerRecordError."""
    if is_newer(record.get("format")):
        raise NewerRecordError(record.get("id", ""))
    known = {
        field.name: _DECODERS.get(field.name, str)(record[field.name])
        for field in fields(Job)
        if field.name in record
    }
    return Job(**known, earlier_attempts=_decode_attempts(record))


def encode_job(job: Job) -> dict[str, str]:
    """A new job as a hash; absent values are left out."""
    fields_of_job = encode_fields(dict(zip(_WRITTEN, _read_written(job), strict=True)))
    fields_of_job["format"] = FORMAT_TEXT
    return fields_of_job


def encode_fields(values: Mapping[str, Any]) -> dict[str, str]:
    """Fields of a job as the hash stores them, without empty ones."""
    return {
        name: _encode(name, value)
        for name, value in values.items()
        # In JSON fields, 0 and false are values.
        if value or (name in _JSON_FIELDS and value is not None)
    }


def encode_json(value: Any) -> str:
    """JSON text of plain values and of the ledger's dataclasses."""
    return orjson.dumps(value).decode()


def as_milliseconds(moment: datetime) -> int:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000)


def as_microseconds(moment: datetime) -> int:
    """Microseconds since 1970: the order of jobs in the index."""
    return round(moment.timestamp() * 1_000_000)


def _encode(name: str, value: Any) -> str:
    if type(value) is str and name not in _JSON_FIELDS:
        return value
    if name in _JSON_FIELDS:
        return encode_json(value)
    if name == "expires_at":  # the scripts compute it themselves, in milliseconds
        return str(as_milliseconds(value))
    return format_time(value) if isinstance(value, datetime) else str(value)


def _decode_attempts(record: Mapping[str, str]) -> tuple[Attempt, ...]:
    texts = [text for name, text in record.items() if name.startswith(ATTEMPT_PREFIX)]
    attempts = (_decode_attempt(orjson.loads(text)) for text in texts)
    return tuple(sorted(attempts, key=lambda attempt: attempt.number))


def _decode_attempt(document: Mapping[str, str]) -> Attempt:
    return Attempt(
        number=int(document["number"]),
        outcome=AttemptOutcome(document["outcome"]),
        worker=document.get("worker", ""),
        available_at=_find_time(document, "available_at"),
        started_at=_find_time(document, "started_at"),
        finished_at=_find_time(document, "finished_at"),
        error=_decode_error(document["error"]) if "error" in document else None,
    )


def _find_time(document: Mapping[str, str], name: str) -> datetime | None:
    return datetime.fromisoformat(document[name]) if name in document else None


def _decode_error(text: str) -> JobError:
    return _build(JobError, text)


def _build(form: type[_Form], text: str) -> _Form:
    """A dataclass from its JSON object; fields that a newer version added are ignored."""
    found = orjson.loads(text)
    names = (field.name for field in fields(form))  # type: ignore[arg-type]  # a dataclass
    return form(**{name: found[name] for name in names if name in found})


def from_milliseconds(text: str | float) -> datetime:
    """The moment of a number from `as_milliseconds`."""
    return datetime.fromtimestamp(int(text) / 1000, UTC)


_WRITTEN = tuple(field.name for field in fields(Job) if field.name != "earlier_attempts")
_read_written = attrgetter(*_WRITTEN)
_JSON_FIELDS = frozenset({"parameters", "progress", "result", "error"})

_DECODERS: Mapping[str, Any] = {
    "status": Status,
    "parameters": orjson.loads,
    "submitted_at": datetime.fromisoformat,
    "run_at": datetime.fromisoformat,
    "available_at": datetime.fromisoformat,
    "started_at": datetime.fromisoformat,
    "finished_at": datetime.fromisoformat,
    "cancel_requested_at": datetime.fromisoformat,
    "expires_at": from_milliseconds,
    "attempt": int,
    "losses": int,
    "requeues": int,
    "repairs": int,
    "repaired_at": datetime.fromisoformat,
    "has_log": bool,
    "progress": lambda text: _build(Progress, text),
    "result": orjson.loads,
    "error": _decode_error,
    "version": int,
}
