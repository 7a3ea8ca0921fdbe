"""The DARTS space: two cells of 4 nodes, 1,037,664,180 each (Liu et al. 2018; paper §5.1.1).

    Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1), …], normal_concat=[2, 3, 4, 5], reduce=[…], …)

Nodes 0 and 1 of a cell are the outputs of the two cells before it. Each of the nodes 2-5 adds up two edges that come
from two different earlier nodes; the cell's output is these four nodes, side by side.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations
from operator import ne
from typing import Any

from ..base import InvalidArchitecture, Notation, RandomSource, below, choice_of, record
from ..form import Form, Run, clip
from ..genotypes import Edge, Edges, GenotypeSpace, check_edge, numbered, read_fields

GLOSSARY = {  # the field's name -> a word for small LLMs, what it is
    "max_pool_3x3": ("max", "3x3 max pooling"),
    "avg_pool_3x3": ("mean", "3x3 average pooling"),
    "skip_connect": ("skip", "identity"),
    "sep_conv_3x3": ("small", "3x3 separable convolution"),
    "sep_conv_5x5": ("large", "5x5 separable convolution"),
    "dil_conv_3x3": ("near", "3x3 dilated convolution"),
    "dil_conv_5x5": ("far", "5x5 dilated convolution"),
}
OPERATIONS = tuple(GLOSSARY)
"""What a final cell may hold: `none` is a candidate while searching only."""

PRIMITIVES = ("none", *OPERATIONS)
"""The paper's eight candidate operators, in the order of the supernet's weights."""

NODES = (2, 3, 4, 5)
LEGAL = tuple(frozenset((name, i) for name in OPERATIONS for i in range(node)) for node in NODES for _ in "ab")
"""What may stand at each of the 8 places of a cell."""

EDGES = tuple((source, node) for node in NODES for source in range(node))
"""All 14 pairs of nodes that an edge of a cell may lead between, as a supernet holds them."""


@dataclass(frozen=True, slots=True)
class DartsGenotype:
    """A normal and a reduction cell: two edges a node, node 2 first. The order of edges is kept; `canonical` sorts.

    Raises InvalidArchitecture naming cell, node and edge.
    """

    normal: Edges
    reduce: Edges

    @property
    def cells(self) -> dict[str, Edges]:
        """Both cells by their names."""
        return {"normal": self.normal, "reduce": self.reduce}

    def __post_init__(self) -> None:
        if _is_legal(self.normal) and _is_legal(self.reduce):
            return  # said first: searches make many thousands of genotypes
        for cell, edges in self.cells.items():
            if type(edges) is not tuple:
                raise InvalidArchitecture(f"darts: {cell} cell: a tuple of edges expected, not {clip(edges)}")
            if not edges or len(edges) % 2:
                raise InvalidArchitecture(f"darts: {cell} cell: two edges a node expected, {len(edges)} edges given")
            for position, edge in enumerate(edges):
                where = f"darts: {cell} cell, node {2 + position // 2}, edge {position % 2 + 1}"
                check_edge(where, edge, 2 + position // 2, OPERATIONS)
        for cell, edges in self.cells.items():
            if len(edges) != 2 * len(NODES):
                raise InvalidArchitecture(
                    "darts: a cell of the space has the nodes 2-5 with two edges each, all in the concat"
                )
            for node, (_, first), (_, second) in zip(NODES, edges[::2], edges[1::2], strict=True):
                if first == second:
                    raise InvalidArchitecture(f"darts: {cell} cell, node {node}: both edges come from node {first}")


_found_legal: dict[int, Edges] = {}  # by identity, since 0.0 and True equal nodes; held here, an id stays its own


def _is_legal(edges: Edges) -> bool:
    """Whether a cell needs no further look. A neighbour holds one cell that its parent held: this is asked again."""
    if id(edges) in _found_legal:
        return True
    if not _has_legal_edges(edges):
        return False
    if len(_found_legal) >= 16384:
        _found_legal.clear()
    _found_legal[id(edges)] = edges
    return True


def _has_legal_edges(edges: Edges) -> bool:
    try:
        sources = [source for _, source in edges] if len(edges) == len(LEGAL) else []
        return (
            type(edges) is tuple
            and {*map(type, sources)} == {int}  # 0.0 and True are equal to nodes, and would be printed as they are
            and all(map(ne, sources[::2], sources[1::2]))
            and all(map(frozenset.__contains__, LEGAL, edges))
        )
    except (TypeError, ValueError):  # no tuples in it, or of another length
        return False


def _text(arch: DartsGenotype) -> str:
    normal, reduce, concat = _cell_text(arch.normal), _cell_text(arch.reduce), _cell_text(NODES)
    return f"Genotype(normal={normal}, normal_concat={concat}, reduce={reduce}, reduce_concat={concat})"


@lru_cache(maxsize=16384)  # a search asks whether each of a cell's neighbours is known: they share the other cell
def _cell_text(cell: tuple[Any, ...]) -> str:
    return str(list(cell))


def _public(normal: str, reduce: str) -> str:
    """The text of a genotype from the field's shorthand, operation:node."""
    short = dict(zip(("mx", "av", "sk", "s3", "s5", "d3", "d5"), OPERATIONS, strict=True))
    cells = [tuple((short[edge[:2]], int(edge[3:])) for edge in cell.split()) for cell in (normal, reduce)]
    return _text(DartsGenotype(*cells))


PUBLIC_GENOTYPES: dict[str, str] = {
    "DARTS_V1": _public("s3:1 s3:0 sk:0 s3:1 sk:0 s3:1 s3:0 sk:2", "mx:0 mx:1 sk:2 mx:0 mx:0 sk:2 sk:2 av:0"),
    "DARTS_V2": _public("s3:0 s3:1 s3:0 s3:1 s3:1 sk:0 sk:0 d3:2", "mx:0 mx:1 sk:2 mx:1 mx:0 sk:2 sk:2 mx:1"),
    "PC_DARTS": _public("s3:1 sk:0 s3:0 d3:1 s5:0 s3:1 av:0 d3:1", "s5:1 mx:0 s5:1 s5:2 s3:0 s3:3 s3:1 s3:2"),
}
"""Cells that the papers of DARTS and PC-DARTS found on CIFAR-10, as their code prints them."""

PAPER_SIZES: dict[str, dict[str, Any]] = {
    "cifar": {"channels": 36, "layers": 20, "classes": 10},
    "imagenet": {"channels": 48, "layers": 14, "classes": 1000, "stem": "imagenet"},
}
"""The networks of which the paper's tables print the parameters (PC-DARTS)."""


class Darts(GenotypeSpace[DartsGenotype]):
    """The DARTS space. `size` counts genotypes up to the order of a node's two edges."""

    name, evaluator = "darts", "oneshot"
    supernets = ("single_path", "pc_darts", "darts")
    stems, auxiliary = ("cifar", "imagenet"), True
    public_genotypes, paper_sizes = PUBLIC_GENOTYPES, PAPER_SIZES
    architecture = DartsGenotype
    size = 1_037_664_180**2  # a cell: 7² operations and C(n, 2) pairs of earlier nodes for each n = 2, 3, 4, 5
    glossary = GLOSSARY
    per_node = 2
    form = Form(
        tuple(node for node in NODES for _ in range(2)),
        lambda named: named.target,
        "node {}",
        per_node=2,
        numbered=numbered([node for node in NODES for _ in range(2)]),
        heads=("normal", "reduce"),
    )

    def parse(self, text: str) -> DartsGenotype:
        """The genotype of the field's text as public code prints it, without `eval`."""
        fields = ("normal", "normal_concat", "reduce", "reduce_concat")
        normal, normal_concat, reduce, reduce_concat = read_fields("darts", text, fields, "Genotype(normal=[…], …)")
        arch = DartsGenotype(normal, reduce)
        _check_concat("normal", normal_concat)
        _check_concat("reduce", reduce_concat)
        return arch

    def format(self, arch: DartsGenotype) -> str:
        return _text(self.require(arch))

    def random(self, rng: RandomSource) -> DartsGenotype:
        def cell() -> Edges:
            edges: list[Edge] = []
            for node in NODES:
                pairs = list(combinations(range(node), 2))
                edges += [(OPERATIONS[below(rng, 7)], source) for source in pairs[below(rng, len(pairs))]]
            return tuple(edges)

        return DartsGenotype(cell(), cell())

    def canonical(self, arch: DartsGenotype) -> DartsGenotype:
        """Nodes renumbered and edges sorted to the smallest text: the order in a sum or a concat does not matter."""
        self.require(arch)
        return DartsGenotype(_canonical_cell(arch.normal), _canonical_cell(arch.reduce))

    def describe(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        written = "" if n.name == "names" else "The digit after an operation is the node that it is applied to. "
        return (
            "An architecture has a normal and a reduce cell. Nodes 0 and 1 of a cell are its inputs; each of the nodes "
            f"2, 3, 4, 5 adds two operations, each applied to a different earlier node. {written}"
            f"Operations: {self.explained(n)}."
        )

    def built(self, cells: list[Run]) -> DartsGenotype:
        for run in cells:
            if run.concat:
                _check_concat(run.head, run.concat)
        built = {run.head: tuple((named.operation, named.source) for named in run.named) for run in cells}
        return DartsGenotype(built["normal"], built["reduce"])

    def reply_fields(self, word: dict[str, Any]) -> dict[str, Any]:
        def node(number: int) -> dict[str, Any]:
            pairs = [f"{a},{b}" for a, b in combinations(range(number), 2)]
            return record({"inputs": {"type": "string", "enum": pairs}, "first": word, "second": word})

        return dict.fromkeys(self.form.heads, record({str(number): node(number) for number in NODES}))

    def reply_grammar(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        rules = [f"word ::= {choice_of(n.spelling)}"]
        if n.name == "names":
            concat = "_concat=[2, 3, 4, 5]"
            root = f'"Genotype(normal=[" cell "], normal{concat}, reduce=[" cell "], reduce{concat})"'
            before, between, after = """"('" word "', \"""", '", "', '")"'
        else:
            root, before, between, after = '"normal " cell " reduce " cell', "word", '" "', ""

        def edge(sources: Iterable[int]) -> str:
            return f"{before} [{''.join(map(str, sources))}] {after}"

        for node in NODES:  # either order, never twice the same input
            pairs = [f"{edge([a])} {between} {edge(b for b in range(node) if b != a)}" for a in range(node)]
            rules.append(f"node{node} ::= " + " | ".join(pairs))
        comma = '", "' if n.name == "names" else '" "'
        cell = f"cell ::= node2 {comma} node3 {comma} node4 {comma} node5"
        return "\n".join([f"root ::= {root}", cell, *rules])


def _check_concat(cell: str, concat: Iterable[int]) -> None:
    if sorted(concat) != list(NODES):
        raise InvalidArchitecture(f"darts: {cell}_concat must be [2, 3, 4, 5], not {clip(list(concat))}")


@lru_cache(maxsize=16384)
def _canonical_cell(edges: Edges) -> Edges:
    """The smallest of all renumberings in which every edge still comes from an earlier node.

    Node by node: of the nodes whose sources have their new numbers the one with the smallest edges is next.
    """
    coded = [(source, _CODE[operation]) for operation, source in edges]
    smallest: list[tuple[int, ...]] = []
    numberings: list[tuple[int, ...]] = [(0, 1, *[_LATER] * len(NODES))]  # the new number of each old node
    for new in NODES:
        least: tuple[int, ...] = (_LATER,)
        following: list[tuple[int, ...]] = []
        for number in numberings:
            for old in NODES:
                (one, first), (other, second) = coded[2 * old - 4 : 2 * old - 2]
                one, other = number[one], number[other]
                if number[old] < _LATER or one == _LATER or other == _LATER:
                    continue
                pair = (one, first, other, second) if one < other else (other, second, one, first)
                if pair < least:
                    least, following = pair, []
                if pair == least:
                    following.append((*number[:old], new, *number[old + 1 :]))
        smallest.append(least)
        numberings = following  # two nodes with the same edges: either may come first
    return tuple((OPERATIONS[pair[at + 1]], pair[at]) for pair in smallest for at in (0, 2))


_CODE = {operation: code for code, operation in enumerate(OPERATIONS)}
_LATER = 9  # a node that has no new number yet
