"""Photographs in folders: any file that is an image is read, every other one is named, no view depends on chance."""

import dataclasses
import io
import multiprocessing
import os
import zipfile
import zlib
from random import Random

import numpy as np
import pytest
import torch
from photographs import CLASSES, make_tree, photograph
from PIL import Image
from PIL.JpegImagePlugin import JpegImageFile

from seki_lib.datasets import image_folder
from seki_lib.datasets.image_folder import centre_box, load_photographs, random_box, search_subsets, view
from seki_lib.files.errors import AssetError, TrainingError
from seki_lib.training import classifier
from seki_lib.training.classifier import ImageNetTraining, train_classifier
from seki_lib.training.protocol import ImageNetConfig, named_architecture

CONFIG = ImageNetConfig(
    channels=4, layers=3, epochs=2, batch=4, stem="cifar", resolution=32, resize=36, threads=1, workers=0
)
ARCH = named_architecture("PC_DARTS")[1]


@pytest.fixture
def root(tmp_path, monkeypatch):
    """A small tree of three classes, five and two images each."""
    monkeypatch.setenv("SEKI_DATA", str(tmp_path))
    monkeypatch.delenv("SEKI_IMAGENET", raising=False)
    monkeypatch.setitem(image_folder.CLASSES, "imagenet", 3)
    return make_tree(tmp_path / "imagenet")


def load(train=0, **changes):
    return load_photographs("imagenet", dataclasses.replace(CONFIG, **changes), train=train)


def views(photographs, indices, seed=None):
    seeds = [] if seed is None else [seed]
    ((pixels, labels),) = photographs.batches([torch.tensor(indices)], torch.device("cpu"), seeds)
    return pixels, labels


def test_folders_are_classes_in_alphabetical_order(root):
    (root / "train" / CLASSES[0] / "._n01440764_0.JPEG").write_bytes(b"what a Mac leaves behind")
    (root / "train" / CLASSES[0] / "notes.txt").write_text("not an image")
    data = load()
    data.check()
    assert data.classes == 3 and data.train.labels.tolist() == [0] * 5 + [1] * 5 + [2] * 5
    assert data.source.sentence == "ImageNet-1K, 15 + 6 images of the user's own copy"
    pixels, labels = views(data.test, [5, 0])
    assert pixels.shape == (2, 3, 32, 32) and pixels.dtype == torch.uint8 and labels.tolist() == [2, 0]
    few = load(train=4)
    assert few.train.labels.tolist() == [0, 1, 2, 0]  # of every class alike
    assert load().source.sha256 == data.source.sha256
    (root / "train" / CLASSES[0] / "new.png").write_bytes(photograph(9))
    assert load().source.sha256 != data.source.sha256


def test_a_zip_is_read_as_its_folder_is(root, tmp_path, monkeypatch):
    path = tmp_path / "imagenet.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for file in sorted(root.rglob("*.JPEG")):
            archive.write(file, file.relative_to(root))
    unpacked = views(load().train, [0, 7], seed=1)[0]
    monkeypatch.setenv("SEKI_IMAGENET", str(path))
    packed = load(workers=2)
    assert packed.train.root == path and torch.equal(views(packed.train, [0, 7], seed=1)[0], unpacked)


def test_a_view_depends_on_seed_and_image_and_not_on_who_makes_it(root):
    here, there = load().train, load(workers=2).train
    pixels = views(here, list(range(15)), seed=3)[0]
    assert torch.equal(views(there, list(range(15)), seed=3)[0], pixels)
    assert torch.equal(views(here, [9, 2], seed=3)[0], pixels[[9, 2]])
    assert not torch.equal(views(here, list(range(15)), seed=4)[0], pixels)
    parts = [torch.tensor([1, 2]), torch.tensor([], dtype=torch.int64)[:0], torch.tensor([3])][::2]
    assert torch.equal(torch.cat([p for p, _ in here.batches(parts, torch.device("cpu"), [3, 3])]), pixels[[1, 2, 3]])


def test_the_centre_is_that_of_resizing_to_256_and_cropping_224():
    config = ImageNetConfig()
    content = photograph(1, 500, 375)
    resized = Image.open(io.BytesIO(content)).resize((341, 256), Image.Resampling.BILINEAR)
    left, upper = (341 - 224) / 2, (256 - 224) / 2
    expected = np.asarray(resized.crop((round(left), upper, round(left) + 224, upper + 224)), np.int16)
    assert np.abs(view(content, config, None) - expected).mean() < 1.0  # of 255
    assert centre_box(256, 256, config) == (16, 16, 240, 240)


def test_decoding_at_a_smaller_scale_shows_the_same(monkeypatch):
    content, config = photograph(2, 800, 600), ImageNetConfig()
    sizes, resize = [], Image.Image.resize

    def noting(self, *args, **kwargs):
        sizes.append(self.size)
        return resize(self, *args, **kwargs)

    monkeypatch.setattr(Image.Image, "resize", noting)
    ours = view(content, config, None).astype(np.int16)
    assert sizes == [(400, 300)]
    monkeypatch.setattr(JpegImageFile, "draft", lambda self, mode, size: None)
    assert np.abs(ours - view(content, config, None)).mean() < 1.0 and sizes[1] == (800, 600)


def test_random_boxes_are_those_of_random_resized_crop():
    crop = Random(0)
    boxes = [random_box(500, 375, crop) for _ in range(4000)]
    w, h = (np.array([box[i + 2] - box[i] for box in boxes]) for i in (0, 1))
    assert all(0 <= x0 < x1 <= 500 and 0 <= y0 < y1 <= 375 for x0, y0, x1, y1 in boxes)
    area, ratio = w * h / (500 * 375), w / h
    assert 0.079 < area.min() < 0.1 and area.max() > 0.95
    assert ratio.min() > 0.74 and ratio.max() < 1.35
    assert abs(np.log(ratio[area < 0.5]).mean()) < 0.02  # where none is refused, no shape is favoured
    assert random_box(1000, 10, Random(0), least=0.9) == (493, 0, 506, 10)  # none fits: the middle


@pytest.mark.parametrize("mode", ["L", "CMYK", "RGB"])
def test_grey_and_cmyk_files_are_read_as_colours(root, mode):
    path = root / "val" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG"
    expected = views(load().test, [0])[0].float()
    path.write_bytes(photograph(0, mode=mode))
    assert Image.open(path).mode == mode
    pixels = views(load().test, [0])[0].float()
    if mode == "L":
        assert torch.equal(pixels[0, 0], pixels[0, 2])
        grey = expected[0].mul(torch.tensor([0.299, 0.587, 0.114]).view(3, 1, 1)).sum(0)
        assert (pixels[0, 0] - grey).abs().mean() < 4
    else:
        assert (pixels - expected).abs().mean() < 4


def test_a_png_by_another_name_and_one_with_a_palette_are_read(root):
    image = Image.open(root / "val" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG")
    expected = views(load().test, [0])[0]
    image.save(root / "val" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG", "PNG")
    assert torch.equal(views(load().test, [0])[0], expected)
    image.quantize(8).save(root / "val" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG", "PNG")
    assert views(load().test, [0])[0].shape == (1, 3, 32, 32)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("damage", ["truncated", "empty", "text"])
def test_a_file_that_cannot_be_read_is_named_in_one_sentence(root, workers, damage):
    path = root / "train" / CLASSES[1] / f"{CLASSES[1]}_2.JPEG"
    content = path.read_bytes()
    path.write_bytes({"truncated": content[: len(content) // 2], "empty": b"", "text": b"404 not found"}[damage])
    with pytest.raises(TrainingError) as caught:
        views(load(workers=workers).train, [3, 7], seed=0)
    assert not multiprocessing.active_children()  # though `caught` holds the frames that began them
    reason = "image file is truncated" if damage == "truncated" else "it is no image"
    assert str(path) in str(caught.value) and reason in str(caught.value) and "\n" not in str(caught.value)
    assert str(caught.value).endswith("Put a good copy there: the same command goes on.")


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("error", [
    Image.DecompressionBombError("400000000 pixels"), zlib.error("invalid block type"),
    NotImplementedError("method 99"), RuntimeError("File is encrypted, password required"),
])  # fmt: skip
def test_whatever_a_decoder_says_of_a_file_is_said_of_that_file(root, monkeypatch, workers, error):
    def refuse(*args):
        raise error

    monkeypatch.setattr(image_folder, "view", refuse)
    with pytest.raises(TrainingError, match=rf"JPEG cannot be read \({error}\)"):
        views(load(workers=workers).train, [0], seed=0)


def test_a_grey_image_of_16_bits_keeps_its_shades(root):
    path = root / "val" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG"
    shades = np.tile(np.linspace(0, 65535, 64, dtype=np.uint16), (64, 1))
    Image.fromarray(shades).save(path, "PNG")
    pixels = views(load().test, [0])[0]
    assert pixels.float().std() > 20 and pixels.min() < 60 and pixels.max() > 200


def test_a_decoding_process_that_is_killed_is_named(root, monkeypatch):
    monkeypatch.setattr(image_folder, "view", lambda *args: os._exit(9))
    with pytest.raises(TrainingError, match=r"ended from outside.*fewer workers") as caught:
        views(load(workers=2).train, [0], seed=0)
    assert caught.tb and not multiprocessing.active_children()


def remove(path):
    for file in path.iterdir():
        file.unlink()
    path.rmdir()


def test_what_is_missing_in_a_tree_is_named(root, monkeypatch):
    def message():
        with pytest.raises(AssetError) as caught:
            load()
        assert "\n" not in str(caught.value)
        return str(caught.value).replace(str(root), "R")

    spare = root.parent / "spare"
    (root / "val").rename(spare)
    assert message() == "R has no val/. It must hold train/<class>/<image> and val/<class>/<image>."
    (root / "val").mkdir()
    (root / "val" / "ILSVRC2012_val_00000001.JPEG").write_bytes(photograph(0))
    assert message() == "R/val has no folders of classes: sort its images into val/<class>/."
    (root / "val" / "ILSVRC2012_val_00000001.JPEG").unlink()
    (root / "val").rmdir()
    spare.rename(root / "val")
    remove(root / "val" / CLASSES[1])
    assert message() == f"R/val lacks the class {CLASSES[1]}, which train/ has: copy it again."
    (root / "val" / CLASSES[1]).mkdir()
    assert message() == f"R/val/{CLASSES[1]} holds no image: copy the class again."
    remove(root / "val" / CLASSES[1])
    remove(root / "train" / CLASSES[1])
    assert message() == "R has 2 classes, 3 are expected: is it another data set?"
    monkeypatch.setenv("SEKI_IMAGENET", str(root / "train" / CLASSES[0] / f"{CLASSES[0]}_0.JPEG"))
    assert message().endswith("is neither a folder nor a zip file with train/<class>/<image>.")
    monkeypatch.setenv("SEKI_IMAGENET", str(root / "nowhere"))
    (root.parent / "data").mkdir()
    monkeypatch.setenv("SEKI_DATA", str(root.parent / "data"))
    assert "Looked at $SEKI_IMAGENET and $SEKI_DATA/imagenet" in message() and "set SEKI_IMAGENET" in message()


def train(folder, **options):
    return train_classifier("darts", ARCH, load(), CONFIG, folder, device="cpu", **{"say": lambda line: None} | options)


def test_a_training_on_files_goes_on_amid_an_epoch_to_the_same_bits(root, tmp_path, monkeypatch):
    result = train(tmp_path / "whole")
    assert result["paper_params_m"] == pytest.approx(5.3, abs=0.3)  # PC-DARTS' CIFAR cell with 48 channels, 14 cells
    steps, original = [], classifier.ClassifierTraining.train_step

    def stop(self):
        if len(steps) == 6:
            raise KeyboardInterrupt
        original(self)
        steps.append(1)

    monkeypatch.setattr(classifier.ClassifierTraining, "train_step", stop)
    with pytest.raises(KeyboardInterrupt):
        train(tmp_path / "cut", checkpoint_seconds=0.0)
    steps.clear()
    monkeypatch.setattr(classifier.ClassifierTraining, "train_step", original)
    lines = []
    train(tmp_path / "cut", say=lines.append)
    assert lines[0] == "going on from epoch 2, step 3"
    ours, theirs = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True)["parts"]["network"]
        for name in ("cut", "whole")
    )
    assert all(torch.equal(ours[name], theirs[name]) for name in theirs)


def test_labels_are_smoothed_in_training():
    logits = torch.tensor([[2.0, 0.0, -1.0]])
    trainer = ImageNetTraining.__new__(ImageNetTraining)
    trainer.config = ImageNetConfig()
    log = torch.log_softmax(logits, 1)[0]
    expected = -(0.9 * log[0] + 0.1 * log.mean())
    assert trainer.loss(logits, torch.tensor([0])).item() == pytest.approx(expected.item())


def test_a_direct_search_sees_two_disjoint_shares_of_each_class():
    labels = torch.arange(1000).repeat_interleave(40)[
        torch.randperm(40_000, generator=torch.Generator().manual_seed(0))
    ]
    weights, validation = search_subsets(labels, seed=1)
    assert torch.equal(torch.bincount(labels[weights]), torch.full((1000,), 4))  # 10 %
    assert torch.equal(torch.bincount(labels[validation]), torch.full((1000,), 1))  # 2.5 %
    assert not set(weights.tolist()) & set(validation.tolist())
    assert all(torch.equal(a, b) for a, b in zip(search_subsets(labels, seed=1), (weights, validation), strict=True))
    assert not torch.equal(search_subsets(labels, seed=2)[0], weights)
    with pytest.raises(TrainingError, match=r"class 1 has 1 image, and two are needed.*Next"):
        search_subsets(torch.tensor([0, 0, 0, 1]), seed=0)


FOREIGN = (
    ".ipynb_checkpoints", "__MACOSX", "@eaDir", "lost+found", "__pycache__", "#recycle", "$RECYCLE.BIN", ".git",
    "._n01", ".Trash-1000", "System Volume Information",
)  # fmt: skip


def test_folders_and_files_that_systems_and_editors_leave_are_no_classes_and_no_images(root, tmp_path, monkeypatch):
    clean = image_folder.list_tree(root, 3)
    label = next(iter(clean["train"]))
    for name in FOREIGN:
        for split in ("train", "val"):
            (root / split / name).mkdir()
            (root / split / label / name).mkdir()
    (root / "train" / "__MACOSX" / "._a.jpg").write_bytes(b"x")
    (root / "train" / "@eaDir" / "a.jpg").write_bytes(b"x")
    (root / "train" / label / "a.jpg").mkdir()  # a folder by the name of an image
    for name in (".DS_Store", "Thumbs.db", "desktop.ini", "._a.jpeg", "notes.txt", ".jpg"):
        (root / "train" / name).write_bytes(b"x")
        (root / "train" / label / name).write_bytes(b"x")
    assert image_folder.list_tree(root, 3) == clean
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for path in sorted(root.rglob("*")):
            archive.write(path, path.relative_to(root))
        archive.writestr("__MACOSX/train/x/._a.jpg", b"x")
    assert image_folder.list_tree(packed, 3) == clean


def test_a_link_that_leads_nowhere_is_an_image_that_cannot_be_read(root):
    label = next(iter(image_folder.list_tree(root, 3)["train"]))
    (root / "train" / label / "gone.jpg").symlink_to(root / "nowhere")
    photographs = load().train
    with pytest.raises(TrainingError, match=r"gone.jpg cannot be read"):
        views(photographs, list(range(len(photographs.labels))))
