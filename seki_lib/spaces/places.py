"""Which operation belongs where, if a reply names no edge or node of it: by its place, or the numbers beside it."""

import re
from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from .doubts import grouped_by_sources
from .form import BESIDE, Form, Named, Numbers, running


def placed(text: str, cell: list[Named], form: Form) -> list[list[Named]]:
    """The cell of operations without labels, by the numbers beside them if there are any; none where they disagree."""
    ways = [way for way in _beside(text, cell) if sum(map(bool, way)) > 1]  # one alone is said of the whole cell
    announced = _announced(text, cell, form)
    if not ways or announced:
        unclear = ways if announced else grouped_by_sources(text, cell, form)
        return [] if unclear else [_sorted(cell, announced or form.labels, form)]
    for way in ways:
        sources = [named.source for named in cell]
        labels = form.numbered(way, sources) if form.numbered else running(way, form.labels)
        if labels and Counter(labels) == Counter(form.labels):
            return [_sorted(cell, labels, form)]
    return []


def _sorted(cell: list[Named], labels: Sequence[Any], form: Form) -> list[Named]:
    """The operations in the order of the form's labels; those of one label stay in theirs."""
    return [cell[i] for i in sorted(range(len(cell)), key=lambda i: form.labels.index(labels[i]))]


def _announced(text: str, cell: list[Named], form: Form) -> list[Any] | None:
    """Labels that stand in a row of their own beside the cell, such as a table's head, where their order is another."""
    if not form.ends:
        return None
    edge, start, end = r"(?:\be(?:dge)?_?)?([0-9])\s?(?:->|,|-|_|to)?\s?([0-9])(?!\w)", cell[0].start, cell[-1].end
    in_a_row = rf"(?:(?:\W|\b(?:and|finally|then|lastly)\b)*(?<![0-9.]){edge}){{{len(form.labels)}}}"
    for part in (text[max(0, start - 3 * BESIDE) : start], text[end : end + 3 * BESIDE]):
        row = re.search(in_a_row, part)
        labels = ["->".join(ends) for ends in re.findall(edge, row[0])] if row else []
        if Counter(labels) == Counter(form.labels) and labels != list(form.labels):
            return labels
    return None


def _beside(text: str, cell: list[Named]) -> list[list[Numbers]]:
    """The numbers beside each operation: those before it, those after it, and those on its line."""
    line_begins = [text[max(0, named.start - BESIDE) : named.start].rpartition("\n")[2] for named in cell]
    line_ends = [text[named.end : named.end + BESIDE].partition("\n")[0] for named in cell]
    between = [text[one.end : other.start] for one, other in pairwise(cell)]
    marks = [mark for mark in ("{", "\n-") if all(mark in gap for gap in between)]
    opens = marks[0] if marks else "\n"  # of a record, which may have several lines, or of a line
    begin = text[max(0, cell[0].start - BESIDE) : cell[0].start].rpartition(opens)[2]
    sides = [[begin, *between], [*between, line_ends[-1]]]
    if all("\n" in gap for gap in between):
        sides.append([begin + end for begin, end in zip(line_begins, line_ends, strict=True)])
    return [[tuple(map(int, re.findall("[0-9]", words))) for words in around] for around in sides]
