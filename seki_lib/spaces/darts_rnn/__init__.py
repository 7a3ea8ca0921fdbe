"""The recurrent DARTS space: one cell of 8 nodes, 2,642,411,520 in all (Liu et al. 2018; paper, appendix A).

    Genotype(recurrent=[('sigmoid', 0), ('relu', 1), …], concat=range(1, 9))

Node 0 mixes the word and the state before it. Each of the nodes 1-8 takes one earlier node through one operation; the
cell's output, which is its next state, is the mean of the nodes in `concat`: in this space all eight.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import factorial
from typing import Any

from ..base import InvalidArchitecture, Notation, RandomSource, below, choice_of, record
from ..form import Form, Run, clip
from ..genotypes import Edge, Edges, GenotypeSpace, check_edge, numbered, read_fields

GLOSSARY = {  # the field's name -> a word for small LLMs, what it is
    "tanh": ("curve", "tanh"),
    "relu": ("ramp", "ReLU"),
    "sigmoid": ("gate", "sigmoid"),
    "identity": ("line", "identity"),
}
OPERATIONS = tuple(GLOSSARY)
"""What a final cell may hold: `none` is a candidate while searching only."""

PRIMITIVES = ("none", *OPERATIONS)
"""The candidates of the supernet, in the order of its weights."""

NODES = range(1, 9)


@dataclass(frozen=True, slots=True)
class RnnGenotype:
    """A recurrent cell: (operation, earlier node) for each node, node 1 first, and the nodes whose mean is the output.

    Any number of nodes and any concat can be held and built (ENAS has 11 nodes); the space itself has 8, all of them in
    the concat. Raises InvalidArchitecture naming node and reason.
    """

    recurrent: Edges
    concat: tuple[int, ...] = tuple(NODES)

    @property
    def cells(self) -> dict[str, Edges]:
        """The one cell by its name."""
        return {"recurrent": self.recurrent}

    def __post_init__(self) -> None:
        if type(self.recurrent) is not tuple or type(self.concat) is not tuple:
            raise InvalidArchitecture("darts_rnn: a tuple of edges and a tuple of nodes expected")
        if not self.recurrent:
            raise InvalidArchitecture("darts_rnn: a cell needs at least one node")
        for node, edge in enumerate(self.recurrent, start=1):
            check_edge(f"darts_rnn: node {node}", edge, node, OPERATIONS)
        nodes = range(1, len(self.recurrent) + 1)
        if not self.concat or len(set(self.concat)) != len(self.concat) or not set(self.concat) <= set(nodes):
            raise InvalidArchitecture(
                f"darts_rnn: concat {clip(list(self.concat))} must name nodes from 1 to {len(nodes)}, each once"
            )


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


class DartsRnn(GenotypeSpace[RnnGenotype]):
    """The recurrent DARTS space."""

    name, task, dataset, evaluator = "darts_rnn", "ptb", "ptb", "rnn"
    trainer = supernet_trainer = "language_model"
    supernets = ("single_path", "darts")
    public_genotypes = PUBLIC_GENOTYPES
    architecture = RnnGenotype
    size = len(OPERATIONS) ** len(NODES) * factorial(len(NODES))  # node n comes from one of n earlier nodes
    glossary = GLOSSARY
    per_node = 1
    form = Form(
        tuple(NODES),
        lambda named: named.target,
        "node {}",
        per_node=1,
        numbered=numbered(NODES),
        heads=("recurrent",),
    )

    def parse(self, text: str) -> RnnGenotype:
        """The genotype of the field's text as public code prints it, without `eval`.

        Cells of another shape than the space's (ENAS) are read too, so that they can be built and counted; `require`
        tells them from cells of the space.
        """
        example = "Genotype(recurrent=[('tanh', 0), …], concat=range(1, 9))"
        recurrent, concat = read_fields("darts_rnn", text, ("recurrent", "concat"), example)
        return RnnGenotype(recurrent, concat)

    def format(self, arch: RnnGenotype) -> str:
        return _text(super().require(arch))

    def require(self, arch: RnnGenotype) -> RnnGenotype:
        super().require(arch)
        if len(arch.recurrent) != len(NODES) or sorted(arch.concat) != list(NODES):
            raise InvalidArchitecture(
                f"darts_rnn: a cell of the space has the nodes 1-8, all in the concat, not {len(arch.recurrent)} nodes "
                f"with the concat {clip(list(arch.concat))}"
            )
        return arch

    def random(self, rng: RandomSource) -> RnnGenotype:
        return RnnGenotype(tuple((OPERATIONS[below(rng, len(OPERATIONS))], below(rng, node)) for node in NODES))

    def canonical(self, arch: RnnGenotype) -> RnnGenotype:
        """Nodes renumbered: a cell is a tree, and the mean of all its nodes knows no order among siblings."""
        return RnnGenotype(_canonical(self.require(arch).recurrent))

    def describe(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        names = n.name == "names"
        written = "" if names else "The digit after an operation is the node that it is applied to. "
        return (
            "A recurrent cell has 8 nodes. Node 0 mixes the word and the previous state; each of the nodes 1-8 applies "
            "one operation, gated by a highway connection, to one earlier node. The next state is the mean of the "
            f"nodes 1-8. {written}Operations: {', '.join(n.spelling) if names else self.explained(n)}."
        )

    def built(self, cells: list[Run]) -> RnnGenotype:
        (run,) = cells
        edges = tuple((named.operation, named.source) for named in run.named)
        return self.require(RnnGenotype(edges, run.concat or tuple(NODES)))

    def reply_fields(self, word: dict[str, Any]) -> dict[str, Any]:
        nodes = {
            str(node): record({"operation": word, "from": {"type": "integer", "enum": list(range(node))}})
            for node in NODES
        }
        return {"recurrent": record(nodes)}

    def reply_grammar(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        sources = ["[0]", *(f"[0-{node - 1}]" for node in NODES[1:])]
        word = f"word ::= {choice_of(n.spelling)}"
        if n.name == "names":
            edges = ' ", " '.join(f""""('" word "', " {source} ")\"""" for source in sources)
            return f'root ::= "Genotype(recurrent=[" {edges} "], concat=range(1, 9))"\n{word}'
        return "root ::= " + ' " " '.join(f"word {source}" for source in sources) + f"\n{word}"


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
        for operation, under in branches:
            numbered.append((OPERATIONS[operation], source))
            number(under, len(numbered))

    number(sorted(children[0]), 0)
    return tuple(numbered)
