"""`python -m project new`: the files of a new kind of job."""

from pathlib import Path

import click

from project.commands.kind_maker import NewKind, list_names, make_kind
from project.errors import InvalidInputError
from project.lane import Lane

ROOT = Path(__file__).parent.parent.parent


@click.command("new")
@click.argument("name")
@click.option("--title", default="", help="For people; without one it is the name.")
@click.option(
    "--lane", type=click.Choice([lane.value for lane in Lane]), default="short",
    show_default=True, help="Short: seconds, somebody waits. Long: as long as it takes.",
)  # fmt: skip
def new(name: str, title: str, lane: str) -> None:
    """Make the files of a kind of job called NAME, as in picture.resize."""
    words = name.replace(".", " ").replace("_", " ")
    kind = NewKind(name, title or words.capitalize(), lane)
    try:
        paths = make_kind(ROOT, kind)
    except InvalidInputError as error:
        raise click.ClickException(str(error)) from None
    for path in list_names(paths, ROOT):
        click.echo(path)
