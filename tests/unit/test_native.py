"""The native stack's pure parts: ports, sentences, the table, the files it writes."""

import configparser
import errno
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from deploy.native import ports, preparation, readiness, table
from deploy.native.daemon import CONFIGURATION
from deploy.native.drift import compare_queues
from deploy.native.endpoints import Endpoint, catches_mail, find_unsuitable, list_endpoints
from deploy.native.places import LONGEST_SOCKET_PATH, ROOT, Places
from deploy.native.processes import Process
from deploy.native.throwaway import PORT_COUNT, throwaway_settings
from deploy.rabbitmq.topology import topology
from project.config import Settings

WEB = Endpoint("web page", "127.0.0.1", 5004, "JOBS_WEB_PORT")
IN_USE = OSError(errno.EADDRINUSE, "Address already in use")


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port that this process listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def configuration() -> configparser.RawConfigParser:
    """supervisord.conf."""
    parser = configparser.RawConfigParser(inline_comment_prefixes=(";",))
    parser.read(CONFIGURATION)
    return parser


def programs() -> dict[str, configparser.SectionProxy]:
    """The programs of supervisord.conf by name."""
    return {
        name.removeprefix("program:"): section
        for name, section in configuration().items()
        if name.startswith("program:")
    }


def rendered(**changes: Any) -> str:
    """The table of the default settings, with these changed."""
    return table.render(Settings(**changes), Places(ROOT / "data", ROOT / "logs"))


# Ports


def test_taken_port_is_named_with_its_process_and_the_setting_to_change() -> None:
    sentence = ports.describe_conflict(WEB, IN_USE, Process(4711, "python -m http.server"))
    assert sentence == (
        "Port 5004 (web page) is taken by process 4711 (python -m http.server): "
        "stop it, or choose another port with JOBS_WEB_PORT."
    )


def test_taken_port_of_another_user_tells_how_to_find_the_process() -> None:
    sentence = ports.describe_conflict(WEB, IN_USE, None)
    assert "`sudo ss -ltnp sport = :5004`" in sentence
    assert "JOBS_WEB_PORT" in sentence


def test_port_that_needs_root_is_not_called_taken() -> None:
    denied = OSError(errno.EACCES, "Permission denied")
    sentence = ports.describe_conflict(WEB, denied, None)
    assert "cannot be opened on 127.0.0.1 (Permission denied): set JOBS_WEB_PORT" in sentence


def test_process_that_really_listens_is_found(taken_port: int) -> None:
    endpoint = Endpoint("web page", "127.0.0.1", taken_port, "JOBS_WEB_PORT")
    (sentence,) = ports.find_conflicts([endpoint])
    assert f"Port {taken_port} (web page) is taken by process " in sentence
    assert "pytest" in sentence or "python" in sentence


def test_port_that_a_stranger_has_on_the_ipv6_loopback_is_taken() -> None:
    try:
        server = socket.create_server(("::1", 0), family=socket.AF_INET6)
    except OSError:
        pytest.skip("this machine has no IPv6, so no stranger on it either")
    with server:
        endpoint = Endpoint("web page", "127.0.0.1", server.getsockname()[1], "JOBS_WEB_PORT")
        assert len(ports.find_conflicts([endpoint])) == 1


def test_two_settings_with_one_port_are_told_apart() -> None:
    claim, (free,) = ports.claim_block(1)
    with claim:
        (sentence,) = ports.find_conflicts(
            [
                Endpoint("web page", "127.0.0.1", free, "JOBS_WEB_PORT"),
                Endpoint("Flower", "127.0.0.1", free, "JOBS_FLOWER_PORT"),
            ]
        )
    assert "JOBS_WEB_PORT and JOBS_FLOWER_PORT name the same port" in sentence


def test_stacks_that_start_at_once_get_different_ports() -> None:
    first, mine = ports.claim_block(PORT_COUNT)
    second, others = ports.claim_block(PORT_COUNT)
    with first, second:
        assert not set(mine) & set(others)


def test_every_endpoint_names_an_existing_setting() -> None:
    known = {f"JOBS_{name.upper()}" for name in Settings.model_fields}
    assert {endpoint.setting for endpoint in list_endpoints(Settings())} <= known


def test_default_ports_are_all_different() -> None:
    found = [endpoint.port for endpoint in list_endpoints(Settings())]
    assert len(set(found)) == len(found)


# Servers that are not ours


def test_server_on_another_machine_is_refused_with_its_setting() -> None:
    (sentence,) = find_unsuitable(Settings(broker_url="amqp://jobs:secret@rabbit.example/jobs"))
    assert sentence.startswith("JOBS_BROKER_URL names amqp://rabbit.example")
    assert "secret" not in sentence


def test_default_settings_are_suitable() -> None:
    assert find_unsuitable(Settings()) == []


@pytest.mark.parametrize("url", ["smtp://mail.example", "smtps://127.0.0.1"])
def test_mail_catcher_stays_away_where_mail_goes_to_a_real_server(url: str) -> None:
    settings = Settings(smtp_url=url)
    assert not catches_mail(settings)
    assert all("SMTP" not in endpoint.name for endpoint in list_endpoints(settings))


# Throwaway stacks


def test_throwaway_stack_listens_on_its_own_ports_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = list(range(20000, 20000 + PORT_COUNT))
    for name, value in throwaway_settings(Settings(), Path("/nowhere"), own).items():
        monkeypatch.setenv(name, value)
    assert sorted(endpoint.port for endpoint in list_endpoints(Settings())) == own


def test_throwaway_stack_writes_into_its_own_folder_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    own = list(range(20000, 20000 + PORT_COUNT))
    for name, value in throwaway_settings(Settings(), Path("/nowhere"), own).items():
        monkeypatch.setenv(name, value)
    paths = [value for _, value in Settings() if isinstance(value, Path)]
    assert paths
    assert all(path.is_relative_to("/nowhere") for path in paths)


def test_throwaway_stack_keeps_users_passwords_and_virtual_host() -> None:
    moved = throwaway_settings(Settings(), Path("/nowhere"), list(range(20000, 20010)))
    assert moved["JOBS_BROKER_URL"] == "amqp://jobs:development-jobs@127.0.0.1:20004/jobs"
    assert moved["JOBS_REDIS_URL"] == "redis://:development-redis@127.0.0.1:20009/0"


# The table


def test_table_shows_where_everything_is() -> None:
    text = rendered(web_port=6004, public_url="http://localhost:6004", flower_port=6556)
    for place in ("http://localhost:6004", ":6556", ":15672", ":5673", ":6380", ":8025", "1025"):
        assert place in text


def test_table_shows_development_defaults_and_calls_them_so() -> None:
    text = rendered()
    assert "admin / development-admin" in text
    assert "defaults for this machine only" in text


def test_table_never_shows_a_password_of_ones_own() -> None:
    text = rendered(
        admin_password="s3cret-admin",
        flower_login="flower:s3cret-flower",
        broker_url="amqp://jobs:s3cret-jobs@127.0.0.1:5673/jobs",
        redis_url="redis://:s3cret-redis@127.0.0.1:6380/0",
        management_url="http://monitor:s3cret-monitor@127.0.0.1:15672/api/",
    )
    assert "s3cret" not in text
    assert "admin / as in JOBS_ADMIN_PASSWORD" in text


def test_table_fits_a_wide_terminal() -> None:
    assert max(len(line) for line in rendered().splitlines()) <= 120


# Queues made by an older version


def test_queue_with_other_arguments_is_told() -> None:
    found = [{"name": "short", "arguments": {"x-queue-type": "classic"}}]
    (sentence,) = compare_queues(topology("jobs", ["short"])["queues"], found)
    assert sentence.startswith("Queue short was declared with other arguments")


def test_queues_as_defined_are_no_matter() -> None:
    queues = topology("jobs", ["short"])["queues"]
    assert compare_queues(queues, [*queues, {"name": "celeryev.1", "arguments": {}}]) == []


# What is written before a start


def test_secrets_are_readable_by_their_owner_alone(tmp_path: Path) -> None:
    preparation.prepare(Settings(), Places(tmp_path / "data", tmp_path / "logs"))
    written = [path for path in (tmp_path / "data").rglob("*") if path.is_file()]
    assert {oct(path.stat().st_mode & 0o777) for path in written} == {"0o600"}
    assert {path.name for path in written} >= {"redis.conf", "definitions.json", ".erlang.cookie"}


def test_cookie_stays_the_same_over_a_restart(tmp_path: Path) -> None:
    places = Places(tmp_path / "data", tmp_path / "logs")
    preparation.prepare(Settings(), places)
    cookie = (places.rabbitmq / "home" / ".erlang.cookie").read_text()
    preparation.prepare(Settings(), places)
    assert (places.rabbitmq / "home" / ".erlang.cookie").read_text() == cookie


def test_redis_gets_a_password_with_quotes_whole(tmp_path: Path) -> None:
    places = Places(tmp_path / "data", tmp_path / "logs")
    preparation.prepare(Settings(redis_url="redis://:a%22b%5Cc d@127.0.0.1:6380/0"), places)
    assert r'requirepass "a\"b\\c d"' in (places.redis / "redis.conf").read_text()


def test_users_rabbitmq_and_erlang_variables_do_not_reach_ours(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RABBITMQ_NODE_PORT", "5672")
    monkeypatch.setenv("ERL_EPMD_PORT", "4369")
    places = Places(tmp_path / "data", tmp_path / "logs")
    environment = preparation.supervisor_environment(Settings(), places)
    assert not {"RABBITMQ_NODE_PORT", "ERL_EPMD_PORT"} & environment.keys()


def test_control_socket_of_a_deep_clone_still_fits(tmp_path: Path) -> None:
    places = Places(tmp_path / ("deep" * 40), tmp_path)
    assert len(str(places.socket)) <= LONGEST_SOCKET_PATH
    assert places.socket == Places(tmp_path / ("deep" * 40), tmp_path).socket
    assert places.socket != Places(tmp_path / ("deeper" * 40), tmp_path).socket


# supervisord.conf


def test_every_program_but_the_scheduler_has_a_check_of_its_readiness() -> None:
    # supervisord's `startsecs` is the scheduler's: it offers nothing that could be asked.
    workers = {queue.role for queue in Settings().job_queues.values()}
    assert readiness.CHECKS.keys() | workers == programs().keys() - {"scheduler"}


def test_every_queue_has_a_worker_that_consumes_it_alone() -> None:
    consumed = {
        name: re.findall(r"project\.worker (\S+)", section["command"])
        for name, section in programs().items()
        if name.startswith("worker-")
    }
    assert consumed == {queue.role: [queue.name] for queue in Settings().job_queues.values()}
    assert configuration()["group:workers"]["programs"].split(",") == [*consumed]


def test_every_program_ends_with_its_supervisord_and_prints_into_its_log() -> None:
    for name, section in programs().items():
        assert section["command"].startswith("setpriv --pdeathsig TERM ")
        assert section["killasgroup"] == "true"
        assert section["stdout_logfile"] == f"%(ENV_NATIVE_DATA)s/supervisor/{name}.log"


def test_every_variable_of_the_configuration_is_set(tmp_path: Path) -> None:
    used = set(re.findall(r"%\(ENV_(\w+)\)s", CONFIGURATION.read_text()))
    places = Places(tmp_path / "data", tmp_path / "logs")
    assert used <= preparation.supervisor_environment(Settings(), places).keys()


def test_roles_are_the_programs_names() -> None:
    roles = {
        name: re.findall(r'JOBS_ROLE="([^"]+)"', section.get("environment", ""))
        for name, section in programs().items()
    }
    others = {"epmd", "rabbitmq", "redis"}
    # A worker's role follows from its queue.
    ours = {name for name in roles if not name.startswith("worker-")} - others
    assert {name: roles[name] for name in ours} == {name: [name] for name in ours}
