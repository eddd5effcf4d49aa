"""The Docker Compose stack under test: its own project name, free ports, no .env of a developer."""

import json
import os
import socket
import subprocess
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
LOGS = ROOT / "logs"

PORTS = ("JOBS_WEB_PORT", "JOBS_FLOWER_PORT", "JOBS_CONSOLE_PORT", "JOBS_MAILCATCHER_PORT")
SERVICES = {
    "flower",
    "mailcatcher",
    "rabbitmq",
    "redis",
    "scheduler",
    "web",
    "worker-long",
    "worker-short",
}
OUR_SERVICES = SERVICES - {"rabbitmq", "redis"}

BUILD_SECONDS = 1200
UP_SECONDS = 180


@dataclass(frozen=True)
class Stack:
    """One Compose project. `ports` are what it publishes on 127.0.0.1."""

    ports: Mapping[str, int]
    project: str = field(default_factory=lambda: f"jobs-test-{uuid.uuid4().hex[:8]}")

    def build(self) -> None:
        self.compose("build", timeout=BUILD_SECONDS)

    def up(self, *arguments: str) -> None:
        """Start everything and return once all of it is healthy."""
        try:
            self.compose("up", "--detach", "--wait", *arguments, timeout=UP_SECONDS)
        except (AssertionError, subprocess.TimeoutExpired) as error:
            seen = self.compose("ps", "--all") + self.compose("logs", "--tail", "40")
            raise AssertionError(f"{error}\n{seen}") from None

    def down(self, *arguments: str) -> None:
        self.compose("down", *arguments, timeout=UP_SECONDS)

    def remove(self) -> None:
        """Leave nothing of it on the machine but its lines in ./logs."""
        self.down("--volumes", "--remove-orphans")
        subprocess.run(
            ["docker", "image", "rm", "--force", self.project, f"{self.project}-dev"],
            check=False,
            capture_output=True,
        )

    def compose(self, *arguments: str, timeout: float = 60, **variables: str) -> str:
        """What `docker compose` prints; fails with all it said if it fails."""
        done = self.attempt(*arguments, timeout=timeout, **variables)
        assert done.returncode == 0, (
            f"docker compose {' '.join(arguments)} failed ({done.returncode}):\n"
            f"{done.stdout}{done.stderr}"
        )
        return done.stdout

    def attempt(
        self, *arguments: str, timeout: float = 60, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Run `docker compose`, whatever comes of it."""
        command = ["docker", "compose", "--env-file", os.devnull, "--project-name", self.project]
        return subprocess.run(
            [*command, "--progress", "plain", *arguments],
            cwd=ROOT,
            env=self._environment(variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def containers(self, service: str = "") -> list[dict[str, Any]]:
        """What the engine knows of the running containers (of one service)."""
        ids = self.compose("ps", "--quiet", *filter(None, [service])).split()
        return inspect(ids)

    def url(self, path: str, port: str = "JOBS_WEB_PORT") -> str:
        return f"http://127.0.0.1:{self.ports[port]}{path}"

    def _environment(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The defaults of docker-compose.yml hold, except for what is named here."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("JOBS_")}
        ports = {name: str(port) for name, port in self.ports.items()}
        return kept | ports | {"JOBS_IMAGE": self.project} | dict(variables)


def inspect(ids: list[str]) -> list[dict[str, Any]]:
    printed = subprocess.run(
        ["docker", "inspect", *ids], check=True, capture_output=True, text=True
    ).stdout
    found: list[dict[str, Any]] = json.loads(printed)
    return found


def service_of(container: Mapping[str, Any]) -> str:
    name: str = container["Config"]["Labels"]["com.docker.compose.service"]
    return name


def require_engine() -> None:
    """Without an engine the tests fail; they never skip."""
    for command in (["docker", "info"], ["docker", "compose", "version"]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        except FileNotFoundError:
            raise AssertionError("these tests need Docker with Compose v2: no `docker`") from None
        assert done.returncode == 0, f"`{' '.join(command)}` failed: {done.stderr}"


def free_ports() -> dict[str, int]:
    """A free port for each published one, so that a running `make run` is not in the way."""
    held = [socket.create_server(("127.0.0.1", 0)) for _ in PORTS]
    try:
        return {name: server.getsockname()[1] for name, server in zip(PORTS, held, strict=True)}
    finally:
        for server in held:
            server.close()
