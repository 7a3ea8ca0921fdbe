"""What a space's architectures look like in a reply, and what is found of them there."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

BESIDE = 300  # characters between two operations of one cell


def clip(text: object) -> str:
    """A text short enough for an error message."""
    shown = repr(text)
    return shown if len(shown) <= 60 else shown[:57] + "..."


def spelled(words: Iterable[str]) -> str:
    """A pattern of these words, longest first; a blank, a hyphen or nothing may stand for an underscore."""
    return "|".join(re.escape(word).replace("_", r"\\?[_ -]?") for word in sorted(words, key=len, reverse=True))


class Named(NamedTuple):
    """An operation that a reply names; the node that it comes from and the one that it leads to."""

    operation: str
    source: int  # -1 where it does not say
    target: int | None  # None where it does not say
    start: int
    end: int


@dataclass
class Run:
    """Operations that follow each other without prose in between, under a heading such as `normal`."""

    head: str = ""
    named: list[Named] = field(default_factory=list)
    concat: tuple[int, ...] | None = None


Numbers = tuple[int, ...]  # that stand beside an operation


@dataclass(frozen=True)
class Form:
    """What a space's architectures look like in a reply."""

    labels: tuple[Any, ...]  # of a cell's operations, in their order
    label: Callable[[Named], Any]  # None where a reply does not say
    called: str  # how an error names a label, such as "edge {}"
    per_node: int = 0  # operations that belong to a node's name; 0: nodes are never named
    numbered: Callable[[Sequence[Numbers], Sequence[int]], Sequence[Any] | None] | None = None
    # the labels of a cell's operations by the numbers beside each, and their sources; None: they name no cell. Where a
    # space does not say, a running number counts
    ends: bool = False  # a label is two nodes, `0->1`
    heads: tuple[str, ...] = ()  # one a cell

    @property
    def cells(self) -> int:
        """How many cells an architecture has."""
        return max(1, len(self.heads))


def running(numbers: Sequence[Numbers], labels: Sequence[Any]) -> list[Any] | None:
    """The label of each operation by its number in a list that counts from 0 or 1; None where it is no such list."""
    if {len(each) for each in numbers} != {1}:
        return None
    first = min(each[0] for each in numbers)
    counted = sorted(each[0] for each in numbers) == list(range(first, first + len(labels)))
    return [labels[each[0] - first] for each in numbers] if counted and first < 2 else None
