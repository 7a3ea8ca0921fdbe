"""Cells that a reply draws or nests: Graphviz, Mermaid and dictionaries of dictionaries, as edges `0->1 operation`."""

import re

_NODE = r"(?<!\w)(?:(?:n|v|x|node)[ _]?)?([0-9])(?!\w)[\"']?"
_BOX = r"(?:\(\(?[^()\n]{0,20}\)?\)|\[[^\[\]\n]{0,20}\])?"  # what Mermaid writes beside a node
_GRAPHVIZ = re.compile(
    rf"{_NODE}\s?->\s?[\"']?{_NODE}\s?\[[^\]\n]{{0,60}}?\blabel\s?=\s?[\"']?([\w -]{{1,40}})[^\]\n]{{0,90}}\]",
    re.IGNORECASE,
)
_MERMAID = re.compile(rf"{_NODE}{_BOX}\s?--+>\s?\|\s?[\"']?([\w -]{{1,40}}?)[\"']?\s?\|\s?{_NODE}", re.IGNORECASE)
_KEY = r"(?<!\w)[\"']?(?:node[ _]?)?([0-9])[\"']?\s{0,9}:"
_NESTED = re.compile(rf"{_KEY}(?=\s{{0,9}}\{{([^{{}}]{{1,600}})\}})", re.IGNORECASE)
_BELOW = re.compile(rf"{_KEY}(?=\s{{0,9}}[\"'\[(]{{0,3}}[a-z])", re.IGNORECASE)


def as_edges(text: str) -> str:
    """The text, with each edge of a diagram or a nested dictionary by its two nodes."""
    text = _GRAPHVIZ.sub(r"\1->\2 \3", text)
    text = _MERMAID.sub(r"\1->\3 \2", text)
    return _unnested(text)


def _unnested(text: str) -> str:
    """`2: {0: op, 1: op}` as `2: {0->2 op, 1->2 op}`, or `0: {1: op}` as `0: {0->1 op}`, where all keys allow it."""
    parts, end = [], 0
    for match in _NESTED.finditer(text):
        node, (begin, stop) = int(match[1]), match.span(2)
        others = [int(key) for key in _BELOW.findall(match[2])]
        if not others or not (all(other < node for other in others) or all(other > node for other in others)):
            continue
        edge = r"\1->{} " if others[0] < node else r"{}->\1 "
        parts += [text[end:begin], _BELOW.sub(edge.format(node), match[2])]
        end = stop
    return "".join([*parts, text[end:]])
