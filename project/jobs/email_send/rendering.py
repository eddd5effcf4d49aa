"""Makes the text of a mail from a template and its values.

Walks the template's tree, node by node, and handles only JSON values: no template reaches Python.
Each node costs a step, and a large value costs more before it is processed: the step budget of a
part limits its time and its intermediate values.
"""

import operator
import re
from collections import ChainMap
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from jinja2 import nodes

from project.errors import PermanentError
from project.jobs.email_send.filters import FILTERS, MOST_STEPS, TESTS, Missing, show, weigh
from project.jobs.email_send.templates import Template

MOST_ROUNDS = 20_000
"""The most rounds of all loops of a part together."""
MOST_CHARACTERS = 500_000
"""The most characters of a rendered part."""
_ORDERS = {"lt": operator.lt, "lteq": operator.le, "gt": operator.gt, "gteq": operator.ge}

Scope = ChainMap[str, Any]


def render(template: Template, values: Mapping[str, Any], *, is_html: bool) -> str:
    """Render the template with these values; PermanentError if it does not fit them.

    In HTML every value is escaped, so that it cannot become markup.
    """
    rendering = _Rendering(template.part, is_html)
    try:
        rendering.write(template.tree.body, ChainMap(dict(values)))
    except RecursionError:
        raise PermanentError(f"{template.part}: the values are nested too deeply.") from None
    text = "".join(rendering.made)
    if re.search(r"[\ud800-\udfff]", text):  # `\ud800` in a template's text
        raise PermanentError(
            f"{template.part}: it would contain half a character, which a mail cannot contain."
        )
    return text


class _Rendering:
    """The rendering of one part."""

    def __init__(self, part: str, is_html: bool) -> None:
        self.made: list[str] = []
        self._part = part
        self._is_html = is_html
        self._characters = MOST_CHARACTERS
        self._rounds = MOST_ROUNDS
        self._steps = MOST_STEPS

    # Statements

    def write(self, body: Sequence[nodes.Node], scope: Scope) -> None:
        """Render these nodes."""
        for node in body:
            self._pay(1)
            if isinstance(node, nodes.Output):
                for piece in node.nodes:
                    self._add(piece, scope)
            elif isinstance(node, nodes.If):
                self._choose(node, scope)
            elif isinstance(node, nodes.For):
                self._repeat(node, scope)

    def _add(self, node: nodes.Node, scope: Scope) -> None:
        if isinstance(node, nodes.TemplateData):
            text = node.data
        else:
            text = self._show(node, scope)
            if self._is_html and len(text) <= self._characters:
                text = escape(text)
        self._characters -= len(text)
        if self._characters < 0:
            raise PermanentError(
                f"{self._part}: it would have more than {MOST_CHARACTERS:,} characters."
            )
        self.made.append(text)

    def _show(self, node: nodes.Node, scope: Scope) -> str:
        try:
            return show(self._present(node, scope), self._pay)
        except ValueError:  # Python refuses to format numbers of thousands of digits
            raise self._unfit(node) from None

    def _choose(self, node: nodes.If, scope: Scope) -> None:
        for branch in (node, *node.elif_):
            self._pay(1)
            if self._present(branch.test, scope):
                self.write(branch.body, scope)
                return
        self.write(node.else_, scope)

    def _repeat(self, node: nodes.For, scope: Scope) -> None:
        inner = scope.new_child()
        rows = self._rows(node, scope, inner)
        for number, row in enumerate(rows):
            self._bind(node.target, row, inner)
            inner["loop"] = {
                "index": number + 1,
                "index0": number,
                "revindex": len(rows) - number,
                "revindex0": len(rows) - number - 1,
                "first": number == 0,
                "last": number == len(rows) - 1,
                "length": len(rows),
            }
            self.write(node.body, inner)
        if not rows:
            self.write(node.else_, scope)

    def _rows(self, node: nodes.For, scope: Scope, inner: Scope) -> list[Any]:
        """The items of a loop: a list's elements, or an object's names."""
        rows = self._present(node.iter, scope)
        if not isinstance(rows, list | dict):
            raise PermanentError(f"{self._part}: `for` works only on lists and objects.")
        self._rounds -= len(rows)
        if self._rounds < 0:
            raise PermanentError(
                f"{self._part}: the loops run more than {MOST_ROUNDS:,} rounds: send fewer rows."
            )
        if node.test is None:
            return list(rows)
        return [row for row in rows if self._is_wanted(node, row, inner)]

    def _is_wanted(self, node: nodes.For, row: Any, inner: Scope) -> bool:
        self._bind(node.target, row, inner)
        assert node.test is not None  # noqa: S101 - for the type checker; `_rows` has checked
        return bool(self._present(node.test, inner))

    def _bind(self, target: nodes.Node, row: Any, inner: Scope) -> None:
        if isinstance(target, nodes.Name):
            inner[target.name] = row
        elif isinstance(target, nodes.Tuple):
            if not isinstance(row, list) or len(row) != len(target.items):
                raise self._unfit(target)
            for each, item in zip(target.items, row, strict=True):
                self._bind(each, item, inner)

    # Expressions

    def _present(self, node: nodes.Node, scope: Scope) -> Any:
        """The value; PermanentError if it is missing."""
        value = self._find(node, scope)
        if isinstance(value, Missing):
            raise PermanentError(f"{self._part}, line {node.lineno}: {value.sentence}.")
        return value

    def _find(self, node: nodes.Node, scope: Scope) -> Any:
        """The value, or `Missing`."""
        self._pay(1)
        try:
            return self._evaluate(node, scope)
        except (TypeError, ValueError, ArithmeticError, LookupError):
            raise self._unfit(node) from None

    def _unfit(self, node: nodes.Node) -> PermanentError:
        return PermanentError(
            f"{self._part}, line {node.lineno}: a filter or comparison does not fit its value."
        )

    def _evaluate(self, node: nodes.Node, scope: Scope) -> Any:  # noqa: PLR0911 - a case each
        match node:
            case nodes.Name(name=name):
                return scope[name] if name in scope else Missing(f"there is no {name!r} here")
            case nodes.Const(value=value):
                return value
            case nodes.Getattr(node=owner, attr=name):
                return self._look_up(owner, name, scope)
            case nodes.Getitem(node=owner, arg=arg):
                return self._look_up(owner, self._present(arg, scope), scope)
            case nodes.Filter():
                return self._filter(node, scope)
            case nodes.Test(node=tested, name=name):
                return TESTS[name](self._find(tested, scope))
            case nodes.Compare():
                return self._compare(node, scope)
            case nodes.CondExpr():
                return self._decide(node, scope)
            case nodes.Tuple(items=items):
                return [self._present(item, scope) for item in items]
        return self._calculate(node, scope)

    def _calculate(self, node: nodes.Node, scope: Scope) -> Any:
        match node:
            case nodes.And(left=left, right=right):
                return self._present(left, scope) and self._present(right, scope)
            case nodes.Or(left=left, right=right):
                return self._present(left, scope) or self._present(right, scope)
            case nodes.Not(node=denied):
                return not self._present(denied, scope)
            case nodes.Neg(node=number):
                return -self._present(number, scope)
        raise TypeError(type(node).__name__)  # `templates` allows no other node

    def _look_up(self, node: nodes.Node, name: Any, scope: Scope) -> Any:
        owner = self._present(node, scope)
        if isinstance(owner, dict) and name in owner:
            return owner[name]
        is_place = isinstance(owner, list | str) and type(name) is int
        if is_place and -len(owner) <= name < len(owner):
            return owner[name]
        return Missing(f"{_spell(node)} has no {_spell_place(name)}")

    def _filter(self, node: nodes.Filter, scope: Scope) -> Any:
        assert node.node is not None  # noqa: S101 - for the type checker; the template was checked
        find = self._find if node.name == "default" else self._present
        args = [self._present(arg, scope) for arg in node.args]
        named = {str(each.key): self._present(each.value, scope) for each in node.kwargs}
        return FILTERS[node.name](self._pay, find(node.node, scope), *args, **named)

    def _compare(self, node: nodes.Compare, scope: Scope) -> bool:
        left = self._present(node.expr, scope)
        for operand in node.ops:
            right = self._present(operand.expr, scope)
            self._pay(weigh(left, right))
            if not _holds(left, operand.op, right):
                return False
            left = right
        return True

    def _decide(self, node: nodes.CondExpr, scope: Scope) -> Any:
        if self._present(node.test, scope):
            return self._find(node.expr1, scope)
        return self._find(node.expr2, scope) if node.expr2 is not None else ""

    def _pay(self, steps: int) -> None:
        self._steps -= steps
        if self._steps < 0:
            raise PermanentError(
                f"{self._part}: the template takes more than {MOST_STEPS:,} steps for these "
                "values: send fewer or smaller values."
            )


def _holds(left: Any, comparison: str, right: Any) -> bool:
    if comparison in {"eq", "ne"}:
        return bool(left == right) is (comparison == "eq")
    if comparison in {"in", "notin"}:
        return (left in right) is (comparison == "in")
    return bool(_ORDERS[comparison](left, right))


def _spell_place(name: Any) -> str:
    """How an error names an element's place; a list or an object could be huge."""
    return "such element" if isinstance(name, list | dict) else repr(str(name)[:60])


def _spell(node: nodes.Node) -> str:
    """How an error names the value."""
    if isinstance(node, nodes.Name):
        return f"`{node.name[:60]}`"
    if isinstance(node, nodes.Getattr):
        return f"`{node.attr[:60]}`"
    return "a value"
