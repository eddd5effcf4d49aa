"""Templates of mails: values, `if`, `for` and a few filters, in the syntax of Jinja2.

Strangers write them, so Jinja2 only parses them here: it builds a tree and evaluates nothing. Only
a few types of nodes are allowed, which `rendering` walks, and both the parsing and the tree have
limits. The web server uses only this module of the templates.
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
"""The most tags of a part: values, `if`, `for` and their ends, comments."""
MOST_TOKENS = 10_000
"""The most names, signs and texts within the braces of a part; each takes microseconds."""
MOST_DEPTH = 100
"""The deepest nesting of nodes."""
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
    """The checked template of a part of a mail."""

    part: str
    tree: nodes.Template

    def check_names(self, names: set[str]) -> None:
        """Raise PermanentError if the template needs a value that is not among the names.

        A name that the template tests with `default` or `is defined` needs no value.
        """
        missing = sorted({*_free_names(self.tree)} - {*_doubted_names(self.tree)} - names)
        if missing:
            raise PermanentError(
                f"{self.part}: `values` has no {missing[0][:60]!r}, which the template needs."
            )


class _TokenLimit(Extension):
    """Stops the parser after too many tokens."""

    def filter_stream(self, stream: TokenStream) -> Iterator[Token]:
        """The same tokens, up to the limit."""
        for number, token in enumerate(stream):
            if number == MOST_TOKENS:
                raise TemplateSyntaxError(
                    f"the template has more than {MOST_TOKENS:,} names and signs in its braces",
                    token.lineno,
                )
            yield token


def parse(part: str, source: str) -> Template:
    """Parse and check a template; PermanentError if it cannot be used."""
    # The parser does not see comments, but its lexer does.
    if sum(map(source.count, ("{{", "{%", "{#"))) > MOST_TAGS:
        raise PermanentError(f"{part}: the template has more than {MOST_TAGS:,} tags in braces.")
    try:
        tree = _environment().parse(source)
    except TemplateSyntaxError as error:
        raise PermanentError(f"{part}, line {error.lineno}: {_shorten(error.message)}.") from None
    except RecursionError:
        raise _too_deep(part) from None
    except ValueError:  # Python refuses to read numbers of thousands of digits
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
            f"{where}: there is no filter {node.name[:60]!r}; use {', '.join(FILTERS)}."
        )
    if isinstance(node, nodes.Test) and node.name not in TESTS:
        raise PermanentError(
            f"{where}: there is no test {node.name[:60]!r}; use {', '.join(TESTS)}."
        )
    if not isinstance(node, _ALLOWED) or _has_more(node):
        raise PermanentError(
            f"{where}: a template may contain only values, `if`, `for` and filters."
        )


def _has_more(node: nodes.Node) -> bool:
    """Whether an allowed node has options that are not allowed."""
    if isinstance(node, nodes.For):
        return bool(node.recursive)
    if isinstance(node, nodes.Filter):
        return node.node is None or node.dyn_args is not None or node.dyn_kwargs is not None
    if isinstance(node, nodes.Test):
        return bool(node.args or node.kwargs or node.dyn_args or node.dyn_kwargs)
    return False


def _free_names(node: nodes.Node) -> Iterator[str]:
    """The names that no enclosing loop defines."""
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
    """The names that the template tests for existence."""
    for node in tree.find_all((nodes.Filter, nodes.Test)):
        if node.name in {"default", "defined", "undefined"} and isinstance(node.node, nodes.Name):
            yield node.node.name


def _names_of(target: nodes.Node) -> list[nodes.Name]:
    return [target] if isinstance(target, nodes.Name) else list(target.find_all(nodes.Name))
