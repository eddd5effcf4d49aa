"""A script of many steps that checks Redis's uptime only as long as that matters."""

from typing import Any

from redis import Redis

GRACE_SECONDS = 4
"""How long after Redis starts no job begins and no job counts as never confirmed: submitters first
repair what its end interrupted (`project.submission.confirm_recovery`)."""


class GraceScript:
    """Runs a script that begins with `GRACE`, the seconds in which no job is claimed.

    Asking Redis for its uptime takes as long as a claim. So there are two versions of the script.
    The first checks the uptime; once the grace period is over, it loads the second, which does not.
    Redis forgets scripts when it ends, so after its next start the second is unknown (NOSCRIPT).
    """

    def __init__(self, redis: "Redis", text: str, grace_seconds: int = GRACE_SECONDS) -> None:
        self._redis = redis
        self._looking = redis.register_script(f"local GRACE = {grace_seconds}\n{text}")
        self._later_text = f"local GRACE = 0\n{text}"
        self.sha = redis.register_script(self._later_text).sha
        """Of the version that does not check the uptime: call it first."""

    def __call__(self, keys: list[str], args: list[str]) -> Any:
        """Call the script that checks the uptime. Returns an answer for each step."""
        answers = self._looking(keys=keys, args=args)
        if all(answer[0] != "starting" for answer in answers):
            self._redis.script_load(self._later_text)
        return answers
