"""`python -m project new`: the files of a new kind of job."""

from collections.abc import Collection
from pathlib import Path

import click

from project.cli.kind_maker import NewKind, list_names, make_kind
from project.config import Settings
from project.errors import InvalidInputError

ROOT = Path(__file__).parent.parent.parent


@click.command("new")
@click.argument("name")
@click.option("--title", default="", help="Title for people; by default made from the name.")
@click.option(
    "--queue", default="short", show_default=True,
    help="short: jobs of seconds, with somebody waiting; long: any; or a queue of JOBS_QUEUES.",
)  # fmt: skip
def new(name: str, title: str, queue: str) -> None:
    """Create the files of a new kind of job called NAME, as in picture.resize."""
    words = name.replace(".", " ").replace("_", " ")
    kind = NewKind(name, title or words.capitalize(), queue)
    try:
        check_queue(queue, Settings().job_queues)
        paths = make_kind(ROOT, kind)
    except InvalidInputError as error:
        raise click.ClickException(str(error)) from None
    for path in list_names(paths, ROOT):
        click.echo(path)


def check_queue(name: str, queues: Collection[str]) -> None:
    """InvalidInputError if the queue is not configured."""
    if name not in queues:
        offered = ", ".join(queues)
        raise InvalidInputError(f"There is no queue {name!r}. Queues: {offered}.", field="queue")
