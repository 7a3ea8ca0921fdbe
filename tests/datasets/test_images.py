"""Images: from the original archives, from Parquet, or the digits, and named as what they are."""

import io
import pickle
import tarfile
from typing import ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from PIL import Image

from seki_lib.datasets.at_hand import assets_at_hand
from seki_lib.datasets.images import load_dataset
from seki_lib.files import assets
from seki_lib.files.errors import AssetError, TrainingError, UnknownName, say_once


@pytest.fixture
def home(tmp_path, monkeypatch):
    """A machine that holds nothing but what a test puts into this folder."""
    monkeypatch.setenv("SEKI_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SEKI_MIRROR", raising=False)
    return tmp_path


def put(monkeypatch, home, name, content):
    """Place an asset under the hash of this content."""
    asset = assets.get_asset(name)
    path = home / asset.filename
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    fields = {k: getattr(asset, k) for k in ("filename", "licence", "origin", "url")}
    monkeypatch.setitem(assets.ASSETS, name, assets.Asset(sha256=assets.sha256_of(path), **fields))


class Python2Pickler(pickle._Pickler):
    """Writes bytes as Python 2 wrote its str, which is how the archives were made."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, text):
        self.write(pickle.BINSTRING + len(text).to_bytes(4, "little") + text)
        self.memoize(text)

    dispatch[bytes] = save_bytes


def archive(members):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, batch in members.items():
            content = io.BytesIO()
            Python2Pickler(content, 2).dump(batch)
            entry = tarfile.TarInfo(name)
            entry.size = content.tell()
            content.seek(0)
            tar.addfile(entry, content)
    return buffer.getvalue()


def batch(n, seed, key=b"labels"):
    rng = np.random.default_rng(seed)
    return {b"data": rng.integers(0, 256, (n, 3072), dtype=np.uint8), key: rng.integers(0, 10, n).tolist()}


def test_the_original_archive_is_read_in_its_order(home, monkeypatch):
    batches = [batch(4, seed) for seed in range(6)]
    names = [*(f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)), "cifar-10-batches-py/test_batch"]
    put(monkeypatch, home, "cifar10", archive(dict(zip(names, batches, strict=True))))
    data = load_dataset("cifar10")
    assert data.train.images.shape == (20, 3, 32, 32) and data.train.images.dtype == torch.uint8
    assert data.test.labels.tolist() == batches[5][b"labels"]
    assert data.train.images[5, 1, 2, 3] == batches[1][b"data"][1, 1024 + 2 * 32 + 3]
    assert data.source.name == "cifar10" and "original" in data.source.sentence
    few = load_dataset("cifar10", train=6, test=1)
    assert torch.equal(few.train.images, data.train.images[:6]) and len(few.test.labels) == 1


class Evil:
    def __reduce__(self):
        return print, ("run!",)


def test_an_archive_cannot_run_code(home, monkeypatch, capsys):
    put(monkeypatch, home, "cifar100", archive({"cifar-100-python/train": Evil(), "cifar-100-python/test": Evil()}))
    with pytest.raises(AssetError, match="has no business to need"):
        load_dataset("cifar100")
    assert "run!" not in capsys.readouterr().out


def parquet(labels, key):
    images = []
    for i in range(len(labels)):
        buffer = io.BytesIO()
        Image.fromarray(np.full((32, 32, 3), 10 * i, np.uint8)).save(buffer, "PNG")
        images.append({"bytes": buffer.getvalue(), "path": None})
    buffer = io.BytesIO()
    pq.write_table(pa.table({"img": images, key: labels}), buffer)
    return buffer.getvalue()


def test_parquet_files_are_read_and_said_to_be_recompressed(home, monkeypatch):
    put(monkeypatch, home, "cifar100_jpeg_train", parquet([99, 0, 5], "fine_label"))
    put(monkeypatch, home, "cifar100_jpeg_test", parquet([7], "fine_label"))
    data = load_dataset("cifar100")
    assert data.classes == 100 and data.train.labels.tolist() == [99, 0, 5]
    assert data.train.images[2].unique().tolist() == [20]
    assert "JPEG" in data.source.sentence


def test_labels_of_another_data_set_are_refused(home, monkeypatch):
    put(monkeypatch, home, "cifar10_jpeg_train", parquet([3, 10], "label"))
    put(monkeypatch, home, "cifar10_jpeg_test", parquet([3], "label"))
    with pytest.raises(TrainingError, match="a training label is 10, but the network has 10 classes"):
        load_dataset("cifar10").check()


def test_an_empty_file_is_refused_with_both_hashes(home):
    (home / "cifar-10-python.tar.gz").write_bytes(b"")
    with pytest.raises(AssetError, match=r"e3b0c44298fc1c14.*6d958be074577803"):
        load_dataset("cifar10")


def test_the_digits_take_the_place_of_cifar_by_their_own_name_only(home):
    with pytest.raises(AssetError, match='seki data fetch cifar10"'):
        load_dataset("cifar10")
    data = load_dataset("digits")
    assert data.name == "digits" and data.source.name == "digits"
    assert data.train.images.shape == (1500, 3, 32, 32) and len(data.test.labels) == 297
    assert set(data.train.labels.tolist()) == set(range(10))
    assert int(data.train.images.max()) == 255


def test_an_unknown_data_set_is_refused_with_all_names():
    with pytest.raises(UnknownName, match="valid: cifar10, cifar100, digits"):
        load_dataset("mnist")


@pytest.mark.parametrize(("name", "classes"), [("cifar10", 10), ("cifar100", 100)])
def test_the_real_images_have_the_published_mean(name, classes):
    try:
        data = load_dataset(name, train=2000, test=500)
    except AssetError as error:
        pytest.skip(str(error))
    assert data.classes == classes and len(data.train.labels) == 2000 and len(data.test.labels) == 500
    mean = data.train.images.double().mean((0, 2, 3)) / 255
    assert mean.tolist() == pytest.approx([0.4914, 0.4822, 0.4465], abs=0.03)
    assert len(set(data.train.labels.tolist())) == classes


@pytest.mark.parametrize(
    ("name", "inside", "archive"),
    [
        ("cifar10", "cifar-10-batches-py", "cifar-10-python.tar.gz"),
        ("cifar100", "cifar-100-python", "cifar-100-python.tar.gz"),
    ],
)
def test_an_extracted_folder_is_seen_and_the_archive_is_asked_for(home, capsys, name, inside, archive):
    (home / inside).mkdir()
    (home / inside / "data_batch_1").write_bytes(b"")
    say_once.cache_clear()
    assert not assets_at_hand(name)
    said = capsys.readouterr().err
    assert str(home / inside) in said and f"Put {archive} into {home}" in said
