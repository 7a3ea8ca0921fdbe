"""The figure of quality against the size of the LLM."""

from types import SimpleNamespace

import pytest

from seki_lib.report.model_size import LINES, llm_sizes, parameters
from seki_lib.report.table7 import FINALS


@pytest.mark.parametrize(
    ("llm", "size"),
    [
        ("local:smollm2-135m", 135e6),
        ("local:qwen2.5-coder-0.5b", 0.5e9),
        ("local:qwen2.5-coder-1.5b,temperature=0.3", 1.5e9),
        ("local:qwen2.5-32b", 32e9),
        ("openai:gpt-4o-mini", None),
        ("openai:Qwen/Qwen2.5-7B-Instruct", 7e9),
        ("anthropic:claude-haiku-4-5", None),
    ],
)
def test_the_name_says_the_size(llm, size):
    assert parameters(llm) == size


def test_a_dot_a_seed_a_mean_and_a_line_for_each_search_without_an_llm():
    def searches(*values):
        return [SimpleNamespace(result={"final": {FINALS["nas201"]: value}}) for value in values]

    found = {
        "local:a-135m": searches(93.0, 94.0),
        "local:b-1.5b": searches(94.0),
        "openai:of-unknown-size": searches(1.0),
    }
    without = {label: {0: 93.5, 1: 94.5} for label in LINES}
    axes = llm_sizes(found, without).axes[0]
    drawn = {(float(x), float(y)) for line in axes.lines for x, y in zip(*line.get_data(), strict=True)}
    assert {(135e6, 93.0), (135e6, 94.0), (135e6, 93.5), (1.5e9, 94.0), (32e9, 94.34)} <= drawn
    assert not any(y == 1.0 for _, y in drawn)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [f"{label}, n = 2" for label in LINES]
