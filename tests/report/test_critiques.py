"""Whose words notebooks 02, 03 and 20 show, and whether deeds follow them."""

from dataclasses import replace

import pytest
from kept import rounds_and_calls

from seki_lib.evaluators.tabular import tabular
from seki_lib.files.jsonl import write_json
from seki_lib.report import critiques as module
from seki_lib.report.critiques import as_page, critiques, patterns, talkative
from seki_lib.report.unfolded import Unfolded
from seki_lib.results import KEPT, RunSpec
from seki_lib.spaces import get_space

OWN = RunSpec("nas201", "cifar10", "local:smollm2-135m", "laptop", 8)


def own(results, strategy, *, finished=True):
    """A search of ours that was asked by this strategy."""
    folder = OWN.folder(results)
    write_json(folder / "config.json", {"llm": {"name": OWN.llm}, "search": {"strategy": strategy}})
    if finished:
        write_json(folder / "result.json", {"score": 1.0})
    return folder


def test_a_search_that_writes_critiques_shows_its_own(tmp_path):
    assert talkative(OWN, tmp_path).folder != own(tmp_path, "reasoned")  # nothing was there yet
    assert talkative(OWN, tmp_path).folder == own(tmp_path, "reasoned")
    assert talkative(OWN, tmp_path).folder == own(tmp_path, "text")


@pytest.mark.parametrize(("strategy", "finished"), [("edit", True), ("reasoned", False)])
def test_in_the_place_of_one_that_does_not_a_kept_one_of_the_largest_model_is_shown(tmp_path, strategy, finished):
    own(tmp_path, strategy, finished=finished)
    shown = talkative(OWN, tmp_path)
    assert shown.folder.is_relative_to(KEPT.folder) and shown.config["search"]["strategy"] == "reasoned"
    sizes = [module._size(one) for one in KEPT.finished_searches("nas201", "cifar10") if "qwen" in one.llm]
    assert module._size(shown) == max(sizes)


def test_without_a_kept_one_its_own_is_shown(tmp_path, monkeypatch):
    folder = own(tmp_path, "edit")
    monkeypatch.setattr(module, "KEPT", replace(KEPT, profile="nothing"))
    assert talkative(OWN, tmp_path).folder == folder


@pytest.fixture
def search(tmp_path, space):
    """Three rounds of self-evolution: a critique that is followed, one that is not, one that names no change."""
    cells = ["|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|"] * 5
    stages = ["alpha0", *["self_evolution"] * 3, "knowledge_inspiration"]
    scores = [80.0, 85.0, 84.0, 84.0, 90.0]
    history = [
        {
            "round": i,
            "stage": stage,
            "architecture": cell,
            "canonical": space.format(space.canonical(space.parse(cell))),
            "score": score,
        }
        for i, (stage, cell, score) in enumerate(zip(stages, cells, scores, strict=True))
    ]
    edits = list(space.edits(space.parse(cells[0]), "edges"))
    said = [f"Problem: P.\nRemedy: R.\nChange: {edits[-2]}"] * 2 + ["Problem: it is weak."]
    calls = []
    for i, (critique, reply) in enumerate(zip(said, (edits[-2], edits[-1], edits[0]), strict=True), start=1):
        calls += [{"round": i, "stage": "critique", "reply": critique}, {"round": i, "stage": "refine", "reply": reply}]
    calls.append({"round": 4, "stage": "inspire", "error": "timeout"})
    calls.append({"round": 4, "stage": "inspire", "reply": "Pattern: large.\nNew cell: …"})
    settings = {"notation": "edges", "strategy": "reasoned"}
    write_json(tmp_path / "config.json", {"run": {"space": "nas201"}, "search": settings})
    rounds_and_calls(tmp_path, history, calls)
    return Unfolded(tmp_path, tmp_path)


def test_a_critique_stands_beside_what_came_of_it(search):
    frame = critiques(search)
    assert list(frame["round"]) == [1, 2, 3] and list(frame["followed"]) == [True, False, None]
    assert list(frame["change of f"]) == [5.0, -1.0, 0.0]
    assert frame["critique"][0].startswith("Problem: P.\nRemedy: R.")
    assert len(critiques(search, rounds=2)) == 2
    assert "+5.00" in as_page(frame).to_html() and "pre-wrap" in as_page(frame).to_html()


def test_a_pattern_stands_beside_the_cell_that_was_drawn_from_it(search):
    frame = patterns(search)
    assert list(frame["round"]) == [4] and frame["reply to prompt E"][0].startswith("Pattern: large.")
    assert bool(frame["best so far"][0])


def test_the_words_of_the_kept_searches_can_be_shown():
    """What the notebooks do, on what the repository holds; the shares are those of docs/llms.md."""
    seed = KEPT.search("nas201", "cifar10", "local:qwen2.5-coder-0.5b", seed=8)
    frame = critiques(Unfolded(seed, KEPT.folder))
    assert len(frame) == 35 and frame["followed"].sum() == 29
    assert frame["critique"].str.startswith("Problem: ").all()
    assert len(patterns(Unfolded(seed, KEPT.folder))) == 15


def test_a_named_change_is_compared_with_the_new_single_changes_of_the_same_cell(search, table):
    """Both critiques that name a change name the same one, of the same cell; the third names none."""
    judge, space = tabular("nas201", "cifar10"), get_space("nas201")
    (gain, safe, more), other = module._gains(search, judge)
    assert (gain, safe, more) == tuple(other)
    parent = space.parse("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|nor_conv_3x3~2|")
    edits = space.edits(parent, "edges")
    own = space.canonical(parent)
    new = [cell for cell in edits.values() if space.canonical(cell) != own]  # the others compute what it computes
    scores = [judge(cell).score for cell in new]
    named = judge([*edits.values()][-2]).score
    assert gain == pytest.approx(named - sum(scores) / len(scores)) and 0 < len(scores) < 24
    kept = [judge(cell).score for cell in new if cell.edges.count("none") <= parent.edges.count("none")]
    added = [judge(cell).score for cell in new if str(cell.edges).count("conv") > str(parent.edges).count("conv")]
    assert more == pytest.approx(sum(added) / len(added) - sum(scores) / len(scores)) and len(added) < len(new)
    assert safe == pytest.approx(sum(kept) / len(kept) - sum(scores) / len(scores)) and len(kept) < len(new)


def test_a_row_an_llm_with_an_interval_over_its_searches(table):
    kept = [KEPT.search("nas201", "cifar10", "local:smollm2-135m", seed=seed) for seed in (8, 9, 10, 11)]
    frame = module.quality([Unfolded(folder, KEPT.folder) for folder in kept], tabular("nas201", "cifar10"))
    assert list(frame.index) == ["local:smollm2-135m"] and list(frame.iloc[0])[:2] == [4, 140]
    assert "[" in frame[module.NAMED].iloc[0] and "[" in frame[module.SAFE].iloc[0]
