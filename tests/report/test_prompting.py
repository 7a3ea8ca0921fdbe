"""Whatever an LLM writes is drawn as plain text."""

import warnings
from xml.etree import ElementTree

import pytest

from seki_lib.prompts import Prompts
from seki_lib.report.plots import save
from seki_lib.report.prompting import exchange, framework
from seki_lib.report.unfolded import Round

REPLIES = (
    r"The answer is $\boxed{x}$.", r"$\frac{1}{2", "cost: $5 and $6_", "$$", r"\( x^2 \)", "$\\begin{array}$",
    "a^b_c {} \\$",
    "--> <text> & ]]>", "bell\x07 nul\x00 escape\x1b[31m", "half a pair \udc80", "tab\tand\u2028line", "",
)  # fmt: skip


@pytest.mark.parametrize("reply", REPLIES)
def test_a_reply_is_drawn_as_text_whatever_it_holds(space, tmp_path, reply):
    cell = space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    text = space.format(cell)
    message = {"role": "user", "content": reply}
    calls = [{"stage": "critique", "messages": [message], "reply": reply}]
    figure = exchange(
        Round(1, "self-evolution", text, 1.0, text, 0.0, 1.0, "llm", calls), cell, cell, ("before", "after")
    )
    drawn = [text.get_text() for axis in figure.axes for text in axis.texts]
    assert sum("$" in text for text in drawn) >= 2 * ("$" in reply)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # glyphs that the font lacks
        _, svg = save(figure, tmp_path, "figure")
    ElementTree.parse(svg)  # noqa: S314


def test_a_template_with_formulas_is_drawn_as_text(tmp_path):
    prompts = Prompts.load("compact")
    edited = prompts.edited(
        **{stage: rf"Solve $\boxed{{x$ first. {prompts.text(stage)}" for stage in ("critique", "refine", "inspire")}
    )
    save(framework(edited, [("critique", "C", "OS")]), tmp_path, "figure")
