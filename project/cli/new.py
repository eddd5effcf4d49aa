"""`python -m project new`: the files of a new kind of job."""

from pathlib import Path

import click

from project.cli.kind_maker import NewKind, list_names, make_kind
from project.errors import InvalidInputError
from project.queues import QueueName

ROOT = Path(__file__).parent.parent.parent


@click.command("new")
@click.argument("name")
@click.option("--title", default="", help="For people; without one it is the name.")
@click.option(
    "--queue", type=click.Choice([queue.value for queue in QueueName]), default="short",
    show_default=True, help="Short: seconds, somebody waits. Long: as long as it takes.",
)  # fmt: skip
def new(name: str, title: str, queue: str) -> None:
    """Make the files of a kind of job called NAME, as in picture.resize."""
    words = name.replace(".", " ").replace("_", " ")
    kind = NewKind(name, title or words.capitalize(), queue)
    try:
        paths = make_kind(ROOT, kind)
    except InvalidInputError as error:
        raise click.ClickException(str(error)) from None
    for path in list_names(paths, ROOT):
        click.echo(path)
