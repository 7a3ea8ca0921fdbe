"""NAS-Bench-201: 15,625 cells of 4 nodes and 6 edges with 5 operations (Dong and Yang 2020; paper §5.1.2).

    |nor_conv_3x3~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|

Node 1 takes one edge, node 2 two, node 3 three; `~s` names the node that an edge comes from.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import product

from .base import InvalidArchitecture, Notation, RandomSource, ReplySchema, SearchSpace, gbnf_literal

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # (from, to), the benchmark's order
SIZE = 15_625  # len(OPERATIONS) ** len(EDGES)
EDGE_NAMES = tuple(f"{source}->{target}" for source, target in EDGES)

NOTATIONS = {
    "names": Notation("names", OPERATIONS),
    "words": Notation("words", ("zero", "skip", "small", "large", "pool")),
}
MEANINGS = ("no connection", "identity", "1x1 convolution", "3x3 convolution", "3x3 average pooling")


@dataclass(frozen=True, slots=True)
class NasBench201Cell:
    """One operation name for each of the six edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3."""

    edges: tuple[str, ...]

    def __post_init__(self) -> None:
        if len(self.edges) != len(EDGES):
            raise InvalidArchitecture(f"nas201: {len(EDGES)} edges expected, {len(self.edges)} given")
        for edge, operation in zip(EDGE_NAMES, self.edges, strict=True):
            if operation not in OPERATIONS:
                raise InvalidArchitecture(
                    f"nas201: edge {edge}: operation {clip(operation)} is not one of {', '.join(OPERATIONS)}"
                )


def clip(text: object) -> str:
    """A text short enough for an error message."""
    shown = repr(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."


class NasBench201(SearchSpace[NasBench201Cell]):
    """The NAS-Bench-201 topology space."""

    name = "nas201"
    size = SIZE
    operations = OPERATIONS
    notations = NOTATIONS

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
        a, b, c, d, e, f = arch.edges
        return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"

    def random(self, rng: RandomSource) -> NasBench201Cell:
        return NasBench201Cell(tuple(OPERATIONS[int(rng.random() * len(OPERATIONS))] for _ in EDGES))

    def neighbors(self, arch: NasBench201Cell) -> Sequence[NasBench201Cell]:
        neighbors: tuple[NasBench201Cell, ...] = _neighbors(arch)
        return neighbors

    def canonical(self, arch: NasBench201Cell) -> NasBench201Cell:
        return _representatives()[_signature(arch.edges)]

    def describe(self, notation: str | Notation) -> str:
        spelling = self.notation(notation).spelling
        meanings = ", ".join(f"{word} ({meaning})" for word, meaning in zip(spelling, MEANINGS, strict=True))
        return (
            "A cell has 4 nodes (0 is the input, 3 the output) and one operation on each of its 6 edges, "
            f"in the order {', '.join(EDGE_NAMES)}. Operations: {meanings}."
        )

    def show(self, arch: NasBench201Cell, notation: str | Notation) -> str:
        n = self.notation(notation)
        if n.name == "names":
            return self.format(arch)
        return " ".join(n.spelling[OPERATIONS.index(operation)] for operation in arch.edges)

    def read(self, reply: str, notation: str | Notation) -> NasBench201Cell:
        n = self.notation(notation)
        operation_of = dict(zip(n.spelling, OPERATIONS, strict=True))
        if cells := re.findall(r"\|[^|\s]*\|\+(?:\|[^|\s]*){2}\|\+(?:\|[^|\s]*){3}\|", reply):
            return self.parse(cells[-1])
        if found := dict(re.findall(r'"(\d->\d)"\s*:\s*"([^"\n]*)"', reply)):  # the last value of an edge stands
            if missing := [edge for edge in EDGE_NAMES if edge not in found]:
                raise InvalidArchitecture(f"nas201: the reply names no operation for edge {missing[0]}")
            words = [found[edge] for edge in EDGE_NAMES]
        else:
            word = "|".join(re.escape(w) for w in n.spelling)
            rows = re.findall(rf"\b(?:{word})(?:[ ,]+(?:{word}))*\b", reply)
            if not rows:
                raise InvalidArchitecture(f"nas201: no cell found in the reply {clip(reply)}")
            words = re.split(r"[ ,]+", rows[-1])
            if len(words) != len(EDGES):
                raise InvalidArchitecture(f"nas201: {len(EDGES)} operations expected, {len(words)} found in the reply")
        return NasBench201Cell(tuple(operation_of.get(w, w) for w in words))

    def edits(self, arch: NasBench201Cell, notation: str | Notation) -> dict[str, NasBench201Cell]:
        n = self.notation(notation)
        word_of = dict(zip(OPERATIONS, n.spelling, strict=True))
        edits = {}
        for neighbor in self.neighbors(arch):
            edge = next(e for e in range(len(EDGES)) if arch.edges[e] != neighbor.edges[e])
            before, after = word_of[arch.edges[edge]], word_of[neighbor.edges[edge]]
            edits[f"edge {edge + 1} from {before} to {after}"] = neighbor
        return edits

    def reply_schema(self, notation: str | Notation) -> ReplySchema:
        n = self.notation(notation)
        schema = {
            "type": "object",
            "properties": {edge: {"type": "string", "enum": list(n.spelling)} for edge in EDGE_NAMES},
            "required": list(EDGE_NAMES),
            "additionalProperties": False,
        }
        return ReplySchema(schema, self.reply_grammar(n))

    def reply_grammar(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        word = "word ::= " + " | ".join(gbnf_literal(w) for w in n.spelling)
        if n.name == "names":
            return 'root ::= "|" word "~0|+|" word "~0|" word "~1|+|" word "~0|" word "~1|" word "~2|"\n' + word
        return 'root ::= word " " word " " word " " word " " word " " word\n' + word


@lru_cache(maxsize=SIZE)
def _neighbors(arch: NasBench201Cell) -> tuple[NasBench201Cell, ...]:
    """The 24 cells that differ on one edge."""
    edges = arch.edges
    return tuple(
        NasBench201Cell((*edges[:e], operation, *edges[e + 1 :]))
        for e in range(len(EDGES))
        for operation in OPERATIONS
        if operation != edges[e]
    )


def _signature(operations: Sequence[str]) -> str:
    """A text that isomorphic cells share: `none` cuts, `skip_connect` is transparent, sums are unordered.

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


@cache
def _representatives() -> dict[str, NasBench201Cell]:
    """The first cell of each class, in the order of OPERATIONS."""
    first: dict[str, NasBench201Cell] = {}
    for operations in product(OPERATIONS, repeat=len(EDGES)):
        signature = _signature(operations)
        if signature not in first:
            first[signature] = NasBench201Cell(operations)
    return first
