"""What the two DARTS spaces share: cells as rows of (operation, earlier node), and the text that public code prints.

A genotype is a frozen value with such a row for each of its cells. A node takes `per_node` edges, and the first node
has that number too, since so many nodes are inputs.
"""

import ast
import re
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any, Protocol, TypeVar

from .base import InvalidArchitecture, Notation, SearchSpace
from .form import Numbers, clip, running

Edge = tuple[str, int]  # operation, node that it comes from
Edges = tuple[Edge, ...]  # of a cell, the first node's first


class HasCells(Hashable, Protocol):
    """A genotype."""

    @property
    def cells(self) -> dict[str, Edges]:
        """Its cells by the name of their field."""


Genotype = TypeVar("Genotype", bound=HasCells)


class GenotypeSpace(SearchSpace[Genotype]):
    """All genotypes over a set of operations."""

    per_node: int

    def mixed(self, cells: Sequence[Genotype], rng: Random) -> Genotype:
        """The part is a node with its edges."""

        def mix(cell: str, edges: int) -> Edges:
            starts = range(0, edges, self.per_node)
            return tuple(edge for at in starts for edge in rng.choice(cells).cells[cell][at : at + self.per_node])

        return self.architecture(**{cell: mix(cell, len(edges)) for cell, edges in cells[0].cells.items()})

    def neighbors(self, arch: Genotype) -> Sequence[Genotype]:
        """Of each cell those with another operation on one edge, then those where one edge comes from elsewhere."""
        found: tuple[Genotype, ...] = _neighbors(self, self.require(arch))
        return found

    def show(self, arch: Genotype, notation: str | Notation) -> str:
        """Public code's text, or `small0 skip1 …`: a word and a digit are one token each, nothing else is paid for."""
        n = self.notation(notation)
        if n.name == "names":
            return self.format(arch)
        cells = self.require(arch).cells.items()
        return " ".join(self.heading(cell) + " ".join(self.spelled(edge, n) for edge in edges) for cell, edges in cells)

    def edits(self, arch: Genotype, notation: str | Notation) -> dict[str, Genotype]:
        n, edits = self.notation(notation), {}
        for neighbor in self.neighbors(arch):
            cell, at, old, new = next(_changes(arch, neighbor))
            node = self.per_node + at // self.per_node
            edits[f"{self.heading(cell)}node {node} from {self.spelled(old, n)} to {self.spelled(new, n)}"] = neighbor
        return edits

    def heading(self, cell: str) -> str:
        """What stands before a cell in words: its name, where there are several."""
        return f"{cell} " if self.form.cells > 1 else ""

    def spelled(self, edge: Edge, notation: Notation) -> str:
        """An edge in a prompt."""
        word = notation.spelling[self.operations.index(edge[0])]
        return str((word, edge[1])) if notation.name == "names" else f"{word}{edge[1]}"


def numbered(labels: Sequence[int]) -> Callable[[Sequence[Numbers], Sequence[int]], Sequence[int] | None]:
    """The nodes of operations by the numbers beside them: the node of each or of the first of two, or a running one."""

    def nodes(numbers: Sequence[Numbers], sources: Sequence[int]) -> Sequence[int] | None:
        if any(len(each) > 1 for each in numbers) or not numbers[0]:
            return None
        named: list[int] = []
        for each in numbers:
            named.append(each[0] if each else named[-1])
        if sorted(named) == sorted(labels):
            return named
        return running(numbers, labels)

    return nodes


def _changes(old: HasCells, new: HasCells) -> Iterator[tuple[str, int, Edge, Edge]]:
    """The cell, the place in it, and the edges before and after, of all edges that differ."""
    for cell, edges in old.cells.items():
        for at, (before, after) in enumerate(zip(edges, new.cells[cell], strict=True)):
            if before != after:
                yield cell, at, before, after


@lru_cache(maxsize=64)  # a search asks for those of one cell a few times in a row; each entry holds many genotypes
def _neighbors(space: GenotypeSpace[Any], arch: Any) -> tuple[Any, ...]:
    found = []
    for cell, edges in arch.cells.items():
        operations: list[Edges] = []
        sources: list[Edges] = []
        for i, (operation, source) in enumerate(edges):
            before, after = edges[:i], edges[i + 1 :]
            first = i - i % space.per_node
            taken = {taken for _, taken in edges[first : first + space.per_node]}
            operations += [(*before, (new, source), *after) for new in space.operations if new != operation]
            nodes = range(space.per_node + i // space.per_node)
            sources += [(*before, (operation, new), *after) for new in nodes if new not in taken]
        found += [replace(arch, **{cell: changed}) for changed in (*operations, *sources)]
    return tuple(found)


def check_edge(where: str, edge: Edge, node: int, operations: Sequence[str]) -> None:
    """Refuse an edge that no final cell can have. Raises InvalidArchitecture naming the place."""
    if type(edge) is not tuple or list(map(type, edge)) != [str, int]:
        raise InvalidArchitecture(f"{where}: an operation and a node expected, as in ('name', 0), not {clip(edge)}")
    operation, source = edge
    if operation == "none":
        raise InvalidArchitecture(f"{where}: 'none' stands in no final cell")
    if operation not in operations:
        raise InvalidArchitecture(f"{where}: operation {clip(operation)} is not one of {', '.join(operations)}")
    if not 0 <= source < node:
        raise InvalidArchitecture(f"{where}: comes from node {source}, must come from 0 to {node - 1}")


_RANGE = r"range\(\s*([0-9]{1,2})\s*,\s*([0-9]{1,2})\s*,?\s*\)"


def read_fields(space: str, text: str, fields: tuple[str, ...], example: str) -> tuple[tuple[Any, ...], ...]:
    """The fields of `Genotype(…)` as public code prints it: after a name or a time stamp, with comments inside.

    Nothing is evaluated: lists and tuples of texts and numbers are read, and `range`. Raises InvalidArchitecture.
    """
    if not isinstance(text, str):
        raise InvalidArchitecture(f"{space}: a text is expected, not {type(text).__name__}")
    if len(text) > 5000:
        raise InvalidArchitecture(f"{space}: {len(text)} characters are no genotype: {clip(text)}")
    return _read_fields(space, text, fields, example)


@lru_cache(maxsize=4096)  # each prompt of a search shows known cells again
def _read_fields(space: str, text: str, fields: tuple[str, ...], example: str) -> tuple[tuple[Any, ...], ...]:
    bare = re.sub(r"^\s*#[^\n]*\n", "", text, flags=re.MULTILINE).strip()
    whole = re.fullmatch(r"[^()\n]{0,200}?\b(Genotype\s?\(.*\))\s*;?\s*(?:#[^\n]*)?", bare, re.DOTALL)
    if not whole or "\\" in text:
        raise InvalidArchitecture(f"{space}: {example} expected, found {clip(text)}")
    listed = re.sub(  # nothing is called: a range is written out as a list
        rf"\b(?:list|tuple)\(\s*{_RANGE}\s*\)|\b{_RANGE}",
        lambda ends: str(list(range(*(int(end) for end in ends.groups() if end)))),
        whole[1],
    )
    try:
        call = ast.parse(listed, mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError) as error:
        raise InvalidArchitecture(f"{space}: cannot read {clip(whole[1])}: {str(error)[:60]}") from None
    values = {keyword.arg: keyword.value for keyword in call.keywords} if isinstance(call, ast.Call) else {}
    if missing := [name for name in fields if name not in values]:
        raise InvalidArchitecture(f"{space}: no {missing[0]}=… found: {example} expected, found {clip(text)}")
    if foreign := [name for name in values if name not in fields]:
        raise InvalidArchitecture(f"{space}: unexpected {clip(foreign[0])} in the genotype")
    return tuple(_items(f"{space}: {name}", "concat" in name, values[name]) for name in fields)


def _items(where: str, are_nodes: bool, value: ast.expr) -> tuple[Any, ...]:
    """`[('sep_conv_3x3', 0), …]`, or the nodes of a concat, as list or tuple."""
    expected, kinds = ("a node", [int]) if are_nodes else ("('operation', node)", [str, int])
    for count, item in enumerate(value.elts if isinstance(value, ast.List | ast.Tuple) else [value], start=1):
        parts = item.elts if isinstance(item, ast.List | ast.Tuple) and not are_nodes else [item]
        if [type(part.value) if isinstance(part, ast.Constant) else None for part in parts] != kinds:
            raise InvalidArchitecture(
                f"{where}, entry {count}: {expected} expected, cannot read {clip(ast.unparse(item))}"
            )
    items = ast.literal_eval(value)
    return tuple(items if are_nodes else map(tuple, items))
