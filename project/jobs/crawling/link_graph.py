"""The site as a graph: its URLs, the links and redirects between them, the way each was found."""

from dataclasses import dataclass

import networkx as nx  # type: ignore[import-untyped]  # it ships no types

from project.jobs.crawling.findings import Findings


@dataclass(frozen=True, slots=True)
class LinkGraph:
    """What is drawn; URLs are its nodes."""

    root: str
    parents: dict[str, str]
    """Who led to each URL first, by the shortest way; in the order of their depths."""
    others: list[tuple[str, str]]
    """The links that are no part of that tree, each pair once."""
    depths: dict[str, int]
    """Links and redirects from the start page to each URL."""


def build_graph(findings: Findings) -> LinkGraph:
    """The graph of all URLs that were fetched and can be reached from the start page."""
    crawled = findings.crawled
    graph = nx.DiGraph()
    graph.add_nodes_from(crawled.pages)
    for page in crawled.pages.values():
        if page.redirects_to in crawled.pages:
            graph.add_edge(page.url, page.redirects_to)
    graph.add_edges_from(
        (link.source, link.target) for link in crawled.links if link.target in crawled.pages
    )
    parents = dict(nx.bfs_predecessors(graph, crawled.start))
    depths = {crawled.start: 0}
    for node, parent in parents.items():
        depths[node] = depths[parent] + 1
    return LinkGraph(
        root=crawled.start,
        parents=parents,
        others=[
            (source, target)
            for source, target in graph.edges
            if source in depths and source != target and parents.get(target) != source
        ],
        depths=depths,
    )
