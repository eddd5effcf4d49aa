"""The commands of `python -m project`, with the same verbs and documents as the API.

They connect to Redis and RabbitMQ with the environment's settings, so they work without the web
server. They print JSON on standard output (a job's log is text); an error is one sentence and exit
code 1.
"""

import sys
from datetime import datetime
from typing import Any, BinaryIO

import click

from project.api.dead_letters import serialize_dead_letter
from project.api.jobs import serialize_job
from project.api.kinds import serialize_kind
from project.api.queues import serialize_queue
from project.assembly import Assembly
from project.cli.new import check_queue, new
from project.cli.schedules import schedules
from project.cli.verbs import begin, print_document, read_json, verb
from project.config import Settings
from project.errors import DefinitionError
from project.jobs import KINDS, get_offered
from project.ledger import Job, Status
from project.ledger.dead_letters import DeadLetterFilter, DeathReason
from project.ledger.listing import JobFilter
from project.live.events import Signal, job_channel
from project.live.log_streams import write_log
from project.observability.pipeline import configure_logging
from project.submission.preparation import Submission


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.pass_context
def main(context: click.Context) -> None:
    """Submit, watch and manage background jobs."""
    settings = Settings().model_copy(update={"role": "cli"})
    configure_logging(settings)
    sys.excepthook = sys.__excepthook__  # show our own bugs on the terminal, too
    try:
        context.obj = Assembly(settings)
    except DefinitionError as error:  # a setting names what cannot be used
        raise click.ClickException(str(error)) from error


main.add_command(schedules)
main.add_command(new)


def _serialize(assembly: Assembly, job: Job) -> dict[str, Any]:
    return serialize_job(job, assembly.settings.trace_link)


@verb(main, "kinds")
def kinds(_: Assembly) -> Any:
    """List the kinds of jobs."""
    return [serialize_kind(kind) for kind in KINDS.values() if not kind.is_internal]


@verb(main, "submit")
@click.argument("kind")
@click.argument("parameters", default="{}")
@click.option("--delay", type=float, help="Run the job after this many seconds.")
@click.option(
    "--at", type=click.DateTime(["%Y-%m-%dT%H:%M:%S%z"]), help="Run the job at this time."
)
@click.option("--key", default="", help="Deduplication key.")
@click.option("--wait", is_flag=True, help="Follow the job until it finishes.")
def submit(
    assembly: Assembly,
    kind: str,
    parameters: str,
    delay: float | None,
    at: datetime | None,
    key: str,
    wait: bool,
) -> Any:
    """Submit a job of KIND. PARAMETERS is a JSON object, or - for standard input."""
    submission = Submission(
        kind=get_offered(kind).name,
        parameters=read_json(parameters),
        run_at=at,
        delay_seconds=delay,
        deduplication_key=key,
    )
    job = assembly.submitter.submit(submission, begin())
    return _follow(assembly, job) if wait else _serialize(assembly, job)


@verb(main, "show")
@click.argument("job_id")
def show(assembly: Assembly, job_id: str) -> Any:
    """Show one job."""
    return _serialize(assembly, assembly.ledger.get(job_id))


@verb(main, "tree")
@click.argument("job_id")
def tree(assembly: Assembly, job_id: str) -> Any:
    """Show a job and all its descendants."""
    return [_serialize(assembly, job) for job in assembly.ledger.tree.read_tree(job_id)]


@verb(main, "send")
@click.argument("path", type=click.File("rb"))
def send(assembly: Assembly, path: BinaryIO) -> None:
    """Store the file at PATH for a job and print its id; - reads standard input."""
    click.echo(assembly.files.take(path, assembly.settings.max_upload_bytes).id)


@verb(main, "watch")
@click.argument("job_id")
def watch(assembly: Assembly, job_id: str) -> Any:
    """Follow a job until it finishes, one line per change; exit code 2 unless it succeeds."""
    return _follow(assembly, assembly.ledger.get(job_id))


def _follow(assembly: Assembly, job: Job) -> Any:
    with assembly.listener.listen((job_channel(job.id),)) as inbox:
        shown = -1
        job = assembly.ledger.get(job.id)
        while True:
            if job.version > shown:
                shown = job.version
                click.echo(_line(job), err=True)
            if job.status.is_finished:
                break
            message = inbox.get(1.0)
            if message is None or isinstance(message, tuple | Signal):
                job = assembly.ledger.get(job.id)
    print_document(_serialize(assembly, job))
    if job.status is not Status.SUCCEEDED:
        sys.exit(2)


def _line(job: Job) -> str:
    progress = f" {job.progress.done:g}/{job.progress.total:g}" if job.progress else ""
    step = f" {job.progress.step}" if job.progress and job.progress.step else ""
    return f"{job.id} {job.status.value}{progress}{step}"


@verb(main, "log")
@click.argument("job_id")
@click.option("--follow", "-f", is_flag=True, help="Continue until the job finishes.")
def log(assembly: Assembly, job_id: str, follow: bool) -> None:
    """Print what a job's code has logged."""
    for text in write_log(
        assembly.ledger, assembly.job_log, assembly.listener, job_id, to_end=follow
    ):
        click.echo(text, nl=False)


@verb(main, "list")
@click.option("--status", multiple=True, type=click.Choice([status.value for status in Status]))
@click.option("--kind", multiple=True)
@click.option("--queue", multiple=True)
@click.option("--cursor", default="", help="`next` from the previous page.")
@click.option("--limit", default=20, type=click.IntRange(1, 500), show_default=True)
def list_(
    assembly: Assembly,
    status: tuple[str, ...],
    kind: tuple[str, ...],
    queue: tuple[str, ...],
    cursor: str,
    limit: int,
) -> Any:
    """List jobs, newest first."""
    for name in queue:
        check_queue(name, assembly.settings.job_queues)
    chosen = JobFilter(status=frozenset(status), kind=frozenset(kind), queue=frozenset(queue))
    page = assembly.ledger.list_jobs(chosen, cursor, limit)
    return {
        "jobs": [_serialize(assembly, job) for job in page.jobs],
        "next": page.next_cursor or None,
    }


@verb(main, "cancel")
@click.argument("job_id")
def cancel(assembly: Assembly, job_id: str) -> Any:
    """Cancel a job: a waiting job will not start, a running one is asked to stop."""
    return _serialize(assembly, assembly.submitter.cancel(job_id))


@verb(main, "rerun")
@click.argument("job_id")
@click.argument("parameters", required=False)
def rerun(assembly: Assembly, job_id: str, parameters: str | None) -> Any:
    """Rerun a finished job with the same or other PARAMETERS (a JSON object)."""
    changed = None if parameters is None else read_json(parameters)
    return _serialize(assembly, assembly.submitter.rerun(job_id, begin(), changed))


@verb(main, "queues")
def queues(assembly: Assembly) -> Any:
    """Show how full each queue is."""
    queues = assembly.ledger.list_queues(assembly.settings.job_queues)
    depths = assembly.publisher.depths([queue.name for queue in queues], 5)
    return [serialize_queue(queue, *depths[queue.name]) for queue in queues]


@main.group()
def dead() -> None:
    """Inspect, rerun and discard dead letters."""


@verb(dead, "list")
@click.option("--reason", multiple=True, type=click.Choice([one.value for one in DeathReason]))
@click.option("--kind", multiple=True)
@click.option("--queue", multiple=True)
@click.option("--cursor", default="", help="`next` from the previous page.")
@click.option("--limit", default=20, type=click.IntRange(1, 500), show_default=True)
def list_dead(
    assembly: Assembly,
    reason: tuple[str, ...],
    kind: tuple[str, ...],
    queue: tuple[str, ...],
    cursor: str,
    limit: int,
) -> Any:
    """List dead letters, newest first."""
    for name in queue:
        check_queue(name, assembly.settings.job_queues)
    chosen = DeadLetterFilter(
        reason=frozenset(reason), kind=frozenset(kind), queue=frozenset(queue)
    )
    letters, next_cursor = assembly.dead_letters.list_letters(chosen, cursor, limit)
    jobs = assembly.ledger.read([letter.id for letter in letters])
    return {
        "dead_letters": [
            serialize_dead_letter(letter, job, assembly.settings.trace_link)
            for letter, job in zip(letters, jobs, strict=True)
        ],
        "next": next_cursor or None,
    }


@verb(dead, "show")
@click.argument("letter_id")
def show_dead(assembly: Assembly, letter_id: str) -> Any:
    """Show one dead letter with its message."""
    letter = assembly.dead_letters.get(letter_id)
    return serialize_dead_letter(
        letter, assembly.ledger.find(letter_id), assembly.settings.trace_link
    )


@verb(dead, "rerun")
@click.argument("letter_ids", nargs=-1, required=True)
@click.option("--rate", default=0.0, help="Release rate in jobs per second; 0: all at once.")
@click.option("--parameters", help="New parameters, a JSON object.")
def rerun_dead(
    assembly: Assembly, letter_ids: tuple[str, ...], rate: float, parameters: str | None
) -> Any:
    """Rerun dead jobs."""
    changed = None if parameters is None else read_json(parameters)
    answers = assembly.submitter.rerun_many(
        letter_ids, begin(), rate_per_second=rate, parameters=changed
    )
    return [
        _serialize(assembly, answer) if isinstance(answer, Job) else {"error": str(answer)}
        for answer in answers
    ]


@verb(dead, "discard")
@click.argument("letter_ids", nargs=-1, required=True)
def discard(assembly: Assembly, letter_ids: tuple[str, ...]) -> None:
    """Delete dead letters; the jobs' records stay."""
    for letter_id in letter_ids:
        assembly.dead_letters.get(letter_id)
        assembly.dead_letters.remove(letter_id)


@verb(main, "reconcile")
def reconcile(assembly: Assembly) -> None:
    """Repair what an outage left behind and print what was found; null means not done."""
    found = assembly.reconciler.run_once()
    print_document(found)
    if skipped := [name for name, count in found.items() if count is None]:
        raise click.ClickException(
            f"RabbitMQ or Redis is unavailable, so this was not done: {', '.join(skipped)}."
        )
