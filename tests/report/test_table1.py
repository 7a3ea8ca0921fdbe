"""Table 1: the paper's rows typed, ours marked, short protocols in columns of their own."""

import json
import re

import pytest
from kept import rounds_and_calls, searched

from seki_lib.paper import Edition
from seki_lib.paper.table1 import CELLS
from seki_lib.profiles import get_profile
from seki_lib.report.tables import paper_table
from seki_lib.report.training_tables import SHORT, Row, search_cost, table1, trainings
from seki_lib.results import Home
from seki_lib.spaces.darts import PUBLIC_GENOTYPES
from seki_lib.training.protocol import PROTOCOLS, SupernetSpec, TrainingSpec


def test_table1_of_the_paper_is_typed_to_the_last_digit():
    rows = paper_table(1)
    errors = [row[column] for row in rows for column in ("cifar10_error", "cifar100_error")]
    assert len(rows) == 24 and len(errors) == 48
    assert errors.count("-") == 12
    assert all(re.fullmatch(r"\d?\d\.\d\d?|-", value) for value in errors)
    total = sum(float(value) for value in errors if value != "-")
    assert total == pytest.approx(65.51 + 211.95)  # the sums of the two printed columns
    assert [row["search_method"] for row in rows].count("Gradient") == 9
    assert rows[-1] == {
        "architecture": "SEKI", "reference": "", "cifar10_error": "2.29", "cifar100_error": "15.86", "params_m": "3.92",
        "search_cost": "0.05", "search_method": "LLM", "evaluation": "One-Shot",
    }  # fmt: skip
    assert next(row for row in rows if row["architecture"].startswith("β-DARTS"))["params_m"] == "3.75/3.80"


def result(error, seed=0, **changes):
    return {
        "architecture": "", "dataset": "cifar10", "data": "CIFAR-10, toy", "seed": seed, "epochs": 5,
        "train_images": 1500, "test_images": 1000, "last_test_error": error, "best_test_error": error - 1,
        "best_epoch": 4, "params_m": 0.04,
        "paper_params_m": 3.349, "madds_m": 7.0, "seconds": 1.0,
    } | changes  # fmt: skip


def test_short_trainings_never_stand_in_the_columns_of_the_paper():
    rows = [Row(f"{name}, ours", TrainingSpec(name, "", "cifar10", "laptop")) for name in ("DARTS_V2", "random-0")]
    table = table1(rows, [result(55.4), result(60.5)], "laptop")
    assert list(table.columns)[-3:] == list(SHORT)
    ours = {label: cells for label, _, cells in table.rows if label.endswith(", ours")}
    assert list(ours) == ["SEKI, ours", "DARTS_V2, ours", "random-0, ours"]
    for cells in ours.values():
        assert [cell.text for cell in cells[:2]] == ["not run", "not run"]
    assert [cell.provenance for cell in ours["SEKI, ours"][6:]] == ["not run"] * 3
    assert str(ours["DARTS_V2, ours"][6]) == "55.40 [M]" and ours["DARTS_V2, ours"][2].text == "3.35"
    theirs = [cells for label, _, cells in table.rows if not label.endswith(", ours")]
    assert len(theirs) == 24 and all(cell.text == "" for cells in theirs for cell in cells[6:])
    assert any("1.6 points" in note for note in table.notes)


def test_full_trainings_stand_beside_the_paper_with_their_spread_over_seeds():
    specs = [TrainingSpec("searched-1", "", d, "paper", s) for d in ("cifar10", "cifar100") for s in range(4)]
    results = [result(2.5 + 0.1 * s.seed + 14 * (s.dataset == "cifar100"), s.seed, epochs=600) for s in specs]
    table = table1([Row("SEKI, ours", spec) for spec in specs], results, "paper")
    assert len(table.columns) == 6
    label, n, cells = table.rows[-1]
    assert (label, n) == ("SEKI, ours", "4")
    assert cells[0].text == "2.65±0.13" and cells[1].text == "16.65±0.13"


def test_each_profile_has_its_trainings_and_the_best_cell_of_each_llm_comes_first(tmp_path):
    assert CELLS.keys() == PROTOCOLS.keys()
    laptop, paper = (Edition(get_profile(name), "a:1", (8,), (8,)) for name in ("laptop", "paper"))
    labels = [row.label for row in trainings("table1", laptop, tmp_path)]
    assert labels == [f"{cell}, ours" for cell in ("DARTS_V2", "PC_DARTS", "random-0")]
    assert len(trainings("table1", paper, tmp_path)) == 2 * 2 * 4
    names = ("DARTS_V2", "DARTS_V1", "PC_DARTS")
    for llm, seed, score, name in (("a:1", 8, 80.0, 0), ("a:1", 9, 90.0, 1), ("b:2", 8, 85.0, 2)):
        cell = PUBLIC_GENOTYPES[names[name]]
        searched(tmp_path, "laptop", "darts", "cifar10", llm, seed, cell, score)
    first, second = trainings("table1", laptop, tmp_path)[:2]
    assert (first.label, second.label) == ("SEKI, ours, a:1", "SEKI, ours, b:2")
    assert first.spec.architecture == PUBLIC_GENOTYPES["DARTS_V1"] and "seeds 8, 9" in first.chosen
    assert first.cost.text == "not known" and "no longer there" in first.cost.detail
    assert second.spec.architecture == PUBLIC_GENOTYPES["PC_DARTS"]


def test_the_cost_of_a_search_is_its_seconds_by_part_on_a_cpu_and_gpu_days_on_a_gpu(tmp_path):
    searched(tmp_path, "laptop", "darts", "cifar10", "a:1", 8, PUBLIC_GENOTYPES["DARTS_V1"], 80.0)
    search = Home(tmp_path, "laptop").best_search()
    search.result["llm_seconds"] = 43_200.0
    supernet = SupernetSpec("darts", "cifar10", "laptop").folder(tmp_path)
    supernet.mkdir(parents=True)
    rounds_and_calls(search.folder, [{"seconds": 20.0}])
    for device, text in (("cpu", "supernet 100 s, f 20 s, LLM 43200 s"), ("Some GPU", "0.501")):
        content = {"weights_sha256": "gone", "seconds": 100.0, "device": device}
        (supernet / "result.json").write_text(json.dumps(content))
        assert search_cost(search, tmp_path, "laptop").text == text
