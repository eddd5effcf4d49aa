"""RabbitMQ's management API, as one of its users."""

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

import requests

from project.config import Settings

REQUEST_SECONDS = 20


@dataclass(frozen=True)
class Management:
    """The API below `/api/`, with a user's login."""

    url: str
    login: tuple[str, str]

    @classmethod
    def as_monitor(cls, settings: Settings) -> "Management":
        parts = urlsplit(settings.management_url)
        return cls(
            f"{parts.scheme}://{parts.hostname}:{parts.port}{parts.path}",
            (parts.username or "", parts.password or ""),
        )

    @classmethod
    def as_administrator(cls, settings: Settings) -> "Management":
        return cls(cls.as_monitor(settings).url, ("admin", settings.admin_password))

    def call(self, method: str, path: str, **options: Any) -> Any:
        """The answer's JSON, or None where there is none; a refusal is a failure."""
        answer = requests.request(
            method, self.url + path, auth=self.login, timeout=REQUEST_SECONDS, **options
        )
        assert answer.ok, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer.json() if answer.content else None

    def queue(self, vhost: str, name: str) -> dict[str, Any]:
        """What the API tells of a queue."""
        told: dict[str, Any] = self.call("GET", f"queues/{quote(vhost, safe='')}/{name}")
        return told
