"""The benchmarks' own files: small ones of exactly their format, imported, and every query compared."""

import bz2
import io
import json
import math
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile

import pytest

from seki_lib import get_evaluator, get_space
from seki_lib.evaluators import nas201_import, nas201_official, nas201_table, trans101_official, trans101_table
from seki_lib.files.errors import AssetError, UnknownName

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
    from seki_lib.app.data import import_official

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


@pytest.fixture(scope="module")
def trans_content():
    return official_files.trans101(TRANS_CELLS)


BOMBS = {
    "nested tuples": b"\x80\x02)" + b"\x85" * 2_000_000 + b".",
    "nested tuples as a name": b"\x80\x04)" + b"\x85" * 2_000_000 + b"N\x93.",
    "nested tuples that are called": b"\x80\x02)" + b"\x85" * 2_000_000 + b")R.",
    "nested tuples as the data set": b"\x80\x02}(X\x0b\x00\x00\x00train_acc1es}"
    + b"X\x06\x00\x00\x00epochsK\x0cX\x04\x00\x00\x00name)"
    + b"\x85" * 2_000_000 + b"u.",
    "nested lists": b"\x80\x02" + b"]" * 2_000_000 + b"a" * 1_999_999 + b".",
    "nested dictionaries": b"\x80\x02" + b"}X\x04\x00\x00\x00data" * 100_000 + b"N" + b"s" * 100_000 + b".",
    "repeated references": b"\x80\x02]q\x00" + b"".join(
        b"](" + b"h" + bytes([i]) + b"h" + bytes([i]) + b"eq" + bytes([i + 1]) for i in range(200)) + b".",
    "a wide key again and again": b"\x80\x02(" + b"K\x01" * 100_000 + b"tq\x00}(" + b"h\x00N" * 1_000_000 + b"u.",
    "nothing for ever": b"\x80\x02" * 3_500_000,
    "empty sets": b"\x80\x04" + b"\x8f" * 4_500_000,
    "memory for ever": b"\x80\x04N" + b"\x94" * 6_000_000,
    "a text for ever": b"\x80\x02X\x00\x00\x00\x01" + b"x" * 6_000_000,
}  # fmt: skip


@pytest.mark.parametrize("name", BOMBS)
def test_a_small_file_that_would_take_all_memory_or_the_stack_is_refused_in_bounded_time(cache, name):
    """In a process of its own with 3 GB of memory and a minute: a crash there does not end the tests."""
    file = cache / "bomb.pth"
    file.write_bytes(bz2.compress(BOMBS[name]))
    assert file.stat().st_size < 20_000
    program = f"""
import pathlib, resource
from seki_lib.evaluators import nas201_import, trans101_official
from seki_lib.files.errors import AssetError
import numpy, pyarrow.parquet
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))
for importer in (nas201_import, trans101_official):
    try:
        importer.import_file(pathlib.Path({str(file)!r}))
    except AssetError as error:
        print(len(str(error)), "Nothing was imported" in str(error), error)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    for line in done.stdout.splitlines():
        assert int(line.split()[0]) < 600 and line.split()[1] == "True", line
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.parametrize("packed", ["zip", "zip under a password", "tar"])
def test_archives_of_bombs_are_refused_too(cache, packed):
    file = cache / "bomb.pth"
    if packed == "tar":
        with tarfile.open(file, "w") as archive:
            content = bz2.compress(BOMBS["nothing for ever"])
            member = tarfile.TarInfo("000000.pickle.pbz2")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    else:
        with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr("archive/data.pkl", BOMBS["nothing for ever"])
        if packed == "zip under a password":
            content = file.read_bytes()  # the flag in the directory at the end, and before the member
            file.write_bytes(
                content.replace(b"PK\x01\x02\x14\x03\x14\x00\x00", b"PK\x01\x02\x14\x03\x14\x00\x01").replace(
                    b"PK\x03\x04\x14\x00\x00", b"PK\x03\x04\x14\x00\x01"
                )
            )
    with pytest.raises(AssetError, match="password" if "password" in packed else "100 times its size"):
        nas201_import.import_file(file)


class Odd:
    """Stands for a key that is taken away."""


WRONG = [float("nan"), float("inf"), -float("inf"), -0.5, 100.5, "94.5", None, [94.5], {"a": 1}, True, 10**400]


def put(place, path, value):
    for key in path[:-1]:
        place = place[key]
    if value is Odd:
        del place[path[-1]]
    else:
        place[path[-1]] = value


def copied(content):
    return pickle.loads(pickle.dumps(content))


@pytest.mark.parametrize("value", [*WRONG, Odd], ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("name", ["eval_acc1es", "train_acc1es"])
def test_one_cell_with_an_impossible_accuracy_is_named_and_nothing_is_imported(cache, content, name, value):
    bad, file = copied(content), cache / "official.pth"
    results = bad["arch2infos"][2]["full"]["all_results"]["cifar10-valid", 888]
    key = "x-valid@199" if name == "eval_acc1es" else 199
    put(results, (name, key), value)
    if (name, value) == ("train_acc1es", Odd):
        pytest.skip("no table shows the accuracy on training images")
    torch.save(bad, file)
    with pytest.raises(AssetError) as error:
        nas201_import.import_file(file)
    said = str(error.value)
    assert f"{CELLS[2]} on cifar10-valid, 200 epochs, seed 888: " in said and "Nothing was imported" in said
    assert len(said) < 500 and not nas201_official.path().exists()


@pytest.mark.parametrize(("path", "value"), [
    (("epochs",), 199), (("epochs",), "200"), (("epochs",), Odd), (("epochs",), 10**30), (("epochs",), None),
    (("eval_acc1es",), Odd), (("eval_acc1es",), [1.0]), (("eval_acc1es",), {}), (("eval_acc1es",), "text"),
    (("name",), Odd), (("name",), ((),)), (("latency",), "fast"), (("latency",), [None]), (("flop",), "many"),
    (("train_losses",), 7), (("eval_acc1es",), {"x-valid@one": 1.0}), (("eval_acc1es",), {"x-valid@-1": 1.0}),
    (("eval_acc1es",), {0.5: 1.0}), (("eval_acc1es",), {"x-valid@99999999999": 1.0}),
])  # fmt: skip
def test_a_training_of_a_wrong_kind_is_refused_with_its_cell(cache, content, path, value):
    bad, file = copied(content), cache / "official.pth"
    put(bad["arch2infos"][2]["full"]["all_results"]["cifar10-valid", 888], path, value)
    torch.save(bad, file)
    with pytest.raises(AssetError, match="Nothing was imported") as error:
        nas201_import.import_file(file)
    assert f"{CELLS[2]} on cifar10-valid, 200 epochs, seed 888: " in str(error.value)


@pytest.mark.parametrize("what", ["arch_str", "all_results", "a data set", "a seed", "a cell"])
def test_a_cell_of_a_wrong_kind_is_refused(cache, content, what):
    bad, file = copied(content), cache / "official.pth"
    state = bad["arch2infos"][2]["full"]
    if what == "a data set":
        for key in [key for key in state["all_results"] if key[0] == "cifar100"]:
            del state["all_results"][key]
    elif what == "a seed":
        state["all_results"]["cifar100", "777"] = state["all_results"].pop(("cifar100", 777))
    elif what == "a cell":
        state["arch_str"] = "|nor_conv_9x9~0|"
    else:
        del state[what]
    torch.save(bad, file)
    with pytest.raises(AssetError, match="Nothing was imported"):
        nas201_import.import_file(file)
    assert not nas201_official.path().exists()


@pytest.mark.parametrize("value", [*WRONG, Odd], ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("metric", ["valid_top1", "test_top1"])
def test_one_transnas_cell_with_an_impossible_value_is_named(cache, trans_content, metric, value):
    bad, file = copied(trans_content), cache / "f.pth"
    put(bad["data"]["micro"][TRANS_CELLS[1]]["jigsaw"]["metrics"][metric], (1,), value)
    torch.save(bad, file)
    with pytest.raises(AssetError) as error:
        trans101_official.import_file(file)
    said = str(error.value)
    assert f"{TRANS_CELLS[1]} on jigsaw, " in said and metric in said and "Nothing was imported" in said
    assert len(said) < 500 and not trans101_official.path().exists()


@pytest.mark.parametrize(("path", "value"), [
    (("metrics",), Odd), (("metrics",), []), (("metrics", "valid_top1"), Odd), (("metrics", "valid_top1"), 7.0),
    (("metrics", "valid_top1"), []), (("metrics", "valid_top1"), "abc"), (("metrics", "valid_top1"), {"a": 1.0}),
    (("metrics", "valid_top1"), [1.0] * 4), (("model_info",), None), (("model_info", "encoder_params"), "many"),
    (("total_epochs",), 25),
])  # fmt: skip
def test_a_transnas_task_of_a_wrong_kind_is_refused_with_its_cell(cache, trans_content, path, value):
    bad, file = copied(trans_content), cache / "f.pth"
    put(bad["data"]["micro"][TRANS_CELLS[1]]["jigsaw"], path, value)
    torch.save(bad, file)
    with pytest.raises(AssetError, match="Nothing was imported") as error:
        trans101_official.import_file(file)
    assert f"{TRANS_CELLS[1]} on jigsaw, " in str(error.value)


@pytest.mark.parametrize("path", [("jigsaw",), ()])
@pytest.mark.parametrize("value", [Odd, None, 7, [], "text"])
def test_a_transnas_cell_without_a_task_is_refused(cache, trans_content, path, value):
    bad, file = copied(trans_content), cache / "f.pth"
    put(bad["data"]["micro"], (TRANS_CELLS[1], *path), value)
    torch.save(bad, file)
    if path or value is not Odd:  # a file of fewer cells is refused where the table is asked for
        with pytest.raises(AssetError, match="Nothing was imported"):
            trans101_official.import_file(file)
