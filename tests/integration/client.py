"""A person's browser, or a program: our HTTP API as a client sees it."""

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import requests

from tests.waiting import wait_until

REQUEST_SECONDS = 30
JOB_SECONDS = 30
FINISHED = {"succeeded", "failed", "cancelled", "dead"}


@dataclass
class Client:
    """One browser with its cookie; every answer is checked by the test that asked for it."""

    url: str
    session: requests.Session = field(default_factory=requests.Session)

    def get(self, path: str, **options: Any) -> requests.Response:
        return self.session.get(self.url + path, timeout=REQUEST_SECONDS, **options)

    def post(self, path: str, **options: Any) -> requests.Response:
        return self.session.post(self.url + path, timeout=REQUEST_SECONDS, **options)

    def open_page(self) -> "Client":
        """Load the page, which gives the browser its id."""
        assert self.get("/").status_code == 200
        return self

    @property
    def owner(self) -> str:
        """The browser's id."""
        return str(self.session.cookies["browser"])

    def submit(self, kind: str, parameters: dict[str, Any], **headers: str) -> dict[str, Any]:
        """A job that was accepted."""
        body = {"kind": kind, "parameters": parameters}
        answer = self.post("/api/v1/jobs", json=body, headers=headers)
        assert answer.status_code == 202, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def cancel_jobs(self) -> None:
        """What they would still do, other tests' jobs would wait for."""
        for job in self.get("/api/v1/jobs?owner=me").json()["jobs"]:
            if job["finished_at"] is None:
                self.post(f"/api/v1/jobs/{job['id']}/cancel")

    def send_file(self, content: bytes) -> str:
        """The id of a file that was taken."""
        answer = self.post("/api/v1/files", data=content)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["file"])

    def start_task(self, number: int, **headers: str) -> str:
        """The tutorial's way to a job; its id."""
        answer = self.post("/tasks", json={"type": number}, headers=headers)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_id"])

    def sign_up(self, email: str, picture: bytes, kind: str = "image/jpeg") -> dict[str, Any]:
        """A sign-up that was accepted."""
        answer = self.post(
            "/api/v1/signups", data={"email": email}, files={"picture": ("me", picture, kind)}
        )
        assert answer.status_code == 202, answer.text
        signup: dict[str, Any] = answer.json()
        return signup

    def job(self, job_id: str) -> dict[str, Any]:
        """The job as it is now."""
        answer = self.get(f"/api/v1/jobs/{job_id}")
        assert answer.status_code == 200, answer.text
        job: dict[str, Any] = answer.json()
        return job

    def await_status(
        self, job_id: str, *statuses: str, seconds: float = JOB_SECONDS
    ) -> dict[str, Any]:
        """The job once it has one of the statuses; fails at once when it ended in another way."""

        def look() -> dict[str, Any] | None:
            job = self.job(job_id)
            if job["status"] in statuses:
                return job
            assert job["status"] not in FINISHED, f"the job ended otherwise: {job}"
            return None

        job = wait_until(look, seconds, f"job {job_id} to be {' or '.join(statuses)}")
        assert job is not None
        return job

    def await_end(self, job_id: str, seconds: float = JOB_SECONDS) -> dict[str, Any]:
        """The job once it has ended, however it did."""
        return self.await_status(job_id, *FINISHED, seconds=seconds)

    def listen(self, path: str = "/api/v1/events", seconds: float = JOB_SECONDS) -> "Stream":
        """An open event stream, whose first line has come."""
        return Stream(self.get(path, stream=True), seconds)


class Stream:
    """Server-sent events, read as they come; a stream that stays silent too long is a failure."""

    def __init__(self, response: requests.Response, seconds: float) -> None:
        assert response.status_code == 200, response.text
        assert response.headers["Content-Type"] == "text/event-stream"
        self._response = response
        self._lines = response.iter_lines(chunk_size=1, decode_unicode=True)
        self._deadline = time.monotonic() + seconds
        assert next(self._lines).startswith("retry:")

    def __enter__(self) -> "Stream":
        return self

    def __exit__(self, *_: object) -> None:
        self._response.close()

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Each event's name and document, until the server ends the stream."""
        name = ""
        for line in self._lines:
            assert time.monotonic() < self._deadline, "the stream did not bring what was expected"
            if line.startswith("event: "):
                name = line.removeprefix("event: ")
            elif line.startswith("data: "):
                yield name, json.loads(line.removeprefix("data: "))
