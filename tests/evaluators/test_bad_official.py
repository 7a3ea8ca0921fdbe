"""Files that are no benchmark's: hostile, damaged, or with one wrong value. They end in an AssetError."""

import bz2
import io
import os
import pickle
import subprocess
import sys
import tarfile
import zipfile

import pytest

from seki_lib.evaluators import imported, nas201_import, trans101_import
from seki_lib.files.errors import AssetError

official_files = pytest.importorskip("evaluators.official_files", reason="needs the package nas-bench-201")
torch = pytest.importorskip("torch")
CELLS, TRANS_CELLS, copied = official_files.CELLS, official_files.TRANS_CELLS, official_files.copied


class Planted:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.system, (f"touch {self.path}",)


@pytest.mark.parametrize("importer", [nas201_import, trans101_import])
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
from seki_lib.evaluators import nas201_import, trans101_import
from seki_lib.files.errors import AssetError
import numpy, pyarrow.parquet
resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
resource.setrlimit(resource.RLIMIT_DATA, (3 << 30, 3 << 30))
for importer in (nas201_import, trans101_import):
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


IMPOSSIBLE = [(name, value) for name in ("eval_acc1es", "train_acc1es") for value in WRONG]
IMPOSSIBLE.append(("eval_acc1es", Odd))  # no table shows the accuracy on training images, so that one may lack


@pytest.mark.parametrize(("name", "value"), IMPOSSIBLE, ids=lambda value: repr(value)[:12])
def test_one_cell_with_an_impossible_accuracy_is_named_and_nothing_is_imported(cache, content, name, value):
    bad, file = copied(content), cache / "official.pth"
    results = bad["arch2infos"][2]["full"]["all_results"]["cifar10-valid", 888]
    key = "x-valid@199" if name == "eval_acc1es" else 199
    put(results, (name, key), value)
    torch.save(bad, file)
    with pytest.raises(AssetError) as error:
        nas201_import.import_file(file)
    said = str(error.value)
    assert f"{CELLS[2]} on cifar10-valid, 200 epochs, seed 888: " in said and "Nothing was imported" in said
    assert len(said) < 500 and not imported.path("nas201").exists()


@pytest.mark.parametrize(("path", "value"), [
    (("epochs",), 199), (("epochs",), "200"), (("epochs",), Odd), (("epochs",), 10**30), (("epochs",), None),
    (("eval_acc1es",), Odd), (("eval_acc1es",), [1.0]), (("eval_acc1es",), {}), (("eval_acc1es",), "text"),
    (("latency",), "fast"), (("latency",), [None]), (("flop",), "many"),
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
    assert not imported.path("nas201").exists()


@pytest.mark.parametrize("value", [*WRONG, Odd], ids=lambda value: repr(value)[:12])
@pytest.mark.parametrize("metric", ["valid_top1", "test_top1"])
def test_one_transnas_cell_with_an_impossible_value_is_named(cache, trans_content, metric, value):
    bad, file = copied(trans_content), cache / "f.pth"
    put(bad["data"]["micro"][TRANS_CELLS[1]]["jigsaw"]["metrics"][metric], (1,), value)
    torch.save(bad, file)
    with pytest.raises(AssetError) as error:
        trans101_import.import_file(file)
    said = str(error.value)
    assert f"{TRANS_CELLS[1]}: on jigsaw: " in said and metric in said and "Nothing was imported" in said
    assert len(said) < 500 and not imported.path("trans101").exists()


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
        trans101_import.import_file(file)
    assert f"{TRANS_CELLS[1]}: on jigsaw: " in str(error.value)


@pytest.mark.parametrize("path", [("jigsaw",), ()])
@pytest.mark.parametrize("value", [Odd, None, 7, [], "text"])
def test_a_transnas_cell_without_a_task_is_refused(cache, trans_content, path, value):
    bad, file = copied(trans_content), cache / "f.pth"
    put(bad["data"]["micro"], (TRANS_CELLS[1], *path), value)
    torch.save(bad, file)
    if path or value is not Odd:  # a file of fewer cells is refused where the table is asked for
        with pytest.raises(AssetError, match="Nothing was imported"):
            trans101_import.import_file(file)
