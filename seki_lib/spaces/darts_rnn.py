"""The recurrent DARTS space: one cell of 8 nodes, 2,642,411,520 in all (Liu et al. 2018; paper, appendix A).

    Genotype(recurrent=[('sigmoid', 0), ('relu', 1), …], concat=range(1, 9))

Node 0 mixes the word and the state before it. Each of the nodes 1-8 takes one earlier node through one operation; the
cell's output, which is its next state, is the mean of the nodes in `concat`: in this space all eight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial

from .base import InvalidArchitecture, Notation, RandomSource, ReplySchema, SearchSpace, gbnf_literal, record
from .reading import Form, Run, clip, genotype

PRIMITIVES = ("none", "tanh", "relu", "sigmoid", "identity")
"""The candidates of the supernet, in the order of its weights."""

OPERATIONS = PRIMITIVES[1:]
"""What a final cell may hold: `none` is a candidate while searching only."""

NODES = range(1, 9)

NOTATIONS = {
    "names": Notation("names", OPERATIONS),
    "words": Notation("words", ("curve", "ramp", "gate", "line")),
}
MEANINGS = ("tanh", "ReLU", "sigmoid", "identity")

Edge = tuple[str, int]  # operation, node that it comes from
Edges = tuple[Edge, ...]  # one a node, node 1 first


@dataclass(frozen=True, slots=True)
class RnnGenotype:
    """A recurrent cell: (operation, earlier node) for each node, node 1 first, and the nodes whose mean is the output.

    Any number of nodes and any concat can be held and built (ENAS has 11 nodes); the space itself has 8, all of them in
    the concat. Raises InvalidArchitecture naming node and reason.
    """

    recurrent: Edges
    concat: tuple[int, ...] = tuple(NODES)

    def __post_init__(self) -> None:
        recurrent = tuple((str(operation), int(source)) for operation, source in self.recurrent)
        concat = tuple(int(node) for node in self.concat)
        if not recurrent:
            raise InvalidArchitecture("darts_rnn: a cell needs at least one node")
        for node, (operation, source) in enumerate(recurrent, start=1):
            if operation == "none":
                raise InvalidArchitecture(f"darts_rnn: node {node}: 'none' stands in no final cell")
            if operation not in OPERATIONS:
                raise InvalidArchitecture(
                    f"darts_rnn: node {node}: operation {clip(operation)} is not one of {', '.join(OPERATIONS)}"
                )
            if not 0 <= source < node:
                raise InvalidArchitecture(
                    f"darts_rnn: node {node}: comes from node {source}, must come from 0 to {node - 1}"
                )
        if not concat or len(set(concat)) != len(concat) or not set(concat) <= set(range(1, len(recurrent) + 1)):
            raise InvalidArchitecture(
                f"darts_rnn: concat {clip(list(concat))} must name nodes from 1 to {len(recurrent)}, each once"
            )
        object.__setattr__(self, "recurrent", recurrent)
        object.__setattr__(self, "concat", concat)


def _text(arch: RnnGenotype) -> str:
    first, last = arch.concat[0], arch.concat[-1]
    is_range = arch.concat == tuple(range(first, last + 1))
    concat = f"range({first}, {last + 1})" if is_range else list(arch.concat)
    return f"Genotype(recurrent={list(arch.recurrent)}, concat={concat})"


def _public(nodes: str, concat: Sequence[int] = NODES) -> str:
    """The text of a genotype from the shorthand operation:node."""
    edges = [edge.split(":") for edge in nodes.split()]
    return _text(RnnGenotype(tuple((name, int(source)) for name, source in edges), tuple(concat)))


PUBLIC_GENOTYPES: dict[str, str] = {
    "DARTS_V1": _public("relu:0 relu:1 tanh:2 relu:3 relu:4 identity:1 relu:5 relu:1"),
    "DARTS_V2": _public("sigmoid:0 relu:1 relu:1 identity:1 tanh:2 sigmoid:5 tanh:3 relu:5"),
    "ENAS": _public(
        "tanh:0 tanh:1 relu:1 tanh:3 tanh:3 relu:3 relu:4 relu:7 relu:8 relu:8 relu:8", (2, 5, 6, 9, 10, 11)
    ),
}
"""Cells that the papers of DARTS and ENAS found on Penn Treebank, as the code of DARTS prints them."""


class DartsRnn(SearchSpace[RnnGenotype]):
    """The recurrent DARTS space."""

    name, task, dataset, evaluator = "darts_rnn", "ptb", "ptb", "rnn"
    trainer = supernet_trainer = "language_model"
    supernets = ("single_path", "darts")
    public_genotypes = PUBLIC_GENOTYPES
    size = len(OPERATIONS) ** len(NODES) * factorial(len(NODES))  # node n comes from one of n earlier nodes
    operations = OPERATIONS
    notations = NOTATIONS
    form = Form(tuple(NODES), lambda named: named.target, "node {}", per_node=1, heads=("recurrent",))

    def parse(self, text: str) -> RnnGenotype:
        """The genotype of the field's text as public code prints it, without `eval` (`reading.genotype`).

        Cells of another shape than the space's (ENAS) are read too, so that they can be built and counted; `require`
        tells them from cells of the space.
        """
        example = "Genotype(recurrent=[('tanh', 0), …], concat=range(1, 9))"
        recurrent, concat = genotype("darts_rnn", text, ("recurrent", "concat"), example)
        return RnnGenotype(recurrent, concat)

    def format(self, arch: RnnGenotype) -> str:
        return _text(arch)

    def require(self, arch: RnnGenotype) -> RnnGenotype:
        """The genotype itself if it lies in the space. Raises InvalidArchitecture saying why it does not."""
        if not isinstance(arch, RnnGenotype):
            raise InvalidArchitecture(f"darts_rnn: an RnnGenotype is expected, not {type(arch).__name__}")
        if not _has_shape(arch):
            raise InvalidArchitecture(
                f"darts_rnn: a cell of the space has the nodes 1-8, all in the concat, not {len(arch.recurrent)} nodes "
                f"with the concat {clip(list(arch.concat))}"
            )
        return arch

    def random(self, rng: RandomSource) -> RnnGenotype:
        def below(n: int) -> int:
            return int(rng.random() * n)

        return RnnGenotype(tuple((OPERATIONS[below(len(OPERATIONS))], below(node)) for node in NODES))

    def neighbors(self, arch: RnnGenotype) -> Sequence[RnnGenotype]:
        """52: the 24 with another operation in one node, and the 28 where one node comes from another."""
        return _neighbors(self.require(arch))

    def canonical(self, arch: RnnGenotype) -> RnnGenotype:
        """Nodes renumbered: a cell is a tree, and the mean of all its nodes knows no order among siblings."""
        return RnnGenotype(_canonical(self.require(arch).recurrent))

    def describe(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        meanings = ", ".join(f"{word} ({meaning})" for word, meaning in zip(n.spelling, MEANINGS, strict=True))
        names = n.name == "names"
        written = "" if names else "The digit after an operation is the node that it is applied to. "
        return (
            "A recurrent cell has 8 nodes. Node 0 mixes the word and the previous state; each of the nodes 1-8 applies "
            "one operation, gated by a highway connection, to one earlier node. The next state is the mean of the "
            f"nodes 1-8. {written}Operations: {meanings if not names else ', '.join(n.spelling)}."
        )

    def show(self, arch: RnnGenotype, notation: str | Notation) -> str:
        n = self.notation(notation)
        if n.name == "names":
            return self.format(arch)
        return " ".join(_show_edge(edge, n) for edge in self.require(arch).recurrent)

    def built(self, cells: list[Run]) -> RnnGenotype:
        (run,) = cells
        edges = tuple((named.operation, named.source) for named in run.named)
        return self.require(RnnGenotype(edges, run.concat or tuple(NODES)))

    def edits(self, arch: RnnGenotype, notation: str | Notation) -> dict[str, RnnGenotype]:
        n = self.notation(notation)
        edits = {}
        for neighbor in self.neighbors(arch):
            at = next(i for i in range(len(NODES)) if arch.recurrent[i] != neighbor.recurrent[i])
            before, after = _show_edge(arch.recurrent[at], n), _show_edge(neighbor.recurrent[at], n)
            edits[f"node {at + 1} from {before} to {after}"] = neighbor
        return edits

    def reply_schema(self, notation: str | Notation) -> ReplySchema:
        n = self.notation(notation)
        word = {"type": "string", "enum": list(n.spelling)}
        nodes = {
            str(node): record({"operation": word, "from": {"type": "integer", "enum": list(range(node))}})
            for node in NODES
        }
        return ReplySchema(record({"recurrent": record(nodes)}), self.reply_grammar(n))

    def reply_grammar(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        sources = ["[0]", *(f"[0-{node - 1}]" for node in NODES[1:])]
        word = "word ::= " + " | ".join(gbnf_literal(w) for w in n.spelling)
        if n.name == "names":
            edges = ' ", " '.join(f""""('" word "', " {source} ")\"""" for source in sources)
            return f'root ::= "Genotype(recurrent=[" {edges} "], concat=range(1, 9))"\n{word}'
        return "root ::= " + ' " " '.join(f"word {source}" for source in sources) + f"\n{word}"


def _has_shape(genotype: RnnGenotype) -> bool:
    return len(genotype.recurrent) == len(NODES) and sorted(genotype.concat) == list(NODES)


def _show_edge(edge: Edge, notation: Notation) -> str:
    word = notation.spelling[OPERATIONS.index(edge[0])]
    return str((word, edge[1])) if notation.name == "names" else f"{word}{edge[1]}"


@lru_cache(maxsize=4096)
def _neighbors(arch: RnnGenotype) -> tuple[RnnGenotype, ...]:
    edges, operations, sources = arch.recurrent, [], []
    for i, (operation, source) in enumerate(edges):
        operations += [(*edges[:i], (new, source), *edges[i + 1 :]) for new in OPERATIONS if new != operation]
        sources += [(*edges[:i], (operation, new), *edges[i + 1 :]) for new in range(i + 1) if new != source]
    return tuple(RnnGenotype(cell) for cell in [*operations, *sources])


Tree = tuple[int, tuple["Tree", ...]]  # index of an operation, what comes from this node


@lru_cache(maxsize=16384)
def _canonical(edges: Edges) -> Edges:
    """The tree with all siblings sorted, numbered from the root downwards, each branch before the next."""
    children: list[list[Tree]] = [[] for _ in range(len(edges) + 1)]
    for node in range(len(edges), 0, -1):  # a node's children are complete when it is reached
        operation, source = edges[node - 1]
        children[source].append((OPERATIONS.index(operation), tuple(sorted(children[node]))))
    numbered: list[Edge] = []

    def number(branches: list[Tree] | tuple[Tree, ...], source: int) -> None:
        for operation, below in branches:
            numbered.append((OPERATIONS[operation], source))
            number(below, len(numbered))

    number(sorted(children[0]), 0)
    return tuple(numbered)
