"""Builds a sheet and its sections. Pure: values in, HTML out."""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum

from project.html_report.markup import Html, as_html, element, join
from project.html_report.style import STYLE


class Level(StrEnum):
    """How much a finding matters."""

    SERIOUS = "serious"
    NOTABLE = "notable"
    MINOR = "minor"
    GOOD = "good"


def sheet(*, eyebrow: str, title: str, lead: object, body: Iterable[object], foot: object) -> str:
    """Return the whole HTML file."""
    head = join(
        (
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("title", title),
            Html(f"<style>{STYLE}</style>"),
        )
    )
    main = element(
        "main",
        element(
            "header",
            element("p", eyebrow, class_="eyebrow"),
            element("h1", title),
            element("p", lead, class_="lead"),
        ),
        *body,
        element("footer", foot),
    )
    page = element("html", element("head", head), element("body", main), lang="en")
    return f"<!doctype html>\n{page}\n"


def tiles(values: Mapping[str, object]) -> Html:
    """Return large figures; the first one stands out."""
    return element(
        "div",
        *(
            element(
                "div",
                element("b", value),
                element("span", name),
                class_="tile main" if place == 0 else "tile",
            )
            for place, (name, value) in enumerate(values.items())
        ),
        class_="tiles",
    )


def contents(links: Mapping[str, str], *, is_main: bool = False) -> Html:
    """Return links to sections of the sheet, by their ids."""
    return element(
        "nav",
        *(element("a", name, href=f"#{part}", title=name) for name, part in links.items()),
        class_="main" if is_main else None,
        aria_label="Contents" if is_main else "Columns",
    )


def section(part: str, title: str, *content: object) -> Html:
    """Return a section with a title, which `contents` links to."""
    return element("section", element("h2", title), *content, id=part)


def note(*content: object) -> Html:
    """Return an explanatory paragraph."""
    return element("p", *content, class_="note")


def findings(found: Sequence[tuple[Level, object]]) -> Html:
    """Return the findings as a list, each with its level."""
    return element(
        "ul",
        *(
            element(
                "li",
                element("span", level.capitalize(), class_=f"level {level}"),
                element("span", sentence),
            )
            for level, sentence in found
        ),
        class_="findings",
    )


def card(
    title: str, *content: object, part: str | None = None, tag: tuple[str, str] | None = None
) -> Html:
    """Return a framed card; `tag` is a word in its corner, and the word's class."""
    corner = element("span", tag[0], class_=f"tag {tag[1]}") if tag else ""
    head = element("div", element("h3", title), corner, class_="head")
    return element("article", head, *content, class_="card", id=part)


def cards(*content: object) -> Html:
    """Return cards, two side by side if there is room."""
    return element("div", *content, class_="cards")


def facts(values: Mapping[str, object]) -> Html:
    """Return small figures with their names."""
    return element(
        "dl",
        *(
            element("div", element("dt", name), element("dd", value))
            for name, value in values.items()
        ),
    )


def figure(plot: Html, caption: object = "") -> Html:
    """Return a plot with a caption."""
    return element("figure", plot, element("figcaption", caption) if caption else "")


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], numeric: Iterable[str] = ()
) -> Html:
    """Return a scrollable table; the columns in `numeric` are aligned right."""
    classes = ["n" if column in set(numeric) else None for column in columns]
    head = [
        element("th", column, class_=css, scope="col")
        for column, css in zip(columns, classes, strict=True)
    ]
    body = [
        element("tr", *(_cell(cell, css) for cell, css in zip(row, classes, strict=True)))
        for row in rows
    ]
    whole = element("table", element("thead", element("tr", *head)), element("tbody", *body))
    # The tab index makes the table scrollable by keyboard.
    return element("div", whole, class_="scroll", tabindex="0", role="group")


def _cell(content: object, css: str | None) -> Html:
    if content is None:
        return element("td", "–", class_="none" if css is None else f"{css} none")
    text = as_html(content)
    return element("td", text, class_=css, title=None if isinstance(content, Html) else content)


def bars(rows: Iterable[tuple[str, float, str, bool]]) -> Html:
    """Return named bars: name, length from 0 to 1, text, and whether it is the rest."""
    cells: list[Html] = []
    for name, length, text, is_rest in rows:
        width = f"width:{100 * max(0.0, min(1.0, length)):.1f}%"
        fill = element("span", class_="fill other" if is_rest else "fill", style=width)
        cells += (
            element("span", name, class_="name", title=name),
            element("span", fill, class_="track"),
            element("span", text, class_="n"),
        )
    return element("div", *cells, class_="bars")
