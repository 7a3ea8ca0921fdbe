"""What a reply says about a cell that it has written: struck out, in the wrong column, corrected, or only an example.

A cell in doubt is no answer: the LLM is asked again, since which cell it means is not for us to say.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise

from .form import Form, Named

_STRUCK_OUT = re.compile(r"~~(?:[^~\n]|~(?!~)){1,300}~~|<(del|s|strike)>[^<>\n]{1,300}</\1>", re.IGNORECASE)
_CORRECTS = re.compile(
    r"\b(?:actually|wait|correction|sorry|oops|scratch that|on second thoughts?|my mistake|i meant|instead(?! of))\b",
    re.IGNORECASE,
)
_NEAR = 200  # characters behind a word of correction in which it names what it corrects
_NEW, _OLD = "new|refined|proposed|after|now", "old|current|previous|before|original|parent|was"
_NEW_BEFORE_OLD = re.compile(
    rf"^[^\n|]*(?:\|[^\n|]*)*?\|[^\n|]*\b(?:{_NEW})\b[^\n|]*\|[^\n|]*\b(?:{_OLD})\b[^\n]*\n",
    re.IGNORECASE | re.MULTILINE,
)
_ANNOUNCES = re.compile(r"[:=\[({|>]\W*$|\b(?:cell|architecture|answer|final|new|refined|result|list)\b", re.IGNORECASE)


def without_struck_out(text: str) -> str:
    """The text without what it strikes out."""
    return _STRUCK_OUT.sub(" ", text)


def doubt(text: str, end: int, named: Iterable[Named]) -> str:
    """Why the cell that ends there is not clearly the answer; empty if it is.

    named: all operations of the text that stand beside an edge or a node.
    """
    heads = list(_NEW_BEFORE_OLD.finditer(text, 0, end))
    if heads and heads[-1].end() <= end and "\n\n" not in text[heads[-1].end() : end]:
        return "the reply's table has the new operations before the old ones: write the new cell alone"
    if correction := _CORRECTS.search(text, end):
        said = range(correction.end(), correction.end() + _NEAR)
        if any(one.start in said for one in named):
            return "the reply corrects its cell in words: write the whole corrected cell"
    return ""


def in_prose(text: str, cell: Sequence[Named]) -> bool:
    """Whether a sentence that announces no cell holds these operations."""
    line = text[: cell[0].start].rpartition("\n")[2]
    return len(re.findall("[a-z]+", line, re.IGNORECASE)) > 1 and not _ANNOUNCES.search(line)


def grouped_by_sources(text: str, cell: Sequence[Named], form: Form) -> bool:
    """Whether operations without labels are grouped, by lines or brackets, by the nodes that they come from.

    Six edges lead to nodes 1, 2, 3 as 1 + 2 + 3. Whoever writes 3 + 2 + 1 counts from the sources, or backwards.
    """
    if not form.ends:
        return False
    sizes, size = [], 1
    for one, other in pairwise(cell):
        if re.search(r"[\])\n;]", text[one.end : other.start]):
            sizes.append(size)
            size = 0
        size += 1
    targets = [len(list(edges)) for _, edges in groupby(form.labels, key=lambda label: label.partition("->")[2])]
    return [*sizes, size] == targets[::-1] != targets
