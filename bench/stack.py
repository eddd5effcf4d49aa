"""The native stack that the benchmark runs in, and its servers for the other systems."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from pathlib import Path
from urllib.parse import quote, urlsplit, urlunsplit

import requests
from redis import Redis

from bench.accounting import with_descendants
from bench.waiting import PATIENCE_SECONDS, await_that
from deploy.native.daemon import Daemon
from deploy.native.endpoints import url_port
from deploy.native.places import Places
from deploy.native.readiness import check_program
from deploy.rabbitmq.definitions import ADMINISTRATOR
from project.config import Settings

PEERS = "peers"
"""The virtual host of the other systems."""
BROKER_DATABASE, RESULTS_DATABASE = 1, 2
"""The Redis databases of the other systems; ours is 0."""
WORKERS = ("worker-short", "worker-long")
IDLE_PROGRAMS = ("web", "scheduler")
"""Programs that run all the time, even while nothing is measured."""


@dataclass(frozen=True)
class Stack:
    """RabbitMQ, Redis and our programs, as `make run` starts them."""

    settings: Settings
    variables: Mapping[str, str] = field(default_factory=dict)
    """Variables that its programs read but that are not in the benchmark's own environment."""

    @cached_property
    def redis(self) -> "Redis":
        """Our Redis database."""
        return Redis.from_url(self.settings.redis_url, decode_responses=True)

    def redis_url(self, database: int) -> str:
        """Return the URL of another database of the same server."""
        return urlunsplit(urlsplit(self.settings.redis_url)._replace(path=f"/{database}"))

    @property
    def peers_broker_url(self) -> str:
        """URL of the other systems' virtual host in RabbitMQ."""
        login = f"{ADMINISTRATOR}:{quote(self.settings.admin_password)}"
        return f"amqp://{login}@127.0.0.1:{url_port(self.settings.broker_url)}/{PEERS}"

    def at_ports(self, broker: int, redis: int) -> "Stack":
        """Return the same stack with other ports of RabbitMQ and Redis for new programs."""
        urls = {
            "broker_url": _at_port(self.settings.broker_url, broker),
            "redis_url": _at_port(self.settings.redis_url, redis),
        }
        return replace(self, settings=self.settings.model_copy(update=urls))

    def environment(self) -> dict[str, str]:
        """Return the variables that the other systems' programs read."""
        return {
            "BENCH_BROKER_URL": self.peers_broker_url,
            "BENCH_REDIS_BROKER_URL": self.redis_url(BROKER_DATABASE),
            "BENCH_RESULTS_URL": self.redis_url(RESULTS_DATABASE),
        }

    def empty_peers(self) -> None:
        """Recreate the other systems' virtual host, and empty their databases."""
        self._manage("DELETE", f"vhosts/{PEERS}")
        self._manage("PUT", f"vhosts/{PEERS}")
        rights = {"configure": ".*", "write": ".*", "read": ".*"}
        self._manage("PUT", f"permissions/{PEERS}/{ADMINISTRATOR}", rights)
        for database in (BROKER_DATABASE, RESULTS_DATABASE):
            with Redis.from_url(self.redis_url(database)) as redis:
                redis.flushdb()

    def rabbitmq_version(self) -> str:
        """The version of RabbitMQ."""
        return str(self._manage("GET", "overview").json()["rabbitmq_version"])

    def pid(self, program: str) -> int:
        """Return the process id of one of our programs."""
        return self._daemon.program(program).pid

    def server_pids(self) -> dict[str, list[int]]:
        """Return the process ids of both servers."""
        return {
            "RabbitMQ": with_descendants([self.pid("rabbitmq")]),
            "Redis": [self.pid("redis")],
        }

    def stop(self, *names: str) -> None:
        """Stop programs, those of a group together, and wait until they have ended."""
        for group in {self._daemon.program(name).group for name in names}:
            self._daemon.stop_group(group)
        for name in names:
            await_that(partial(self._is_stopped, name), f"{name} stops")

    def start(self, *names: str) -> None:
        """Start programs, without waiting until they are ready."""
        for program in map(self._daemon.program, names):
            if not program.is_running():
                self._daemon.start(program)

    def await_ready(self, *names: str) -> None:
        """Wait until the programs are ready."""
        for name in names:
            await_that(partial(self._is_ready, name), f"{name} runs")

    def rest(self) -> None:
        """Stop everything except the servers, so that another stack has the machine for itself."""
        self.stop(*IDLE_PROGRAMS, *WORKERS, "flower")

    def wake(self) -> None:
        """Restart the programs that run all the time."""
        self.stop(*IDLE_PROGRAMS)
        self.start(*IDLE_PROGRAMS)
        self.await_ready("web")

    def _is_stopped(self, name: str) -> bool:
        return self._daemon.program(name).is_stopped()

    def _is_ready(self, name: str) -> bool:
        program = self._daemon.program(name)
        return check_program(program.name, self.settings, program.pid) is None

    @cached_property
    def _daemon(self) -> Daemon:
        data = Path(self.settings.files_url).parent
        return Daemon(Places(data, self.settings.log_dir).socket)

    def _manage(self, method: str, path: str, body: object = None) -> requests.Response:
        port = url_port(self.settings.management_url)
        answer = requests.request(
            method,
            f"http://127.0.0.1:{port}/api/{path}",
            json=body,
            auth=(ADMINISTRATOR, self.settings.admin_password),
            timeout=PATIENCE_SECONDS,
        )
        if answer.status_code != 404:
            answer.raise_for_status()
        return answer


def _at_port(url: str, port: int) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return urlunsplit(parts._replace(netloc=f"{login}@127.0.0.1:{port}"))
