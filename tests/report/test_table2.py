"""Table 2: the paper's rows typed, a sample never in the paper's columns, what is missing named."""

import re

import pytest
from kept import searched

from seki_lib.paper import Edition
from seki_lib.paper.table2 import CELLS
from seki_lib.profiles import get_profile
from seki_lib.report import training_tables
from seki_lib.report.tables import paper_table
from seki_lib.report.training_tables import SHORT, Row, table2, trainings
from seki_lib.spaces.darts import PUBLIC_GENOTYPES
from seki_lib.training.protocol import IMAGENET, IMAGENET_PROTOCOLS, TrainingSpec, images_missing


def test_table2_of_the_paper_is_typed_to_the_last_digit():
    rows = paper_table(2)
    assert len(rows) == 23 and all(re.fullmatch(r"\d\d\.\d", row["imagenet_error"]) for row in rows)
    assert sum(float(row["imagenet_error"]) for row in rows) == pytest.approx(602.1)  # of the printed column
    assert sum(float(row["params_m"]) for row in rows) == pytest.approx(113.1)
    assert [row["architecture"] for row in rows if "†" in row["architecture"]] == [
        "ProxylessNAS†", "DrNAS†", "DARTS+PT†", "SEKI†",
    ]  # fmt: skip
    assert list(rows[-1].values()) == ["SEKI†", "23.9", "2.0", "5.5"]


def result(error, **changes):
    return {
        "data": "a sample of ImageNet", "epochs": 3, "train_images": 3000, "test_images": 1000, "params_m": 0.03,
        "last_test_error": error, "best_test_error": error - 1, "paper_params_m": 4.718,
    } | changes  # fmt: skip


def rows(*labels, dataset="imagenet_sample"):
    return [Row(label, TrainingSpec("cell", "", dataset, "")) for label in labels]


def ours(table):
    return {label: cells for label, _, cells in table.rows if label.endswith("ours")}


def test_the_sample_never_stands_in_the_columns_of_the_paper(monkeypatch):
    monkeypatch.setattr(training_tables, "images_missing", lambda profile: "")
    table = table2(rows("DARTS_V2, ours", "random-0, ours"), [result(96.8), result(97.5)], "laptop")
    assert list(table.columns)[3:] == list(SHORT)
    own = ours(table)
    assert list(own) == ["SEKI, ours", "SEKI†, ours", "DARTS_V2, ours", "random-0, ours"]
    assert all(cells[0].text == "not run" for cells in own.values())
    assert [str(cell) for cell in own["DARTS_V2, ours"][2:]] == ["4.72 [M]", "96.80 [M]", "95.80 [M]", "0.030 [M]"]
    theirs = [cells for label, _, cells in table.rows if not label.endswith("ours")]
    assert len(theirs) == 23 and all(cell.text == "" for cells in theirs for cell in cells[3:])
    assert any("200 classes is 99.5 % ± 0.22" in note for note in table.notes)


def test_real_trainings_stand_beside_the_paper(monkeypatch):
    monkeypatch.setattr(training_tables, "images_missing", lambda profile: "")
    table = table2(rows("SEKI, ours", dataset="imagenet"), [result(24.61, epochs=250)], "paper")
    assert list(table.columns) == ["imagenet_error", "search_cost", "params_m"]
    assert [str(cell) for cell in ours(table)["SEKI, ours"]] == ["24.61 [M]", "", "4.72 [M]"]


@pytest.mark.parametrize("profile", ["laptop", "paper"])
def test_without_images_the_rows_say_why(monkeypatch, tmp_path, profile):
    for name in ("SEKI_MIRROR", "SEKI_DATA", "SEKI_IMAGENET"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    why = images_missing(profile)
    assert ("SEKI_IMAGENET" if profile == "paper" else "seki data fetch imagenet_sample") in why
    edition = Edition(get_profile(profile), "a:1", (8,), (8,), photographs="")
    assert trainings("table2", edition, tmp_path) == []
    table = table2([], [], profile)
    cell = ours(table)["SEKI, ours"][0]
    assert (cell.text, cell.detail) == ("not run", why) and any(why in note for note in table.notes)


def test_each_profile_has_its_trainings_and_found_cells_come_first(tmp_path):
    assert CELLS.keys() == IMAGENET.keys() == IMAGENET_PROTOCOLS.keys()
    laptop, paper = (Edition(get_profile(name), "a:1", (8,), (8,)) for name in ("laptop", "paper"))
    assert [row.label for row in trainings("table2", laptop, tmp_path)] == ["DARTS_V2, ours", "random-0, ours"]
    for task, cell in (("cifar10", "DARTS_V1"), ("imagenet", "PC_DARTS")):
        searched(tmp_path, "paper", "darts", task, "a:1", 8, PUBLIC_GENOTYPES[cell], 90.0)
    specs = {row.label: row.spec for row in trainings("table2", paper, tmp_path)}
    assert list(specs) == ["SEKI, ours, a:1", "SEKI†, ours, a:1", "DARTS_V2, ours", "PC_DARTS, ours"]
    assert specs["SEKI†, ours, a:1"].architecture == PUBLIC_GENOTYPES["PC_DARTS"]
    assert specs["SEKI, ours, a:1"].dataset == "imagenet"
