"""The benchmarks' own files: small ones of exactly their format, imported, and every value compared."""

import json
import math
import tarfile

import pytest

from seki_lib import get_evaluator, get_space
from seki_lib.evaluators import imported, nas201_import, nas201_table, official_file, trans101_import, trans101_table
from seki_lib.files.errors import AssetError, UnknownName

official_files = pytest.importorskip("evaluators.official_files", reason="needs the package nas-bench-201")
torch = pytest.importorskip("torch")
from nas_201_api import NASBench201API  # noqa: E402

CELLS, TRANS_CELLS = official_files.CELLS, official_files.TRANS_CELLS
SPACE = get_space("nas201")


def close(found, expected):
    """The same, and unknown where the benchmark says None."""
    return found is None if expected is None else found == pytest.approx(expected)


SPLITS = {  # as get_more_info maps them
    "cifar10-valid": {"train": "train", "valid": "x-valid", "test": "ori-test"},
    "cifar10": {"train": "train", "test": "ori-test"},
    "cifar100": {"train": "train", "valid": "x-valid", "test": "x-test", "valtest": "ori-test"},
    "ImageNet16-120": {"train": "train", "valid": "x-valid", "test": "x-test", "valtest": "ori-test"},
}


def rows_of(space):
    """All that was imported, by what says which it is."""
    return {
        tuple(row[name] for name in row if name not in ("value", "curve")): row
        for row in imported.read(space).to_pylist()
    }


def compare_with_the_peer(api, cells):
    """Every answer of the benchmark's own API: cell, hp, data set, seed, split; and every epoch."""
    rows, compared = rows_of("nas201"), 0
    for index, arch in enumerate(cells):
        for hp in (12, 200):
            for dataset, splits in SPLITS.items():
                seeds = api.query_meta_info_by_index(index, str(hp)).get_dataset_seeds(dataset)
                assert sorted({key[4] for key in rows if (key[0], key[1], key[3]) == (arch, dataset, hp)}) == seeds
                costs = api.get_cost_info(index, dataset, str(hp))
                for name in ("flops", "params", "latency"):
                    found = [rows[arch, dataset, name, hp, seed]["value"] for seed in seeds]
                    assert sum(found) / len(seeds) == pytest.approx(costs[name])
                for seed in seeds:
                    info = api.get_more_info(index, dataset, hp=str(hp), is_random=seed)
                    for name, split in splits.items():
                        for metric, theirs in (("accuracy", "accuracy"), ("loss", "loss"), ("seconds", "all-time")):
                            found = rows.get((arch, dataset, f"{split}_{metric}", hp, seed), {"value": None})
                            assert close(found["value"], info[f"{name}-{theirs}"])
                            compared += 1
                    for epoch in (0, 5, hp - 1):
                        at = api.get_more_info(index, dataset, iepoch=epoch, hp=str(hp), is_random=seed)
                        for name, split in splits.items():
                            if f"{name}-accuracy" in at:
                                curve = rows[arch, dataset, f"{split}_accuracy", hp, seed]["curve"]
                                assert close(curve[epoch], at[f"{name}-accuracy"])
                                compared += 1
    return compared


@pytest.mark.parametrize("new_format", [True, False])
def test_every_value_of_the_imported_file_equals_that_of_the_benchmarks_own_api(cache, content, new_format):
    file = cache / "NAS-Bench-201-v1_1-096897.pth"
    torch.save(content, file, _use_new_zipfile_serialization=new_format)
    lines = []
    nas201_import.import_file(file, lines.append)
    assert lines[-1] == "4 of 15,625 cells"
    api = NASBench201API({**content}, verbose=False)
    assert compare_with_the_peer(api, CELLS) > 800


@pytest.mark.parametrize("packed", [False, True])
def test_the_simple_archive_of_nats_bench_is_read_too_as_a_folder_and_as_a_tar(cache, content, packed):
    file = official_files.nats(cache / "NATS-tss-v1_0-3ffb9-simple", CELLS)
    if packed:
        with tarfile.open(cache / "NATS-tss-v1_0-3ffb9-simple.tar", "w") as archive:
            archive.add(file, arcname=file.name)
        file = cache / "NATS-tss-v1_0-3ffb9-simple.tar"
    nas201_import.import_file(file)
    api = NASBench201API({**content}, verbose=False)
    assert compare_with_the_peer(api, CELLS) > 800


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


def test_the_seed_averages_offer_one_hp_and_one_seed(table):
    if table.source.name == "nas201_official":
        pytest.skip("the official benchmark is imported here")
    with pytest.raises(UnknownName, match="has no hp 12; it has: 200"):
        get_evaluator("tabular", space="nas201", task="cifar10", hp=12)
    with pytest.raises(UnknownName, match="it has: mean"):
        get_evaluator("tabular", space="nas201", task="cifar10", seed=777)


def test_an_interrupted_import_leaves_what_was_imported_before(cache, content, monkeypatch):
    file = cache / "official.pth"
    torch.save(content, file)
    before = nas201_import.import_file(file).read_bytes()
    monkeypatch.setattr(official_file, "CELLS_AT_ONCE", 2)

    def interrupt(line):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        nas201_import.import_file(file, interrupt)
    assert imported.path("nas201").read_bytes() == before
    assert len(list(imported.path("nas201").parent.iterdir())) == 1


def test_a_damaged_import_says_so(cache, content):
    file = cache / "official.pth"
    torch.save(content, file)
    path = nas201_import.import_file(file)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2] + bytes([whole[len(whole) // 2] ^ 1]) + whole[len(whole) // 2 + 1 :])
    with pytest.raises(AssetError, match="import the benchmark again"):
        imported.read("nas201")
    with pytest.raises(AssetError, match="seki data import trans101 FILE"):
        imported.read("trans101")


def test_every_value_of_the_transnas_file_comes_back(cache, trans_content):
    file = cache / "transnas-bench_v10141024.pth"
    torch.save(trans_content, file)
    lines = []
    trans101_import.import_file(file, lines.append)
    assert lines == ["3 of 4,096 cells"]
    rows = rows_of("trans101")
    for cell, tasks in trans_content["data"]["micro"].items():
        for task, result in tasks.items():
            for metric, values in result["metrics"].items():
                assert rows[cell, task, metric]["curve"] == values
                assert rows[cell, task, metric]["value"] == max(values)
            for info, value in result["model_info"].items():
                assert rows[cell, task, info]["value"] == value


def test_the_transnas_table_has_the_best_epochs_in_the_papers_units(cache):
    content = official_files.trans101(TRANS_CELLS)
    file = cache / "transnas-bench_v10141024.pth"
    torch.save(content, file)
    trans101_import.import_file(file)
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


def test_a_loss_that_is_no_number_is_kept_as_it_is(cache, content, trans_content, official_files):
    """Networks that diverged are in the benchmarks too."""
    bad, trans_bad = official_files.copied(content), official_files.copied(trans_content)
    results = bad["arch2infos"][2]["full"]["all_results"]["cifar10-valid", 888]
    results["eval_losses"]["x-valid@199"] = results["train_losses"][5] = math.nan
    trans_bad["data"]["micro"][TRANS_CELLS[1]]["jigsaw"]["metrics"]["valid_loss"] = [1.0, math.inf, math.nan]
    torch.save(bad, cache / "nas201.pth")
    torch.save(trans_bad, cache / "trans101.pth")
    nas201_import.import_file(cache / "nas201.pth")
    trans101_import.import_file(cache / "trans101.pth")
    key = CELLS[2], "cifar10-valid"
    assert (*key, "x-valid_accuracy", 200, 888) in rows_of("nas201")
    assert rows_of("nas201")[(*key, "x-valid_loss", 200, 888)]["value"] is None
    assert str(rows_of("trans101")[TRANS_CELLS[1], "jigsaw", "valid_loss"]["curve"]) == "[1.0, inf, nan]"
    assert len(nas201_table.load().rows) == 4 and len(trans101_table.load().rows) == 3


def test_the_command_line_imports_and_says_what_it_has(cache, content, capsys):
    from seki_lib.app.data import import_official

    file = cache / "NAS-Bench-201-v1_1-096897.pth"
    torch.save(content, file)
    import_official(["nas201", str(file)])
    said = capsys.readouterr().out
    assert "4 of 15,625 cells" in said and "NAS-Bench-201 (NAS-Bench-201-v1_1-096897.pth), 200 epochs" in said
    with pytest.raises(UnknownName, match="nas201, trans101"):
        import_official(["nas301", str(file)])
    meta = imported.meta("nas201")
    assert json.dumps(meta) and meta["cells"] == 4
    assert nas201_table.load() == nas201_table.fetch_table()
