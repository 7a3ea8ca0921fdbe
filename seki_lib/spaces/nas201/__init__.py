"""NAS-Bench-201: 15,625 cells of 4 nodes and 6 edges with 5 operations (Dong and Yang 2020; paper §5.1.2).

    |nor_conv_3x3~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|

Node 1 takes one edge, node 2 two, node 3 three; `~s` names the node that an edge comes from.
"""

from collections.abc import Sequence
from typing import ClassVar

from ..base import InvalidArchitecture, choice_of
from ..form import clip
from ..six_edges import EDGE_NAMES, EDGES, SixEdgeCell, SixEdgeSpace

__all__ = ["EDGES", "EDGE_NAMES", "OPERATIONS", "NasBench201", "NasBench201Cell"]

GLOSSARY = {  # the field's name -> a word for small LLMs, what it is
    "none": ("zero", "no connection"),
    "skip_connect": ("skip", "identity"),
    "nor_conv_1x1": ("small", "1x1 convolution"),
    "nor_conv_3x3": ("large", "3x3 convolution"),
    "avg_pool_3x3": ("pool", "3x3 average pooling"),
}
OPERATIONS = tuple(GLOSSARY)


class NasBench201Cell(SixEdgeCell):
    """A cell of NAS-Bench-201."""

    __slots__ = ()
    space: ClassVar[str] = "nas201"
    operations: ClassVar[tuple[str, ...]] = OPERATIONS


class NasBench201(SixEdgeSpace[NasBench201Cell]):
    """The NAS-Bench-201 topology space."""

    name = "nas201"
    supernets = ("single_path",)
    size = len(OPERATIONS) ** len(EDGES)
    glossary = GLOSSARY
    architecture = NasBench201Cell
    field_text = r"\|[^|\s]*\|\+(?:\|[^|\s]*){2}\|\+(?:\|[^|\s]*){3}\|"

    def parse(self, text: str) -> NasBench201Cell:
        if not isinstance(text, str):
            raise InvalidArchitecture(f"nas201: a text is expected, not {type(text).__name__}")
        nodes = text.strip().split("+")
        if len(nodes) != 3:
            raise InvalidArchitecture(f"nas201: 3 nodes joined by '+' expected, {len(nodes)} found in {clip(text)}")
        operations = []
        for target, node in enumerate(nodes, start=1):
            if len(node) < 2 or node[0] != "|" or node[-1] != "|":
                raise InvalidArchitecture(f"nas201: node {target}: {clip(node)} does not stand between two '|'")
            edges = node[1:-1].split("|")
            if len(edges) != target:
                raise InvalidArchitecture(f"nas201: node {target}: {target} edges expected, {len(edges)} found")
            for source, edge in enumerate(edges):
                operation, tilde, origin = edge.partition("~")
                if not tilde or origin != str(source):
                    raise InvalidArchitecture(
                        f"nas201: edge {source}->{target}: {clip(edge)} does not end in '~{source}'"
                    )
                operations.append(operation)
        return NasBench201Cell(tuple(operations))

    def format(self, arch: NasBench201Cell) -> str:
        a, b, c, d, e, f = self.require(arch).edges
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"

    def signature(self, operations: Sequence[str]) -> str:
        """`none` cuts, `skip_connect` is transparent, sums are unordered.

        As the benchmark counts: a cut input still stands in its sum (as "#"), which gives the published 6,466 classes.
        """
        edges = iter(operations)
        nodes = ["0"]
        for target in (1, 2, 3):
            terms = []
            for source in range(target):
                operation = next(edges)
                if operation == "none" or nodes[source] == "#":
                    terms.append("#")
                elif operation == "skip_connect":
                    terms.append(nodes[source])
                else:
                    terms.append(f"({nodes[source]}){operation}")
            nodes.append("+".join(sorted(terms)))
        return nodes[3]

    def field_grammar(self) -> str:
        word = "word ::= " + choice_of(OPERATIONS)
        return 'root ::= "|" word "~0|+|" word "~0|" word "~1|+|" word "~0|" word "~1|" word "~2|"\n' + word
