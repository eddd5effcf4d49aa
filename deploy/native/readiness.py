"""What "ready" means for each program: that it does its work, not only that its process exists.

A check returns None when the program is ready, else the reason why not, in a few words.
"""

import http.client
import socket
from collections.abc import Callable

import amqp  # type: ignore[import-untyped]  # py-amqp ships no types
import redis

from deploy.native.endpoints import LOOPBACK, reachable_host, url_port
from deploy.rabbitmq.definitions import application_login, virtual_host
from project.broker.topology import DEAD_QUEUE
from project.config import Settings
from project.queues import WORKER_ROLE
from project.worker.heartbeat import heartbeat_key

Check = Callable[[Settings, int], str | None]

# A check that hangs has failed: the programs are on this machine.
ANSWER_SECONDS = 5.0


def check_program(name: str, settings: Settings, pid: int) -> str | None:
    """Return why the program, running as process `pid`, is not ready yet; None if it is."""
    check = _check_worker(name) if name.startswith(WORKER_ROLE) else CHECKS[name]
    try:
        return check(settings, pid)
    except (OSError, amqp.AMQPError, redis.RedisError, http.client.HTTPException) as error:
        return str(error) or type(error).__name__


def _check_epmd(settings: Settings, _pid: int) -> str | None:
    return _check_listening(settings.rabbitmq_epmd_port)


def _check_rabbitmq(settings: Settings, _pid: int) -> str | None:
    """Check that the application's user can sign in and sees its queues."""
    login = application_login(settings)
    with amqp.Connection(
        host=f"{LOOPBACK}:{url_port(settings.broker_url)}",
        userid=login.name,
        password=login.password,
        virtual_host=virtual_host(settings),
        connect_timeout=ANSWER_SECONDS,
        read_timeout=ANSWER_SECONDS,
        write_timeout=ANSWER_SECONDS,
    ) as connection:
        channel = connection.channel()
        for queue in (*settings.job_queues, DEAD_QUEUE.name):
            channel.queue_declare(queue, passive=True)
    return _check_http("localhost", url_port(settings.management_url), "/")


def _check_redis(settings: Settings, _pid: int) -> str | None:
    with _connect_redis(settings) as client:
        client.ping()
    return None


def _check_mailcatcher(settings: Settings, _pid: int) -> str | None:
    return _check_listening(url_port(settings.smtp_url)) or _check_http(
        settings.mailcatcher_host, settings.mailcatcher_port, "/healthz"
    )


def _check_web(settings: Settings, _pid: int) -> str | None:
    return _check_http(settings.web_host, settings.web_port, "/readyz")


def _check_flower(settings: Settings, _pid: int) -> str | None:
    return _check_http(settings.flower_host, settings.flower_port, "/healthcheck")


def _check_worker(role: str) -> Check:
    """Check that this very process has written the worker's heartbeat, so it consumes its queue.

    The process matters: the heartbeat of an earlier one remains for some seconds.
    """

    def check(settings: Settings, pid: int) -> str | None:
        with _connect_redis(settings) as client:
            life = client.get(heartbeat_key(role, socket.gethostname()))
        return None if str(life).split()[-1] == str(pid) else "no heartbeat yet"

    return check


def _connect_redis(settings: Settings) -> redis.Redis:
    return redis.Redis.from_url(
        settings.redis_url,
        decode_responses=True,
        socket_timeout=ANSWER_SECONDS,
        socket_connect_timeout=ANSWER_SECONDS,
    )


def _check_listening(port: int) -> str | None:
    with socket.create_connection((LOOPBACK, port), timeout=ANSWER_SECONDS):
        return None


def _check_http(host: str, port: int, path: str) -> str | None:
    # Not with urllib: a proxy in the environment must not come between us and ourselves.
    connection = http.client.HTTPConnection(reachable_host(host), port, timeout=ANSWER_SECONDS)
    try:
        connection.request("GET", path)
        response = connection.getresponse()
        body = response.read(300).decode(errors="replace").strip()
    finally:
        connection.close()
    return None if response.status == 200 else f"GET {path} answers {response.status}: {body}"


CHECKS: dict[str, Check] = {  # beside those of the workers
    "epmd": _check_epmd,
    "rabbitmq": _check_rabbitmq,
    "redis": _check_redis,
    "mailcatcher": _check_mailcatcher,
    "flower": _check_flower,
    "web": _check_web,
}
