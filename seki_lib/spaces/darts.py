"""The DARTS space: two cells of 4 nodes, 1,037,664,180 each (Liu et al. 2018; paper §5.1.1).

    Genotype(normal=[('sep_conv_3x3', 0), ('skip_connect', 1), …], normal_concat=[2, 3, 4, 5], reduce=[…], …)

Nodes 0 and 1 of a cell are the outputs of the two cells before it. Each of the nodes 2-5 adds up two edges that come
from two different earlier nodes; the cell's output is the nodes of `concat`, side by side.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations, permutations
from typing import Any

from .base import InvalidArchitecture, Notation, RandomSource, ReplySchema, SearchSpace, gbnf_literal, record
from .reading import Form, Run, clip, genotype

PRIMITIVES = (
    "none",
    "max_pool_3x3",
    "avg_pool_3x3",
    "skip_connect",
    "sep_conv_3x3",
    "sep_conv_5x5",
    "dil_conv_3x3",
    "dil_conv_5x5",
)
"""The paper's eight candidate operators, in the order of the supernet's weights."""

OPERATIONS = PRIMITIVES[1:]
"""What a final cell may hold: `none` is a candidate while searching only."""

FOREIGN_OPERATIONS = ("sep_conv_7x7", "conv_7x1_1x7")
"""Of hand-me-down cells (NASNet-A, AmoebaNet-A): they can be built and counted, and are never searched."""

_BUILT = frozenset(OPERATIONS + FOREIGN_OPERATIONS)

NODES = (2, 3, 4, 5)
CELLS = ("normal", "reduce")

NOTATIONS = {
    "names": Notation("names", OPERATIONS),
    "words": Notation("words", ("max", "mean", "skip", "small", "large", "near", "far")),
}
MEANINGS = (
    "3x3 max pooling",
    "3x3 average pooling",
    "identity",
    "3x3 separable convolution",
    "5x5 separable convolution",
    "3x3 dilated convolution",
    "5x5 dilated convolution",
)

Edge = tuple[str, int]  # operation, node that it comes from
Edges = tuple[Edge, ...]  # two a node, node 2 first


@dataclass(frozen=True, slots=True)
class DartsGenotype:
    """A normal and a reduction cell: two edges a node, node 2 first. The order of edges is kept; `canonical` sorts.

    Any number of nodes and any concat can be held and built (NASNet-A has 5 nodes); the space itself has 4 nodes, all
    of them in the concat. Raises InvalidArchitecture naming cell, node and edge.
    """

    normal: Edges
    reduce: Edges
    normal_concat: tuple[int, ...] = NODES
    reduce_concat: tuple[int, ...] = NODES

    def __post_init__(self) -> None:
        for cell in CELLS:
            edges = tuple((str(operation), int(source)) for operation, source in getattr(self, cell))
            concat = tuple(int(node) for node in getattr(self, f"{cell}_concat"))
            _check(cell, edges, concat)
            object.__setattr__(self, cell, edges)
            object.__setattr__(self, f"{cell}_concat", concat)


def _check(cell: str, edges: Edges, concat: tuple[int, ...]) -> None:
    """What any cell must obey to be a network. Raises InvalidArchitecture."""
    if not edges or len(edges) % 2:
        raise InvalidArchitecture(f"darts: {cell} cell: two edges a node expected, {len(edges)} edges given")
    for position, (operation, source) in enumerate(edges):
        node = 2 + position // 2
        if operation in _BUILT and 0 <= source < node:  # said first: baselines make many thousands of genotypes
            continue
        where = f"darts: {cell} cell, node {node}, edge {position % 2 + 1}"
        if operation == "none":
            raise InvalidArchitecture(f"{where}: 'none' stands in no final cell")
        if operation not in _BUILT:
            raise InvalidArchitecture(f"{where}: operation {clip(operation)} is not one of {', '.join(OPERATIONS)}")
        raise InvalidArchitecture(f"{where}: comes from node {source}, must come from 0 to {node - 1}")
    nodes = range(2, 2 + len(edges) // 2)
    if not concat or len(set(concat)) != len(concat) or not set(concat) <= set(nodes):
        raise InvalidArchitecture(
            f"darts: {cell}_concat {clip(list(concat))} must name nodes of {list(nodes)}, each once"
        )


class Darts(SearchSpace[DartsGenotype]):
    """The DARTS space. `size` counts genotypes up to the order of a node's two edges."""

    name, evaluator = "darts", "oneshot"
    size = 1_037_664_180**2  # a cell: 7² operations and C(n, 2) pairs of earlier nodes for each n = 2, 3, 4, 5
    operations = OPERATIONS
    notations = NOTATIONS
    form = Form((2, 2, 3, 3, 4, 4, 5, 5), lambda named: named.target, "node {}", per_node=2, heads=CELLS)

    def parse(self, text: str) -> DartsGenotype:
        """The genotype of the field's text as public code prints it, without `eval` (`reading.genotype`).

        Cells of another shape than the space's (more nodes, another concat, such as NASNet-A) are read too, so that
        they can be built and counted; `require` tells them from cells of the space.
        """
        normal, normal_concat, reduce, reduce_concat = genotype("darts", text, _FIELDS, "Genotype(normal=[…], …)")
        arch = DartsGenotype(normal, reduce, normal_concat, reduce_concat)
        return self.require(arch) if _has_shape(arch) else arch

    def format(self, arch: DartsGenotype) -> str:
        return (
            f"Genotype(normal={list(arch.normal)}, normal_concat={list(arch.normal_concat)}, "
            f"reduce={list(arch.reduce)}, reduce_concat={list(arch.reduce_concat)})"
        )

    def require(self, arch: DartsGenotype) -> DartsGenotype:
        """The genotype itself if it lies in the space. Raises InvalidArchitecture saying why it does not."""
        if not isinstance(arch, DartsGenotype):
            raise InvalidArchitecture(f"darts: a DartsGenotype is expected, not {type(arch).__name__}")
        if not _has_shape(arch):
            raise InvalidArchitecture(
                "darts: a cell of the space has the nodes 2-5 with two edges each, all in the concat"
            )
        for cell in CELLS:
            edges: Edges = getattr(arch, cell)
            for position, (operation, source) in enumerate(edges):
                if operation not in OPERATIONS:
                    raise InvalidArchitecture(
                        f"darts: {cell} cell, node {2 + position // 2}: operation {operation!r} is not one of "
                        f"{', '.join(OPERATIONS)}"
                    )
                if position % 2 and source == edges[position - 1][1]:
                    raise InvalidArchitecture(
                        f"darts: {cell} cell, node {2 + position // 2}: both edges come from node {source}"
                    )
        return arch

    def random(self, rng: RandomSource) -> DartsGenotype:
        def below(n: int) -> int:
            return int(rng.random() * n)

        def cell() -> Edges:
            edges: list[Edge] = []
            for node in NODES:
                pairs = list(combinations(range(node), 2))
                edges += [(OPERATIONS[below(len(OPERATIONS))], source) for source in pairs[below(len(pairs))]]
            return tuple(edges)

        return DartsGenotype(cell(), cell())

    def neighbors(self, arch: DartsGenotype) -> Sequence[DartsGenotype]:
        """120: the 96 with another operation on one edge, and the 24 where one edge comes from another node."""
        return _neighbors(self.require(arch))

    def canonical(self, arch: DartsGenotype) -> DartsGenotype:
        """Nodes renumbered and edges sorted to the smallest text: the order in a sum or a concat does not matter."""
        self.require(arch)
        return DartsGenotype(_canonical_cell(arch.normal), _canonical_cell(arch.reduce))

    def describe(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        meanings = ", ".join(f"{word} ({meaning})" for word, meaning in zip(n.spelling, MEANINGS, strict=True))
        shared = (
            "An architecture has a normal and a reduce cell. Nodes 0 and 1 of a cell are its inputs; each of the nodes "
            "2, 3, 4, 5 adds two operations, each applied to a different earlier node. "
        )
        written = "" if n.name == "names" else "The digit after an operation is the node that it is applied to. "
        return f"{shared}{written}Operations: {meanings}."

    def show(self, arch: DartsGenotype, notation: str | Notation) -> str:
        n = self.notation(notation)
        if n.name == "names":
            return self.format(arch)
        self.require(arch)
        return " ".join(f"{cell} {_show_words(getattr(arch, cell), n)}" for cell in CELLS)

    def built(self, cells: list[Run]) -> DartsGenotype:
        built = {}
        for run in cells:
            if run.concat and sorted(run.concat) != list(NODES):
                raise InvalidArchitecture(
                    f"darts: {run.head}_concat must be [2, 3, 4, 5], not {clip(list(run.concat))}"
                )
            built[run.head] = tuple((named.operation, named.source) for named in run.named)
        return self.require(DartsGenotype(built["normal"], built["reduce"]))

    def edits(self, arch: DartsGenotype, notation: str | Notation) -> dict[str, DartsGenotype]:
        n = self.notation(notation)
        edits = {}
        for neighbor in self.neighbors(arch):
            cell = CELLS[arch.normal == neighbor.normal]
            old, new = getattr(arch, cell), getattr(neighbor, cell)
            at = next(i for i in range(len(old)) if old[i] != new[i])
            before, after = _show_edge(old[at], n), _show_edge(new[at], n)
            edits[f"{cell} node {2 + at // 2} from {before} to {after}"] = neighbor
        return edits

    def reply_schema(self, notation: str | Notation) -> ReplySchema:
        n = self.notation(notation)
        word = {"type": "string", "enum": list(n.spelling)}
        cell = record(
            {
                str(node): record(
                    {
                        "inputs": {"type": "string", "enum": [f"{a},{b}" for a, b in combinations(range(node), 2)]},
                        "first": word,
                        "second": word,
                    }
                )
                for node in NODES
            }
        )
        return ReplySchema(record(dict.fromkeys(CELLS, cell)), self.reply_grammar(n))

    def reply_grammar(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        rules = ["word ::= " + " | ".join(gbnf_literal(word) for word in n.spelling)]
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


def _public(normal: str, reduce: str) -> str:
    """The text of a genotype from the field's shorthand, operation:node."""
    short = dict(zip(("mx", "av", "sk", "s3", "s5", "d3", "d5"), OPERATIONS, strict=True))
    cells = [tuple((short[edge[:2]], int(edge[3:])) for edge in cell.split()) for cell in (normal, reduce)]
    return Darts().format(DartsGenotype(cells[0], cells[1]))


PUBLIC_GENOTYPES: dict[str, str] = {
    "DARTS_V1": _public("s3:1 s3:0 sk:0 s3:1 sk:0 s3:1 s3:0 sk:2", "mx:0 mx:1 sk:2 mx:0 mx:0 sk:2 sk:2 av:0"),
    "DARTS_V2": _public("s3:0 s3:1 s3:0 s3:1 s3:1 sk:0 sk:0 d3:2", "mx:0 mx:1 sk:2 mx:1 mx:0 sk:2 sk:2 mx:1"),
    "PC_DARTS": _public("s3:1 sk:0 s3:0 d3:1 s5:0 s3:1 av:0 d3:1", "s5:1 mx:0 s5:1 s5:2 s3:0 s3:3 s3:1 s3:2"),
}
"""Cells that the papers of DARTS and PC-DARTS found on CIFAR-10, as their code prints them."""

_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")


def _has_shape(genotype: DartsGenotype) -> bool:
    """Whether both cells have 4 nodes, all in the concat."""
    return all(
        len(getattr(genotype, cell)) == 2 * len(NODES) and sorted(getattr(genotype, f"{cell}_concat")) == list(NODES)
        for cell in CELLS
    )


def _show_edge(edge: Edge, notation: Notation) -> str:
    word = notation.spelling[OPERATIONS.index(edge[0])]
    return str((word, edge[1])) if notation.name == "names" else f"{word}{edge[1]}"


def _show_words(edges: Edges, notation: Notation) -> str:
    """`small0 skip1 max0 far2 …`: a word and a digit are one token each, and nothing else is paid for."""
    return " ".join(_show_edge(edge, notation) for edge in edges)


@lru_cache(maxsize=64)  # a search asks for the neighbours of one cell a few times in a row; each entry holds 120
def _neighbors(arch: DartsGenotype) -> tuple[DartsGenotype, ...]:
    def changed(cell: str) -> Sequence[Edges]:
        edges: Edges = getattr(arch, cell)
        operations, sources = [], []
        for i, (operation, source) in enumerate(edges):
            other = edges[i ^ 1][1]
            operations += [(*edges[:i], (new, source), *edges[i + 1 :]) for new in OPERATIONS if new != operation]
            sources += [
                (*edges[:i], (operation, new), *edges[i + 1 :])
                for new in range(2 + i // 2)
                if new not in (source, other)
            ]
        return [*operations, *sources]

    concats = (arch.normal_concat, arch.reduce_concat)
    return (
        *(_unchecked(cell, arch.reduce, *concats) for cell in changed("normal")),
        *(_unchecked(arch.normal, cell, *concats) for cell in changed("reduce")),
    )


def _unchecked(*values: Any) -> DartsGenotype:
    """The genotype of these fields, known to be legal: checking 120 neighbours takes thirty times as long as making."""
    arch = object.__new__(DartsGenotype)
    for name, value in zip(DartsGenotype.__slots__, values, strict=True):
        object.__setattr__(arch, name, value)
    return arch


@lru_cache(maxsize=16384)
def _canonical_cell(edges: Edges) -> Edges:
    """The smallest of all renumberings in which every edge still comes from an earlier node."""
    nodes = [[(OPERATIONS.index(op), source) for op, source in edges[i : i + 2]] for i in range(0, len(edges), 2)]
    candidates = []
    for order in permutations(range(len(nodes))):  # order[i]: which old node becomes node 2 + i
        new_number = {0: 0, 1: 1, **{2 + old: 2 + new for new, old in enumerate(order)}}
        renumbered = [sorted((new_number[source], op) for op, source in nodes[old]) for old in order]
        if all(source < 2 + new for new, node in enumerate(renumbered) for source, _ in node):
            candidates.append(renumbered)
    return tuple((OPERATIONS[op], source) for node in min(candidates) for source, op in node)
