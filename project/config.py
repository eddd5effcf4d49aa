"""Settings: the only module that reads the environment.

Every setting has one name, type, default and reader. Its environment variable is `JOBS_` and its
name in capitals; the README's table is checked against this class.
"""

import re
from collections.abc import Mapping
from importlib.util import find_spec
from ipaddress import ip_network
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from project.queues import QueueSettings, parse_queues

DEVELOPMENT_MARK = "development-"
"""Every secret's default contains this mark; production refuses a setting that still has it."""

_ADDRESS = r"(?!\S*=\?)[^\s@<>,;]+@[^\s@<>,;]+"
_SENDER = re.compile(rf"{_ADDRESS}|[^\x00-\x1f\x7f-\x9f\u2028\u2029]*<{_ADDRESS}>")


class Settings(BaseSettings):
    """All settings, frozen, with the defaults of `make run`."""

    model_config = SettingsConfigDict(
        env_prefix="JOBS_", frozen=True, extra="ignore", hide_input_in_errors=True
    )

    environment: Literal["development", "production"] = Field(
        "development", description="`production` refuses to start with a development default"
    )
    role: str = Field("web", description="Which process this is; names its log file")

    secret_key: str = Field(
        "development-secret-key-for-this-machine-only",
        min_length=32,
        description="Signs cookies and confirmation links; a secret of 32 characters or more",
    )
    broker_url: str = Field(
        "amqp://jobs:development-jobs@127.0.0.1:5673/jobs",
        description="RabbitMQ, as the application's user",
    )
    redis_url: str = Field(
        "redis://:development-redis@127.0.0.1:6380/0",
        description="Redis: ledger, results, events and schedules",
    )
    management_url: str = Field(
        "http://monitor:development-monitor@127.0.0.1:15672/api/",
        description="RabbitMQ's management API, as the monitoring user; ends in `/api/`",
    )
    admin_password: str = Field(
        "development-admin",
        description="Password of `admin`, the administrator in the RabbitMQ console",
    )

    rabbitmq_metrics_port: int = Field(
        15692, ge=1, le=65535, description="`make run`: port of RabbitMQ's Prometheus metrics"
    )
    rabbitmq_node_port: int = Field(
        25673, ge=1, le=65535, description="`make run`: port of RabbitMQ's Erlang distribution"
    )
    rabbitmq_epmd_port: int = Field(
        4370, ge=1, le=65535, description="`make run`: port of RabbitMQ's Erlang port mapper"
    )

    web_host: str = Field("127.0.0.1", description="Address the web server listens on")
    web_port: int = Field(5004, ge=1, le=65535, description="Port the web server listens on")
    web_workers: int = Field(2, ge=1, description="Web server processes")
    public_url: str = Field(
        default_factory=lambda values: f"http://localhost:{values.get('web_port', 5004)}",
        description="How people reach the page; links in mail start with it",
    )

    tool_links: dict[str, str] = Field(
        {},
        description="Links on the page, as JSON: name to URL. Development: console, Flower, mail",
    )

    flower_port: int = Field(5556, ge=1, le=65535, description="Port Flower listens on")
    flower_host: str = Field("127.0.0.1", description="Address Flower listens on")
    flower_login: str = Field(
        "flower:development-flower", description="Flower's login, as `user:password`"
    )
    flower_database: Path = Field(
        Path("data/flower/flower.db"), description="Where Flower keeps its state over a restart"
    )

    kinds: str = Field(
        "",
        description="Built-in kinds to offer beside `create_task`, comma-separated, as in "
        "`image.thumbnail,email.send`; empty: all",
    )
    extra_kinds: str = Field(
        "",
        description="Modules with your own kinds, comma-separated; each defines a list `KINDS`",
    )
    queues: str = Field(
        "",
        description="The queues, as in `short; long; gpu: concurrency=1, soft_stop=no` "
        "([Add a queue](#add-a-queue)); empty: `short` and `long`",
    )
    process_memory_bytes: int = Field(
        512 * 1024 * 1024,
        ge=0,
        description="A worker process that uses more memory than this after a job, bytes, is "
        "replaced before its next job; 0: never",
    )
    shutdown_seconds: float = Field(
        5.0,
        ge=0,
        description="How long a stopping worker lets its jobs finish, seconds; "
        "the worker of a queue with `soft_stop=no` requeues them at once",
    )
    heartbeat_file: str = Field(
        "", description="File that a worker touches every 5 seconds while it runs; empty: none"
    )

    smtp_url: str = Field(
        "smtp://127.0.0.1:1025",
        description="Mail server: `smtp://`, `smtps://` or `smtp+starttls://`, may have a login",
    )
    mail_from: str = Field(
        "jobs@localhost.example",
        description="Sender of outgoing mail: an address, or `Name <address>`",
    )
    mailcatcher_host: str = Field(
        "127.0.0.1", description="Address the local mail catcher listens on"
    )
    mailcatcher_port: int = Field(
        8025, ge=1, le=65535, description="Port of the mail catcher's inbox page"
    )
    mail_dir: Path = Field(
        Path("data/mail"), description="Folder where the mail catcher keeps its mail"
    )

    submit_timeout_seconds: float = Field(
        2.0, gt=0, description="Longest time before a submit answers 503, seconds"
    )
    retention_seconds: int = Field(
        7 * 24 * 3600,
        ge=60,
        description="How long a succeeded or cancelled job is kept, seconds",
    )
    failed_retention_seconds: int = Field(
        30 * 24 * 3600, ge=60, description="How long a failed or dead job is kept, seconds"
    )
    queue_limit: int = Field(
        100_000,
        ge=1,
        description="How many jobs may wait in a queue; further submits are answered 429",
    )
    confirmation_seconds: int = Field(
        24 * 3600, ge=60, description="How long a confirmation link works, seconds"
    )
    files_url: str = Field(
        "data/files",
        min_length=1,
        description="Folder of uploads and results, or a bucket as in `s3://bucket/folder`",
    )
    scratch_dir: Path = Field(
        Path("data/scratch"),
        description="With a bucket: folder for files in transfer and files of running jobs",
    )
    max_upload_bytes: int = Field(
        1024 * 1024 * 1024, ge=1024, description="Largest file that may be uploaded, bytes"
    )
    max_picture_bytes: int = Field(
        10 * 1024 * 1024, ge=1024, description="Largest picture that a sign-up accepts, bytes"
    )
    max_picture_pixels: int = Field(
        50_000_000, ge=1, description="Largest picture that is accepted, width × height"
    )

    crawl_allowed_networks: str = Field(
        "",
        description="Networks that a crawl may reach although they are not public, "
        "comma-separated, as in `10.1.0.0/16`; empty: none",
    )

    job_log_lines: int = Field(
        1000,
        ge=0,
        le=10_000,
        description="How many of the newest lines that a job's code logs are kept with the job; "
        "0: none",
    )
    log_dir: Path = Field(Path("logs"), description="Folder of the JSON log files")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        "INFO", description="Lines below this level are not written"
    )
    log_debug_share: float = Field(
        1.0, ge=0, le=1, description="Share of the traces whose debug lines are written, 0 to 1"
    )
    log_max_bytes: int = Field(
        50 * 1024 * 1024,
        ge=0,
        description="Size at which a log file is rotated, bytes; 0: left to logrotate",
    )
    log_max_age_seconds: int = Field(
        24 * 3600,
        ge=60,
        description="Age of its first line at which a log file is rotated, seconds",
    )
    log_files_kept: int = Field(10, ge=1, description="How many rotated files of a role are kept")

    trace_link: str = Field(
        "",
        description="URL that shows a trace, with `{trace_id}`; the page links to it",
    )
    otlp_endpoint: str = Field(
        "",
        description="OpenTelemetry collector that receives spans, OTLP over HTTP, "
        "as in `http://collector:4318`; empty: none",
    )

    @model_validator(mode="after")
    def _refuse_development_defaults(self) -> Self:
        """In production, refuse secrets that still have their development default."""
        if self.environment == "production":
            unset = [
                f"JOBS_{name.upper()}"
                for name, value in self
                if isinstance(value, str) and DEVELOPMENT_MARK in value
            ]
            if unset:
                raise ValueError(
                    f"JOBS_ENVIRONMENT is production, but {', '.join(unset)} still "
                    "holds a development default: set it to a secret of your own"
                )
        return self

    @property
    def job_queues(self) -> Mapping[str, QueueSettings]:
        """The queues by name, in the setting's order."""
        return parse_queues(self.queues)

    @model_validator(mode="after")
    def _check_queues(self) -> Self:
        """Refuse an invalid queue with the error of `parse_queues`."""
        parse_queues(self.queues)
        return self

    @property
    def crawl_networks(self) -> tuple[str, ...]:
        """Networks that a crawl may reach although they are not public."""
        return tuple(filter(None, map(str.strip, self.crawl_allowed_networks.split(","))))

    @model_validator(mode="after")
    def _check_sender(self) -> Self:
        """Refuse an invalid sender at the start instead of at the first mail."""
        if not _SENDER.fullmatch(self.mail_from):
            raise ValueError(
                "JOBS_MAIL_FROM must be an address, or a name and an address as in "
                "Jobs <jobs@example.org>, on one line"
            )
        return self

    @model_validator(mode="after")
    def _check_extras(self) -> Self:
        """Refuse a missing library at the start instead of at the first file or span."""
        for name, extra, library in (
            ("files_url", "s3", "botocore"),
            ("otlp_endpoint", "otel", "opentelemetry"),
        ):
            is_needed = "://" in getattr(self, name)
            if is_needed and find_spec(library) is None:
                raise ValueError(
                    f"JOBS_{name.upper()} needs the extra {extra}, which is not installed: run "
                    f"`pip install --require-hashes -r deploy/requirements/{extra}.txt`, or build "
                    f"the image with {extra} among JOBS_EXTRAS"
                )
        return self

    @model_validator(mode="after")
    def _check_networks(self) -> Self:
        """Refuse an invalid network at the start instead of at the first crawl."""
        for network in self.crawl_networks:
            try:
                ip_network(network)
            except ValueError as error:
                raise ValueError(
                    "JOBS_CRAWL_ALLOWED_NETWORKS must be networks as in 10.1.0.0/16, "
                    f"comma-separated: {error}"
                ) from None
        return self

    @model_validator(mode="after")
    def _check_urls(self) -> Self:
        """Refuse an invalid URL at the start and name its variable."""
        schemes = {
            "broker_url": ("amqp", "amqps"),
            "redis_url": ("redis", "rediss"),
            "management_url": ("http", "https"),
            "public_url": ("http", "https"),
            "smtp_url": ("smtp", "smtps", "smtp+starttls"),
        }
        for name, allowed in schemes.items():
            if not _is_url(getattr(self, name), allowed):
                starts = " or ".join(f"{scheme}://" for scheme in allowed)
                raise ValueError(
                    f"JOBS_{name.upper()} must be a URL that starts with {starts} and names a host"
                )
        if "://" in self.files_url and not _is_url(self.files_url, ("s3",)):
            raise ValueError(
                "JOBS_FILES_URL must be a folder, or a bucket as in s3://bucket/folder"
            )
        for name in ("trace_link", "otlp_endpoint"):
            url = getattr(self, name)
            if url and not _is_url(url, ("http", "https")):
                raise ValueError(f"JOBS_{name.upper()} must be a URL that starts with http(s)://")
        if self.trace_link and "{trace_id}" not in self.trace_link:
            raise ValueError("JOBS_TRACE_LINK must contain {trace_id} in place of the id")
        if not self.management_url.endswith("/api/"):
            raise ValueError("JOBS_MANAGEMENT_URL must end in /api/, as Flower requires")
        return self


def _is_url(url: str, schemes: tuple[str, ...]) -> bool:
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:  # the original message would show the URL with its password
        return False
