"""Places a link graph's nodes: the start page in the middle, one ring per depth. Pure.

Each page lies in the sector of the page that first led to it, so that a site's sections appear as
sectors. A ring is as wide as its pages need, and the golden ratio spreads them over its width, so
that five pages look as orderly as five thousand.
"""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

GOLDEN = (math.sqrt(5) - 1) / 2
RING_GAP = 1.1
"""Gap between two rings, in distances of two neighbours; larger for large sites."""
_LARGE = 250
"""From this many nodes on, the gap grows with the picture."""
_FIRST_LEAVES = 3
"""A first-ring page without links takes the room of this many pages further out."""
_SPACING = 1.25
"""Side of the square that a node occupies."""


@dataclass(frozen=True, slots=True)
class Place:
    """A node's polar coordinates around the start page."""

    radius: float
    angle: float

    @property
    def x(self) -> float:
        """The distance to the right."""
        return self.radius * math.cos(self.angle)

    @property
    def y(self) -> float:
        """The distance upwards."""
        return self.radius * math.sin(self.angle)


def place_nodes(root: str, parents: Mapping[str, str]) -> dict[str, Place]:
    """A place for each node of the tree; `parents` has every node but the root, parents first."""
    children: defaultdict[str, list[str]] = defaultdict(list)
    for node, parent in parents.items():
        children[parent].append(node)
    middles = _find_middles(root, parents, children)
    places = {root: Place(0.0, 0.0)}
    gap = RING_GAP * max(1.0, math.sqrt((len(parents) + 1) / _LARGE))
    inner = 0.3 * gap
    for ring in _list_rings(root, children):
        inner += gap
        outer = math.sqrt(inner**2 + len(ring) * _SPACING**2 / math.pi)
        outer = max(outer, inner + 0.15) if len(ring) > _room(inner) else inner
        for number, node in enumerate(ring):
            share = (number * GOLDEN) % 1.0
            radius = math.sqrt(inner**2 + share * (outer**2 - inner**2))
            places[node] = Place(radius, middles[node])
        inner = outer
    return places


def _room(radius: float) -> float:
    """How many nodes fit on a circle without touching."""
    return 2 * math.pi * radius / (_SPACING * 0.6)


def _find_middles(
    root: str, parents: Mapping[str, str], children: Mapping[str, Sequence[str]]
) -> dict[str, float]:
    """The angle in the middle of each node's sector, which is as wide as its leaves need."""
    leaves: dict[str, int] = {}
    for node in [*reversed(list(parents)), root]:
        single = _FIRST_LEAVES if parents.get(node) == root else 1
        leaves[node] = sum(leaves[child] for child in children.get(node, ())) or single
    begins, middles = {root: math.pi / 2}, {root: 0.0}
    width = 2 * math.pi / leaves[root]
    for node in [root, *parents]:
        begin = begins[node]
        middles[node] = begin + leaves[node] * width / 2
        for child in children.get(node, ()):
            begins[child] = begin
            begin += leaves[child] * width
    return middles


def _list_rings(root: str, children: Mapping[str, Sequence[str]]) -> list[list[str]]:
    """The nodes of each depth below the root, in the order of their sectors."""
    rings: list[list[str]] = []
    ring = list(children.get(root, ()))
    while ring:
        rings.append(ring)
        ring = [child for node in ring for child in children.get(node, ())]
    return rings
