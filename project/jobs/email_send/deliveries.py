"""The outcome of each mail of a job, over all of its attempts.

The job's memory has an entry for each recipient: `doubt` just before the step that cannot be
undone, replaced by the server's answer as soon as it arrives. A mail with a final answer is never
sent again; the next attempt retries deferred mails.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import structlog

from project.errors import PermanentError, TemporaryError
from project.jobs.email_send.letters import Letter, mask_addresses
from project.kinds.definition import Context
from project.kinds.mail import MailLine
from project.kinds.result_view import Table, show

LISTED_REASONS = 5
_DEFERRALS = "deferrals"
"""The memory's name for how many attempts have ended because mails were deferred."""
_IN_DOUBT = (
    "The worker was stopped before the mail server answered: "
    "the mail may have been sent, and was not sent again."
)
_WORDS = {"sent": "sent", "refused": "refused", "deferred": "not accepted", "unknown": "unknown"}

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Delivery:
    """The outcome of one mail: `sent`, `refused`, `deferred`, `unknown`, or `doubt` until then."""

    outcome: str
    code: int = 0
    answer: str = ""
    reason: str = ""


class Deliveries:
    """Sends letters, each at most once as far as SMTP allows to know."""

    def __init__(
        self, letters: Sequence[Letter], context: Context, *, is_to_skip: bool, max_attempts: int
    ) -> None:
        self._letters = letters
        self._context = context
        self._is_to_skip = is_to_skip
        self._max_attempts = max_attempts
        self._made = [self._recall(number) for number in range(len(letters))]

    def make(self) -> None:
        """Send the letters that are left; TemporaryError if another attempt must follow."""
        with self._context.mail.open() as line:
            for number, letter in enumerate(self._letters):
                self._context.report_progress(
                    number, len(self._letters), f"Mail {number + 1} of {len(self._letters)}"
                )
                if self._made[number] is None:
                    try:
                        self._made[number] = self._hand_over(number, letter, line)
                    except (TemporaryError, PermanentError) as error:
                        self._give_up(
                            error
                        )  # without a connection no other letter can be sent either
                        break
        self._retry()

    def conclude(self) -> dict[str, Any]:
        """The job's result if at least one mail was sent; raises otherwise."""
        made = [delivery for delivery in self._made if delivery]
        counts = Counter(delivery.outcome for delivery in made)
        if not counts["sent"]:
            raise _explain_failure(made, counts)
        outcomes = [
            _describe(number, letter, delivery)
            for number, (letter, delivery) in enumerate(
                zip(self._letters, made, strict=True), start=1
            )
        ]
        more = {"message_id": outcomes[0]["message_id"]} if len(outcomes) == 1 else {}
        return show(_summarise(counts), tables=[_tabulate(outcomes)], outcomes=outcomes, **more)

    def _recall(self, number: int) -> Delivery | None:
        """The known outcome of a mail; None if it has yet to be sent."""
        found = self._context.memory.get(_name(number))
        if found is None:
            return None
        delivery = Delivery(**found)
        if delivery.outcome != "doubt":
            return delivery
        return Delivery("unknown", reason=_IN_DOUBT) if self._is_to_skip else None

    def _hand_over(self, number: int, letter: Letter, line: MailLine) -> Delivery:
        """Send one letter; the answer is remembered unless it asks for another attempt."""

        def commit() -> None:
            self._context.check()
            self._context.memory[_name(number)] = {"outcome": "doubt"}

        receipt = line.send(letter.compose(), letter.recipient, commit)
        outcome = str(receipt.outcome)
        delivery = Delivery(outcome, receipt.code, receipt.answer, receipt.reason)
        if self._is_put_off(delivery):
            _log.warning("mail_deferred", number=number + 1, code=delivery.code)
            if outcome == "deferred":
                self._context.memory.pop(_name(number), None)
        else:
            self._remember(number, delivery)
        return delivery

    def _remember(self, number: int, delivery: Delivery) -> None:
        self._context.memory[_name(number)] = {
            "outcome": delivery.outcome,
            "code": delivery.code,
            "answer": delivery.answer,
            "reason": delivery.reason,
        }
        if delivery.outcome == "sent":
            _log.info("mail_sent", number=number + 1, code=delivery.code)
        else:
            _log.warning("mail_not_sent", number=number + 1, code=delivery.code)

    def _is_put_off(self, delivery: Delivery) -> bool:
        """Whether another attempt must send it."""
        again = {"deferred"} if self._is_to_skip else {"deferred", "unknown"}
        return delivery.outcome in again

    def _give_up(self, error: TemporaryError | PermanentError) -> None:
        """Record that no remaining mail can be sent now."""
        outcome = "deferred" if isinstance(error, TemporaryError) else "refused"
        for number, delivery in enumerate(self._made):
            if delivery is None:
                self._made[number] = Delivery(outcome, reason=str(error))

    def _retry(self) -> None:
        """Raise TemporaryError if mails were deferred, unless this was the last attempt."""
        put_off = [one for one in self._made if one and self._is_put_off(one)]
        tried = int(self._context.memory.get(_DEFERRALS, 0)) + 1
        if not put_off or tried >= self._max_attempts:
            return
        self._context.memory[_DEFERRALS] = tried
        if len(self._letters) == 1:
            raise TemporaryError(put_off[0].reason)
        raise TemporaryError(
            f"{len(put_off)} of {len(self._letters)} mails could not be sent yet. The first one: "
            f"{put_off[0].reason}"
        )


def _name(number: int) -> str:
    """The name of a recipient's entry in the job's memory, which holds no addresses."""
    return f"mail {number}"


def _describe(number: int, letter: Letter, delivery: Delivery) -> dict[str, Any]:
    return {
        "number": number,
        "recipient": mask_addresses(letter.recipient),
        "outcome": delivery.outcome,
        "code": delivery.code,
        "answer": mask_addresses(delivery.answer) or delivery.reason,
        "message_id": letter.message_id,
    }


def _tabulate(outcomes: list[dict[str, Any]]) -> Table:
    return Table(
        title="Recipients",
        columns=["No.", "Recipient", "Outcome", "Code", "The mail server's answer"],
        rows=[
            [
                one["number"],
                one["recipient"],
                _WORDS[one["outcome"]],
                one["code"] or None,
                one["answer"],
            ]
            for one in outcomes
        ],
    )


def _summarise(counts: Counter[str]) -> str:
    total = sum(counts.values())
    if total == 1:
        return "Mail sent"
    if counts["sent"] == total:
        return f"{total} mails sent"
    others = [
        f"{counts[outcome]} {_WORDS[outcome]}"
        for outcome in ("refused", "deferred", "unknown")
        if counts[outcome]
    ]
    return f"{counts['sent']} of {total} mails sent, {', '.join(others)}"


def _explain_failure(
    made: Sequence[Delivery], counts: Counter[str]
) -> TemporaryError | PermanentError:
    """The error if no mail is known to be sent."""
    only_put_off = counts["deferred"] == len(made)
    error = TemporaryError if only_put_off else PermanentError
    if len(made) == 1:
        return error(made[0].reason)
    told = ", ".join(f"{count} {_WORDS[outcome]}" for outcome, count in sorted(counts.items()))
    reasons = " ".join(islice(_list_reasons(made), LISTED_REASONS))
    return error(f"None of the {len(made)} mails is known to be sent: {told}. {reasons}")


def _list_reasons(made: Sequence[Delivery]) -> Iterator[str]:
    """Yield each reason once, with the numbers of its mails; the job's log has a line per mail."""
    numbers: dict[str, list[int]] = {}
    for number, delivery in enumerate(made, start=1):
        numbers.setdefault(delivery.reason, []).append(number)
    for reason, found in numbers.items():
        more = f" and {len(found) - 3} more" if len(found) > 3 else ""
        yield f"{', '.join(map(str, found[:3]))}{more}: {reason}"
