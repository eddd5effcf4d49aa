"""What all commands share: they receive the process's assembly and print a document or an error."""

import json
import sys
from collections.abc import Callable
from functools import wraps
from typing import Any, TypeVar

import click
from redis import RedisError

from project.errors import JobsError
from project.json_values import check_json, parse_json
from project.observability.binding import enter
from project.observability.context import Trace
from project.redis_client import describe_outage

Command = TypeVar("Command", bound=Callable[..., Any])


def verb(group: click.Group, name: str) -> Callable[[Command], click.Command]:
    """Make a command that receives the process's assembly and prints its return value or error."""

    def define(function: Command) -> click.Command:
        @wraps(function)
        def run(*args: Any, **options: Any) -> None:
            try:
                answer = function(click.get_current_context().obj, *args, **options)
            except JobsError as error:
                raise click.ClickException(str(error)) from error
            except UnicodeEncodeError:  # an argument is not valid UTF-8
                raise click.ClickException("Write all arguments in UTF-8.") from None
            except RedisError as error:
                raise click.ClickException(f"Redis {describe_outage(error)}: {error}") from error
            if answer is not None:
                print_document(answer)

        return group.command(name)(run)

    return define


def begin() -> Trace:
    """Start this command's trace, for its log lines and the jobs that it submits."""
    trace = Trace.start()
    enter(trace)
    return trace


def print_document(document: Any) -> None:
    """Print the document as JSON on standard output."""
    text = json.dumps(document, indent=2, ensure_ascii=False)
    try:
        text.encode()
    except UnicodeEncodeError:  # a lone surrogate: a dead letter may contain anything
        text = json.dumps(document, indent=2)
    click.echo(text)


def read_json(text: str) -> Any:
    """The value of a JSON text; `-` reads it from standard input. InvalidInputError."""
    value = parse_json(sys.stdin.buffer.read() if text == "-" else text)
    check_json(value, "parameters")
    return value
