"""Tables 5 and 6: what is shared is run once, and the sentences below the tables follow from the numbers."""

import dataclasses
import json

import numpy as np
import pytest
from fakes import FakeLLM
from kept import rounds_and_calls

from seki_lib import runs
from seki_lib.evaluators import get_evaluator
from seki_lib.files.errors import RunError, SettingError
from seki_lib.files.jsonl import read_lines
from seki_lib.files.lock import locked
from seki_lib.forks import by_chance, first_questions, run_longest, run_settings
from seki_lib.paper.settings import PAPER_BEST, Setting, full_grid, k_xi_settings, lambda_settings, longest
from seki_lib.profiles import Profile, get_profile
from seki_lib.report.ablation_tables import differences, paired, table5, table6, verdict
from seki_lib.report.statistics import interval
from seki_lib.report.tables import paper_table
from seki_lib.results import SearchResult
from seki_lib.runs import RunSpec, search_run
from seki_lib.spaces import get_space

PROFILE = Profile("test", rounds=6, lam=4, k=4, xi=2, lams=(2, 4, 5), ks=(2, 4), ratios=(1.0, 0.5))
SPEC = RunSpec("nas201", "cifar10", "fake:llm", "test", 0)


@pytest.fixture
def fake(monkeypatch, table):
    llm = FakeLLM()
    monkeypatch.setattr(runs, "get_llm", lambda name: llm)
    return llm


def test_a_seed_of_the_papers_grid_takes_425_questions_in_place_of_1850():
    paper = get_profile("paper")
    settings = [*lambda_settings(paper), *k_xi_settings(paper)]
    assert len(settings) == 22 and first_questions(settings, paper) == (425, 1850)
    assert full_grid(get_profile("laptop")).ks == paper.ks
    assert {(s.k, s.xi) for s in k_xi_settings(paper)} == {(int(r["k"]), int(r["xi"])) for r in paper_table(6)}
    assert [s.lam for s in lambda_settings(paper)] == [int(r["lam"]) for r in paper_table(5)]


def test_every_setting_equals_its_separate_search_and_shared_rounds_are_asked_once(fake, tmp_path):
    settings = list(dict.fromkeys([*lambda_settings(PROFILE), *k_xi_settings(PROFILE)]))
    folders = run_settings(SPEC, PROFILE, tmp_path / "forked", settings)
    asked = len(fake.calls)
    for setting, folder in zip(settings, folders, strict=True):
        spec = setting.spec(SPEC, PROFILE)
        alone = search_run(spec, PROFILE, tmp_path / "separate", **setting.changes(PROFILE))
        for line, expected in zip(*(read_lines(f / "history.jsonl") for f in (folder, alone)), strict=True):
            assert line | {"seconds": 0} == expected | {"seconds": 0}
    assert asked < (len(fake.calls) - asked) * 0.6
    assert [spec.variant for spec in (s.spec(SPEC, PROFILE) for s in (longest(PROFILE), Setting(4, 4, 2)))] == [
        "lam=5", "default",
    ]  # fmt: skip


def test_a_finished_self_evolution_of_other_code_is_run_anew_before_settings_fork_from_it(fake, tmp_path, monkeypatch):
    settings = [Setting(2, 4, 2), Setting(4, 4, 2)]
    monkeypatch.setattr(runs, "fingerprint", lambda *modules: "aaaa")
    search_run(longest(PROFILE).spec(SPEC, PROFILE), PROFILE, tmp_path, **longest(PROFILE).changes(PROFILE))
    asked = len(fake.calls)
    monkeypatch.setattr(runs, "fingerprint", lambda *modules: "bbbb")
    folders = run_settings(SPEC, PROFILE, tmp_path, settings)
    assert all(json.loads((folder / "config.json").read_text())["code"] == "bbbb" for folder in folders)
    shared = list(read_lines(longest(PROFILE).spec(SPEC, PROFILE).folder(tmp_path) / "transcript.jsonl"))
    own = [call for folder in folders for call in read_lines(folder / "transcript.jsonl")]
    assert len(fake.calls) - asked <= len([call for call in own if call not in shared])  # no answer is asked for twice


def test_a_setting_forks_while_another_process_goes_on_with_the_self_evolution(fake, tmp_path):
    shortest = Setting(2, 4, 2)
    folder = run_longest(SPEC, PROFILE, tmp_path, until=2)
    assert len(list(read_lines(folder / "history.jsonl"))) == 3 and not (folder / "result.json").exists()
    with locked(folder):
        (forked,) = run_settings(SPEC, PROFILE, tmp_path, [shortest])
        with pytest.raises(RunError, match="in use"):
            run_settings(SPEC, PROFILE, tmp_path, [Setting(4, 4, 2)])
    assert json.loads((forked / "result.json").read_text())["evaluations"] == 7
    asked = len(fake.calls)
    assert run_longest(SPEC, PROFILE, tmp_path, until=1) == folder and len(fake.calls) == asked
    for until in (-1, 6):
        with pytest.raises(SettingError, match="rounds 0 to 5"):
            run_longest(SPEC, PROFILE, tmp_path, until=until)
    run_settings(SPEC, PROFILE, tmp_path, [longest(PROFILE)])
    separate = search_run(SPEC, PROFILE, tmp_path / "separate", lam=5)
    assert [r | {"seconds": 0} for r in read_lines(folder / "history.jsonl")] == [
        r | {"seconds": 0} for r in read_lines(separate / "history.jsonl")
    ]


@pytest.mark.parametrize("kind", ["null", "random"])
def test_chance_forks_in_memory_as_an_llm_does_on_disk(table, tmp_path, kind):
    space, evaluator = get_space("nas201"), get_evaluator("tabular", space="nas201", task="cifar10")
    settings = [Setting(2, 4, 2), Setting(5, 2, 2)]
    found = by_chance(kind, evaluator, space, settings, seeds=2)
    assert set(found) == {*settings, PAPER_BEST} and all(values.shape == (2,) for values in found.values())
    profile = dataclasses.replace(get_profile("laptop"), lam=2, k=4, xi=2)
    for seed in range(2):
        spec = dataclasses.replace(SPEC, llm=f"chance:{kind}", seed=seed)
        folder = search_run(spec, profile, tmp_path)
        assert found[settings[0]][seed] == json.loads((folder / "result.json").read_text())["score"]
        assert len({line["canonical"] for line in read_lines(folder / "history.jsonl")}) == 51


def test_the_interval_is_that_of_a_t_statistic():
    half = 4.3026527 * 1 / 3**0.5
    assert interval([1.0, 2.0, 3.0]) == pytest.approx((2.0 - half, 2.0 + half))
    assert np.isnan(interval([5.0])).all()


@pytest.mark.parametrize(
    ("differences", "word"),
    [
        ({"a": [-2.0, -2.1, -1.9, -2.0], "b": [-1.0, -1.1, -0.9, -1.0]}, "x is the best setting"),
        ({"a": [2.0, 2.1, 1.9, 2.0], "b": [-1.0, -1.1, -0.9, -1.0]}, "x is not the best setting"),
        ({"a": [2.0, -2.1, 1.9, -2.0], "b": [-1.0, -1.1, -0.9, -1.0]}, "undecided whether x is the best setting"),
        ({"a": [2.0], "b": [-1.0]}, "undecided whether x is the best setting"),
        (
            {"a": [0.2, 0.2, 0.2], "b": [0.2, 0.2, 0.2]},
            "undecided whether x is the best setting",
        ),  # the same cells: no spread to judge by
        ({}, "undecided whether x is the best setting"),
    ],
)
def test_the_verdict_follows_from_the_differences(differences, word):
    sentence = verdict("By f", "x", {name: np.array(values) for name, values in differences.items()})
    assert sentence.startswith(f"By f: {word}")


def test_the_more_settings_are_compared_the_wider_their_intervals():
    """One setting of 15 is better beyond its own 95 % interval, as chance alone makes one in half of such tables."""
    clear = np.array([0.8, 1.2, 0.6, 1.4])
    others = {f"setting {i}": np.array([1.0, -1.0, 0.5, -0.5]) for i in range(14)}
    assert interval(clear)[0] > 0 > interval(clear, 15)[0]
    assert "x is not the best setting" in verdict("By f", "x", {"a": clear})
    sentence = verdict("By f", "x", {"a": clear, **others})
    assert "undecided whether x is the best setting of those run. Of 15 others 0 are better" in sentence


def test_settings_of_too_few_seeds_are_said_and_leave_the_verdict_open():
    far = np.array([-3.0, -3.1, -2.9, -3.0])
    assert "x is the best setting of those run. Of 1 other 0 are better and 1 worse" in verdict("By f", "x", {"a": far})
    said = verdict("By f", "x", {"a": far, "b": far[:2], "c": np.append(far, -3.0)})
    assert "undecided whether x is the best setting" in said
    assert said.endswith("0 undecided; 4 to 5 seeds. 1 more has fewer than 4 seeds.")


@pytest.fixture
def finished(tmp_path):
    """Results folders as two seeds of two settings leave them."""
    for setting, scores in ((Setting(4, 4, 2), (40.0, 42.0)), (Setting(5, 4, 2), (41.0, 42.0))):
        for seed, f in enumerate(scores):
            folder = setting.spec(dataclasses.replace(SPEC, seed=seed), PROFILE).folder(tmp_path)
            folder.mkdir(parents=True)
            final = {"oneshot": f, "held_out": f - 3, "params_m": 3.5}
            result = {"llm_seconds": 60.0, "final": final, "score": f, "round": 6 - 3 * seed}
            (folder / "result.json").write_text(json.dumps(result))
            (folder / "config.json").write_text(json.dumps({"data": {"sentence": "a supernet"}}))
            calls = [{"round": r, "stage": "edit", "reply": "x"} for r in range(1, 7)]
            rounds_and_calls(folder, [{"seconds": 30.0}], calls)
            if setting.lam == 4:
                (folder / "fork.json").write_text(json.dumps({"of": "x", "round": 4}))
    return tmp_path


def test_tables_show_means_with_intervals_and_pair_the_seeds(finished):
    found = {PAPER_BEST: np.array([93.0, 94.0]), Setting(45, 16, 8): np.array([93.5, 94.5])}
    chance = {"null": found, "random": found}
    table = table5(SPEC, PROFILE, finished, chance, "a judge")
    rows = {label: (n, [cell.text for cell in cells]) for label, n, cells in table.rows}
    assert rows["λ = 4"] == ("", ["", "", "", "41.00 ± 12.71 (n = 2)", "–", "38.00 ± 12.71", "3.50 ± 0.00", "1.5 ± 0.0",
                                  *["not run"] * 7])  # fmt: skip
    assert rows["λ = 5"][1][4] == "+0.50 ± 6.35"
    without = ["94.00 ± 6.35", "+0.50 ± 0.00"]
    assert rows["λ = 45"] == ("", ["85.35", "3.57", "24", *["not run"] * 8, *without, *without])
    assert {cell.provenance for _, _, cells in table.rows for cell in cells} == {"paper", "measured", "not run"}
    notes = " ".join(table.notes)
    assert "one standard error of 86.33 % on 512 images is 1.52 points" in notes
    assert "By f of the supernet on the DARTS space, fake:llm: undecided whether λ = 4 is the best setting" in notes
    assert "By the surrogate, chance:null in the LLM's place: undecided whether λ = 35 is the best setting" in notes
    assert not any(word in notes for word in ("support", "contradict"))
    assert "Seed 1: every setting ends with a cell of the first 4 rounds, which all share" in notes
    assert "The runs of this table made 16 LLM calls over 2 seeds" in notes  # 6 a trunk, 2 a fork
    assert len(table6(SPEC, PROFILE, finished, chance, "a judge").rows) == 16 + 4


def test_only_seeds_that_ran_both_settings_are_compared(tmp_path):
    a, b = Setting(1, 2, 1), Setting(2, 2, 1)

    def outcome(f):
        run = SearchResult(tmp_path / f"{f}")
        run.folder.mkdir()
        (run.folder / "result.json").write_text(json.dumps({"score": f}))
        return run

    outcomes = {a: {0: outcome(3.0), 1: outcome(5.0)}, b: {1: outcome(4.0), 2: outcome(9.0)}}
    assert paired(outcomes, a, b).tolist() == [1.0]


def test_what_the_surrogate_says_stands_beside_f_and_names_both_judges(tmp_path):
    for setting, scores in ((Setting(4, 4, 2), (94.0, 94.2, 94.1, 94.1)), (Setting(5, 4, 2), (94.5, 94.9, 94.7, 94.7))):
        for seed, score in enumerate(scores):
            spec = dataclasses.replace(SPEC, space="darts", seed=seed).scored_by("surrogate")
            folder = setting.spec(spec, PROFILE).folder(tmp_path)
            folder.mkdir(parents=True)
            final = {"surrogate_yahpo": score, "surrogate_ridge": score - 1, "params_m": 3.5, "most_repeated": 6.0}
            caveat = "surrogate of NAS-Bench-301, not an accuracy. τ is so." + " CAUTION: six." * (seed == 2)
            result = {"score": score, "final": final, "caveat": caveat, "round": 5}
            (folder / "result.json").write_text(json.dumps(result))
            data = {"name": "a surrogate", "sentence": "a surrogate"}
            config = {"run": {"evaluator": "surrogate"}, "llm": {"name": SPEC.llm}, "data": data}
            (folder / "config.json").write_text(json.dumps(config))
    found = {PAPER_BEST: np.array([93.0, 94.0])}
    darts = dataclasses.replace(SPEC, space="darts")
    table = table5(darts, PROFILE, tmp_path, {"null": found, "random": found}, "a table")
    rows = {label: [cell.text for cell in cells] for label, _, cells in table.rows}
    assert rows["λ = 5"][8:11] == ["94.70 ± 0.26 (n = 4)", "+0.60 ± 0.13", "93.70 ± 0.26"]
    notes = " ".join(table.notes)
    assert (
        "By the surrogate on the DARTS space, fake:llm: λ = 4 is not the best setting of those run. Of 1 "
        "other 1 are better" in notes
    )
    assert "not an accuracy. τ is so. 2 of 8 final cells hold one operation six times or more" in notes
    panels = differences(darts, PROFILE, tmp_path, {"null": found}, table=5)
    assert [title.partition(":")[0] for title in panels] == ["DARTS, fake", "DARTS, fake", "DARTS, chance"]
