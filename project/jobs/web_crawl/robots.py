"""What a site's robots.txt lets a crawler fetch (RFC 9309)."""

from dataclasses import dataclass

from protego import Protego

from project.jobs.web_crawl.fetching import USER_AGENT, Answer

MAX_ROBOTS_BYTES = 512 * 1024
"""How much of the file is read; the RFC requires at least 500 KiB."""
MAX_RULES = 5000
MAX_CRAWL_DELAY_SECONDS = 30.0
ROBOT_NAME = USER_AGENT.partition("/")[0]


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules of one host."""

    parsed: Protego | None = None
    """None if there are no rules."""
    refusal: str = ""
    """Why nothing may be fetched; empty if something may."""

    def allows(self, url: str) -> bool:
        """Whether the URL may be fetched."""
        return not self.refusal and (self.parsed is None or self.parsed.can_fetch(url, ROBOT_NAME))

    @property
    def delay_seconds(self) -> float:
        """The pause between requests that the host asks for, limited to the maximum above."""
        delay = self.parsed.crawl_delay(ROBOT_NAME) if self.parsed else None
        return min(delay or 0.0, MAX_CRAWL_DELAY_SECONDS)


def read_rules(answer: Answer) -> Rules:
    """The rules in the answer to /robots.txt.

    A missing file allows everything; a file that cannot be fetched allows nothing.
    """
    if answer.problem or answer.status >= 500 or answer.status == 429:
        return Rules(refusal=answer.detail or f"It answers {answer.status}.")
    if not answer.is_success:
        return Rules()
    text = answer.body[:MAX_ROBOTS_BYTES].decode("utf-8", "replace")
    return Rules(Protego.parse("\n".join(text.splitlines()[:MAX_RULES])))
