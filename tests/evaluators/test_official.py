"""The benchmarks' own files: small ones of exactly their format, imported, and every query compared."""

import json
import math
import os
import pickle
import tarfile

import pytest

from seki_lib import get_evaluator, get_space
from seki_lib.errors import AssetError, UnknownName
from seki_lib.evaluators import nas201_import, nas201_official, nas201_table, trans101_official, trans101_table

official_files = pytest.importorskip("evaluators.official_files", reason="needs the package nas-bench-201")
torch = pytest.importorskip("torch")
from nas_201_api import NASBench201API  # noqa: E402

SPACE = get_space("nas201")
CELLS = [
    "|avg_pool_3x3~0|+|nor_conv_1x1~0|skip_connect~1|+|nor_conv_1x1~0|skip_connect~1|skip_connect~2|",
    "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|",
    "|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|none~1|avg_pool_3x3~2|",
]
TRANS_CELLS = ["64-41414-0_00_000", "64-41414-1_02_333", "64-41414-3_33_333"]


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache, and no other source."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SEKI_DATA", raising=False)
    monkeypatch.delenv("SEKI_MIRROR", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def content():
    return official_files.nas201(CELLS)


def close(found, expected):
    """The same to a hundred-thousandth, and unknown where the benchmark says None."""
    return math.isnan(found) if expected is None else found == pytest.approx(expected, abs=2e-5)


SPLITS = {  # as get_more_info maps them
    "cifar10-valid": {"train": "train", "valid": "x-valid", "test": "ori-test"},
    "cifar10": {"train": "train", "test": "ori-test"},
    "cifar100": {"train": "train", "valid": "x-valid", "test": "x-test", "valtest": "ori-test"},
    "ImageNet16-120": {"train": "train", "valid": "x-valid", "test": "x-test", "valtest": "ori-test"},
}


def compare_with_the_peer(api, trainings, cells):
    """Every query of the benchmark's own API: cell, hp, data set, seed or mean, split; and every epoch."""
    compared = 0
    for index, arch in enumerate(cells):
        for hp in (12, 200):
            for dataset, splits in SPLITS.items():
                seeds = api.query_meta_info_by_index(index, str(hp)).get_dataset_seeds(dataset)
                assert trainings.seeds(arch, dataset, hp) == seeds
                costs = api.get_cost_info(index, dataset, str(hp))
                assert trainings.costs(arch, dataset, hp) == pytest.approx(
                    {k: costs[k] for k in ("flops", "params", "latency")}
                )
                for seed in (False, *seeds):
                    asked = {"hp": hp, "seed": seed or "mean"}
                    info = api.get_more_info(index, dataset, hp=str(hp), is_random=seed)
                    for name, split in splits.items():
                        found = trainings.query(arch, dataset, split, **asked)
                        assert close(found.accuracy, info[f"{name}-accuracy"])
                        assert close(found.loss, info[f"{name}-loss"])
                        assert close(found.seconds, info[f"{name}-all-time"])
                        compared += 3
                    for epoch in (0, 5, hp - 1):
                        at = api.get_more_info(index, dataset, iepoch=epoch, hp=str(hp), is_random=seed)
                        for name, split in list(splits.items())[1:]:
                            if f"{name}-accuracy" in at:
                                found = trainings.query(arch, dataset, split, epoch=epoch, **asked)
                                assert close(found.accuracy, at[f"{name}-accuracy"])
                                compared += 1
    return compared


@pytest.mark.parametrize("new_format", [True, False])
def test_every_query_of_the_imported_file_equals_the_benchmarks_own_api(cache, content, new_format):
    file = cache / "NAS-Bench-201-v1_1-096897.pth"
    torch.save(content, file, _use_new_zipfile_serialization=new_format)
    lines = []
    nas201_import.import_file(file, lines.append)
    assert lines[-1] == "4 of 15,625 cells"
    api = NASBench201API({**content}, verbose=False)
    assert compare_with_the_peer(api, nas201_official.Trainings.load(), CELLS) > 1000


@pytest.mark.parametrize("packed", [False, True])
def test_the_simple_archive_of_nats_bench_is_read_too_as_a_folder_and_as_a_tar(cache, content, packed):
    file = official_files.nats(cache / "NATS-tss-v1_0-3ffb9-simple", CELLS)
    if packed:
        with tarfile.open(cache / "NATS-tss-v1_0-3ffb9-simple.tar", "w") as archive:
            archive.add(file, arcname=file.name)
        file = cache / "NATS-tss-v1_0-3ffb9-simple.tar"
    nas201_import.import_file(file)
    api = NASBench201API({**content}, verbose=False)
    assert compare_with_the_peer(api, nas201_official.Trainings.load(), CELLS) > 1000


def test_the_imported_benchmark_is_the_first_source_and_offers_hp_seed_and_split(cache, content):
    file = cache / "official.pth"
    torch.save(content, file)
    nas201_import.import_file(file)
    cell = SPACE.parse(CELLS[2])  # has all three seeds
    api = NASBench201API({**content}, verbose=False)

    def expected(hp, seed, dataset="cifar10-valid", split="valid-accuracy"):
        return pytest.approx(api.get_more_info(2, dataset, hp=str(hp), is_random=seed)[split])

    default = get_evaluator("tabular", space="nas201", task="cifar10")
    assert default(cell).score == expected(200, False)
    assert "200 epochs, seed average" in default.source.sentence and len(default.source.sha256) == 64
    for name, (dataset, split) in {
        "cifar10_test": ("cifar10", "test"), "cifar100_valid": ("cifar100", "valid"),
        "cifar100_test": ("cifar100", "test"),
        "imagenet16_valid": ("ImageNet16-120", "valid"), "imagenet16_test": ("ImageNet16-120", "test"),
    }.items():  # fmt: skip
        assert default.final(cell)[name] == expected(200, False, dataset, f"{split}-accuracy")
    for hp, seed in [(200, 777), (200, 888), (200, 999), (12, 777), (12, "mean")]:
        evaluator = get_evaluator("tabular", space="nas201", task="cifar10", hp=hp, seed=seed)
        assert evaluator(cell).score == expected(hp, False if seed == "mean" else seed)
        assert (
            str(hp) in evaluator.source.sentence and str(seed).replace("mean", "average") in evaluator.source.sentence
        )
    tested = get_evaluator("tabular", space="nas201", task="cifar10", split="test")
    assert tested(cell).score == expected(200, False, "cifar10", "test-accuracy")


def test_a_wrong_hp_seed_or_split_lists_what_this_source_has(cache, content, monkeypatch):
    ask = {"space": "nas201", "task": "cifar10"}
    file = cache / "official.pth"
    torch.save(content, file)
    nas201_import.import_file(file)
    for wrong, has in [
        ({"hp": 90}, "200, 12"),
        ({"seed": 1}, "mean, 777, 888, 999"),
        ({"split": "train"}, "valid, test"),
        ({"hp": 12, "seed": 999}, "mean, 777, 888"),
    ]:
        with pytest.raises(UnknownName, match=f"it has: {has}$"):
            get_evaluator("tabular", **ask, **wrong)
    with pytest.raises(AssetError, match=r"holds no values of \|avg_pool"):  # the first cell was trained with 777 only
        get_evaluator("tabular", **ask, seed=999)(SPACE.parse(CELLS[0]))
    trainings = nas201_official.Trainings.load()
    with pytest.raises(UnknownName, match=r"it has: mean, 777$"):
        trainings.query(CELLS[0], "cifar100", "x-test", seed=888)
    with pytest.raises(UnknownName, match="it has 0 to 199"):
        trainings.query(CELLS[0], "cifar100", "x-test", epoch=200)


def test_the_seed_averages_offer_one_hp_and_one_seed(table):
    if table.source.name == "nas201_official":
        pytest.skip("the official benchmark is imported here")
    with pytest.raises(UnknownName, match="has no hp 12; it has: 200"):
        get_evaluator("tabular", space="nas201", task="cifar10", hp=12)
    with pytest.raises(UnknownName, match="it has: mean"):
        get_evaluator("tabular", space="nas201", task="cifar10", seed=777)


class Planted:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("importer", [nas201_import, trans101_official])
@pytest.mark.parametrize("kind", ["planted", "pickled", "huge", "cut off", "a folder of weights", "text", "missing"])
def test_a_hostile_or_damaged_file_is_refused_nothing_is_run_and_nothing_is_left(cache, content, importer, kind):
    file, ran = cache / "file.pth", cache / "ran"
    bad = {**content, "arch2infos": {0: {"less": Planted(ran)}}, "data": {"micro": Planted(ran)}}
    if kind == "planted":
        torch.save(bad, file)
    elif kind == "pickled":
        file.write_bytes(pickle.dumps(bad))
    elif kind == "huge":
        file.write_bytes(b"\x80\x02}X\xff\xff\xff\xffdata")
    elif kind == "cut off":
        torch.save(content, file, _use_new_zipfile_serialization=False)
        file.write_bytes(file.read_bytes()[:-20_000])
    elif kind == "a folder of weights":
        torch.save({"arch2infos": {0: {"full": {"net_state_dict": torch.ones(3)}}}, "data": torch.ones(3)}, file)
    elif kind == "text":
        file.write_text("<html>quota exceeded</html>")
    with pytest.raises(AssetError, match="Nothing was imported") as error:
        importer.import_file(file)
    assert str(file) in str(error.value)
    assert not ran.exists()
    assert [p.name for p in (cache / "cache" / "seki").glob("*")] == []


def test_an_interrupted_import_leaves_what_was_imported_before(cache, content, monkeypatch):
    file = cache / "official.pth"
    torch.save(content, file)
    before = nas201_import.import_file(file).read_bytes()
    monkeypatch.setattr(nas201_import, "CELLS_AT_ONCE", 2)

    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nas201_import.import_file(file, interrupt)
    assert nas201_official.path().read_bytes() == before
    assert len(list(nas201_official.path().parent.iterdir())) == 1


def test_a_damaged_import_says_so(cache, content):
    file = cache / "official.pth"
    torch.save(content, file)
    path = nas201_import.import_file(file)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
    with pytest.raises(AssetError, match="import the benchmark again"):
        nas201_official.Trainings.load()
    with pytest.raises(AssetError, match="seki data import trans101 FILE"):
        trans101_official.Curves.load()


def test_every_value_of_the_transnas_file_comes_back(cache):
    content = official_files.trans101(TRANS_CELLS)
    file = cache / "transnas-bench_v10141024.pth"
    torch.save(content, file)
    lines = []
    trans101_official.import_file(file, lines.append)
    assert lines == ["3 of 4,096 cells"]
    curves = trans101_official.Curves.load()
    assert curves.meta["published"] is False
    for cell, tasks in content["data"]["micro"].items():
        for task, result in tasks.items():
            for metric, values in result["metrics"].items():
                assert curves.query(cell, task, metric, "list") == values
                assert curves.query(cell, task, metric) == max(values)
                assert curves.query(cell, task, metric, "final") == values[-1]
                assert [curves.query(cell, task, metric, epoch) for epoch in range(3)] == values
            for info, value in result["model_info"].items():
                assert curves.query(cell, task, info) == value


def test_the_transnas_table_has_the_best_epochs_in_the_papers_units(cache):
    content = official_files.trans101(TRANS_CELLS)
    file = cache / "transnas-bench_v10141024.pth"
    torch.save(content, file)
    trans101_official.import_file(file)
    table = trans101_table.load()
    assert table.columns == trans101_table.COLUMNS and set(table.rows) == set(TRANS_CELLS)
    assert (
        table.source.sentence == "TransNAS-Bench-101 (transnas-bench_v10141024.pth, micro), best epoch of each metric"
    )
    cell = get_space("trans101").parse(TRANS_CELLS[1])
    results = content["data"]["micro"][TRANS_CELLS[1]]
    for task, metric, factor in [("jigsaw", "valid_top1", 1), ("segmentsemantic", "valid_mIoU", 1),
                                 ("normal", "valid_ssim", 100), ("room_layout", "valid_neg_loss", 100)]:  # fmt: skip
        evaluator = get_evaluator("tabular", space="trans101", task=task)
        assert evaluator(cell).score == pytest.approx(factor * max(results[task]["metrics"][metric]))


def test_a_wrong_question_to_the_transnas_file_lists_what_there_is(cache):
    file = cache / "f.pth"
    torch.save(official_files.trans101(TRANS_CELLS), file)
    trans101_official.import_file(file)
    curves = trans101_official.Curves.load()
    for question, has in [
        (("64-41414-2_22_222", "jigsaw", "valid_top1"), "tasks: class_object"),
        ((TRANS_CELLS[0], "depth", "valid_top1"), "tasks: class_object"),
        ((TRANS_CELLS[0], "jigsaw", "valid_ssim"), "it has: train_top1"),
        ((TRANS_CELLS[0], "jigsaw", "valid_top1", "median"), "it has: best, final, list, 0, 1, 2"),
        ((TRANS_CELLS[0], "jigsaw", "valid_top1", 3), "it has: best, final, list, 0, 1, 2"),
    ]:
        with pytest.raises(UnknownName, match=has):
            curves.query(*question)


def test_the_command_line_imports_and_says_what_it_has(cache, content, capsys):
    from seki_lib.data import import_official

    file = cache / "NAS-Bench-201-v1_1-096897.pth"
    torch.save(content, file)
    import_official(["nas201", str(file)])
    said = capsys.readouterr().out
    assert "4 of 15,625 cells" in said and "NAS-Bench-201 (NAS-Bench-201-v1_1-096897.pth), 200 epochs" in said
    with pytest.raises(UnknownName, match="nas201, trans101"):
        import_official(["nas301", str(file)])
    meta = nas201_official.Trainings.load().meta
    assert json.dumps(meta) and meta["cells"] == 4
    assert nas201_table.load() == nas201_table.fetch_table()
