import json
from types import SimpleNamespace

import pytest
from fakes import FakeLLM
from kept import rounds_and_calls

from seki_lib import results as kept
from seki_lib import runs
from seki_lib.files.errors import RunError
from seki_lib.files.jsonl import read_json, read_lines, write_json
from seki_lib.llm.gguf import GGUFS
from seki_lib.profiles import Profile
from seki_lib.prompts import VARIABLES, Prompts
from seki_lib.report.prompting import changed_edges, parts
from seki_lib.report.table7 import (
    EXPECTED,
    OURS,
    SHORT,
    SHOWN,
    found_without_llm,
    reply_counts,
    table7,
    what_it_takes,
)
from seki_lib.report.tables import paper_table
from seki_lib.results import Home
from seki_lib.runs import RunSpec, search_run
from seki_lib.spaces.darts import PUBLIC_GENOTYPES
from seki_lib.training.protocol import TrainingSpec, dataset_at_hand, get_protocol, named_architecture

CELLS = [
    f"|{a}~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|{a}~0|nor_conv_1x1~1|nor_conv_3x3~2|"
    for a in ("nor_conv_3x3", "nor_conv_1x1", "avg_pool_3x3", "skip_connect")
]
PROFILE = Profile("smoke", rounds=8, lam=5, k=4, xi=2)


@pytest.fixture
def results(monkeypatch, table, tmp_path):
    """Two finished searches of one LLM whose replies cannot always be read, and one that was stopped."""
    monkeypatch.setattr(runs, "get_llm", lambda name: FakeLLM(unreadable=3))
    for seed in (0, 1):
        search_run(RunSpec("nas201", "cifar10", "fake:llm", "smoke", seed), PROFILE, tmp_path)
    stopped = search_run(RunSpec("nas201", "cifar10", "fake:llm", "smoke", 2), PROFILE, tmp_path)
    (stopped / "result.json").unlink()
    return tmp_path


def row(table, label):
    return {
        c: cell
        for name, _, cells in table.rows
        if name == label
        for c, cell in zip(table.columns.values(), cells, strict=True)
    }


def test_table7_of_the_paper_is_typed_to_the_last_digit():
    rows = paper_table(7)
    assert [list(row.values()) for row in rows] == [
        ["SEKI-Qwen", "97.71", "84.14", "75.58"],
        ["SEKI-GPT", "97.67", "83.93", "75.68"],
    ]


def test_only_finished_searches_stand_in_the_table(results):
    rows = [(label, n) for label, n, _ in table7(results, "smoke").rows if n]
    assert rows == [("SEKI, ours, fake:llm", "2")]
    assert not any(n for _, n, _ in table7(results, "paper").rows)


def test_replies_are_counted_as_the_transcript_has_them(results):
    for search in Home(results, "smoke").finished_searches("nas201", "cifar10"):
        folder = search.folder
        counts = reply_counts(folder)
        calls = [c for c in read_lines(folder / "transcript.jsonl") if c["stage"] in ("refine", "inspire")]
        unreadable = [call for call in calls if call["reply"] == "not a cell"]
        assert counts["unreadable"] == len(unreadable) > 0
        first = [call for call in calls if call["attempt"] == 0]
        assert counts["first_valid"] == 100 * (1 - sum(c["reply"] == "not a cell" for c in first) / len(first))
        how = json.loads((folder / "result.json").read_text())["how"]
        assert {word: counts[word] for word in SHOWN} == {word: how.get(word, 0) for word in SHOWN}


def test_a_reply_is_a_known_cell_only_if_an_earlier_round_evaluated_it(tmp_path, space):
    """Counted against the whole history every reply would be known: each becomes the cell of its own round."""
    cells = list(dict.fromkeys(space.format(space.canonical(cell)) for cell in map(space.parse, CELLS)))
    config = {"run": {"space": "nas201"}, "search": {"notation": "names"}}
    write_json(tmp_path / "config.json", config)
    rounds = [{"round": i, "architecture": cell, "canonical": cell} for i, cell in enumerate(cells)]
    replies = [*cells[1:3], cells[0]]  # two new ones, and α0 again
    calls = [{"round": i, "stage": "refine", "reply": cell} for i, cell in enumerate(replies, start=1)]
    rounds_and_calls(tmp_path, rounds, calls)
    assert reply_counts(tmp_path)["known"] == 1


def test_ours_stand_beside_the_papers_without_standing_in_its_columns(results):
    table = table7(results, "smoke")
    ours, theirs = row(table, "SEKI, ours, fake:llm"), row(table, "SEKI-Qwen")
    assert ours["CIFAR-10 (DARTS)"].provenance == "not run" and theirs["CIFAR-10 (DARTS)"].text == "97.71"
    assert ours[SHORT].provenance == "not run" and "seki search --space darts --llm fake:llm" in ours[SHORT].detail
    assert theirs[SHORT].text == ""
    assert ours["NAS-Bench-201: CIFAR-10 test"].provenance == "measured"
    assert ours["dollars"].text == "price not known"
    assert any("The two cannot be compared" in note for note in table.notes)
    table.write(results)


@pytest.fixture
def darts(tmp_path):
    """Makes two finished searches of the DARTS space by one LLM, and trainings of the better one's cell."""

    def make(profile, trained):
        for seed, (cell, score) in enumerate((("DARTS_V1", 80.0), ("DARTS_V2", 90.0))):
            folder = RunSpec("darts", "cifar10", "local:x", profile, seed).folder(tmp_path)
            write_json(folder / "config.json", {"llm": {"name": "local:x"}})
            write_json(folder / "result.json", {"architecture": PUBLIC_GENOTYPES[cell], "score": score})
        name, text = named_architecture(str(folder))
        for dataset, errors in trained.items():
            for seed, error in enumerate(errors):
                result = {"last_test_error": error, "epochs": 5, "data": f"{dataset}, toy"}
                where = TrainingSpec(name, text, dataset, profile, seed).folder(tmp_path)
                write_json(where / "result.json", result)
        make.notes = table7(tmp_path, profile).notes
        return row(table7(tmp_path, profile), "SEKI, ours, local:x")

    return make


def test_in_paper_the_cell_of_an_llms_best_darts_search_stands_in_the_papers_columns(darts):
    ours = darts("paper", {"cifar10": [2.5, 2.7], "cifar100": [16.0]})
    assert str(ours["CIFAR-10 (DARTS)"]) == "97.40±0.14 [M]" and str(ours["CIFAR-100 (DARTS)"]) == "84.00 [M]"
    assert ours["ImageNet-1K (DARTS)"].provenance == "not run"
    assert SHORT not in ours
    assert "seki search --llm local:x" in ours["NAS-Bench-201: CIFAR-10 test"].detail


def test_a_short_training_of_an_llms_darts_cell_stands_in_a_column_of_its_own(darts):
    images = dataset_at_hand("cifar10", get_protocol("smoke"))
    ours = darts("smoke", {images: [45.0]})
    assert str(ours[SHORT]) == "55.00 [M]" and "toy" in ours[SHORT].detail
    assert all(ours[f"{name} (DARTS)"].provenance == "not run" for name in ("CIFAR-10", "CIFAR-100", "ImageNet-1K"))


def test_a_found_darts_cell_that_is_not_trained_says_the_command(darts):
    needs = darts("paper", {"cifar10": [2.5]})["CIFAR-100 (DARTS)"].detail
    search = "<results>/paper/searches/darts/cifar10/local-x/default/seed=1"
    assert needs == f"seki train --arch {search} --dataset cifar100 --profile paper"
    assert f"To train it: {needs}" in darts.notes


def test_an_llm_without_a_search_says_what_it_takes(results):
    table = table7(results, "smoke")
    for llm in EXPECTED:
        cell = row(table, f"SEKI, ours, {llm}")["NAS-Bench-201: CIFAR-10 test"]
        assert cell.provenance == "not run" and cell.text.startswith("not run (")
    assert len(EXPECTED) == len(GGUFS) + 2
    tokens = {"prompt_tokens": 30_000.0, "completion_tokens": 15_000.0}
    assert what_it_takes("openai:gpt-4o-mini", tokens) == "OPENAI_API_KEY, about $0.013 a search"


@pytest.mark.parametrize("templates", ["full", "short", "compact"])
@pytest.mark.parametrize("stage", VARIABLES)
def test_the_frameworks_show_every_word_of_the_template(templates, stage):
    prompts = Prompts.load(templates)
    drawn = "".join(part.text for part in parts(prompts, stage))
    plain = prompts.text(stage).replace("<system>", "").replace("</system>", "")
    assert "".join(drawn.split()) == "".join(plain.split())


def test_each_part_is_labelled_with_its_symbol():
    symbols = {part.symbols for part in parts(Prompts.load("full"), "critique")}
    assert {"T", "Ω", "α(i-1)", "f(α(i-1))"} <= symbols
    assert "ξ cells" in {part.symbols for part in parts(Prompts.load("full"), "inspire")}
    assert any("OS(i)" in part.symbols for part in parts(Prompts.load("full"), "refine"))


def test_changed_edges_are_those_with_another_operation(space):
    a = space.parse("|none~0|+|none~0|nor_conv_3x3~1|+|nor_conv_3x3~0|none~1|skip_connect~2|")
    b = space.parse("|none~0|+|none~0|nor_conv_1x1~1|+|nor_conv_3x3~0|none~1|avg_pool_3x3~2|")
    assert changed_edges(a, b) == [(1, 2), (2, 3)]
    assert changed_edges(a, a) == []


def test_kept_searches_of_an_llm_that_has_not_searched_here_are_shown_as_replayed(results, monkeypatch, tmp_path):
    monkeypatch.setattr(kept, "KEPT", Home(results, "smoke"))
    for seed in (0, 1):  # of which prompts were chosen
        folder = Home(results, "smoke").search("nas201", "cifar10", "fake:llm", seed=seed)
        moved = folder.rename(folder.with_name(f"seed={seed + 8}"))
        config = read_json(moved / "config.json")
        write_json(moved / "config.json", config | {"run": config["run"] | {"seed": seed + 8}})
    here = tmp_path / "here"
    cells = row(table7(here, "smoke"), "SEKI, ours, fake:llm")
    assert cells["NAS-Bench-201: CIFAR-10 test"].provenance == "replayed"
    assert "kept in results/reference" in cells["calls"].detail
    assert "SEKI, ours, fake:llm" not in {label for label, _, _ in table7(here, "laptop").rows}  # other settings


def test_a_strategy_is_obeyed_where_the_first_reply_has_the_change_that_it_names(tmp_path, space):
    parent = space.parse(CELLS[0])
    change = next(iter(space.edits(parent, "edges")))
    history = [{"round": i, "canonical": "", "how": "llm", "architecture": CELLS[0]} for i in range(3)]
    settings = {"notation": "edges", "strategy": "reasoned"}
    write_json(tmp_path / "config.json", {"run": {"space": "nas201"}, "search": settings})
    calls = []
    other = list(space.edits(parent, "edges"))[-1]
    for i, reply in enumerate((change, other), start=1):
        calls.append({"round": i, "stage": "critique", "reply": f"Problem: P.\nRemedy: R.\nChange: {change}"})
        calls.append({"round": i, "stage": "refine", "reply": reply})
    rounds_and_calls(tmp_path, history, calls)
    assert reply_counts(tmp_path)["obeyed"] == 50


def test_differences_to_searches_without_an_llm_are_paired_by_seed(results, table):
    profile = Profile("smoke", rounds=8, lam=5, k=4, xi=2, baseline_seeds=3)
    without = found_without_llm(profile, results)
    assert list(without) == ["random search", "regularized evolution", "local search", "the null proposer"]
    note = next(n for n in table7(results, "smoke", without).notes if "paired by seed" in n)
    ours = {s.seed: s.result["final"]["cifar10_test"] for s in Home(results, "smoke").finished_searches("nas201")}
    mean = sum(value - without["random search"][seed] for seed, value in ours.items()) / len(ours)
    assert f"{mean:+.2f}" in note and "against random search (n = 2)" in note and "the null proposer (n = 2)" in note


def test_what_an_llm_found_in_other_spaces_stands_in_its_row(results, tmp_path):
    """The average rank counts seeds that all tasks have; the surrogate's mean has its own column."""
    for task, scores in {"a": (1.0, 2.0), "b": (3.0,)}.items():
        for seed, score in enumerate(scores):
            folder = RunSpec("trans101", task, "fake:llm", "smoke", seed).folder(tmp_path)
            write_json(folder / "config.json", {"llm": {"name": "fake:llm"}, "data": {"name": "a table"}})
            write_json(folder / "result.json", {"score": score})
    folder = RunSpec("darts", "cifar10", "fake:llm", "smoke", 0).scored_by("surrogate:ridge").folder(tmp_path)
    write_json(folder / "config.json", {"llm": {"name": "fake:llm"}, "data": {"name": "a table"}})
    write_json(folder / "result.json", {"score": 95.25})
    tables = {task: SimpleNamespace(rank=lambda score: int(10 * score)) for task in ("a", "b")}
    ours = row(table7(tmp_path, "smoke", surrogate="surrogate:ridge", trans101=tables), "SEKI, ours, fake:llm")
    assert ours[OURS["trans101"]].text == "20.0 (n = 1)" and ours[OURS["trans101"]].provenance == "measured"
    assert ours[OURS["surrogate"]].text == "95.25 (n = 1)"
    assert "not an accuracy" in ours[OURS["surrogate"]].detail
    assert row(table7(tmp_path, "smoke"), "SEKI, ours, fake:llm")[OURS["trans101"]].provenance != "measured"


def test_searches_on_two_tables_make_no_common_row(tmp_path, table, monkeypatch):
    monkeypatch.setattr(runs, "get_llm", lambda name: FakeLLM())
    for seed in (0, 1):
        other = search_run(RunSpec("nas201", "cifar10", "fake:llm", "smoke", seed), PROFILE, tmp_path)
    config = json.loads((other / "config.json").read_text())
    write_json(other / "config.json", config | {"data": config["data"] | {"name": "another table"}})
    with pytest.raises(RunError, match=r"another table: they make no common table. Next: move those away"):
        table7(tmp_path, "smoke")
