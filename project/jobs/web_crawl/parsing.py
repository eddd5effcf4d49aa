"""Passes pages to the page parser, a separate process, and restarts it when it dies."""

import asyncio
import json
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from project.jobs.web_crawl.charsets import find_charset
from project.jobs.web_crawl.page_parser import PARSE_SECONDS, REPLY, REQUEST

_JOBS = Path(__file__).parents[1]
# `project.jobs` imports all kinds, which takes half a second; an empty module replaces it.
_START = f"""
import sys, types
sys.path.append({str(_JOBS.parents[1])!r})
jobs = sys.modules["project.jobs"] = types.ModuleType("project.jobs")
jobs.__path__ = [{str(_JOBS)!r}]
from project.jobs.web_crawl.page_parser import main
main()
"""
PROGRAM = (sys.executable, "-I", "-c", _START)
SAFETY_SECONDS = 10.0
"""Added to the parser's own limit, because starting it takes long on a busy machine."""


@dataclass(frozen=True, slots=True)
class ReadLink:
    """A link as it is written in a page."""

    href: str
    text: str
    is_nofollow: bool


@dataclass(frozen=True, slots=True)
class ReadPage:
    """What a page holds; its addresses are not resolved yet."""

    title: str
    base: str
    canonical: str
    robots: str
    links: tuple[ReadLink, ...]
    links_left_out: int


class PageParser:
    """Parses one page at a time; close it after use."""

    def __init__(self, program: Sequence[str] = PROGRAM) -> None:
        self._program = program
        self._process: Process | None = None
        self._lock = asyncio.Lock()

    @property
    def process_id(self) -> int | None:
        """The id of the running process, if there is one."""
        return self._process.pid if self._process else None

    async def read(
        self, body: bytes, content_type: str, *, is_xml: bool = False
    ) -> ReadPage | None:
        """What the page holds; None if it could not be read in time."""
        async with self._lock:
            try:
                async with asyncio.timeout(PARSE_SECONDS + SAFETY_SECONDS):
                    return _understand(await self._ask(body, find_charset(content_type), is_xml))
            except TimeoutError:
                await self._end()
                return None
            except (OSError, EOFError):
                await self._forget()
                return None
            except asyncio.CancelledError:  # the process is in the middle of a page
                await self._end()
                raise

    async def close(self) -> None:
        """End the process."""
        await self._end()

    async def _ask(self, body: bytes, charset: str, is_xml: bool) -> dict[str, Any]:
        process = self._process = self._process or await self._start()
        pages, replies = process.stdin, process.stdout
        if pages is None or replies is None:
            raise OSError("The page parser has no pipes.")
        name = charset.encode()
        pages.write(REQUEST.pack(len(name), len(body), is_xml) + name + body)
        await pages.drain()
        (size,) = REPLY.unpack(await replies.readexactly(REPLY.size))
        document: dict[str, Any] = json.loads(await replies.readexactly(size))
        return document

    async def _start(self) -> Process:
        return await asyncio.create_subprocess_exec(
            *self._program, stdin=PIPE, stdout=PIPE, stderr=DEVNULL
        )

    async def _end(self) -> None:
        if self._process is not None:
            with suppress(ProcessLookupError):
                self._process.kill()
        await self._forget()

    async def _forget(self) -> None:
        """Wait for its end without a signal, which would take its exit status from asyncio."""
        process, self._process = self._process, None
        if process is not None:
            await process.wait()


def _understand(document: dict[str, Any]) -> ReadPage:
    links = tuple(ReadLink(*link) for link in document.pop("links"))
    return ReadPage(**document, links=links)
