"""How cells came about stands below the tables, in one set of words; searches that chance led are marked."""

import json
import shutil
from pathlib import Path

import pytest
from kept import searched

from seki_lib.report.how import ASKED_AGAIN, how_notes, how_of, words
from seki_lib.report.tables import BY_CHANCE, BY_CHANCE_NOTE, Cell, Table
from seki_lib.report.training_tables import Row, table1
from seki_lib.results import Home
from seki_lib.search.repository import HOW
from seki_lib.training.machine import trained_on
from seki_lib.training.protocol import TrainingSpec

KEPT = Path(__file__).parents[2] / "results" / "reference" / "searches" / "nas201" / "cifar10"


def call(stage, text="p"):
    return {"stage": stage, "messages": [{"role": "user", "content": text}], "reply": "r"}


@pytest.mark.parametrize(
    ("kept", "calls", "word"),
    [
        ("llm", [call("critique"), call("refine")], "llm"),
        ("repaired", [call("refine"), call("edit")], "edited"),  # as histories from before have it
        ("repaired", [call("refine"), call("refine", "p, and why")], "repaired"),
        ("repaired", [call("inspire"), call("inspire")], "resampled"),
        ("repaired", [], ASKED_AGAIN),
        ("edited", [call("refine"), call("edit")], "edited"),
        ("fallback", [call("refine"), call("edit")], "fallback"),
    ],
)
def test_one_function_names_how_a_cell_came_about_in_old_and_new_histories(kept, calls, word):
    assert how_of({"how": kept}, calls) == word


def test_the_notes_say_what_the_kits_own_question_answered_stage_by_stage():
    folders = sorted(KEPT.glob("*/default/seed=*"))
    note = " ".join(how_notes(folders))
    counted = [(record["stage"], how) for folder in folders for record, how in words(folder)]
    for stage, title in (("self_evolution", "self-evolution"), ("knowledge_inspiration", "knowledge inspiration")):
        rounds = [how for where, how in counted if where == stage]
        assert f"{title}, {len(rounds)} rounds" in note
        for how in set(rounds):
            assert f"{how} {rounds.count(how)}" in note and f"{how}: {HOW[how]}" in note


def test_rounds_that_settings_of_a_seed_share_are_counted_once(tmp_path):
    source = next(KEPT.glob("*/default/seed=*"))
    for variant in ("default", "k=8"):
        shutil.copytree(source, tmp_path / variant / source.name)
    once, twice = (how_notes([tmp_path / v / source.name for v in which]) for which in (["k=8"], ["k=8", "default"]))
    assert "self-evolution, 35 rounds" in once[0] and "self-evolution, 35 rounds" in twice[0]
    assert "inspiration, 15 rounds" in once[0] and "inspiration, 30 rounds" in twice[0]


def test_searches_without_a_history_get_no_note(tmp_path):
    assert how_notes([tmp_path]) == []


def test_a_row_of_a_search_that_chance_led_is_marked_in_every_form_of_a_table(tmp_path):
    table = Table("t", "T", {"acc": "acc"})
    table.add("the LLM's", {"acc": Cell("1", "measured")}, 1, [{"mostly_fallback": False}, {}])
    table.add("chance's", {"acc": Cell("2", "measured")}, 2, [{"mostly_fallback": False}, {"mostly_fallback": True}])
    for path in table.write(tmp_path):
        text = path.read_text()
        assert f"chance's{BY_CHANCE}" in text.replace("&#39;", "'") and f"LLM's{BY_CHANCE}" not in text
        assert path.suffix == ".csv" or "took the place of the LLM" in text
    assert BY_CHANCE_NOTE in table.legend()


def test_a_trained_cell_carries_the_mark_of_the_search_that_found_it(tmp_path):
    made = dict.fromkeys(("last_test_error", "best_test_error", "paper_params_m", "params_m"), 5.0)
    made |= {"data": "toy", "train_images": 10, "test_images": 10, "epochs": 1, "cpu": "a CPU, AVX2", "torch": "2"}
    searched(tmp_path, "laptop", "darts", "cifar10", "a:1", 8, "text", 80.0)
    search = Home(tmp_path, "laptop").best_search()
    search.result["mostly_fallback"] = True
    spec = TrainingSpec("DARTS_V2", "text", "cifar10", "laptop")
    rows = [Row("SEKI, ours, a:1", spec, search), Row("DARTS_V2, ours", spec)]
    table = table1(rows, [made, made], "laptop")
    assert [label for label, *_ in table.rows[-2:]] == [f"SEKI, ours, a:1{BY_CHANCE}", "DARTS_V2, ours"]
    assert any("Trained on a CPU, AVX2, torch 2." in note for note in table.notes)


def test_the_machine_is_said_even_of_results_from_before_it_was_kept():
    kept = KEPT.parents[2] / "supernets"
    for path in kept.glob("*/*/*/*/result.json"):
        result = json.loads(path.read_text())
        assert result["torch"] in trained_on(result) and "CPU" in trained_on(result).upper()
    assert trained_on({"device": "NVIDIA A100", "cpu": "x", "torch": "2"}) == "NVIDIA A100, torch 2"
