"""What a reply says about a cell that it has written: struck out, in the wrong column, corrected, or only an example.

A cell in doubt is no answer: the LLM is asked again, since which cell it means is not for us to say.
"""

import re
from collections.abc import Iterable, Sequence
from itertools import groupby, pairwise, takewhile

from .form import Form, Named, spelled

_STRUCK_OUT = re.compile(r"~~(?:[^~\n]|~(?!~)){1,300}~~|<(del|s|strike)>[^<>\n]{1,300}</\1>", re.IGNORECASE)
BECAME = r"(?:->|>|\bto\b|\bbecomes\b|\b(?:is )?now\b|\b(?:is )?replaced (?:by|with)\b|\b(?:is )?changed to\b)"
"""What stands between an old operation and the new one in its place."""

_CORRECTS = re.compile(
    r"\b(?:actually|wait|correction|sorry|oops|scratch that|on second thoughts?|my mistake|i meant|instead(?! of)|"
    r"apologies|except|then change|and replace|but with|with(?=\W+(?:edge\W+)?[0-9]\W{1,4}[0-9]\s+replaced))\b|"
    r"\bno\s?[-–—]+\s|^\W{0,3}(?:edit|update)\s?:|\w\[(?=['\"(]{0,2}[0-9]\W{1,4}[0-9]['\")]{0,2}\]\s?=)",
    re.IGNORECASE | re.MULTILINE,
)
_PLACE = re.compile(r"\b(?:edge|node|first|second|third|fourth|fifth|sixth|last)\b|\b[0-9]\s?->\s?[0-9]", re.IGNORECASE)
_NEAR = 200  # characters behind a word of correction in which it names what it corrects
_NEW = re.compile(r"\b(?:new|refined|proposed|after|now|to)\b", re.IGNORECASE)
_EDGE = re.compile(r"(?<![\w.])[0-9]\s?(?:->|-|_|,|to)\s?[0-9](?!\w)")
_REJECTED = re.compile(
    r"n't\b|\b(?:not|avoid\w*|than|instead of|unlike|comparison|compared|versus|vs|such as|alternative\w*|runner-up|"
    r"worst|considered|reject\w*|discard\w*|dropped|abandon\w*|beats?|outperforms?|over|either|before|old|parent|"
    r"previous\w*|original\w*|current|initial\w*|baseline|starting|weaker|backup|fallback|draft|second[- ]best)\b|"
    "不|旧",
    re.IGNORECASE,
)
_OTHER_CHOSEN = re.compile(
    r"\bi(?: would|'d|'ll| will)? (?:recommend|prefer|choose|pick|take|select|go with|submit)\b|\bworse\b|"
    r"\b(?:final|answer|choice|winner|best|better)\W.{0,40}\b(?:first|former|candidate|option|above|1|one|a)\b|"
    r"\b(?:but|has|have) (?:it )?(?:has |have )?too (?:many|few|much|little)\b|\brejected\b|\bnot this one\b",
    re.IGNORECASE,
)
_ANNOUNCES = re.compile(r"[:=\[({|>]\W*$|\b(?:cell|architecture|answer|final|new|refined|result|list)\b", re.IGNORECASE)


def without_struck_out(text: str) -> str:
    """The text without what it strikes out."""
    return _STRUCK_OUT.sub(" ", text)


def aside(text: str, at: int) -> bool:
    """Whether this place is in a remark in brackets, such as `(unlike the normal cell)`; a call has no blank before."""
    return re.search(r"\w[^\w\n(]{0,9}\s\([^()\n:=\[\]]*$", text[max(0, at - _NEAR) : at]) is not None


def doubt(
    text: str,
    start: int,
    end: int,
    beside: Sequence[Named],
    named: Iterable[Named],
    words: Iterable[str],
    other: int | None,
) -> str:
    """Why the cell that stands there is not clearly the answer; empty if it is.

    beside: the operations of the text that stand beside an edge or a node; named: all of them. words: how operations
    are spelled. other: where another new cell before it ends.
    """
    begin, stop = text.rfind("\n", 0, end) + 1, (text + "\n").index("\n", end)
    if _two_columns(text[:stop], text[begin:stop], words):
        return (
            "the reply's table has two operations for an edge, and does not call the last one new: write the new cell "
            "alone"
        )
    again = re.compile(rf"[^\w\n]{{0,3}}{BECAME}[^\w\n]{{0,3}}(?:{spelled(words)})(?!\w)", re.IGNORECASE)
    if any(again.match(text, one.end) for one in beside if one.target is not None):
        return "the reply names two operations for an edge: write the new cell alone"
    second = re.compile(
        rf"(?:[^\w\n]{{0,6}}|\W{{1,3}}(?:with|or|and)\W{{1,3}}|(?:(?!{_EDGE.pattern})[^\n]){{0,80}}"
        rf"\b(?:so|use|try|hence|therefore|thus)\W{{1,3}}|\s(?:is|was)\b[^\n:]{{0,60}}:\W{{0,3}})(?:{spelled(words)})"
        r"(?![\w(])(?=[^\w\n]{0,6}(?:$|\n|[,;.)|\]]))",
        re.IGNORECASE,
    )
    own = [one for one in beside if start <= one.start < end and _EDGE.search(text[one.start : one.end])]
    if any(second.match(text, one.end) for one in own):
        return "the reply names two operations for an edge: write the new cell alone"
    if correction := _CORRECTS.search(text, end):
        said = range(correction.end(), correction.end() + _NEAR)
        near = [one for one in named if one.start in said]
        if any(one in beside or _PLACE.search(text[correction.end() : one.start]) for one in near):
            return "the reply corrects its cell in words: write the whole corrected cell"
    between, behind = text[max(_announcement(text, start, other or 0), other or 0) : end], text[end : end + _NEAR]
    either = re.search(r"\beither\b", text[:end], re.IGNORECASE) is not None
    if other is not None and (either or _REJECTED.search(between) or _OTHER_CHOSEN.search(behind)):
        return "the reply names several new cells, and rejects one: write the new cell alone"
    return ""


def _announcement(text: str, start: int, other: int) -> int:
    """Where the line begins that announces what stands there: its own if words stand before it, else the one above.

    What stands behind the other cell on that one's line is said of the other.
    """
    begin = text.rfind("\n", 0, start) + 1
    if begin <= other or re.search(r"[a-z]{2}|[^\x00-\xff]", text[begin:start], re.IGNORECASE):
        return begin
    above = len(text[:begin].rstrip(" \t\n{[("))
    announced = text.rfind("\n", 0, above) + 1
    return announced if announced > other else begin


def _two_columns(text: str, row: str, words: Iterable[str]) -> bool:
    """Whether a table's last row, of one edge, has two operations, and a head that does not call the last one new."""
    cells = _columns(row)
    operations = [i for i, cell in enumerate(cells) if re.fullmatch(spelled(words), cell, re.IGNORECASE)]
    if len(operations) < 2 or len(_EDGE.findall(row)) != 1:
        return False
    table = [*takewhile(lambda line: "|" in line, reversed(text.split("\n")))]
    head = _columns(table[-1])
    if _EDGE.search(table[-1]):  # no head: old operations come first
        return False
    return len(head) != len(cells) or not _NEW.search(head[operations[-1]])


def _columns(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip().strip("|").split("|")]


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
