import gzip

import pytest

from seki_lib import get_evaluator, get_space
from seki_lib.evaluators import trans101_table as t101
from seki_lib.files import assets
from seki_lib.files.assets import ASSETS, Asset
from seki_lib.files.errors import AssetError, UnknownName
from seki_lib.report.tables import paper_table

SPACE = get_space("trans101")


@pytest.fixture(scope="session")
def evaluators(trans101_table):
    return {task: get_evaluator("tabular", space="trans101", task=task) for task in t101.TASKS}


def test_the_best_of_every_column_is_the_papers_oracle_row(evaluators):
    """Five of seven by rounding, two by cutting."""
    paper = next(row for row in paper_table(4) if row["architecture"] == "Oracle Best")
    rounded = 0
    for task, evaluator in evaluators.items():
        value = abs(evaluator.best()[t101.SEARCHED[task]])
        assert paper[task] in (f"{value:.2f}", f"{value - 0.005:.2f}")
        rounded += paper[task] == f"{value:.2f}"
    assert rounded == 5


def test_a_higher_score_is_better_in_every_task_and_the_prompt_says_so(evaluators):
    worst, good = SPACE.parse("64-41414-0_00_000"), SPACE.parse("64-41414-3_33_333")
    for task, evaluator in evaluators.items():
        assert evaluator(worst).score < evaluator(good).score, task
        assert evaluator(worst).score < evaluator(SPACE.parse(evaluator.top()[0])).score
        assert "higher is better" in evaluator.task or "higher score is better" in evaluator.task
    assert "L2 loss" in evaluators["room_layout"].task and "lower loss" in evaluators["room_layout"].task
    assert evaluators["room_layout"](good).score < 0
    assert len({evaluator.task for evaluator in evaluators.values()}) == 7


def test_values_are_in_the_papers_units(evaluators):
    """SSIM and the loss times 100; accuracies and the mean IoU are percentages already."""
    cell = SPACE.parse("64-41414-0_00_000")  # the first row of the file
    assert evaluators["autoencoder"](cell).score == 5.22811
    assert evaluators["room_layout"](cell).score == -109.005
    assert evaluators["segmentsemantic"](cell).score == 5.40575
    assert evaluators["jigsaw"](cell).metrics == {"jigsaw_valid_top1": 0.139331}
    assert evaluators["jigsaw"].final(cell)["class_scene_test_top1"] == 13.7938


def test_the_rank_counts_the_better_cells_and_ties_share_the_lowest(evaluators, trans101_table):
    evaluator = evaluators["class_object"]
    column = trans101_table.columns.index("class_object_valid_top1")
    scores = [row[column] for row in trans101_table.rows.values()]
    assert evaluator.rank(max(scores)) == 1
    assert evaluator.rank(max(scores) + 1) == 1
    for score in (scores[0], scores[77], min(scores)):
        assert evaluator.rank(score) == 1 + sum(other > score for other in scores)
    assert scores.count(scores[0]) > 1


def test_an_unknown_task_hp_seed_or_split_lists_what_there_is(trans101_table):
    ask = {"space": "trans101", "task": "jigsaw"}
    with pytest.raises(UnknownName, match="class_object, class_scene, autoencoder, normal"):
        get_evaluator("tabular", space="trans101", task="cifar10")
    for wrong, has in [
        ({"hp": 200}, "best epoch"),
        ({"seed": 777}, "one training"),
        ({"split": "train"}, "valid, test"),
    ]:
        with pytest.raises(UnknownName, match=has):
            get_evaluator("tabular", **ask, **wrong)
    assert get_evaluator("tabular", **ask, split="test").metric == "jigsaw_test_top1"


@pytest.fixture
def seven(trans101_table, tmp_path, monkeypatch):
    """The seven files in their real layout (macro rows first, other columns between) with real values."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SEKI_MIRROR", raising=False)
    monkeypatch.setenv("SEKI_DATA", str(tmp_path))
    for task, info in t101.TASKS.items():
        metric = info.metric.replace("miou", "mIoU")
        columns = [t101.COLUMNS.index(f"{task}_{split}_{info.metric}") for split in t101.SPLITS]
        factor, _ = t101.METRICS[info.metric]
        lines = [f"train_loss,valid_{metric},test_{metric},time_elapsed,file_id"]
        lines += [f"0.5,99.0,99.0,{1000.0 + i},{i}" for i in range(t101.FIRST_MICRO)]
        for i, row in enumerate(trans101_table.rows.values(), start=t101.FIRST_MICRO):
            lines.append(f"0.5,{row[columns[0]] / factor!r},{row[columns[1]] / factor!r},5000.0,{i}")
        path = tmp_path / f"transbench101_{task}.csv"
        path.write_text("\n".join(lines) + "\n")
        asset = Asset(path.name, assets.sha256_of(path), "Apache-2.0", "test")
        monkeypatch.setitem(ASSETS, f"trans101_nasgraph_{task}", asset)
    return tmp_path


def test_the_seven_files_give_the_same_table(seven, trans101_table):
    found = t101.load()
    assert found.columns == trans101_table.columns
    for cell, row in trans101_table.rows.items():
        assert found.rows[cell] == pytest.approx(row)


def test_files_in_another_order_are_refused(seven, monkeypatch):
    path = seven / "transbench101_jigsaw.csv"
    header, *lines = path.read_text().splitlines()
    path.write_text("\n".join([header, *reversed(lines)]) + "\n")
    monkeypatch.setitem(ASSETS, "trans101_nasgraph_jigsaw", Asset(path.name, assets.sha256_of(path), "", ""))
    with pytest.raises(AssetError, match="file_id 3256 to 7351"):
        t101.load()


def test_a_ragged_csv_is_refused(tmp_path):
    path = tmp_path / "x.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n3\n"))
    with pytest.raises(AssetError, match="do not have 2 values"):
        t101.read_csv(path)


def test_no_table_at_all_names_the_next_step(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SEKI_MIRROR", raising=False)
    with pytest.raises(AssetError, match="seki data fetch trans101"):
        t101.load()
