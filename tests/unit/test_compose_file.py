"""What docker-compose.yml shares with the code and with .env.example, read without an engine."""

import re
from pathlib import Path

import yaml

from project.config import DEVELOPMENT_MARK, Settings

ROOT = Path(__file__).parents[2]
COMPOSE = (ROOT / "docker-compose.yml").read_text()
DOCKERFILE = (ROOT / "Dockerfile").read_text()
EXAMPLE = (ROOT / ".env.example").read_text()

SETTINGS = {
    f"JOBS_{name.upper()}": field
    for name, field in Settings.model_fields.items()
    if not str(field.description).startswith("`make run`:")
}


def test_every_setting_reaches_the_containers() -> None:
    told = names(r"^ +(JOBS_\w+):", COMPOSE) | names(r"\b(JOBS_\w+)=", DOCKERFILE)

    assert SETTINGS.keys() - told == set()
    assert told - SETTINGS.keys() - {"JOBS_EXTRAS", "JOBS_REVISION"} == set()


def test_example_lists_the_compose_files_variables() -> None:
    assert names(r"^#(JOBS_\w+)=", EXAMPLE) == names(r"\$\{(JOBS_\w+)", COMPOSE) | passed_on()


def test_example_shows_the_defaults_that_hold() -> None:
    for name, shown in re.findall(r"^#(JOBS_\w+)=(.*)$", EXAMPLE, re.MULTILINE):
        in_compose = re.findall(rf"\$\{{{name}:-((?:[^{{}}]|\$\{{[^}}]*\}})*)\}}", COMPOSE)
        for default in in_compose or [str(SETTINGS[name].default)]:
            assert spelled(resolved(default)) == spelled(shown), name


def test_defaults_equal_the_codes() -> None:
    for name, default in re.findall(r"\$\{(JOBS_\w+):-([^${}]*)\}", COMPOSE):
        # The catcher's host differs, and so does the folder of files.
        if name in SETTINGS and name not in {"JOBS_SMTP_URL", "JOBS_FILES_URL"}:
            assert default == str(SETTINGS[name].default), name


def test_every_default_secret_is_one_that_production_refuses() -> None:
    secrets = re.findall(r"\$\{(JOBS_\w*(?:PASSWORD|KEY|LOGIN)):-([^}]*)\}", COMPOSE)

    assert {name for name, _ in secrets} == {
        "JOBS_ADMIN_PASSWORD",
        "JOBS_BROKER_PASSWORD",
        "JOBS_FLOWER_LOGIN",
        "JOBS_MONITOR_PASSWORD",
        "JOBS_REDIS_PASSWORD",
        "JOBS_SECRET_KEY",
    }
    assert all(DEVELOPMENT_MARK in default for _, default in secrets)


def test_each_queue_has_its_own_worker() -> None:
    commands = {
        name: service["command"]
        for name, service in yaml.safe_load(COMPOSE)["services"].items()
        if "project.worker" in service.get("command", ())
    }

    assert commands == {
        queue.role: ["python", "-m", "project.worker", queue.name]
        for queue in Settings().job_queues.values()
    }


def names(pattern: str, text: str) -> set[str]:
    return set(re.findall(pattern, text, re.MULTILINE))


def passed_on() -> set[str]:
    """The settings that the Compose file names without a value."""
    return names(r"^ +(JOBS_\w+):$", COMPOSE)


def resolved(default: str) -> str:
    """A default with the defaults it refers to filled in."""
    return re.sub(r"\$\{JOBS_\w+:-([^}]*)\}", r"\1", default)


def spelled(value: str) -> str:
    """One spelling of each number: 5 and 5.0 are the same."""
    try:
        return f"{float(value):g}"
    except ValueError:
        return value


def test_mail_catcher_alone_runs_from_the_development_image() -> None:
    """The production image has no library that receives mail."""
    services = yaml.safe_load(COMPOSE)["services"]
    targets = {name: one["build"]["target"] for name, one in services.items() if "build" in one}
    images = {name for name, one in services.items() if one["image"].endswith("-dev")}

    assert targets == {"prepare": "production", "mailcatcher": "dev"}
    assert images == {"mailcatcher"}
    assert re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE)[-1] == "production"
