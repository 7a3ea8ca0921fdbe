"""Table 1: the paper's rows typed, ours marked, short protocols in columns of their own."""

import json
import re

import pytest

from seki_lib.report.paper import paper_table
from seki_lib.report.table1 import COLUMNS, PLANS, SHORT_HEADINGS, found_cells, table1, trainings
from seki_lib.spaces.darts import PUBLIC_GENOTYPES
from seki_lib.training.protocol import PROTOCOLS, TrainingSpec


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
    specs = [TrainingSpec("DARTS_V2", "", "cifar10", "laptop"), TrainingSpec("random-0", "", "cifar10", "laptop")]
    table = table1(specs, [result(55.4), result(60.5)], "laptop")
    assert table.columns[-3:] == SHORT_HEADINGS
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
    table = table1(specs, results, "paper")
    assert len(table.columns) == len(COLUMNS)
    label, n, cells = table.rows[-1]
    assert (label, n) == ("SEKI, ours", "4")
    assert cells[0].text == "2.65±0.13" and cells[1].text == "16.65±0.13"


def test_each_profile_has_its_trainings_and_a_found_cell_comes_first(tmp_path):
    assert set(PLANS) == set(PROTOCOLS)
    names = [spec.name for spec in trainings(tmp_path, "laptop")]
    assert names == ["DARTS_V2", "PC_DARTS", "random-0", "random-1", "random-2"]
    assert len(trainings(tmp_path, "paper")) == 2 * 2 * 4
    for seed, score in ((0, 80.0), (1, 90.0)):
        folder = tmp_path / "laptop" / "searches" / "darts" / "cifar10" / "llm" / "default" / f"seed={seed}"
        folder.mkdir(parents=True)
        content = {"architecture": PUBLIC_GENOTYPES["DARTS_V1"], "score": score}
        (folder / "result.json").write_text(json.dumps(content))
    assert [folder.name for folder in found_cells(tmp_path, "laptop")] == ["seed=1", "seed=0"]
    first = trainings(tmp_path, "laptop")[0]
    assert first.name.startswith("searched-") and first.architecture == PUBLIC_GENOTYPES["DARTS_V1"]
