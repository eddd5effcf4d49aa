"""Templates of mails: a small part of Jinja2 that cannot do harm, whoever wrote them.

A template has values (`{{ name }}`, `{{ order.items[0].price }}`), `if`, `for` and a few filters.
Nothing can be called, computed or included, and what is made has limits. In HTML every value is
escaped: a value never becomes markup.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError, TemplateSyntaxError, nodes, pass_eval_context
from jinja2.filters import FILTERS, do_join
from jinja2.meta import find_undeclared_variables
from jinja2.nodes import EvalContext
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from jinja2.tests import TESTS

from project.errors import PermanentError

MOST_ROUNDS = 20_000
"""Of all loops of a mail's part together."""
MOST_CHARACTERS = 500_000
"""That a part of a mail may have once it is made."""
_FILTERS = ("capitalize", "default", "first", "last", "length", "lower", "round", "title", "trim")
_TESTS = ("defined", "undefined", "none", "string", "number", "boolean", "true", "false")
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


def check_template(part: str, source: str, names: set[str]) -> None:
    """PermanentError where the template cannot be used, or needs a value of another name."""
    tree = _parse(_environment(is_html=False, rounds=_Rounds(part)), part, source)
    missing = sorted(find_undeclared_variables(tree) - names)
    if missing:
        raise PermanentError(f"{part}: `values` has no {missing[0]!r}, which the template needs.")


def render(part: str, source: str, values: Mapping[str, Any], *, is_html: bool) -> str:
    """The text that the template makes of these values; PermanentError where it cannot."""
    environment = _environment(is_html=is_html, rounds=_Rounds(part))
    tree = _parse(environment, part, source)
    for loop in list(tree.find_all(nodes.For)):
        loop.iter = nodes.Filter(loop.iter, "rows", [], [], None, None)
    try:
        template = environment.from_string(tree)
        return "".join(_limited(part, template.generate(values)))
    except TemplateError as error:
        raise PermanentError(f"{part}: {error.message}.") from None
    except (TypeError, ValueError, ArithmeticError, LookupError):
        raise PermanentError(
            f"{part}: a filter or a comparison of the template does not fit its value."
        ) from None
    except (SyntaxError, RecursionError, MemoryError):
        raise PermanentError(f"{part}: the template is nested too deeply.") from None


class _Rounds:
    """Counts the rounds of all loops."""

    def __init__(self, part: str) -> None:
        self._part = part
        self._left = MOST_ROUNDS

    def take(self, rows: Any) -> list[Any]:
        """What a loop goes through: a list, or an object's names."""
        if isinstance(rows, Undefined):
            str(rows)  # its own sentence tells what is missing
        if not isinstance(rows, list | dict):
            raise PermanentError(f"{self._part}: `for` goes through lists and objects only.")
        self._left -= len(rows)
        if self._left < 0:
            raise PermanentError(
                f"{self._part}: the loops make more than {MOST_ROUNDS:,} rounds: send fewer rows."
            )
        return list(rows)


def _environment(*, is_html: bool, rounds: _Rounds) -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        autoescape=is_html, undefined=StrictUndefined, keep_trailing_newline=True
    )
    environment.globals = {}
    environment.tests = {name: TESTS[name] for name in _TESTS}
    environment.filters = {name: FILTERS[name] for name in _FILTERS}
    environment.filters |= {
        "upper": FILTERS["upper"],
        "join": _join,
        "items": lambda pairs: [[name, value] for name, value in pairs.items()],
        "rows": rounds.take,
    }
    return environment


def _parse(environment: ImmutableSandboxedEnvironment, part: str, source: str) -> nodes.Template:
    """The template's tree, of which every node is one that is allowed."""
    try:
        tree = environment.parse(source)
        for node in _walk(tree):
            _check_node(environment, part, node)
    except TemplateSyntaxError as error:
        raise PermanentError(f"{part}, line {error.lineno}: {error.message}") from None
    except RecursionError:
        raise PermanentError(f"{part}: the template is nested too deeply.") from None
    return tree


def _walk(tree: nodes.Node) -> Iterator[nodes.Node]:
    yield tree
    for child in tree.iter_child_nodes():
        yield from _walk(child)


def _check_node(environment: ImmutableSandboxedEnvironment, part: str, node: nodes.Node) -> None:
    where = f"{part}, line {node.lineno}"
    if isinstance(node, nodes.Filter) and node.name not in environment.filters:
        offered = ", ".join(sorted({*environment.filters} - {"rows"}))
        raise PermanentError(f"{where}: there is no filter {node.name!r}; there are {offered}.")
    if isinstance(node, nodes.Test) and node.name not in environment.tests:
        raise PermanentError(
            f"{where}: there is no test {node.name!r}; there are {', '.join(_TESTS)}."
        )
    if not isinstance(node, _ALLOWED):
        raise PermanentError(
            f"{where}: a template may hold values, `if`, `for` and filters, and nothing else."
        )


@pass_eval_context
def _join(context: EvalContext, rows: Any, between: str = "") -> str:
    """Jinja2's own, but that it makes no more than a mail may hold."""
    texts = [str(row) for row in rows] if isinstance(rows, list) else []
    if sum(map(len, texts)) + len(between) * len(texts) > MOST_CHARACTERS:
        raise ValueError("too long")
    joined: str = do_join(context, rows, between)
    return joined


def _limited(part: str, pieces: Iterator[str]) -> Iterator[str]:
    made = 0
    for piece in pieces:
        made += len(piece)
        if made > MOST_CHARACTERS:
            raise PermanentError(
                f"{part}: it would have more than {MOST_CHARACTERS:,} characters: send less."
            )
        yield piece
