"""Templates that a stranger could write to hurt: each filter, test and construct, with extremes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from project.jobs.email_send.filters import FILTERS, TESTS

LONGEST = 200_000
"""As much as `html` of `email.send` takes."""


@dataclass(frozen=True)
class Case:
    """A template and its values, by the name of what is tried."""

    name: str
    source: str
    values: dict[str, Any]


def _nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


VALUES: dict[str, Any] = {
    "long": "aB " * 32_000,
    "wide": "ß" * 45_000,
    "many": [0] * 33_000,
    "texts": ["x" * 30] * 2_800,
    "rows": [{"a": 1}] * 9_000,
    "named": {f"n{number}": number for number in range(7_000)},
    "deep": _nested(200),
    "huge": 10**4_000,
    "large": 1e308,
    "tiny": 5e-324,
    "infinite": float("inf"),
    "none": "",
    "nothing": None,
    "yes": True,
}
"""Each near the limit of 100,000 bytes for all."""
_CONSTANTS = {
    "integer": "9" * 4_000,
    "power": "1e308",
    "not finite": "1e999",
    "negative": "-" + "9" * 300,
    "hexadecimal": "0x" + "f" * 3_000,
    "hexadecimal that Python does not write": "0x" + "f" * 20_000,
    "text": "'" + "x" * 49_000 + "'",
    "words": "'" + "a " * 24_000 + "'",
    "tuple": "(" + "1," * 1_000 + ")",
    "nested": "(" * 30 + "1" + ",)" * 30,
}
_ARGUMENTS = {
    "round": ["3000000", "-3000000", "3000000, 'floor'", "15, 'floor'", "-15, 'ceil'", "huge",
              "0, 'other'", "1e308, 'ceil'", "method='ceil', precision=999999999"],
    "join": ["long", "'" + "x" * 40_000 + "'", "deep", "huge"],
    "trim": ["long", "'" + "ab " * 13_000 + "'", "7"],
    "default": ["long", "huge, true", "default_value=many", "nosuch=1", "1, 2, 3, 4"],
}  # fmt: skip


def doubled(use: str, times: int = 45) -> str:
    """A template that uses `x`, a list of two lists of two lists …: one list, kept but once."""
    loops = "{% for x in ((x, x),) %}" * times
    return "{% for x in (1,) %}" + loops + use + "{% endfor %}" * (times + 1)


def cases() -> Iterator[Case]:
    """All of them."""
    for name in FILTERS:
        for arguments in ["", *(f"({each})" for each in _ARGUMENTS.get(name, ["999999999"]))]:
            yield from _applied(f"filter {name}", f"|{name}{arguments}")
    for name in TESTS:
        yield from _applied(f"test {name}", f" is {name}")
    yield from _compared()
    yield from _built()
    yield from _repeated()
    yield from _chained()


def _applied(name: str, applied: str) -> Iterator[Case]:
    yield _case(f"{name} of a doubled list", doubled(f"{{{{ x{applied} }}}}"))
    for value in VALUES:
        yield _case(f"{name} of {value}", f"{{{{ {value}{applied} }}}}", value)
    for kind, constant in _CONSTANTS.items():
        yield _case(f"{name} of a constant, {kind}", f"{{{{ ({constant}){applied} }}}}")


def _compared() -> Iterator[Case]:
    for sign in ("==", "!=", "<", "<=", ">", ">=", "in", "not in"):
        for value in VALUES:
            for other in (value, "'x'", "1e308", "9" * 4_000):
                source = f"{{{{ {value} {sign} {other} }}}}"
                yield _case(f"{sign} of {value}", source, value)
    yield _case("chain of comparisons", "{{ " + "1 < " * 12_000 + "2 }}")
    yield _case("not found in a text", "{{ ('" + "a" * 20_000 + "b') in long }}", long="a" * 90_000)


def _built() -> Iterator[Case]:
    yield from (
        _case("constant that is too long a number", "{{ " + "9" * 49_000 + " }}"),
        _case("value", "{{ long }}", "long"),
        _case("deep value", "{{ deep }}", "deep"),
        _case("element", "{{ many[9999999999999999999999] }}{{ many[-1] }}", "many"),
        _case("element by all kinds", "{{ named[many] }}", "named", "many"),
        *(_case(f"constant, {kind}", f"{{{{ {each} }}}}") for kind, each in _CONSTANTS.items()),
        _case("negative of a text", "{{ -long }}", "long"),
        _case("else without a value", "{{ 1 if false }}"),
        _case("half a character", r"{{ '\ud800' }}"),
        _case("power", "{{ 9**9**9**9 }}"),
        _case("product", "{{ 'x' * 1000000000 }}"),
        _case("sum", "{{ 'x' + 'x' }}"),
        _case("chain of texts", "{{ 'x' ~ 'x' }}"),
        _case("format", "{{ '%999999999d' % 1 }}"),
        _case("list", "{{ [1] }}"),
        _case("object", "{{ {'a': 1} }}"),
        _case("call", "{{ range(1000000000) }}"),
        _case("call of a method", "{{ long.join(long) }}", "long"),
        _case("filter with what is unpacked", "{{ 1|round(*many) }}", "many"),
        *(
            _case(name, "{{ " + name + "(9) }}")
            for name in ("dict", "lipsum", "cycler", "joiner", "namespace")
        ),
        *(
            _case(f"filter {name}", "{{ 'x'|" + name + "(999999999) }}")
            for name in ("center", "indent", "batch", "slice", "format", "replace", "wordwrap",
                         "list", "map", "sort", "safe", "tojson", "xmlattr", "attr", "pprint")
        ),
        *(
            _case(f"tag {tag}", "{% " + tag + " %}")
            for tag in ("set a = 1", "include 'a'", "import 'a' as a", "extends 'a'", "macro a()",
                        "raw", "block a", "call a()", "filter upper", "autoescape true", "do a",
                        "with a = 1", "trans", "for a in (1,) recursive", "x" * 40_000)
        ),
    )  # fmt: skip


def _repeated() -> Iterator[Case]:
    every = "{% for x in many %}%s{% endfor %}"
    bodies = {
        "loop": "{{ loop.index }}",
        "loop of texts": "{{ long }}",
        "loop of comparisons": "{% if many == many %}{% endif %}",
        "loop of searches": "{% if 1 in many %}{% endif %}",
        "loop of filters": "{% if long|title|upper|lower|trim(' ') == '' %}{% endif %}",
        "loop of joins": "{% if many|join(long) == '' %}{% endif %}",
        "loop of rounds": "{{ 1.5|round(15, 'floor') }}",
        "loop of pairs": "{% for a, b in named|items %}{% endfor %}",
        "loop of loops": "{% for y in many %}{% endfor %}",
        "loop of much text": "x" * 40_000,
        "loop of many branches": "{% if false %}" + "{% elif 0 %}" * 1_000 + "{% endif %}",
        "loop of conditions": "{% if " + "0 or " * 90 + "0 %}{% endif %}",
    }
    for name, body in bodies.items():
        values = {"many": [0] * 9_000, "long": "aB" * 15_000, "named": {"a": 1}}
        yield Case(name, every.replace("%s", body), values)
        yield Case(f"{name}, few", every.replace("%s", body), values | {"many": [0] * 90})
    yield _case("loop over a text", "{% for x in long %}x{% endfor %}", "long")
    yield _case("loop that chooses", "{% for x in many if x %}x{% endfor %}", "many")
    yield _case("loop that unpacks", "{% for a, (b, c) in many %}x{% endfor %}", "many")
    yield _case("loop named loop", "{% for loop in many %}x{% endfor %}", "many")
    yield Case("loop with many names", "{% for x in many %}{{ x }}{% endfor %}",
               {f"a{number}": 1 for number in range(6_000)} | {"many": [0] * 9_000})  # fmt: skip


def _chained() -> Iterator[Case]:
    """Text without end for the parser, and trees without end."""
    for depth in (50, 95, 200, 2_900, 50_000):
        chains = {
            "and": "{{ " + "1 and " * depth + "1 }}",
            "or": "{{ " + "0 or " * depth + "1 }}",
            "not": "{{ " + "not " * depth + "1 }}",
            "minus": "{{ " + "-" * depth + "1 }}",
            "attributes": "{{ a" + ".a" * depth + " }}",
            "elements": "{{ a" + "[0]" * depth + " }}",
            "filters": "{{ 'a'" + "|e" * depth + " }}",
            "upper": "{{ 'a'" + "|upper" * depth + " }}",
            "tests": "{{ 1" + " is none" * depth + " }}",
            "brackets": "{{ " + "(" * depth + "1" + ")" * depth + " }}",
            "open brackets": "{{ " + "(" * depth,
            "tuples": "{{ " + "(" * depth + "1" + ",)" * depth + " }}",
            "elses": "{{ " + "1 if 0 else " * depth + "1 }}",
            "elifs": "{% if 0 %}" + "{% elif 0 %}" * depth + "{% endif %}",
            "ifs": "{% if 1 %}" * depth + "{% endif %}" * depth,
            "loops": "{% for x in (1,) %}" * depth + "{% endfor %}" * depth,
            "values": "{{a}}" * depth,
            "comments": "{##}" * depth,
            "raws": "{%raw%}{%endraw%}" * depth,
            "open values": "{{" * depth,
            "open tags": "{%" * depth,
            "open comments": "{#" * depth,
            "quotes": "{{ '" + "\\'" * depth,
            "texts beside each other": "{{ " + "'a'" * depth + " }}",
            "blanks": "{{ a" + " " * depth + " }}",
            "tag of blanks": "{%" + " " * depth + "if" + " " * depth,
            "raw of blanks": "{% raw %}" + "{%  " * depth,
            "minus signs": "{{- a -}} " * depth,
            "lines": "{{ a\n}}" * depth,
            "constants": "{{ (" + "1," * depth + ") }}",
            "text of braces": "{ {" * depth,
        }
        for name, source in chains.items():
            yield Case(f"{depth} {name}", source[:LONGEST], {"a": 1})


def _case(name: str, source: str, *needed: str, **values: Any) -> Case:
    return Case(name, source, {each: VALUES[each] for each in needed} | values)
