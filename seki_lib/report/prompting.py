"""Figures 3 to 6: the prompt frameworks, drawn from the templates themselves, and real exchanges from a transcript."""

import re
import textwrap
from collections.abc import Sequence
from functools import partial
from typing import Any, NamedTuple

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ..prompts import VARIABLES, Prompts, by_role
from ..spaces.nas201 import EDGES, NasBench201Cell
from .plots import draw_cell
from .style import BLUE, ORANGE
from .unfolded import Round, answered

MONO: dict[str, Any] = {"family": "monospace", "fontsize": 8, "va": "top", "parse_math": False}  # "$" is a dollar
LINE, LETTER = 0.138, 0.0675  # inches that a line and a letter of it take
CELL = (5.8, 3.0)  # inches: width and height of a drawn cell with its title
FILL = {"system": "#F2F2F2", "user": "#EEF4FB", "llm": "#FBEFE6"}


class PromptPart(NamedTuple):
    """One paragraph of a template: who says it, the paper's symbols of what is filled in there, its text."""

    role: str
    symbols: str
    text: str


def parts(prompts: Prompts, stage: str) -> list[PromptPart]:
    """A template in paragraphs. A line that fills something in stands alone, labelled with the paper's symbol."""
    found = []
    for role, text in by_role(prompts.text(stage)):
        for paragraph in re.split(r"\n\s*\n", text.strip()):
            lines = paragraph.splitlines()
            single = all("{{" in line for line in lines) and "{%" not in paragraph
            for piece in lines if single else [paragraph]:
                used = [name for name in VARIABLES[stage] if re.search(rf"{{[{{%][^}}]*\b{name}\b", piece)]
                found.append(PromptPart(role, ", ".join(_symbol(stage, name) for name in used), piece))
    return found


def _symbol(stage: str, name: str) -> str:
    """The paper's symbol of a variable, which begins its meaning; else its name."""
    symbol = VARIABLES[stage][name].partition(":")[0]
    return "ξ cells" if name == "examples" else symbol if len(symbol) <= 10 else name


def framework(prompts: Prompts, columns: Sequence[tuple[str, str, str]]) -> Figure:
    """Draw the templates side by side, each with an arrow to what the LLM answers.

    columns: (stage, title, what comes out of it).
    """
    wrap = partial(textwrap.fill, width=70, subsequent_indent="  ")
    drawn = [
        (title, outcome, [(part, "\n".join(map(wrap, part.text.splitlines()))) for part in parts(prompts, stage)])
        for stage, title, outcome in columns
    ]
    lines = max(sum(text.count("\n") + 2 for _, text in boxes) for *_, boxes in drawn) + 7
    figure, axes = plt.subplots(1, len(columns), figsize=(6.0 * len(columns), lines * LINE), squeeze=False)
    for axis, (title, outcome, boxes) in zip(axes[0], drawn, strict=True):
        axis.set(xlim=(0, 1), ylim=(lines, 0))
        axis.set_axis_off()
        axis.text(0, 0.2, title, fontsize=10, va="top")
        y = 2.6
        for part, text in boxes:
            axis.text(0.17, y, text, **MONO, bbox={"facecolor": FILL[part.role], "edgecolor": BLUE, "pad": 3})
            axis.text(0.0, y, part.symbols or "", fontsize=8, va="top", weight="bold")
            y += text.count("\n") + 2
        box = {"facecolor": FILL["llm"], "edgecolor": ORANGE, "boxstyle": "round,pad=0.4"}
        axis.annotate("", (0.2, y + 1.5), (0.2, y - 0.5), arrowprops={"arrowstyle": "-|>", "color": "#555555"})
        axis.text(0.17, y + 2.2, f"LLM → {outcome}", fontsize=9, va="top", bbox=box)
    figure.subplots_adjust(0.01, 0.01, 0.99, 0.99, wspace=0.02)
    return figure


def changed_edges(before: NasBench201Cell, after: NasBench201Cell) -> list[tuple[int, int]]:
    """The edges that hold another operation."""
    return [edge for edge, a, b in zip(EDGES, before.edges, after.edges, strict=True) if a != b]


def exchange(found: Round, before: NasBench201Cell, after: NasBench201Cell, titles: tuple[str, str]) -> Figure:
    """One round: what was asked and answered on the left; the two cells on the right, changed edges marked."""
    blocks = []
    for i, asked in enumerate(answered(found.calls), start=1):
        stage, messages = asked["stage"], asked["messages"]
        prompt = messages[-1]["content"] if i > 1 else "\n".join(message["content"] for message in messages)
        blocks += [(f"{stage}, asked", prompt, "user"), (f"{stage}, answered", asked["reply"], "llm")]
    texts = [_lines(text) for _, text, _ in blocks]
    lines = sum(text.count("\n") + 3.6 for text in texts)
    width = 0.3 + LETTER * max(len(line) for text in texts for line in text.split("\n"))  # inches
    height = max(2 * CELL[1], lines * LINE)
    figure = plt.figure(figsize=(width + CELL[0], height))
    axis = figure.add_axes((0, 0, width / (width + CELL[0]), 1))
    axis.set(xlim=(0, width), ylim=(height / LINE, 0))
    axis.set_axis_off()
    y = 0.5
    for (title, _, role), text in zip(blocks, texts, strict=True):
        axis.text(0.05, y, title, fontsize=9, weight="bold", va="top")
        axis.text(0.1, y + 1.4, text, **MONO, bbox={"facecolor": FILL[role], "edgecolor": "#888888", "pad": 3})
        y += text.count("\n") + 3.6
    share = CELL[0] / (width + CELL[0])
    for i, (cell, title) in enumerate(zip((before, after), titles, strict=True), start=1):
        axes = figure.add_axes((1 - share, 1 - i * CELL[1] / height, share, (CELL[1] - 0.3) / height))
        draw_cell(cell, title, axes, marked=changed_edges(before, after))
    return figure


def _lines(text: str, width: int = 92, most: int = 34) -> str:
    """Text wrapped to a column. A longer one ends in a mark."""
    lines = [piece for line in text.splitlines() or [""] for piece in textwrap.wrap(line, width) or [""]]
    shown = "\n".join(lines[:most] + (["…"] if len(lines) > most else []))
    return re.sub(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]", "\ufffd", shown)  # SVG has none of these
