"""Labelled images as two tensors: CIFAR-10, CIFAR-100, and scikit-learn's digits where no CIFAR is at hand.

    data = load_dataset("cifar10")          # data.train.images: (50000, 3, 32, 32) uint8

Looked for in this order: the original Toronto archive; all 60,000 images as Parquet of JPEGs; if `stand_in` is allowed,
the digits. `data.source` says which it was, and goes with every number.
"""

import io
import pickle
import tarfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from ..files.assets import get_asset, locate, looked_in
from ..files.errors import AssetError, TrainingError, look_up
from ..files.source import DataSource
from .at_hand import assets_at_hand


class Images(NamedTuple):
    """images: (N, 3, 32, 32) uint8. labels: (N,) int64 in [0, classes)."""

    images: Tensor
    labels: Tensor

    def to(self, device: torch.device | str) -> "Images":
        """The same images on a device."""
        return Images(self.images.to(device), self.labels.to(device))

    def chosen(self, indices: Tensor) -> "Images":
        """Some of them."""
        return Images(self.images[indices], self.labels[indices])

    def batches(
        self, parts: Sequence[Tensor], device: torch.device, seeds: Sequence[int] = ()
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """For each of `parts`, indices of images: the images and their labels. Memory holds them: nothing is seeded."""
        return ((self.images[part], self.labels[part]) for part in parts)


class LabelledImages(Protocol):
    """What a trainer sees of a set of images: `Images` in memory, or `Photographs` in files (`image_folder.py`)."""

    @property
    def images(self) -> Any: ...  # noqa: D102

    @property
    def labels(self) -> Tensor: ...  # noqa: D102

    def to(self, device: torch.device | str) -> "LabelledImages": ...  # noqa: D102

    def chosen(self, indices: Tensor) -> "LabelledImages": ...  # noqa: D102

    def batches(  # noqa: D102
        self, parts: Sequence[Tensor], device: torch.device, seeds: Sequence[int] = ()
    ) -> Iterator[tuple[Tensor, Tensor]]: ...


@dataclass(frozen=True)
class Dataset:
    """Training and test images of one data set, and where they come from."""

    name: str
    classes: int
    train: LabelledImages
    test: LabelledImages
    source: DataSource

    @property
    def identity(self) -> dict[str, str]:
        """What the config of a training says of its data."""
        return {"dataset": self.name, "data": self.source.name, "sha256": self.source.sha256}

    def check(self) -> None:
        """Raise TrainingError unless each image has a label of the data set's classes."""
        parts: dict[str, LabelledImages] = {"training": self.train, "test": self.test}
        for name, part in parts.items():
            if len(part.labels) == 0 or len(part.images) != len(part.labels):
                raise TrainingError(
                    f"{self.name}: {len(part.images)} {name} images and {len(part.labels)} labels. "
                    f'Fetch the data again: "seki data fetch {self.name}".'
                )
            if int(part.labels.min()) < 0 or int(part.labels.max()) >= self.classes:
                raise TrainingError(
                    f"{self.name}: a {name} label is {int(part.labels.max())}, but the network has {self.classes} "
                    "classes. Give the data set its own number of classes."
                )


CLASSES = {"cifar10": 10, "cifar100": 100, "digits": 10}
TRAIN_IMAGES = {"cifar10": 50_000, "cifar100": 50_000, "digits": 1_500}
_LABEL_KEY = {"cifar10": "label", "cifar100": "fine_label"}
_MEMBERS = {
    "cifar10": ([f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)], ["cifar-10-batches-py/test_batch"]),
    "cifar100": (["cifar-100-python/train"], ["cifar-100-python/test"]),
}


def load_dataset(name: str, *, train: int = 0, test: int = 0, first: int = 0, stand_in: bool = False) -> Dataset:
    """A data set from the best source on this machine; never touches the network.

    train, test: how many images, in the files' order; 0 for all. first: of the training images, where to begin.
    stand_in: the digits may take its place.
    Raises UnknownName, or AssetError that names the next step.
    """
    look_up("data set", CLASSES, name)
    if name == "digits":
        return _digits(first, train, test)
    if group := assets_at_hand(name):
        paths = [path for path in map(locate, group) if path]
        parts = (_read_archive if len(group) == 1 else _read_parquet)(paths, name, first, train, test)
        for part in parts:
            _check(part, CLASSES[name], paths[0])
        return Dataset(name, CLASSES[name], *parts, image_source(name, group))
    if stand_in:
        return _digits(first, train, test)
    raise AssetError(f'{name}: no images found. Looked in {looked_in()}. Run "seki data fetch {name}".')


def image_source(name: str, group: tuple[str, ...]) -> DataSource:
    """What these assets of a data set are, for provenance."""
    title, asset = name.upper().replace("CIFAR", "CIFAR-"), get_asset(group[0])
    what = "the original images" if len(group) == 1 else "recompressed as JPEG (not bit-identical to the original)"
    return DataSource(group[0], f"{title}, {what}", asset.licence, asset.sha256)


def _check(part: Images, classes: int, path: Path) -> None:
    """Raise AssetError unless these are labelled images of so many classes."""
    if len(part.labels) == 0:
        raise AssetError(f"{path} holds no images: move it away and fetch it again.")
    if int(part.labels.min()) < 0 or int(part.labels.max()) >= classes:
        raise AssetError(f"{path}: labels lie in [0, {classes}), found {int(part.labels.max())}: another data set?")


class _ArrayUnpickler(pickle.Unpickler):
    """Allows arrays of numbers and nothing else: no import, no call of foreign code."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}
        if module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray") and name in allowed:
            return allowed[name]
        raise AssetError(f"CIFAR archive: the file asks for {module}.{name}, which it has no business to need")


def _read_archive(paths: list[Path], name: str, first: int, train: int, test: int) -> tuple[Images, Images]:
    key = f"{_LABEL_KEY[name]}s".encode()
    with tarfile.open(paths[0]) as archive:

        def read(members: list[str], first: int, wanted: int) -> Images:
            batches = []
            for member in members:
                if file := archive.extractfile(member):
                    batches.append(_ArrayUnpickler(file, encoding="bytes").load())
            images = np.concatenate([np.asarray(batch[b"data"], np.uint8).reshape(-1, 3, 32, 32) for batch in batches])
            labels = np.concatenate([np.asarray(batch[key], np.int64) for batch in batches])
            part = slice(first, first + wanted if wanted else None)
            return Images(torch.from_numpy(images[part]), torch.from_numpy(labels[part]))

        return read(_MEMBERS[name][0], first, train), read(_MEMBERS[name][1], 0, test)


def _read_parquet(paths: list[Path], name: str, first: int, train: int, test: int) -> tuple[Images, Images]:
    import pyarrow.parquet as pq
    from PIL import Image

    def read(path: Path, first: int, wanted: int) -> Images:
        table = pq.ParquetFile(path).read()  # read_table and to_numpy import a second of modules
        table = table.slice(first, wanted or table.num_rows)
        labels = np.array(table[_LABEL_KEY[name]].to_pylist(), np.int64)
        pixels = np.empty((len(labels), 32, 32, 3), np.uint8)
        for i, image in enumerate(table["img"].to_pylist()):
            pixels[i] = np.asarray(Image.open(io.BytesIO(image["bytes"])).convert("RGB"))
        return Images(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(labels))

    return read(paths[0], first, train), read(paths[1], 0, test)


def _digits(first: int, train: int, test: int) -> Dataset:
    """1,797 handwritten digits of 8x8 grey pixels, each pixel as 4x4: the first 1,500 to train, the rest to test."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.kron(np.round(digits.images * (255 / 16)), np.ones((1, 4, 4))).astype(np.uint8)
    images = torch.from_numpy(grey)[:, None].repeat(1, 3, 1, 1)
    labels = torch.from_numpy(digits.target.astype(np.int64))
    parts = (
        Images(images[:1500][first:][: train or None], labels[:1500][first:][: train or None]),
        Images(images[1500:][: test or None], labels[1500:][: test or None]),
    )
    sentence = "scikit-learn's 8x8 digits, enlarged: no CIFAR was at hand"
    return Dataset("digits", 10, *parts, DataSource("digits", sentence, "BSD-3-Clause (scikit-learn)", ""))
