"""Templates of mails: what they can do, and that none of them does harm."""

import tracemalloc
from contextlib import suppress
from typing import Any

import pytest

from project.errors import InvalidInputError, PermanentError
from project.jobs import get_kind
from project.jobs.email_send.filters import CHARACTERS_OF_A_STEP, FILTERS, MOST_STEPS, TESTS
from project.jobs.email_send.rendering import MOST_CHARACTERS, render
from project.jobs.email_send.templates import parse
from tests.hostile_templates import VALUES, Case, cases, doubled

KIND = get_kind("email.send")
MOST_BYTES = 40_000_000
"""At any moment of a rendering; Python's text of half a million characters has two megabytes."""


def make(source: str, *, is_html: bool = False, **values: Any) -> str:
    """What the template makes of the values."""
    return render(parse("text", source), values, is_html=is_html)


def grouped() -> dict[str, list[Case]]:
    groups: dict[str, list[Case]] = {}
    for case in cases():
        groups.setdefault(" ".join(case.name.split()[:2]), []).append(case)
    return groups


GROUPS = grouped()


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("{{ text }} {{ number }} {{ yes }} {{ nothing }}", "Ada 7 True None"),
        ("{{ order.items[0].price }} {{ order['items'][-1].price }}", "3.5 7"),
        ("{{ text[0] }}{{ text.0 }}{{ 'a\\n' }}", "AAa\n"),
        ("{{ -number }} {{ 1 < 2 < 3 }} {{ 1 < 2 > 3 }} {{ not yes }}", "-7 True False False"),
        ("{{ text or 1 }} {{ text and 1 }} {{ '' or 2 }} {{ 0 and 2 }}", "Ada 1 2 0"),
        ("{{ 'A' in text }} {{ 'x' not in text }} {{ number in (1, 7) }}", "True True True"),
        ("{{ 'price' in order.items[0] }} {{ 3 in rows }}", "True True"),
        ("{{ 1 if yes else 2 }} {{ 1 if nothing else 2 }}", "1 2"),
        ("item{{ 's' if number > 1 }}{{ 's' if number < 1 }}", "items"),
        ("{% if nothing %}a{% elif number == 7 %}b{% else %}c{% endif %}", "b"),
        ("{% if nothing %}a{% elif number != 7 %}b{% else %}c{% endif %}", "c"),
        ("{% for x in rows %}{{ x }}{% else %}none{% endfor %}", "123"),
        ("{% for x in () %}{{ x }}{% else %}none{% endfor %}", "none"),
        ("{% for x in rows if x > 1 %}{{ loop.index }}/{{ loop.length }} {% endfor %}", "1/2 2/2 "),
        ("{% for x in rows %}{{ loop.first }}{{ loop.revindex0 }} {% endfor %}",
         "True2 False1 False0 "),
        ("{% for x in rows %}{% for y in rows %}{{ loop.index }}{% endfor %}{{ loop.index }} "
         "{% endfor %}", "1231 1232 1233 "),
        ("{% for a, b in named | items %}{{ a }}={{ b }} {% endfor %}", "x=1 y=2 "),
        ("{% for name in named %}{{ name }}{% endfor %}", "xy"),
        ("{% for text in rows %}{{ text }}{% endfor %}{{ text }}", "123Ada"),
        ("a {#- b -#} c {%- if yes -%} d {% endif %}{% raw %}{{ e }}{% endraw %}\n",
         "acd {{ e }}\n"),
        ("{{ 'ada o\\'neil-LOVE' | title }} {{ 'aDA' | capitalize }}", "Ada O'neil-Love Ada"),
        ("{{ 'aß' | upper }} {{ 'ÄB' | lower }} {{ '  a ' | trim }} {{ 'xax' | trim('x') }}",
         "ASS äb a a"),
        ("{{ rows | join }} {{ rows | join(', ') }} {{ 'abc' | join('-') }}", "123 1, 2, 3 a-b-c"),
        ("{{ rows | first }} {{ rows | last }} {{ rows | length }} {{ text | last }}", "1 3 3 a"),
        ("{{ 2.675 | round(2) }} {{ 7 | round(2) }} {{ 2.5 | round }} {{ 1234 | round(-2) }}",
         "2.67 7 2.0 1200"),
        ("{{ 2.1 | round(0, 'ceil') }} {{ 2.19 | round(1, method='floor') }}", "3.0 2.1"),
        ("{{ order.note | default('no note') }} {{ nobody | default }}|", "no note |"),
        ("{{ '' | default('x') }}{{ '' | default('x', true) }}", "x"),
        ("{{ order.note is defined }} {{ nobody is undefined }} {{ text is not none }}",
         "False True True"),
        ("{{ text is string }} {{ 7 is number }} {{ yes is boolean }} {{ yes is true }} "
         "{{ yes is false }}", "True True True True False"),
    ],
)  # fmt: skip
def test_template_makes_text_of_its_values(source: str, made: str) -> None:
    values = {
        "text": "Ada",
        "number": 7,
        "yes": True,
        "nothing": None,
        "rows": [1, 2, 3],
        "named": {"x": 1, "y": 2},
        "order": {"items": [{"price": 3.5}, {"price": 7}]},
    }

    assert make(source, **values) == made


def test_html_escapes_every_value_and_nothing_else() -> None:
    source = "<b>{{ a }}</b>{{ '<i>' }}{{ [0] if false else ('&',) | join('\"') }}{{ o }}"
    source = source.replace("[0]", "0")

    made = make(source, is_html=True, a="<script>'", o={"<": 1})

    assert made == "<b>&lt;script&gt;&#x27;</b>&lt;i&gt;&amp;{&#x27;&lt;&#x27;: 1}"


def test_names_of_loops_need_no_values() -> None:
    template = parse("text", "{% for a, b in rows if a %}{{ a }}{{ loop.index }}{% endfor %}")

    template.check_names({"rows"})


@pytest.mark.parametrize(
    ("source", "made"),
    [
        ("Hello {{ name | default('you') }}", "Hello you"),
        ("{% if name is defined %}Hello {{ name }}{% endif %}", ""),
        ("{% if name is undefined %}Hello{% endif %}", "Hello"),
    ],
)
def test_name_that_the_template_asks_about_needs_no_value(source: str, made: str) -> None:
    parse("text", source).check_names(set())

    assert make(source) == made


@pytest.mark.parametrize(
    "source",
    [
        "{% for a in rows %}{% endfor %}{{ a }}",
        "{% for a in rows %}{% else %}{{ a }}{% endfor %}",
        "{% for a in a %}{% endfor %}",
        "{{ loop }}",
    ],
)
def test_name_beyond_its_loop_needs_a_value(source: str) -> None:
    with pytest.raises(PermanentError, match=r"`values` has no '(a|loop)'"):
        parse("text", source).check_names({"rows"})


def test_values_stay_as_they_are() -> None:
    values = {"rows": [[1, 2]], "named": {"a": 1}}

    make("{% for rows, b in rows %}{% for named in (1,) %}{% endfor %}{% endfor %}", **values)

    assert values == {"rows": [[1, 2]], "named": {"a": 1}}


def test_every_filter_and_test_is_among_the_hostile_cases() -> None:
    assert {f"filter {name}" for name in FILTERS} <= GROUPS.keys()
    assert {f"test {name}" for name in TESTS} <= GROUPS.keys()


@pytest.mark.parametrize("group", GROUPS)
def test_hostile_template_is_taken_or_refused_in_a_sentence(group: str) -> None:
    for case in GROUPS[group]:
        mail = {"recipient": "ada@example.org", "subject": "s", "text": "t", "html": case.source}
        try:
            KIND.parse(mail | {"values": case.values})
        except InvalidInputError as error:
            assert_sentence(str(error), case)


@pytest.mark.parametrize("group", GROUPS)
def test_hostile_template_ends_with_a_text_or_a_sentence(group: str) -> None:
    for case in GROUPS[group]:
        try:
            made = make(case.source, is_html=True, **case.values)
        except PermanentError as error:
            assert_sentence(str(error), case)
            assert str(error).startswith("text")
        else:
            assert len(made) <= MOST_CHARACTERS
            made.encode()


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("argument", [(), ("x",), ("x" * 30_000,), (2,), (2, "floor")])
def test_filter_pays_for_what_it_makes(name: str, argument: tuple[Any, ...]) -> None:
    """So the steps limit all that is made on the way; a letter may have three as a capital."""
    for value in VALUES.values():
        paid = [0]

        def pay(steps: int, paid: list[int] = paid) -> None:
            paid[0] += steps
            if paid[0] > MOST_STEPS:
                raise ArithmeticError

        with suppress(TypeError, ValueError, ArithmeticError, LookupError):
            made = FILTERS[name](pay, value, *argument)
            is_new = isinstance(made, str) and made not in {value, *argument}
            assert not is_new or len(made) <= 3 * CHARACTERS_OF_A_STEP * (1 + paid[0])


@pytest.mark.parametrize(
    "source",
    [
        "{% for x in many %}{% if many == many %}{% endif %}{% endfor %}",
        "{% for x in many %}{% if 1 in many %}{% endif %}{% endfor %}",
        "{% for x in many %}{% if long | upper == 'a' %}{% endif %}{% endfor %}",
        "{% for x in many %}{% if many | join(long) == 'a' %}{% endif %}{% endfor %}",
        "{% for x in many %}{% if long | trim('xyz') == 'a' %}{% endif %}{% endfor %}",
        "{% for x in many %}{% if " + "0 or " * 90 + "0 %}{% endif %}{% endfor %}",
    ],
)
def test_template_has_so_many_steps(source: str) -> None:
    values = {"many": [0] * 9_000, "long": "aB" * 15_000}

    with pytest.raises(PermanentError, match="takes more than 500,000 steps"):
        make(source, **values)


@pytest.mark.parametrize(
    "use", ["{{ x }}", "{{ x | join }}", "{% if x == x %}{% endif %}", "{% if 1 in x %}{% endif %}"]
)
def test_list_that_holds_itself_many_times_is_counted_no_further_than_the_limit(use: str) -> None:
    with pytest.raises(PermanentError, match="takes more than 500,000 steps"):
        make(doubled(use))


def test_place_that_is_a_huge_list_is_not_written_into_the_sentence() -> None:
    with pytest.raises(PermanentError, match="`many` has no such element"):
        make(doubled("{{ many[x] }}"), many=[1])


@pytest.mark.parametrize("group", [name for name in GROUPS if name.startswith("filter")])
def test_hostile_filter_takes_little_memory(group: str) -> None:
    for case in GROUPS[group]:
        tracemalloc.start()
        try:
            make(case.source, is_html=True, **case.values)
        except PermanentError:
            pass
        finally:
            peak = tracemalloc.get_traced_memory()[1]
            tracemalloc.stop()
        assert peak < MOST_BYTES, case.name


def assert_sentence(sentence: str, case: Case) -> None:
    assert "\n" not in sentence, case.name
    assert sentence.endswith((".", "…")), case.name
    assert len(sentence) < 400, case.name
