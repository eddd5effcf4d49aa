"""Sign-ups: who asked for an account, their jobs, and whether the address is confirmed.

Keys: `signup:<id>` (hash), `signups:owner:<owner>` (sorted set of ids by time). Each
change is published on `signups:owner:<owner>`, so that an open page shows it.
"""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import structlog
from itsdangerous import BadSignature, SignatureExpired, URLSafeTimedSerializer
from redis import Redis, RedisError

from project.errors import LinkExpiredError, LinkInvalidError, NotFoundError
from project.ledger.job import format_time

# Confirms an existing sign-up once; a second click changes nothing.
_CONFIRM = """
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
if redis.call('HSETNX', KEYS[1], 'confirmed_at', ARGV[1]) == 1 then
  local owner = redis.call('HGET', KEYS[1], 'owner')
  if owner then redis.call('PUBLISH', 'signups:owner:' .. owner, ARGV[2]) end
end
return 1
"""
_log = structlog.get_logger()

OWNER_LIMIT = 50
"""How many sign-ups are kept per owner, the newest ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignUp:
    """One sign-up. Times are UTC text; `confirmed_at` is empty until the address is confirmed."""

    id: str
    email: str
    owner: str
    job: str
    """The id of the root of its jobs."""
    picture_job: str = ""
    mail_job: str = ""
    created_at: str
    confirmed_at: str = ""

    @classmethod
    def begin(cls, email: str, owner: str) -> "SignUp":
        """Make a new sign-up, with an id for its job."""
        return cls(
            id=uuid4().hex,
            email=email,
            owner=owner,
            job=str(uuid4()),
            created_at=format_time(datetime.now(UTC)),
        )


class SignUps:
    """The store of sign-ups, and the links that confirm them."""

    def __init__(
        self, redis: "Redis", secret_key: str, link_seconds: int, retention_seconds: int
    ) -> None:
        self._redis = redis
        self._signer = URLSafeTimedSerializer(secret_key, salt="confirm-signup")
        self._link_seconds = link_seconds
        self._retention_seconds = max(retention_seconds, link_seconds)
        self._confirm = redis.register_script(_CONFIRM)

    def add(self, signup: SignUp) -> None:
        """Store a new sign-up."""
        pipeline = self._redis.pipeline(transaction=True)
        fields: dict[Any, Any] = {name: text for name, text in asdict(signup).items() if text}
        pipeline.hset(_key(signup.id), mapping=fields)
        pipeline.expire(_key(signup.id), self._retention_seconds)
        if signup.owner:
            owned = _owner_key(signup.owner)
            moment = datetime.fromisoformat(signup.created_at).timestamp()
            pipeline.zadd(owned, {signup.id: moment})
            pipeline.zremrangebyrank(owned, 0, -OWNER_LIMIT - 1)
            pipeline.expire(owned, self._retention_seconds)
        pipeline.execute()

    def announce(self, signup: SignUp) -> None:
        """Notify the owner's open pages of a new sign-up; called once its jobs are accepted."""
        if not signup.owner:
            return
        try:
            self._redis.publish(_owner_key(signup.owner), signup.id)
        except RedisError as error:
            # It is accepted anyway; a page that missed it reads it with its next request.
            _log.warning("signup_not_announced", signup_id=signup.id, reason=str(error))

    def remove(self, signup: SignUp) -> None:
        """Delete a sign-up whose jobs could not be submitted."""
        pipeline = self._redis.pipeline(transaction=True)
        pipeline.delete(_key(signup.id))
        pipeline.zrem(_owner_key(signup.owner), signup.id)
        pipeline.execute()

    def get(self, signup_id: str) -> SignUp:
        """The sign-up; NotFoundError if there is none or it has expired."""
        record: Any = self._redis.hgetall(_key(signup_id))
        if not record:
            raise NotFoundError("There is no such sign-up; it may have expired.")
        return SignUp(**{"owner": "", "job": "", **record})

    def list_owned(self, owner: str) -> list[SignUp]:
        """The owner's sign-ups, newest first."""
        ids: Any = self._redis.zrevrange(_owner_key(owner), 0, OWNER_LIMIT - 1)
        pipeline = self._redis.pipeline(transaction=False)
        for signup_id in ids:
            pipeline.hgetall(_key(signup_id))
        return [SignUp(**{"job": "", **record}) for record in pipeline.execute() if record]

    def make_token(self, signup: SignUp) -> str:
        """The signed, expiring part of the confirmation link."""
        token: str = self._signer.dumps(signup.id)
        return token

    def find_by_link(self, token: str) -> SignUp:
        """The sign-up of a link; LinkInvalidError, LinkExpiredError or NotFoundError."""
        return self.get(self._read_token(token))

    def confirm(self, token: str) -> SignUp:
        """Confirm the address of a link; again changes nothing. Raises like `find_by_link`."""
        signup_id = self._read_token(token)
        now = format_time(datetime.now(UTC))
        if not self._confirm(keys=[_key(signup_id)], args=[now, signup_id]):
            raise NotFoundError("There is no such sign-up; it may have expired.")
        return self.get(signup_id)

    def _read_token(self, token: str) -> str:
        """The id of the sign-up that the token belongs to."""
        try:
            signup_id: str = self._signer.loads(token, max_age=self._link_seconds)
        except SignatureExpired as error:
            raise LinkExpiredError("This confirmation link has expired.") from error
        except BadSignature as error:
            raise LinkInvalidError("This confirmation link is not valid.") from error
        return signup_id


def _key(signup_id: str) -> str:
    return f"signup:{signup_id}"


def _owner_key(owner: str) -> str:
    return f"signups:owner:{owner}"
