"""The figure of quality against the size of the LLM."""

import shutil
from types import SimpleNamespace

import pytest

from seki_lib.report.model_size import LINES, by_size, llm_sizes, parameters, verdict
from seki_lib.report.table7 import FINALS
from seki_lib.results import Home


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


def searches(*values):
    return [
        SimpleNamespace(seed=seed, result={"final": {FINALS["nas201"]: value}})
        for seed, value in enumerate(values, start=8)
    ]


def test_a_dot_a_seed_a_mean_and_a_line_for_each_search_without_an_llm():
    found = {"local:a-135m": searches(93.0, 94.0), "local:b-1.5b": searches(94.0)}
    without = {label: {0: 93.5, 1: 94.5} for label in LINES}
    axes = llm_sizes(found, without).axes[0]
    drawn = {(float(x), float(y)) for line in axes.lines for x, y in zip(*line.get_data(), strict=True)}
    assert {(135e6, 93.0), (135e6, 94.0), (135e6, 93.5), (1.5e9, 94.0), (32e9, 94.34)} <= drawn
    assert [text.get_text() for text in axes.get_legend().get_texts()] == [f"{label}, n = 2" for label in LINES]


def test_neighbours_in_size_are_compared_on_the_seeds_that_both_have():
    small, large = [93.0, 93.2, 93.1, 93.3, 93.0, 93.2], [94.0, 94.3, 94.0, 94.1, 94.2, 94.3, 10.0]
    said = verdict({"local:a-135m": searches(*small), "local:b-1.5b": searches(*large)})
    assert said.startswith("local:b-1.5b minus local:a-135m: +1.0") and said.endswith("points (n = 6).")
    said = verdict({"local:a-135m": searches(93.0), "local:b-1.5b": searches(94.0), "local:c-32b": []})
    assert "(n = 1, not told from zero); local:c-32b and local:b-1.5b have no seed in common." in said
    assert "nothing to compare" in verdict({})


def test_kept_searches_count_where_a_seed_was_not_run_here(tmp_path):
    kept = by_size(Home(tmp_path, "laptop"))
    assert list(kept)[:2] == ["local:smollm2-135m", "local:qwen2.5-coder-0.5b"]
    assert {8, 9, 10, 11} <= {one.seed for one in kept["local:smollm2-135m"]} and kept["local:smollm2-135m"][
        0
    ].seed == 8
    assert not by_size(Home(tmp_path, "smoke"))
    cooler = Home(tmp_path, "laptop").search("nas201", "cifar10", "local:smollm2-135m,temperature=0.3", seed=8)
    shutil.copytree(kept["local:smollm2-135m"][0].folder, cooler)
    config = (cooler / "config.json").read_text()
    (cooler / "config.json").write_text(config.replace('"local:smollm2-135m"', '"local:smollm2-135m,temperature=0.3"'))
    assert by_size(Home(tmp_path, "laptop")).keys() == kept.keys()
    folder = Home(tmp_path, "laptop").search("nas201", "cifar10", "local:smollm2-135m", seed=8)
    shutil.copytree(kept["local:smollm2-135m"][0].folder, folder)
    assert by_size(Home(tmp_path, "laptop"))["local:smollm2-135m"][0].folder == folder


def test_kept_searches_on_another_data_source_stand_beside_nothing(tmp_path):
    kept = by_size(Home(tmp_path, "laptop"))["local:smollm2-135m"][0]
    folder = Home(tmp_path, "laptop").search("nas201", "cifar10", "local:smollm2-135m", seed=8)
    shutil.copytree(kept.folder, folder)
    config = (folder / "config.json").read_text()
    (folder / "config.json").write_text(config.replace("nas201_hp200_mean", "another_table"))
    found = by_size(Home(tmp_path, "laptop"))
    assert [search.folder for searches in found.values() for search in searches] == [folder]


def test_searches_whose_data_source_has_no_test_accuracy_are_left_out():
    lacking = [SimpleNamespace(seed=8, result={"final": {"cifar10_valid": 90.0}})]
    assert "no seed in common" in verdict({"local:a-135m": lacking, "local:b-1.5b": searches(94.0)})
    assert llm_sizes({"local:a-135m": lacking}, {}).axes[0]
