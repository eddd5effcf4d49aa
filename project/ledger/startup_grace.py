"""A script of many steps that asks how long Redis has been up, as long as that matters."""

from typing import Any

from redis import Redis

GRACE_SECONDS = 4
"""So long after its start Redis lets no job begin, and none count as never confirmed: submitters
put right what went wrong when it ended (`project.submission.confirm_recovery`)."""


class GraceScript:
    """Runs a script that begins with `GRACE`, the seconds in which nothing is judged.

    To ask Redis for its uptime takes as long as a claim. So the script is there twice: one looks,
    and once it has found the time over, it makes the other known to Redis, which does not look.
    Redis knows scripts until it ends, so after its next start that one is not known (NOSCRIPT).
    """

    def __init__(self, redis: "Redis", text: str, grace_seconds: int = GRACE_SECONDS) -> None:
        self._redis = redis
        self._looking = redis.register_script(f"local GRACE = {grace_seconds}\n{text}")
        self._later_text = f"local GRACE = 0\n{text}"
        self.sha = redis.register_script(self._later_text).sha
        """Of the one that does not look: to be called first."""

    def __call__(self, keys: list[str], args: list[str]) -> Any:
        """Call the script that checks the uptime. Returns an answer for each step."""
        answers = self._looking(keys=keys, args=args)
        if all(answer[0] != "starting" for answer in answers):
            self._redis.script_load(self._later_text)
        return answers
