"""The arms of notebook 21: each differs from SEKI in what it says, and in nothing else."""

import re
from collections import Counter
from random import Random

import numpy as np
import pytest
from fakes import FakeLLM

from seki_lib.evaluators.tabular import tabular
from seki_lib.files.errors import SettingError, UnknownName
from seki_lib.llm import Completion, get_llm
from seki_lib.prompts import TEMPLATES, Prompts
from seki_lib.search import Repository, Search, SearchConfig, run
from seki_lib.search.arms import ARMS, LADDER, get_arm
from seki_lib.search.baselines import BASELINES, by_frequencies, run_baseline
from seki_lib.spaces import get_space
from seki_lib.spaces.nas201.presented import Presented

SPACE = get_space("nas201")
ASKING = [name for name, arm in ARMS.items() if arm.asks]


@pytest.fixture(scope="module")
def judge(table):
    return tabular("nas201", "cifar10")


def search_of(name, judge, llm=None, *, seed=0, rounds=12, **changes):
    arm, llm = ARMS[name], llm or FakeLLM()
    settings = {
        "rounds": rounds,
        "lam": 8,
        "k": 4,
        "xi": 2,
        "seed": seed,
        "notation": llm.notation,
        "strategy": llm.strategy,
    }
    config = SearchConfig(**settings | arm.settings(rounds) | changes)
    prompts = arm.prompts(Prompts.load(llm.templates), llm.templates)
    return Search(arm.space(SPACE, seed), judge, llm, prompts, Repository(), config, allow_fallbacks=True)


def asked(llm, stage):
    return [messages[-1]["content"] for messages, _, seed in llm.calls if seed.stage == stage]


@pytest.mark.parametrize("name", [name for name in ASKING if not ARMS[name].presented])
def test_every_arm_has_the_same_start_and_budget_and_repeats_no_class(name, judge):
    seki = search_of("seki", judge)
    list(run(seki))
    search = search_of(name, judge)
    steps = list(ARMS[name].rounds(search))
    records = search.repository.records
    assert [step.record for step in steps] == records and [r.round for r in records] == list(range(13))
    assert records[0] == seki.repository.records[0]
    assert len({record.canonical for record in records}) == 13
    assert all(record.score == judge(SPACE.parse(record.architecture)).score for record in records)  # the true ones
    assert steps[-1].best == max(record.score for record in records)


@pytest.mark.parametrize("name", ASKING)
def test_an_arm_that_was_stopped_goes_on_as_if_it_had_not_been(name, judge):
    llm = get_llm("chance:null") if ARMS[name].presented is not None else None
    whole, part = search_of(name, judge, llm), search_of(name, judge, llm)
    list(ARMS[name].rounds(whole))
    for _, _ in zip(range(5), ARMS[name].rounds(part), strict=False):
        pass
    list(ARMS[name].rounds(part))
    assert part.repository.records == whole.repository.records


def test_seki_as_an_arm_is_algorithm_1(judge):
    plain, arm = search_of("seki", judge), search_of("seki", judge)
    list(run(plain)), list(ARMS["seki"].rounds(arm))
    assert plain.llm.calls == arm.llm.calls and plain.repository.records == arm.repository.records


def test_withheld_scores_stand_in_no_prompt_and_shuffled_ones_are_those_of_others(judge):
    search = search_of("scores_withheld", judge)
    list(ARMS["scores_withheld"].rounds(search))
    text = "\n".join(str(call) for call in search.llm.calls)
    assert not re.search(r"\d\d\.\d\d", "\n".join(m[-1]["content"] for m, _, _ in search.llm.calls)) and "?" in text
    shuffled = search_of("scores_shuffled", judge)
    list(ARMS["scores_shuffled"].rounds(shuffled))
    true = {f"{record.score:.2f}" for record in shuffled.repository.records}
    shown = [re.search(r"Accuracy: (\S+)", text)[1] for text in asked(shuffled.llm, "critique")]
    own = [f"{record.score:.2f}" for record in shuffled.repository.records]
    assert set(shown) <= true and sum(a != b for a, b in zip(shown, own, strict=False)) >= 3


def test_shuffling_leaves_the_choice_of_cells_to_the_algorithm(judge):
    plain, shuffled = search_of("inspiration_only", judge), search_of("scores_shuffled", judge, lam=0)
    list(run(plain)), list(ARMS["scores_shuffled"].rounds(shuffled))
    best = {record.canonical for record in shuffled.repository.top(4)}
    seen = ARMS["scores_shuffled"].seen(shuffled, 13)
    assert {record.canonical for record in Repository(records=seen).top(4)} == best
    assert sorted(r.score for r in seen) == sorted(r.score for r in shuffled.repository.records)


def test_stages_that_an_arm_leaves_out_are_not_asked(judge):
    stages = {}
    for name in ASKING:
        if not ARMS[name].presented:
            search = search_of(name, judge)
            list(ARMS[name].rounds(search))
            stages[name] = Counter(seed.stage for _, _, seed in search.llm.calls)
    assert stages["no_critique"]["critique"] == 0 and stages["no_critique"]["refine"] == 8
    assert stages["self_evolution_only"]["inspire"] == 0 == stages["alpha0_only"]["inspire"]
    assert stages["inspiration_only"]["refine"] == 0 == stages["iid"]["refine"]
    assert stages["principles_first"]["principles"] == 12
    assert stages["hybrid_100"]["edit"] == 12 and 0 < stages["hybrid_30"]["edit"] < 9


def test_samples_without_memory_see_no_cell_and_sequential_ones_see_all_without_scores(judge):
    iid, sequential, history = (search_of(name, judge) for name in ("iid", "sequential", "whole_history"))
    for name, search in (("iid", iid), ("sequential", sequential), ("whole_history", history)):
        list(ARMS[name].rounds(search))
    assert set(asked(iid.llm, "inspire")) == {"Cell:"}
    last = asked(sequential.llm, "inspire")[-1].splitlines()
    cells = [SPACE.show(SPACE.parse(r.architecture), "words") for r in sequential.repository.records[:12]]
    assert last == [*(f"Cell: {cell}" for cell in cells), "Cell:"]
    assert asked(history.llm, "inspire")[-1].count(": ") == 12


def test_every_round_of_one_arm_goes_on_from_alpha0(judge):
    search = search_of("alpha0_only", judge)
    list(ARMS["alpha0_only"].rounds(search))
    start = SPACE.show(SPACE.parse(search.repository.records[0].architecture), "words")
    assert all(f"Cell: {start}" in text for text in asked(search.llm, "critique"))
    assert len(asked(search.llm, "critique")) == 12


def test_a_hybrid_moves_to_better_neighbours_only(judge):
    search = search_of("hybrid_30", judge, rounds=50, lam=35, k=16, xi=8)
    list(ARMS["hybrid_30"].rounds(search))
    at = search.repository.records[0]
    for record in search.repository.records[1:]:
        if record.stage != "restart":
            a, b = (SPACE.parse(r.architecture).edges for r in (at, record))
            assert sum(x != y for x, y in zip(a, b, strict=True)) == 1
        at = record if record.score > at.score or record.stage == "restart" else at
    hows = Counter(record.how for record in search.repository.records)
    assert 5 <= hows["llm"] <= 25 and hows["drawn"] > 20


@pytest.mark.parametrize("start", ["all-3x3", "all-skip"])
def test_alpha0_is_a_switch(start, judge):
    search = search_of("seki", judge, alpha0=start)
    list(run(search))
    first = SPACE.parse(search.repository.records[0].architecture)
    assert set(first.edges) == {"nor_conv_3x3" if start == "all-3x3" else "skip_connect"}
    runs = [run_baseline(name, SPACE, judge, evaluations=1, seed=0, alpha0=start) for name in BASELINES]
    assert {one.best for one in runs} == {first}


def test_baselines_get_the_novelty_rule(judge):
    for name in BASELINES:
        for seed in range(5):
            seen = []

            def scored(arch, seen=seen):
                seen.append(SPACE.canonical(arch))
                return judge(arch)

            run_baseline(name, SPACE, scored, evaluations=51, seed=seed, novel=True)
            assert len(seen) == len(set(seen)) == 51


def test_operations_are_drawn_as_often_as_they_were_replied(judge):
    shares = [[0, 0, 0, 1, 0]] * 5 + [[0.5, 0, 0, 0.5, 0]]
    proposals = by_frequencies(shares)(SPACE, SPACE.random(Random(0)), Random(0))
    next(proposals)
    drawn = [proposals.send(0).edges for _ in range(400)]
    assert all(set(cell[:5]) == {"nor_conv_3x3"} for cell in drawn)
    assert 150 < sum(cell[5] == "none" for cell in drawn) < 250


@pytest.mark.parametrize("name", LADDER.values())
@pytest.mark.parametrize("notation", ["names", "words", "edges"])
def test_a_presented_cell_is_read_back_as_itself_and_has_the_same_neighbours(name, notation):
    space = ARMS[name].space(SPACE, 3)
    spelled = space.notation(notation)
    spelled = spelled.permuted(Random(1)) if name == "permuted" else spelled
    for seed in range(60):
        cell = SPACE.random(Random(seed))
        shown = space.show(cell, spelled)
        assert space.read(shown, spelled) == cell == space.read(f"So the cell is `{shown}`", spelled)
        assert set(space.edits(cell, spelled).values()) == set(SPACE.neighbors(cell))
        assert ("nor_conv" in shown) == (notation == "names" and "symbols" not in name and "nor_conv" in shown)


@pytest.mark.parametrize("templates", TEMPLATES)
@pytest.mark.parametrize("name", ["symbols", "permuted", "symbols_shuffled", "symbols_lower"])
def test_letters_come_without_a_name_of_benchmark_or_data(name, templates, judge):
    class Full(FakeLLM):
        notation, strategy = ("names", "free") if templates == "full" else ("words", "edit")

        def answer(self, question):
            self.calls.append((question.messages, question.schema, question.seed))
            return get_llm("chance:random").answer(question) if question.schema else Completion("think")

    Full.templates = templates
    llm = Full()
    search = search_of(name, judge, llm)
    list(ARMS[name].rounds(search))
    text = "\n".join(message["content"] for messages, _, _ in llm.calls for message in messages)
    words = "cifar|imagenet|bench|accuracy|image" + ("" if name == "permuted" else "|conv|pool|skip|none")
    assert not re.search(words, text, re.IGNORECASE)
    if name == "symbols_lower":
        assert re.search(r"-\d\d\.\d\d", text) and not re.search(r"[^-\d]\d\d\.\d\d", text) and "low" in text


def test_the_order_of_operations_in_a_prompt_is_drawn_by_the_seed():
    orders = {ARMS["names"].space(SPACE, seed).describe("names") for seed in range(30)}
    assert len(orders) > 20 and ARMS["names"].space(SPACE, 3).describe("names") in orders


def finals(judge, llm, name, seeds):
    found = []
    for seed in range(seeds):
        search = search_of(name, judge, get_llm(llm), seed=seed)
        list(ARMS[name].rounds(search))
        found.append(search.repository.best().score)
    return np.array(found)


@pytest.mark.parametrize("llm", ["chance:null", "chance:random"])
def test_without_an_llm_the_ladder_changes_nothing_in_distribution(llm, judge):
    """Rungs b, c and d of 60 seeds beside rung a's: no difference beyond what chance makes of so many."""
    from scipy.stats import ks_2samp

    plain = finals(judge, llm, "names", 60)
    for name in ("symbols", "permuted", "relabelled"):
        other = finals(judge, llm, name, 60)
        assert ks_2samp(plain, other).pvalue > 0.001, name
        assert abs(plain.mean() - other.mean()) < 4 * plain.std() * (2 / 60) ** 0.5


def test_relabelled_edges_change_nothing_for_a_baseline_in_distribution(judge):
    """They see cells and scores only: on the space of rung d they draw and move as on the plain one."""
    from scipy.stats import ks_2samp

    def scores(space, name):
        runs = (run_baseline(name, space, judge, evaluations=20, seed=seed) for seed in range(400))
        return [max(run.scores) for run in runs]

    for name in BASELINES:
        assert ks_2samp(scores(SPACE, name), scores(Presented(Random(5), edges=True), name)).pvalue > 0.001


def test_the_ladder_is_of_nas_bench_201_only():
    with pytest.raises(SettingError, match="and not trans101"):
        ARMS["symbols"].space(get_space("trans101"), 0)


def test_an_unknown_arm_names_the_known_ones():
    with pytest.raises(UnknownName, match="seki, scores_withheld"):
        get_arm("nope")


@pytest.mark.parametrize("name", [name for name, arm in ARMS.items() if arm.templates])
def test_an_arm_without_templates_for_an_llms_set_is_refused_and_no_other_arm_is_run(name):
    for templates in TEMPLATES:
        assert ARMS[name].prompts(Prompts.load(templates), templates) != Prompts.load(templates)
    with pytest.raises(SettingError, match=f"in the sets compact, full, short, and .* by `other`.*{name}/other"):
        ARMS[name].prompts(Prompts.load("short"), "other")


@pytest.mark.parametrize("templates", TEMPLATES)
def test_without_scores_no_template_says_an_order(templates):
    texts = ARMS["scores_withheld"].prompts(Prompts.load(templates), templates).texts
    assert not any(re.search("best (first|last)|score }}|%.2f", text) for text in texts.values())


@pytest.mark.parametrize("name", [name for name, arm in ARMS.items() if arm.templates])
def test_every_arm_runs_with_a_model_that_answers_in_lines(name, judge):
    class Lines(FakeLLM):
        notation, templates, strategy = "edges", "short", "reasoned"

        def answer(self, question):
            self.calls.append((question.messages, question.schema, question.seed))
            if question.schema is None:
                return Completion("large belongs on 0->3")
            return Completion(question.schema.draw(Random(question.seed), ()))

    llm = Lines()
    steps = list(ARMS[name].rounds(search_of(name, judge, llm)))
    assert len(steps) > 3 and all(step.record.how != "fallback" for step in steps)
    text = "\n".join(message["content"] for messages, _, _ in llm.calls for message in messages)
    if name in ("iid", "sequential"):
        assert not re.search(r"\d\d\.\d\d", text)
