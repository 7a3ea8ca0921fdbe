"""What NAS-Bench-201 and TransNAS-Bench-101 share: a cell of 4 nodes with one operation on each of its 6 edges.

Node 0 is the input and node 3 the output. A space adds its operations, the text of its field, and which of its cells
compute the same function.
"""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from itertools import product
from random import Random
from typing import Any, ClassVar, TypeVar

from .base import InvalidArchitecture, Notation, RandomSource, SearchSpace, below, choice_of
from .form import Form, Numbers, Run, clip, running

EDGES = ((0, 1), (0, 2), (1, 2), (0, 3), (1, 3), (2, 3))  # (from, to), the order of both benchmarks
EDGE_NAMES = tuple(f"{source}->{target}" for source, target in EDGES)


@dataclass(frozen=True, slots=True)
class SixEdgeCell:
    """One operation name for each of the six edges 0->1, 0->2, 1->2, 0->3, 1->3, 2->3."""

    edges: tuple[str, ...]
    space: ClassVar[str]
    operations: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        if len(self.edges) != len(EDGES):
            raise InvalidArchitecture(f"{self.space}: {len(EDGES)} edges expected, {len(self.edges)} given")
        for edge, operation in zip(EDGE_NAMES, self.edges, strict=True):
            if operation not in self.operations:
                raise InvalidArchitecture(
                    f"{self.space}: edge {edge}: operation {clip(operation)} is not one of {', '.join(self.operations)}"
                )


AnyCell = TypeVar("AnyCell", bound=SixEdgeCell)


def _numbered(numbers: Sequence[Numbers], sources: Sequence[int]) -> Sequence[str] | None:
    """The edges of six operations by the numbers beside them: two ends, or a running number from 0 or 1."""
    pairs = zip(numbers, sources, strict=True)
    numbers = [(*each, source) if each and source >= 0 else each for each, source in pairs]
    if {len(each) for each in numbers} == {1}:
        return running(numbers, EDGE_NAMES)
    if {len(each) for each in numbers} <= {2, 3}:  # of three the first is the line's
        ends = [sorted(each[-2:]) for each in numbers]
        return [f"{source}->{target}" for source, target in ends]
    nodes = [(1,), (2,), (), (3,), (), ()]  # each operation stands below the node that it leads to
    return EDGE_NAMES if list(numbers) == nodes else None


FORM = Form(
    EDGE_NAMES,
    lambda named: None if named.target is None else f"{named.source}->{named.target}",
    "edge {}",
    numbered=_numbered,
    ends=True,
)


class SixEdgeSpace(SearchSpace[AnyCell]):
    """All cells over a set of operations."""

    form = FORM

    @cached_property
    def starts(self) -> Mapping[str, AnyCell]:  # type: ignore[override]
        """All-3x3, from which local search does best, and all-skip."""
        operations = {"all-3x3": "nor_conv_3x3", "all-skip": "skip_connect"}
        return {name: self.architecture((operation,) * len(EDGES)) for name, operation in operations.items()}

    def random(self, rng: RandomSource) -> AnyCell:
        return self.architecture(tuple(self.operations[below(rng, len(self.operations))] for _ in EDGES))

    def mixed(self, cells: Sequence[AnyCell], rng: Random) -> AnyCell:
        """The part is an edge."""
        return self.architecture(tuple(rng.choice(cells).edges[edge] for edge in range(len(EDGES))))

    def neighbors(self, arch: AnyCell) -> Sequence[AnyCell]:
        neighbors: tuple[AnyCell, ...] = _neighbors(self.require(arch))
        return neighbors

    def canonical(self, arch: AnyCell) -> AnyCell:
        representative: AnyCell = _canonical(self, self.require(arch))
        return representative

    @abstractmethod
    def signature(self, operations: Sequence[str]) -> str:
        """A text that exactly those cells share that compute the same function."""

    def describe(self, notation: str | Notation) -> str:
        return (
            "A cell has 4 nodes (0 is the input, 3 the output) and one operation on each of its 6 edges, "
            f"in the order {', '.join(EDGE_NAMES)}. Operations: {self.explained(self.notation(notation))}."
        )

    def show(self, arch: AnyCell, notation: str | Notation) -> str:
        n = self.notation(notation)
        if n.name == "names":
            return self.format(arch)
        words = [n.spelling[self.operations.index(operation)] for operation in self.require(arch).edges]
        if n.labelled:
            return ", ".join(f"{edge} {word}" for edge, word in zip(EDGE_NAMES, words, strict=True))
        return " ".join(words)

    def built(self, cells: list[Run]) -> AnyCell:
        (run,) = cells
        for (source, target), named in zip(EDGES, run.named, strict=True):
            if named.source not in (source, -1):
                raise InvalidArchitecture(f"{self.name}: edge {source}->{target} must come from node {source}")
        return self.architecture(tuple(named.operation for named in run.named))

    def edits(self, arch: AnyCell, notation: str | Notation) -> dict[str, AnyCell]:
        n = self.notation(notation)
        word_of = dict(zip(self.operations, n.spelling, strict=True))
        edits = {}
        for neighbor in self.neighbors(arch):
            edge = next(e for e in range(len(EDGES)) if arch.edges[e] != neighbor.edges[e])
            before, after = word_of[arch.edges[edge]], word_of[neighbor.edges[edge]]
            named = f"{EDGE_NAMES[edge]} {after}, not {before}"  # as a cell spells that edge: small models copy it
            edits[named if n.labelled else f"edge {edge + 1} from {before} to {after}"] = neighbor
        return edits

    def reply_fields(self, word: dict[str, Any]) -> dict[str, Any]:
        return dict.fromkeys(EDGE_NAMES, word)

    def reply_grammar(self, notation: str | Notation) -> str:
        n = self.notation(notation)
        if n.name == "names":
            return self.field_grammar()
        word = "\nword ::= " + choice_of(n.spelling)
        if n.labelled:
            return 'root ::= "' + ' word ", '.join(f'{edge} "' for edge in EDGE_NAMES) + " word" + word
        return 'root ::= word " " word " " word " " word " " word " " word' + word

    @abstractmethod
    def field_grammar(self) -> str:
        """GBNF of the text of the field."""


@cache
def _neighbors(arch: AnyCell) -> tuple[AnyCell, ...]:
    """The cells that differ on one edge."""
    edges, cell = arch.edges, type(arch)
    return tuple(
        cell((*edges[:e], operation, *edges[e + 1 :]))
        for e in range(len(EDGES))
        for operation in arch.operations
        if operation != edges[e]
    )


@cache
def _canonical(space: SixEdgeSpace[AnyCell], arch: AnyCell) -> AnyCell:
    representative: AnyCell = _representatives(space)[space.signature(arch.edges)]
    return representative


@cache
def _representatives(space: SixEdgeSpace[AnyCell]) -> dict[str, AnyCell]:
    """The first cell of each class, in the order of the operations."""
    first: dict[str, AnyCell] = {}
    for operations in product(space.operations, repeat=len(EDGES)):
        signature = space.signature(operations)
        if signature not in first:
            first[signature] = space.architecture(operations)
    return first
