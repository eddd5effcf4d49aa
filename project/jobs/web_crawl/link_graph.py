"""The site as a graph: its URLs, and the links and redirects between them."""

from collections import defaultdict, deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from project.jobs.web_crawl.findings import Findings


@dataclass(frozen=True, slots=True)
class LinkGraph:
    """The graph to draw; its nodes are URLs."""

    root: str
    parents: dict[str, str]
    """The URL that first led to each URL, by the shortest way, ordered by depth."""
    others: list[tuple[str, str]]
    """The links outside that tree, each pair once."""
    depths: dict[str, int]
    """Links and redirects from the start page to each URL."""


def build_graph(findings: Findings) -> LinkGraph:
    """Build the graph of all fetched URLs that can be reached from the start page."""
    crawled = findings.crawled
    pages = crawled.pages
    # A dict keeps each pair once, in order of first occurrence.
    targets: defaultdict[str, dict[str, None]] = defaultdict(dict)
    for page in pages.values():
        if page.redirects_to in pages:
            targets[page.url][page.redirects_to] = None
    for link in crawled.links:
        if link.target in pages:
            targets[link.source][link.target] = None
    parents, depths = _search(crawled.start, targets)
    return LinkGraph(
        root=crawled.start,
        parents=parents,
        others=[
            (source, target)
            for source in pages
            if source in depths
            for target in targets.get(source, ())
            if source != target and parents.get(target) != source
        ],
        depths=depths,
    )


def _search(
    start: str, targets: Mapping[str, Iterable[str]]
) -> tuple[dict[str, str], dict[str, int]]:
    """For each URL, what first led to it and its distance from the start, nearest first."""
    parents: dict[str, str] = {}
    depths = {start: 0}
    waiting = deque([start])
    while waiting:
        source = waiting.popleft()
        for target in targets.get(source, ()):
            if target not in depths:
                parents[target], depths[target] = source, depths[source] + 1
                waiting.append(target)
    return parents, depths
