"""The tables and the sentence of notebook 21, on arms whose effects are known."""

import re
from random import Random

import numpy as np
import pytest
from fakes import FakeLLM

from seki_lib import llm as llms
from seki_lib import runs
from seki_lib.evaluators.tabular import tabular
from seki_lib.llm import get_llm
from seki_lib.profiles import get_profile
from seki_lib.report import controls, controls_plots, memory_ladder
from seki_lib.results import Home, RunSpec
from seki_lib.runs import search_run
from seki_lib.search.arms import ARMS
from seki_lib.search.memory import ask_memory
from seki_lib.spaces import get_space

SMOKE, LLM = get_profile("smoke"), "fake:llm"


def synthetic(seeds, seed=0, **effects):
    """Arms that share their luck in α0; effects: what an arm adds to it, in points."""
    rng = np.random.default_rng(seed)
    luck = rng.normal(93.5, 0.25, seeds)
    names = ("random_search", "local_search", "null", "scores_shuffled", "seki")
    return {name: dict(enumerate(luck + effects.get(name, 0) + rng.normal(0, 0.2, seeds))) for name in names}


def said(arms):
    return controls.sentence("some:llm", 51, arms)


def test_the_sentence_finds_a_real_effect_and_where_it_comes_from():
    text = said(synthetic(20, local_search=0.3, null=0.3, scores_shuffled=0.3, seki=0.8))
    assert text.startswith("At 51 evaluations, some:llm finds cells 0.") and "points better than local search" in text
    compared, _, shares = text.partition(". Of its lead")
    assert "not told" not in compared
    assert re.search(
        r"comes from the ladder, .* comes from words \(not told from zero\), .* comes from feedback \(n", shares
    )


def test_the_sentence_finds_a_loss():
    text = said(synthetic(20, local_search=0.6))
    assert "points worse than local search" in text and "not told" not in text.split(". Of its ")[0]


def test_the_sentence_decides_nothing_where_there_is_no_effect():
    """40 experiments of 20 seeds: a 95 % interval errs in about two of them."""
    told = sum(": not told from zero)" not in said(synthetic(20, seed)).split(". Of its ")[0] for seed in range(40))
    assert told <= 6


def test_too_few_seeds_decide_nothing_however_large_the_effect():
    text = said(synthetic(4, seki=5.0))
    assert "(4 pairs, which can reach p = 0.125 at best and decide nothing)" in text
    assert text.count("(not told from zero)") == 4
    assert "1 pair, which can reach p = 1 at best" in said(synthetic(1, seki=5.0))


def test_the_parts_add_up_to_the_lead():
    text = said(synthetic(12, null=0.2, scores_shuffled=0.1, seki=0.6))
    lead, *parts = (float(number) for number in re.findall(r"([+-]\d\.\d\d) \[", text.partition("Of its")[2]))
    assert len(parts) == 3 and lead == pytest.approx(sum(parts), abs=0.016)


def test_the_sentence_says_what_was_not_measured():
    arms = synthetic(8)
    del arms["scores_shuffled"]
    assert "was not measured: make controls" in said(arms)
    del arms["seki"]
    assert said(arms) == "some:llm has finished no search that can be compared: make controls."


class Spelling(FakeLLM):
    """Replies with a random cell in whatever spelling it is asked for."""

    def answer(self, question):
        self.calls.append((question.messages, question.schema, question.seed))
        return llms.Completion(
            question.schema.draw(Random(question.seed), ()), {"prompt_tokens": 9, "completion_tokens": 9}
        )


@pytest.fixture(scope="module")
def results(tmp_path_factory, table):
    """Finished searches of some arms by a fake LLM, two seeds each."""
    folder = tmp_path_factory.mktemp("controls")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(runs, "get_llm", lambda name: Spelling())
        for name in ("seki", "scores_shuffled", "symbols_lower", "self_evolution_only"):
            for seed in (8, 9):
                search_run(RunSpec("nas201", "cifar10", LLM, "smoke", seed).as_arm(name), SMOKE, folder)
    return folder


def arms_of(results):
    home = Home(results, "smoke")
    return controls.read_arms(home, Home(results, "reference"), LLM, tabular("nas201", "cifar10"))


def test_an_arm_on_disk_is_a_run_of_its_own_with_its_own_templates(results):
    folder = RunSpec("nas201", "cifar10", LLM, "smoke", 8).as_arm("symbols_lower").folder(results)
    assert folder.parent.name == "arm=symbols_lower"
    assert "To lower the" in (folder / "prompts" / "critique.md.j2").read_text()
    assert '"arm": "symbols_lower"' in (folder / "config.json").read_text()


def test_an_arm_takes_over_the_answers_that_it_shares_with_seki(results, monkeypatch):
    llm = Spelling()
    monkeypatch.setattr(runs, "get_llm", lambda name: llm)
    spec = RunSpec("nas201", "cifar10", LLM, "smoke", 8).as_arm("alpha0_only")
    search_run(spec, SMOKE, results)
    assert len(llm.calls) > 0 and min(seed.round for _, _, seed in llm.calls) > 1  # round 1 is SEKI's
    calls = len(llm.calls)
    search_run(spec, SMOKE, results)
    assert len(llm.calls) == calls
    search_run(RunSpec("nas201", "cifar10", LLM, "smoke", 8).as_arm("names"), SMOKE, results)  # SEKI's very questions
    assert len(llm.calls) == calls


def test_the_table_has_a_row_for_every_arm_and_says_what_was_not_run(results):
    arms = arms_of(results)
    where, shares = controls.own_shares(arms)
    assert where == "SEKI, which had seen scores" and controls.own_shares({}) == ("nowhere", [])
    assert len(shares) == 6 and all(sum(edge) == pytest.approx(1) for edge in shares)
    arms |= controls.free_arms(SMOKE, results, shares)
    table = controls.controls_table(arms, LLM, "smoke", "here")
    rows = {label.split(":")[0]: cells for label, _, cells in table.rows}
    assert list(rows) == list(ARMS)
    assert rows["iid"][0].text == "not run" and rows["iid"][0].detail == "make controls"
    assert (
        rows["frequencies"][0].provenance == "measured"
        and "[" in rows["null"][0].text
        and "[" not in rows["seki"][0].text
    )
    assert "(n = 2)" in rows["seki"][2].text and "p = 0.5 at best" in " ".join(table.notes)
    assert controls_plots.arms_figure(arms) and controls_plots.regret_figure(arms, 91.6)
    assert "<b>" not in table.html() and "**" not in table.markdown()


def test_cells_that_are_not_the_llms_own_are_left_out_on_demand(results):
    (seki,) = (outcome for name, outcome in arms_of(results).items() if name == "seki")
    assert seki.own.keys() == seki.values.keys() == {8, 9} and 0 <= seki.first <= 100


def test_the_ladder_pairs_its_rungs_by_seed(results, monkeypatch):
    rungs = {"names": 0.5, "symbols": 0.1, "permuted": 0.0, "symbols_shuffled": 0.1}
    rng = np.random.default_rng(0)
    luck = rng.normal(93, 0.3, 20)
    arms = {
        name: controls.Outcome(dict(enumerate(luck + effect + rng.normal(0, 0.05, 20))), np.zeros((20, 3)))
        for name, effect in rungs.items()
    }
    parts = {name: memory_ladder.difference(arms, name) for name in memory_ladder.DIFFERENCES}
    assert parts["prior"].value == pytest.approx(0.4, abs=0.05) and parts["prior"].is_decided
    assert parts["feedback"].value == pytest.approx(0, abs=0.05) and not parts["feedback"].is_decided
    said = memory_ladder.verdict(parts)
    assert "prior is +0." in said and "feedback, " in said and "is not told from zero" in said
    table = memory_ladder.ladder_table({LLM: arms}, [Home(results, "smoke")], "smoke")
    (_, _, cells), columns = table.rows[0], list(table.columns)
    assert cells[columns.index("d")].text == "not run" and "(n = 20)" in cells[columns.index("a")].text
    assert controls_plots.ladder_figure({LLM: arms})


def test_chance_remembers_nothing(table):
    found = ask_memory(get_llm("chance:random"), tabular("nas201", "cifar10"), sets=12)
    tau = found["tau"]["names"] + found["tau"]["symbols"]
    assert len(tau) == 24 and abs(np.mean(tau)) < 0.2 and 0.2 < np.mean(found["completions"]) < 0.8
    assert np.mean([one["rank"] for one in found["best"]]) > 2000 and len(found["accuracy"]) == 10


class Oracle(llms.LLM):
    """Knows the table, and reads names but no letters: there it names no cell, and chance takes its place."""

    name, notation, templates, strategy = "oracle:", "names", "full", "free"

    def __init__(self, judge):
        self.judge = judge

    def answer(self, question):
        text, choices, space = question.messages[0]["content"], question.schema.get("enum"), get_space("nas201")
        if question.seed.stage == "ranking-symbols":
            return llms.Completion("?")
        if not choices:
            return llms.Completion("91.6" if question.schema == {"type": "number"} else self.judge.top()[0])
        begin = text.split("\n")[-1] if "begins so" in text else ""
        cells = {choice: space.parse(begin + choice) for choice in choices}
        return llms.Completion(max(cells, key=lambda choice: self.judge(cells[choice]).score))


def test_who_knows_the_table_remembers_all_of_it(table):
    judge = tabular("nas201", "cifar10")
    found = ask_memory(Oracle(judge), judge, sets=3)
    assert all(one["rank"] == 1 for one in found["best"]) and set(found["accuracy"]) == {91.6}
    assert min(found["completions"]) > 0.99 and found["tau"]["names"] == [pytest.approx(1)] * 3
    assert max(found["tau"]["symbols"]) < 1


def test_what_an_llm_remembers_is_asked_once_and_stands_in_the_table(tmp_path, table):
    from seki_lib.app.commands import read

    words = ["memory", "--llm", "chance:random", "--profile", "smoke", "--results", str(tmp_path)]
    home = Home(tmp_path, "smoke")
    read(words).run()
    transcript = home.memory("nas201", "chance:random") / "transcript.jsonl"
    lines = transcript.read_text()
    read(words).run()
    assert transcript.read_text() == lines and lines.count("\n") == 21  # 3 recalls, twice 9 choices
    assert memory_ladder.remembered(home, "chance:random").keys() >= {"best", "tau_names", "tau_symbols"}
    made = memory_ladder.ladder_table({"chance:random": {}}, [home], "smoke")
    assert "[M]" in made.markdown() and memory_ladder.remembered(home, "other:llm") == {}


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--arm", "null"], "the arm null asks no LLM"),
        (["--arm", "iid", "--refine", "FILE"], "cannot be given with templates"),
        (["--arm", "nope"], "unknown arm"),
        (["--arm", "symbols", "--space", "trans101", "--task", "jigsaw"], "spells NAS-Bench-201 in other words"),
        (["--evaluator", "analog", "--space", "trans101", "--task", "jigsaw"], "not of trans101"),
    ],
)
def test_an_arm_that_cannot_be_run_is_refused_in_a_sentence(words, sentence, tmp_path, table, trans101_table):
    from seki_lib.app.commands import read
    from seki_lib.files.errors import SekiError

    (tmp_path / "file.j2").write_text("Cell: {{ architecture }}")
    words = [str(tmp_path / "file.j2") if word == "FILE" else word for word in words]
    with pytest.raises(SekiError, match=sentence):
        read(["search", *words, "--llm", "chance:null", "--profile", "smoke", "--results", str(tmp_path)]).run()
    assert not (tmp_path / "smoke").exists()


def test_kept_searches_stand_beside_those_run_here_and_the_arm_is_then_replayed(results, tmp_path):
    """Seed 8 was run here, 8 and 9 are kept: the one run here counts, and seeds that chose prompts never do."""
    import shutil

    from seki_lib.files.jsonl import read_json, write_json

    kept, here = Home(tmp_path / "kept", "reference"), Home(tmp_path / "here", "smoke")
    spec = RunSpec("nas201", "cifar10", LLM, "smoke", 8).as_arm("symbols_lower")
    there = spec.folder(results).parent
    for seed in (2, 8, 9):
        folder = kept.search("nas201", "cifar10", LLM, spec.variant, seed)
        shutil.copytree(there / f"seed={max(seed, 8)}", folder)
        config = read_json(folder / "config.json")
        write_json(folder / "config.json", config | {"run": config["run"] | {"seed": seed}})
    judge = tabular("nas201", "cifar10")
    (only_kept,) = controls.read_arms(here, kept, LLM, judge).values()
    assert only_kept.values.keys() == {8, 9} and only_kept.kept == 2 and only_kept.provenance == "replayed"
    assert not controls.read_arms(Home(tmp_path / "here", "laptop"), kept, LLM, judge)  # another budget
    shutil.copytree(there / "seed=8", spec.folder(here.results))
    (both,) = controls.read_arms(here, kept, LLM, judge).values()
    assert both.kept == 1 and both.provenance == "replayed" and both.values == only_kept.values
    assert both.searches[0].folder.is_relative_to(here.folder)
    rows = {
        label: cells
        for label, _, cells in controls.controls_table(
            {"symbols_lower": both} | controls.free_arms(SMOKE, tmp_path, ()), LLM, "smoke", "here"
        ).rows
    }
    told = next(cells for label, cells in rows.items() if label.startswith("symbols_lower"))
    assert "2 seeds, 1 of them kept in results/reference" in told[0].detail
