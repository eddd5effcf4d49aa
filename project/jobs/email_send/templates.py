"""Templates of mails: values, `if`, `for` and a few filters, in the syntax of Jinja2.

Strangers write them. So Jinja2 only reads them here: its parser makes a tree and evaluates nothing.
Every node of the tree is one of a few kinds, which `mail_rendering` knows how to follow, and both
the reading and the tree have limits. This module is all that the web server uses of them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from jinja2 import Environment, TemplateSyntaxError, nodes
from jinja2.ext import Extension
from jinja2.lexer import Token, TokenStream

from project.errors import PermanentError
from project.jobs.email_send.filters import FILTERS, TESTS

MOST_TAGS = 3_000
"""Values, `if`, `for` and their ends, comments, of a part."""
MOST_TOKENS = 10_000
"""Names, signs, and texts between the braces, of a part; a parser takes microseconds for each."""
MOST_DEPTH = 100
"""Of nodes within nodes."""
_ALLOWED = (
    nodes.Template,
    nodes.Output,
    nodes.TemplateData,
    nodes.Name,
    nodes.Getattr,
    nodes.Getitem,
    nodes.Const,
    nodes.If,
    nodes.For,
    nodes.CondExpr,
    nodes.Compare,
    nodes.Operand,
    nodes.And,
    nodes.Or,
    nodes.Not,
    nodes.Neg,
    nodes.Filter,
    nodes.Keyword,
    nodes.Test,
    nodes.Tuple,
)


@dataclass(frozen=True, slots=True)
class Template:
    """A template of a part of a mail, of which every node is allowed."""

    part: str
    tree: nodes.Template

    def check_names(self, names: set[str]) -> None:
        """PermanentError where it needs a value of another name.

        A name that the template asks about, by `default` or `is defined`, needs no value.
        """
        missing = sorted({*_free_names(self.tree)} - {*_doubted_names(self.tree)} - names)
        if missing:
            raise PermanentError(
                f"{self.part}: `values` has no {missing[0][:60]!r}, which the template needs."
            )


class _TokenLimit(Extension):
    """Stops the parser, which asks for one token after the other."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """The same tokens."""
        for number, token in enumerate(stream):
            if number == MOST_TOKENS:
                raise TemplateSyntaxError(
                    f"the template has more than {MOST_TOKENS:,} names and signs in its braces",
                    token.lineno,
                )
            yield token


def parse(part: str, source: str) -> Template:
    """The template; PermanentError where it cannot be used."""
    # The parser does not see comments, but its lexer does.
    if sum(map(source.count, ("{{", "{%", "{#"))) > MOST_TAGS:
        raise PermanentError(f"{part}: the template has more than {MOST_TAGS:,} tags in braces.")
    try:
        tree = _environment().parse(source)
    except TemplateSyntaxError as error:
        raise PermanentError(f"{part}, line {error.lineno}: {_shorten(error.message)}.") from None
    except RecursionError:
        raise _too_deep(part) from None
    except ValueError:  # Python reads no number of thousands of digits
        raise PermanentError(f"{part}: a number in the template is too long.") from None
    _check_tree(part, tree)
    return Template(part, tree)


@lru_cache(maxsize=1)
def _environment() -> Environment:
    # It only parses, so there is nothing to escape.
    return Environment(keep_trailing_newline=True, extensions=[_TokenLimit])  # noqa: S701


def _shorten(message: str | None) -> str:
    words = " ".join((message or "it cannot be read").split()).rstrip(".")
    return words if len(words) <= 200 else f"{words[:200]}…"


def _too_deep(part: str) -> PermanentError:
    return PermanentError(f"{part}: the template is nested too deeply.")


def _check_tree(part: str, tree: nodes.Template) -> None:
    left: list[tuple[nodes.Node, int]] = [(tree, 0)]
    while left:
        node, depth = left.pop()
        if depth > MOST_DEPTH:
            raise _too_deep(part)
        _check_node(f"{part}, line {node.lineno}", node)
        left += [(child, depth + 1) for child in node.iter_child_nodes()]


def _check_node(where: str, node: nodes.Node) -> None:
    if isinstance(node, nodes.Filter) and node.name not in FILTERS:
        raise PermanentError(
            f"{where}: there is no filter {node.name[:60]!r}; there are {', '.join(FILTERS)}."
        )
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise PermanentError(
            f"{where}: there is no test {node.name[:60]!r}; there are {', '.join(TESTS)}."
        )
    if not isinstance(node, _ALLOWED) or _has_more(node):
        raise PermanentError(
            f"{where}: a template may hold values, `if`, `for` and filters, and nothing else."
        )


def _has_more(node: nodes.Node) -> bool:
    """Does an allowed node say something that is not?"""
    if isinstance(node, nodes.For):
        return bool(node.recursive)
    if isinstance(node, nodes.Filter):
        return node.node is None or node.dyn_args is not None or node.dyn_kwargs is not None
    if isinstance(node, nodes.Test):
        return bool(node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
    return False


def _free_names(node: nodes.Node) -> Iterator[str]:
    """The names that no loop around them gives."""
    if isinstance(node, nodes.For):
        yield from _free_names(node.iter)
        within = [*node.body, *([node.test] if node.test else [])]
        own = {name.name for name in _names_of(node.target)} | {"loop"}
        yield from (name for each in within for name in _free_names(each) if name not in own)
        for each in node.else_:
            yield from _free_names(each)
    elif isinstance(node, nodes.Name):
        yield node.name
    else:
        for child in node.iter_child_nodes():
            yield from _free_names(child)


def _doubted_names(tree: nodes.Node) -> Iterator[str]:
    """The names that the template asks about: is there such a value?"""
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        if node.name in {"default", "defined", "undefined"} and isinstance(node.node, nodes.Name):
            yield node.node.name


def _names_of(target: nodes.Node) -> list[nodes.Name]:
    return [target] if isinstance(target, nodes.Name) else list(target.find_all(nodes.Name))
