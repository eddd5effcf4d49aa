"""The picture of a site's links, as PNG.

It uses no global state of matplotlib (pyplot, its settings): a worker process runs many jobs.
"""

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.collections import PathCollection
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.path import Path as Curve
from matplotlib.patheffects import withStroke
from matplotlib.text import Annotation
from matplotlib.transforms import Bbox

from project.jobs.web_crawl.findings import Findings
from project.jobs.web_crawl.layout import Place, place_nodes
from project.jobs.web_crawl.link_graph import LinkGraph, build_graph
from project.jobs.web_crawl.pages import Page
from project.jobs.web_crawl.urls import host_of, path_of

WIDTH, HEIGHT, DPI = 1600, 1300, 160
"""Pixels, and pixels per inch."""

MAX_OTHER_LINKS = 6000
"""More lines would merge into one grey, so beyond this only every n-th line is drawn."""
MAX_LABELS = 14
MAX_LABEL_CHARS = 30

PAPER, INK, SOFT = "#fbfaf7", "#1f2933", "#7b8794"
DEPTH_COLOURS = ("#0b3c6f", "#1764ab", "#3f8fc5", "#74b3d8", "#a6cfe5")
"""Colours by clicks from the start page; the last one also stands for all deeper pages."""
REDIRECT, BROKEN, REFUSED, OTHER = "#e0a030", "#d64545", "#6b21a8", "#b8b2a7"


@dataclass(frozen=True, slots=True)
class Look:
    """How a node is drawn; the area is in square points."""

    colour: str
    area: float
    order: int
    """Nodes with a higher order are drawn later, on top."""


def draw_links(findings: Findings) -> bytes:
    """Draw the graph of all fetched URLs as PNG."""
    graph = build_graph(findings)
    places = place_nodes(graph.root, graph.parents)
    looks = {node: _find_look(findings, graph, node, len(places)) for node in places}
    figure = Figure(figsize=(WIDTH / DPI, HEIGHT / DPI), dpi=DPI, facecolor=PAPER)
    canvas = FigureCanvasAgg(figure)
    axes = figure.add_axes((0.02, 0.07, 0.96, 0.83))
    _set_view(axes, list(places.values()))
    axes.axis("off")
    _draw_lines(axes, graph, places, looks)
    _draw_nodes(axes, places, looks)
    _draw_labels(canvas, axes, findings, places, looks)
    _draw_frame(figure, findings, graph, looks)
    file = io.BytesIO()
    figure.savefig(file, format="png", facecolor=PAPER)
    return file.getvalue()


def _set_view(axes: Axes, places: Sequence[Place]) -> None:
    """Fit all nodes, as large as possible and undistorted."""
    xs, ys = [place.x for place in places], [place.y for place in places]
    middle = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    # Labels stand beside nodes, so the sides get more room.
    width, height = (max(xs) - min(xs)) * 1.16 + 2, (max(ys) - min(ys)) * 1.04 + 1.2
    box = axes.get_position()
    shape = (box.width * WIDTH) / (box.height * HEIGHT)
    half = max(height, width / shape) / 2
    axes.set(xlim=(middle[0] - half * shape, middle[0] + half * shape))
    axes.set(ylim=(middle[1] - half, middle[1] + half), aspect="equal")


# ── Nodes ────────────────────────────────────────────────────────────────────────────────────────


def _find_look(findings: Findings, graph: LinkGraph, node: str, nodes: int) -> Look:
    page = findings.crawled.pages[node]
    scale = min(1.0, math.sqrt(60 / nodes)) if nodes > 60 else 1.0
    area = (30 + 30 * math.log1p(findings.inlinks[node])) * max(scale, 0.13)
    if node == graph.root:
        return Look(DEPTH_COLOURS[0], max(area, 60) * 1.6, 5)
    return _find_colour(page, area)


def _find_colour(page: Page, area: float) -> Look:
    if page.url and page.is_broken:
        return Look(BROKEN, max(area, 14), 4)
    if page.problem:
        return Look(REFUSED, max(area, 14), 4)
    if page.is_redirect:
        return Look(REDIRECT, area * 0.7, 2)
    if not page.is_page:
        return Look(OTHER, area * 0.7, 1)
    return Look(DEPTH_COLOURS[min(page.depth, len(DEPTH_COLOURS) - 1)], area, 3)


def _draw_nodes(axes: Axes, places: dict[str, Place], looks: dict[str, Look]) -> None:
    nodes = sorted(places, key=lambda node: looks[node].order)
    axes.scatter(
        [places[node].x for node in nodes],
        [places[node].y for node in nodes],
        s=[looks[node].area for node in nodes],
        c=[looks[node].colour for node in nodes],
        edgecolors=PAPER,
        linewidths=0.6,
        zorder=3,
    )


# ── Lines ────────────────────────────────────────────────────────────────────────────────────────


def _draw_lines(
    axes: Axes, graph: LinkGraph, places: dict[str, Place], looks: dict[str, Look]
) -> None:
    step = max(1, math.ceil(len(graph.others) / MAX_OTHER_LINKS))
    chosen = graph.others[::step]
    alpha = max(0.04, min(0.35, 220 / max(1, len(chosen))))
    curves = [_bend(places[source], places[target]) for source, target in chosen]
    _add(axes, curves, SOFT, alpha, 0.5)
    tree = [_branch(places[parent], places[node]) for node, parent in graph.parents.items()]
    colours = [BROKEN if looks[node].colour == BROKEN else "#9fb3c8" for node in graph.parents]
    _add(axes, tree, colours, max(0.35, min(0.75, 300 / max(1, len(tree)))), _find_width(tree))


def _add(
    axes: Axes, curves: Sequence[Curve], colour: str | Sequence[str], alpha: float, width: float
) -> None:
    axes.add_collection(
        PathCollection(
            curves, facecolors="none", edgecolors=colour, alpha=alpha, linewidths=width, zorder=1
        ),
        autolim=False,
    )


def _find_width(tree: Sequence[Curve]) -> float:
    """Width of the tree's lines in points."""
    return 0.9 if len(tree) < 400 else 0.5


def _bend(source: Place, target: Place) -> Curve:
    """A link across the site, bent towards the middle to bundle links of one direction."""
    middle = (source.x + target.x) * 0.2, (source.y + target.y) * 0.2
    return _curve((source.x, source.y), middle, (target.x, target.y))


def _branch(parent: Place, node: Place) -> Curve:
    """A branch of the tree: outwards first, then around."""
    radius = (parent.radius + node.radius) / 2
    middle = radius * math.cos(node.angle), radius * math.sin(node.angle)
    return _curve((parent.x, parent.y), middle, (node.x, node.y))


def _curve(*points: tuple[float, float]) -> Curve:
    return Curve(points, (Curve.MOVETO, Curve.CURVE3, Curve.CURVE3))


# ── Words ────────────────────────────────────────────────────────────────────────────────────────


def _draw_labels(
    canvas: FigureCanvasAgg,
    axes: Axes,
    findings: Findings,
    places: dict[str, Place],
    looks: dict[str, Look],
) -> None:
    """Label the start page and the most linked pages, leaving out labels that would overlap."""
    renderer = canvas.get_renderer()  # type: ignore[no-untyped-call]
    taken: list[Bbox] = []
    for node in _choose_labelled(findings, places):
        label = _label(axes, node, places[node], looks[node], is_root=not taken)
        box = label.get_window_extent(renderer).expanded(1.04, 1.25)
        if any(box.overlaps(other) for other in taken):
            label.remove()
            continue
        taken.append(box)
        if len(taken) > MAX_LABELS:
            return


def _choose_labelled(findings: Findings, places: dict[str, Place]) -> Iterator[str]:
    root, *others = places
    yield root
    linked = sorted(others, key=lambda node: -findings.inlinks[node])
    yield from [node for node in linked if findings.crawled.pages[node].is_page][: 4 * MAX_LABELS]


def _label(axes: Axes, node: str, place: Place, look: Look, *, is_root: bool) -> Annotation:
    is_left = not is_root and place.x < 0
    offset = math.sqrt(look.area) / 2 + 3
    return axes.annotate(
        _shorten(host_of(node) if is_root else path_of(node)),
        (place.x, place.y),
        xytext=(-offset if is_left else offset, 0),
        textcoords="offset points",
        ha="right" if is_left else "left",
        va="center",
        fontsize=8.5 if is_root else 7,
        fontweight="bold" if is_root else "normal",
        color=INK,
        parse_math=False,
        path_effects=[withStroke(linewidth=2.5, foreground=PAPER)],
        zorder=5,
    )


def _shorten(text: str) -> str:
    return text if len(text) <= MAX_LABEL_CHARS else f"{text[: MAX_LABEL_CHARS - 1]}…"


def _draw_frame(
    figure: Figure, findings: Findings, graph: LinkGraph, looks: dict[str, Look]
) -> None:
    crawled = findings.crawled
    title = f"Links of {_shorten(host_of(crawled.site_url))}"
    figure.text(
        0.03, 0.955, title, fontsize=15, fontweight="bold", color=INK, va="center", parse_math=False
    )
    figure.text(0.03, 0.918, _caption(findings, graph), fontsize=8.5, color=SOFT, va="center")
    figure.legend(
        handles=list(_list_keys(findings, looks)),
        loc="lower center",
        bbox_to_anchor=(0.5, 0.012),
        ncols=10,
        frameon=False,
        fontsize=8,
        labelcolor=INK,
        handletextpad=0.2,
        columnspacing=1.4,
    )


def _caption(findings: Findings, graph: LinkGraph) -> str:
    drawn = len(graph.parents) + 1
    links = len(graph.others) + len(graph.parents)
    shown = "" if len(graph.others) <= MAX_OTHER_LINKS else " (only some are drawn)"
    return (
        f"{drawn:,} URLs, {links:,} links{shown}. The start page is in the middle, each ring is "
        "one click further out, and larger circles have more links to them."
    )


def _list_keys(findings: Findings, looks: dict[str, Look]) -> Iterator[Line2D]:
    """The legend's entries for the colours in use."""
    colours = {look.colour for look in looks.values()}
    last = len(DEPTH_COLOURS) - 1
    names = {colour: f"{depth} clicks" for depth, colour in enumerate(DEPTH_COLOURS)}
    names |= {DEPTH_COLOURS[0]: "start", DEPTH_COLOURS[1]: "1 click"}
    names[DEPTH_COLOURS[last]] = f"{last} or more"
    names |= {REDIRECT: "redirect", BROKEN: "broken", REFUSED: "refused", OTHER: "other than HTML"}
    for colour, name in names.items():
        if colour in colours:
            yield Line2D([], [], linestyle="", marker="o", markersize=7, color=colour, label=name)
