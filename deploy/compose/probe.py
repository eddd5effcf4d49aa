"""Health check of a container that serves HTTP: exits 0 if the URL answers 200, or says why not.

    python -m deploy.compose.probe URL

It connects directly to the server: unlike urllib, http.client ignores proxies in the environment,
which the engine may have passed in. It imports none of our code, so it costs little.
"""

import sys
from http.client import HTTPConnection, HTTPException
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 4
"""Below the health check's own timeout, so that the reason is printed."""


def main() -> None:
    url = urlsplit(sys.argv[1])
    connection = HTTPConnection(url.netloc, timeout=TIMEOUT_SECONDS)
    try:
        connection.request("GET", url.path)
        answer = connection.getresponse()
        body = answer.read(500).decode(errors="replace")
    except (OSError, HTTPException) as error:
        sys.exit(f"no answer: {error!r}")
    if answer.status != 200:
        sys.exit(f"{answer.status}: {body}")


if __name__ == "__main__":
    main()
