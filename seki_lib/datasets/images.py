"""Labelled images as two tensors: CIFAR-10, CIFAR-100, and scikit-learn's digits where no CIFAR is on this machine.

    data = load_dataset("cifar10")          # data.train.images: (50000, 3, 32, 32) uint8

CIFAR is looked for as the original Toronto archive, then as Parquet of JPEGs. `data.source` says which it was, and goes
with every number.
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
        """For each of `parts`, indices of images: the images and their labels. `seeds` is for files only."""
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
        for name, part in (("training", self.train), ("test", self.test)):
            if len(part.labels) == 0 or len(part.images) != len(part.labels):
                raise TrainingError(
                    f"{self.name}: {len(part.images)} {name} images and {len(part.labels)} labels. "
                    f'Fetch the data again: "seki data fetch {self.name}".'
                )
            lowest, highest = part.labels.aminmax()
            if lowest < 0 or highest >= self.classes:
                raise TrainingError(
                    f"{self.name}: a {name} label is {int(highest)}, but the network has {self.classes} "
                    "classes. Give the data set its own number of classes."
                )


CLASSES = {"cifar10": 10, "cifar100": 100, "digits": 10}
TRAIN_IMAGES = {"cifar10": 50_000, "cifar100": 50_000, "digits": 1_500}
_LABEL_KEY = {"cifar10": "label", "cifar100": "fine_label"}
_MEMBERS = {
    "cifar10": ([f"cifar-10-batches-py/data_batch_{i}" for i in range(1, 6)], ["cifar-10-batches-py/test_batch"]),
    "cifar100": (["cifar-100-python/train"], ["cifar-100-python/test"]),
}


def load_dataset(name: str, *, train: int = 0, test: int = 0, first: int = 0) -> Dataset:
    """A data set from the best source on this machine; never touches the network.

    train, test: how many images, in the files' order; 0 for all. first: of the training images, where to begin.
    Raises UnknownName, or AssetError that names the next step.
    """
    look_up("data set", CLASSES, name)
    wanted = slice(first, first + train if train else None), slice(test or None)
    if name == "digits":
        return _digits(wanted)
    if not (group := assets_at_hand(name)):
        raise AssetError(f'{name}: no images found. Looked in {looked_in()}. Run "seki data fetch {name}".')
    paths = [path for path in map(locate, group) if path]
    title, asset = name.upper().replace("CIFAR", "CIFAR-"), get_asset(group[0])
    if len(group) == 1:
        parts, what = _read_archive(paths[0], name, wanted), "the original images"
    else:
        parts = [_read_parquet(path, _LABEL_KEY[name], part) for path, part in zip(paths, wanted, strict=True)]
        what = "recompressed as JPEG (not bit-identical to the original)"
    source = DataSource(group[0], f"{title}, {what}", asset.licence, asset.sha256)
    return Dataset(name, CLASSES[name], parts[0], parts[1], source)


class _ArrayUnpickler(pickle.Unpickler):
    """Allows arrays of numbers and nothing else: no import, no call of foreign code."""

    def find_class(self, module: str, name: str) -> Any:
        allowed = {"_reconstruct": np.empty(0).__reduce__()[0], "ndarray": np.ndarray, "dtype": np.dtype}
        if module in ("numpy", "numpy.core.multiarray", "numpy._core.multiarray") and name in allowed:
            return allowed[name]
        raise AssetError(f"CIFAR archive: the file asks for {module}.{name}, which it has no business to need")


def _read_archive(path: Path, name: str, wanted: Sequence[slice]) -> list[Images]:
    parts = []
    with tarfile.open(path) as archive:
        for members, part in zip(_MEMBERS[name], wanted, strict=True):
            files = filter(None, map(archive.extractfile, members))
            batches = [_ArrayUnpickler(file, encoding="bytes").load() for file in files]
            images = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, 32, 32)
            labels = np.concatenate([batch[f"{_LABEL_KEY[name]}s".encode()] for batch in batches])
            parts.append(Images(torch.from_numpy(images[part]), torch.from_numpy(labels[part])))
    return parts


def _read_parquet(path: Path, label: str, part: slice) -> Images:
    import pyarrow.parquet as pq
    from PIL import Image

    table = pq.ParquetFile(path).read()  # read_table and to_numpy import a second of modules
    files = [image["bytes"] for image in table["img"][part].to_pylist()]
    pixels = np.stack([np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in files])
    labels = torch.tensor(table[label][part].to_pylist())
    return Images(torch.from_numpy(pixels).permute(0, 3, 1, 2).contiguous(), labels)


def _digits(wanted: Sequence[slice]) -> Dataset:
    """1,797 handwritten digits of 8x8 grey pixels, each pixel as 4x4: the first 1,500 to train, the rest to test."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    grey = np.kron(np.round(digits.images * (255 / 16)), np.ones((1, 4, 4))).astype(np.uint8)
    images = torch.from_numpy(grey)[:, None].repeat(1, 3, 1, 1)
    labels = torch.from_numpy(digits.target.astype(np.int64))
    halves = slice(TRAIN_IMAGES["digits"]), slice(TRAIN_IMAGES["digits"], None)
    train, test = (Images(images[half][part], labels[half][part]) for half, part in zip(halves, wanted, strict=True))
    sentence = "scikit-learn's 8x8 digits, enlarged: no CIFAR is on this machine"
    source = DataSource("digits", sentence, "BSD-3-Clause (scikit-learn)", "")
    return Dataset("digits", CLASSES["digits"], train, test, source)
