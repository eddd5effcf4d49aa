"""The web server: gunicorn with gevent, so that thousands of open event streams cost little."""

# The first process imports the application, and its workers are forked from it: before that, what
# blocks must be gevent's.
from gevent import monkey

monkey.patch_all()

import gc
import resource
import socket
import threading
import time
from contextlib import suppress
from typing import Any

from gunicorn.glogging import Logger
from gunicorn.http import wsgi
from gunicorn.workers.ggevent import GeventWorker

from project.config import Settings
from project.import_blocking import block_imports
from project.observability.pipeline import configure_logging

with block_imports("opentelemetry"):
    import redis  # noqa: F401 - the application does; it is for what redis-py imports

settings = Settings()

bind = f"{settings.web_host}:{settings.web_port}"
workers = settings.web_workers
# What is imported once is there once.
preload_app = True
# A stopping worker lets requests end; a submit takes about two seconds at the most.
graceful_timeout = 5
# Longer than others keep an idle connection to us, as who sends while we end it has no answer:
# nginx and AWS's load balancers end theirs after 60 s, and nginx itself gives its clients 75.
keepalive = 75
# An open page has several connections then, and each takes a file descriptor.
worker_connections = 10_000
_, _most = resource.getrlimit(resource.RLIMIT_NOFILE)
resource.setrlimit(resource.RLIMIT_NOFILE, (_most, _most))
# gunicorn's own control socket lies in the home folder, where two stacks would share it.
control_socket_disable = True
max_requests = 0
# gunicorn takes SCRIPT_NAME and PATH_INFO from the headers of whoever connects from this machine,
# as a proxy does, which may hand on what its client has sent: any route could be reached by the
# address of another one. Nothing of ours is behind a prefix; so no header says where it is.
forwarder_headers = ""
# The one header by which a proxy (deploy/nginx) says that it speaks TLS; gunicorn knows three, and
# a proxy that sets one hands the others on.
secure_scheme_headers = {"X-FORWARDED-PROTO": "https"}
accesslog = None  # the application writes one outcome line per request
proc_name = "jobs-web"

_PACKET_BYTES = 64 * 1024
_CHECK_SECONDS = 0.25
_STOPPING_KEEPALIVE_SECONDS = 2


class JsonLogger(Logger):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own messages go through our pipeline."""

    def setup(self, cfg: Any) -> None:  # noqa: ARG002 - gunicorn calls it with its settings
        """Configure the pipeline instead of gunicorn's handlers."""
        configure_logging(settings)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        self.error_log.setLevel("INFO")


logger_class = JsonLogger


class Response(wsgi.Response):  # type: ignore[misc]  # gunicorn has no types
    """Sends an answer that is there as a whole in one packet.

    gunicorn's own sends the headers, then the body: each takes 30 µs, and wakes the client.
    """

    sock: Any

    def write(self, arg: bytes) -> None:
        """Send the body, or a part of it, behind the headers."""
        if self.headers_sent or self.response_length != len(arg) or len(arg) > _PACKET_BYTES:
            super().write(arg)
            return
        pieces = Pieces()
        client, self.sock = self.sock, pieces
        try:
            super().write(arg)
        finally:
            self.sock = client
        client.sendall(b"".join(pieces))


class Pieces(list[bytes]):
    """What would have been sent."""

    sendall = list.append


wsgi.Response = Response


class Worker(GeventWorker):  # type: ignore[misc]  # gunicorn has no types
    """gunicorn's own waits for each idle connection when it is told to stop; this one ends them."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._idle_since: dict[socket.socket, float] = {}

    def handle(self, listener: Any, client: socket.socket, addr: Any) -> None:
        """Serve a connection to its end."""
        self._idle_since[client] = time.monotonic()
        try:
            super().handle(listener, client, addr)
        finally:
            self._idle_since.pop(client, None)

    def handle_request(self, listener_name: Any, req: Any, sock: socket.socket, addr: Any) -> None:
        """Answer one request."""
        self._idle_since.pop(sock, None)
        try:
            super().handle_request(listener_name, req, sock, addr)
        finally:
            self._idle_since[sock] = time.monotonic()

    def end_idle(self) -> None:
        """Read no more from connections that have been idle; what they had sent is still read."""
        for client, since in list(self._idle_since.items()):
            if time.monotonic() - since > _STOPPING_KEEPALIVE_SECONDS:
                with suppress(OSError):  # the peer was faster
                    client.shutdown(socket.SHUT_RD)


# Measured on two cores, two workers, 1,000 open event streams: gevent answers all of them within a
# second and submits at p50 10 ms beside them, with 36 MiB more memory. gthread holds a thread a
# stream: 2 x 4 threads answered 8 streams, 2 x 64 answered 128, 2 x 600 all, at p50 16 ms.
#
# CPU of the web processes for a request that does nothing, 16 kept connections: 130 µs. With
# gunicorn's parser in C (gunicorn_h1c) it is 118, and gunicorn uses that where it is installed; our
# locks have it not, because the release that gunicorn 27.0 asks for could not be had. With gevent's
# own server (gevent_pywsgi) it is 94, but an idle connection then holds up a worker that stops: 5 s
# instead of 2. gthread takes 136.
#
# The connections spread over the processes as they come, 3 to 5 at the worst. With `reuse_port` no
# better, and one that waits for the busier process shows: p99 12 ms instead of 6.
worker_class = Worker


def when_ready(_server: Any) -> None:
    """Leave what the workers share to them all: a collector's look would copy it into each."""
    gc.freeze()


def worker_exit(_server: Any, worker: Any) -> None:
    """Send the spans that are left."""
    if getattr(worker, "wsgi", None):  # it may have ended before it had one
        worker.wsgi.extensions["services"].spans.close()


def _settle_settings(config: Any) -> None:
    """Make gunicorn's settings plain attributes: it looks each one up in three steps otherwise,
    forty times a request, which is one part in thirty of the CPU time of a submit."""
    vars(config).update({name: setting.get() for name, setting in config.settings.items()})


def post_worker_init(worker: Any) -> None:
    """When the worker is told to stop, end what would hold it up: streams, idle connections."""
    _settle_settings(worker.cfg)
    listener = worker.wsgi.extensions["services"].listener

    def watch() -> None:
        while worker.alive:
            time.sleep(_CHECK_SECONDS)
        listener.close()
        while True:
            worker.end_idle()
            time.sleep(_CHECK_SECONDS)

    threading.Thread(target=watch, name="closer", daemon=True).start()
