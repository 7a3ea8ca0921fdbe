"""TransNAS-Bench-101, micro: 4,096 cells of 4 nodes and 6 edges with 4 operations (Duan et al. 2021; paper §5.1.3).

    64-41414-1_02_333

`64-41414` is the backbone, the same for all: 64 channels, and five stages of two cells, where a "4" halves the
resolution and doubles the channels in its first cell. Then a digit an edge: node 1 takes one, node 2 two, node 3 three.
"""

import re
from collections.abc import Sequence
from typing import ClassVar

from ..base import InvalidArchitecture, Notation
from ..form import clip
from ..six_edges import EDGE_NAMES, EDGES, SixEdgeCell, SixEdgeSpace

GLOSSARY = {  # the field's name -> a word for small LLMs, what it is
    "none": ("zero", "no connection"),
    "skip_connect": ("skip", "identity"),
    "nor_conv_1x1": ("small", "1x1 convolution"),
    "nor_conv_3x3": ("large", "3x3 convolution"),
}
OPERATIONS = tuple(GLOSSARY)  # an operation's digit is its place here
BACKBONE = "64-41414"


class TransNasBench101Cell(SixEdgeCell):
    """A cell of TransNAS-Bench-101's micro space."""

    __slots__ = ()
    space: ClassVar[str] = "trans101"
    operations: ClassVar[tuple[str, ...]] = OPERATIONS


class TransNasBench101(SixEdgeSpace[TransNasBench101Cell]):
    """The micro (cell) space of TransNAS-Bench-101."""

    name, task = "trans101", "class_object"
    size = len(OPERATIONS) ** len(EDGES)
    glossary = GLOSSARY
    architecture = TransNasBench101Cell
    field_text = r"\b\d+-\d+-\d+_\d+_\d+\b"

    def parse(self, text: str) -> TransNasBench101Cell:
        if not isinstance(text, str):
            raise InvalidArchitecture(f"trans101: a text is expected, not {type(text).__name__}")
        backbone, _, cell = text.strip().rpartition("-")
        if backbone != BACKBONE:
            raise InvalidArchitecture(f"trans101: the text must start with {BACKBONE}-, not be {clip(text)}")
        nodes = cell.split("_")
        if len(nodes) != 3:
            raise InvalidArchitecture(f"trans101: 3 nodes joined by '_' expected, {len(nodes)} found in {clip(text)}")
        operations = []
        for target, node in enumerate(nodes, start=1):
            if len(node) != target:
                raise InvalidArchitecture(f"trans101: node {target}: {target} edges expected, {len(node)} found")
            for source, digit in enumerate(node):
                if not re.fullmatch("[0-3]", digit):
                    raise InvalidArchitecture(f"trans101: edge {source}->{target}: {clip(digit)} is not one of 0 to 3")
                operations.append(OPERATIONS[int(digit)])
        return TransNasBench101Cell(tuple(operations))

    def format(self, arch: TransNasBench101Cell) -> str:
        a, b, c, d, e, f = (OPERATIONS.index(operation) for operation in self.require(arch).edges)
        return f"{BACKBONE}-{a}_{b}{c}_{d}{e}{f}"

    def signature(self, operations: Sequence[str]) -> str:
        """`none` adds nothing, sums are unordered, and an operation on nothing gives nothing.

        `skip_connect` is transparent, but not from node 0: in the three cells that halve the resolution it is a strided
        reduction there (docs/fidelity.md says how the table bears this out).
        """
        edges = iter(operations)
        nodes = [["0"]]  # each the terms of a sum
        for target in (1, 2, 3):
            terms: list[str] = []
            for source in range(target):
                operation = next(edges)
                if operation == "none" or not nodes[source]:
                    continue
                transparent = operation == "skip_connect" and source > 0
                terms += nodes[source] if transparent else [f"({'+'.join(nodes[source])}){operation}"]
            nodes.append(sorted(terms))
        return "+".join(nodes[3])

    def describe(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        if n.name != "names":
            return super().describe(n)
        digits = ", ".join(f"{digit} {name}" for digit, name in enumerate(OPERATIONS))
        a, b, c, d, e, f = EDGE_NAMES
        return (
            f"{super().describe(n)} Written {BACKBONE}-<{a}>_<{b}><{c}>_<{d}><{e}><{f}> with one digit an edge: "
            f"{digits}. {BACKBONE} is the backbone, the same for all cells."
        )

    def field_grammar(self) -> str:
        return f'root ::= "{BACKBONE}-" digit "_" digit digit "_" digit digit digit\ndigit ::= [0-3]'
