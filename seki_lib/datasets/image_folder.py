"""Photographs in folders, `train/<class>/<file>` and `val/<class>/<file>`: ImageNet-1K, or a sample of it.

    data = load_photographs("imagenet", ImageNetConfig())      # data.train: lists of files and labels

Worker processes decode an image at the smallest scale that serves (a JPEG can be decoded at 1/2, 1/4 or 1/8), cut the
view out of it, and hand over bytes; all that follows is done for a whole batch on the device (`augment.py`). A view
depends on (seed, epoch, image) and on nothing else. Grey, CMYK and PNG images are read like all others; an image that
cannot be read is named. What it gains: benchmarks/results/image_pipeline.md.
"""

import hashlib
import math
import os
import re
import signal
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader

from ..files.assets import get_asset, locate, looked_in
from ..files.errors import AssetError, TrainingError
from ..files.source import DataSource
from .at_hand import NO_IMAGENET, imagenet_tree
from .images import Dataset, Images

CLASSES = {"imagenet": 1000, "imagenet_sample": 200}
ENDINGS = {".jpeg", ".jpg", ".png", ".webp", ".bmp"}
SPLITS = ("train", "val")
PLACE = re.compile(r"(train|val)/(?:([^/]+)/)?([^/]*)")  # split, class, file
CENTRE = -1  # in place of a seed: no random crop
CHUNK = 64  # images that a worker hands over at once: 10 MB at 224 pixels
Box = tuple[float, float, float, float]  # left, upper, right, lower
Config = Any  # of training.protocol: ImageNetConfig or ImageNetSupernetConfig
Tree = dict[str, dict[str, list[str]]]  # "train" or "val" -> class -> names of files


@dataclass(frozen=True)
class Photographs:
    """Labelled image files. images: paths below `root`. labels: (N,) int64 in [0, classes)."""

    root: Path  # a folder, or a zip file
    images: Sequence[str]
    labels: Tensor
    config: Config

    def to(self, device: torch.device | str) -> "Photographs":
        """The files themselves: they stay where they are."""
        return self

    def chosen(self, indices: Tensor) -> "Photographs":
        """Some of them."""
        return replace(self, images=[self.images[i] for i in indices.tolist()], labels=self.labels[indices])

    def decoded(self) -> Images:
        """Their centres in memory, for what is looked at again and again."""
        parts = torch.split(torch.arange(len(self.labels)), CHUNK)
        pixels = [part for part, _ in self.batches(parts, torch.device("cpu"))]
        return Images(torch.cat(pixels), self.labels)

    def batches(
        self, parts: Sequence[Tensor], device: torch.device, seeds: Sequence[int] = ()
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """For each of `parts`, indices of images: (n, 3, resolution, resolution) uint8 and (n,) labels, on the device.

        seeds: of each part's random crops; without any, the centre of the resized image. Raises TrainingError that
        names a file that cannot be read.
        """
        wanted = [part.tolist() for part in parts]
        chunks: Any = [
            (seed, part[i : i + CHUNK])
            for seed, part in zip(seeds or [CENTRE] * len(wanted), wanted, strict=True)
            for i in range(0, len(part), CHUNK)
        ]
        share = (os.cpu_count() or 1) // int(os.environ.get("LOCAL_WORLD_SIZE", "1"))  # of each process of torchrun
        count = self.config.workers if self.config.workers >= 0 else max(1, share - 1)
        decode: Any = self._decode
        loader: DataLoader[Any] = DataLoader(
            chunks, batch_size=None, collate_fn=decode, num_workers=count, prefetch_factor=4 if count else None,
            worker_init_fn=_leave_signals_to_the_parent, pin_memory=device.type == "cuda", generator=torch.Generator(),
        )  # fmt: skip
        views: Any = iter(loader)
        try:
            for part in wanted:
                pixels = [_next(views).to(device, non_blocking=True) for _ in range(0, len(part), CHUNK)]
                yield torch.cat(pixels).permute(0, 3, 1, 2), self.labels[part].to(device)
        finally:
            if count:  # a traceback would keep them alive, and they do not heed the signal that would end them
                views._shutdown_workers()

    def _decode(self, seed_and_chunk: tuple[int, list[int]]) -> Tensor | str:
        """A seed and indices -> (n, resolution, resolution, 3) uint8, or a sentence about what cannot be read."""
        seed, chunk = seed_and_chunk
        views = np.empty((len(chunk), self.config.resolution, self.config.resolution, 3), np.uint8)
        for i, index in enumerate(chunk):
            crop = None if seed == CENTRE else Random(seed << 32 | index)
            path = self.root / self.images[index]
            try:
                archive = None if self.root.is_dir() else _archive(self.root, os.getpid())
                content = archive.read(self.images[index]) if archive else path.read_bytes()
                views[i] = view(content, self.config, crop)
            except Exception as error:  # whatever a decoder says of a file from outside
                reason = "it is no image" if "cannot identify" in str(error) else str(error) or type(error).__name__
                return f"{path} cannot be read ({reason}). Put a good copy there: the same command goes on."
        return torch.from_numpy(views)


def _next(views: Iterator[Tensor | str]) -> Tensor:
    """The next chunk of a loader. Raises TrainingError if an image cannot be read or a worker process was killed."""
    try:
        chunk = next(views)
    except RuntimeError as error:
        if not re.search("is killed by signal|exited unexpectedly", str(error)):
            raise
        raise TrainingError(
            "a process that decodes images was ended from outside, most likely for want of memory. "
            "Next: fewer workers, or more shared memory (/dev/shm); the same command goes on."
        ) from None
    if isinstance(chunk, str):
        raise TrainingError(chunk)
    return chunk


def _leave_signals_to_the_parent(worker: int) -> None:
    """Ctrl-C goes to all processes of a terminal: the training finishes its step, for which it needs its images."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)


def view(content: bytes, config: Config, crop: Random | None) -> np.ndarray:
    """One image file -> (resolution, resolution, 3) uint8: a random crop, or the centre without `crop`."""
    from PIL import Image

    with Image.open(BytesIO(content)) as image:
        width, height = image.size
        box = random_box(width, height, crop, config.least_area) if crop else centre_box(width, height, config)
        side = config.resolution
        image.draft("RGB", (math.ceil(side * width / (box[2] - box[0])), math.ceil(side * height / (box[3] - box[1]))))
        x, y = image.width / width, image.height / height  # 1, or less if decoded at a smaller scale
        shown = _eight_bits(image) if image.mode.startswith("I;16") else image
        shown = shown if shown.mode == "RGB" else shown.convert("RGB")
        scaled = (box[0] * x, box[1] * y, box[2] * x, box[3] * y)
        return np.asarray(shown.resize((side, side), Image.Resampling.BILINEAR, box=scaled))


def _eight_bits(image: Any) -> Any:
    """A grey image of 16 bits with 8: Pillow would cut off what is above 255."""
    from PIL import Image

    return Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))


def random_box(width: int, height: int, crop: Random, least: float = 0.08) -> Box:
    """Where RandomResizedCrop cuts: a share of the area in [least, 1], sides as 3:4 to 4:3; the middle if none fits."""
    for _ in range(10):
        area = width * height * crop.uniform(least, 1.0)
        ratio = math.exp(crop.uniform(math.log(3 / 4), math.log(4 / 3)))
        w, h = round(math.sqrt(area * ratio)), round(math.sqrt(area / ratio))
        if 0 < w <= width and 0 < h <= height:
            left, upper = crop.randint(0, width - w), crop.randint(0, height - h)
            return left, upper, left + w, upper + h
    w, h = min(width, round(height * 4 / 3)), min(height, round(width * 4 / 3))
    left, upper = (width - w) // 2, (height - h) // 2
    return left, upper, left + w, upper + h


def centre_box(width: int, height: int, config: Config) -> Box:
    """What a centre crop of `resolution` shows of the image once its shorter side is `resize`."""
    side = min(width, height) * config.resolution / config.resize
    left, upper = (width - side) / 2, (height - side) / 2
    return left, upper, left + side, upper + side


@lru_cache(maxsize=4)
def _archive(path: Path, process: int) -> zipfile.ZipFile:
    """An open zip file; each process has its own, since they would move each other's place in it."""
    return zipfile.ZipFile(path)


def load_photographs(name: str, config: Config, *, train: int = 0, test: int = 0) -> Dataset:
    """ImageNet-1K of the user ("imagenet"), or its sample ("imagenet_sample"); only lists files, decodes none.

    train, test: how many images, the same number of each class as far as they go; 0 for all.
    Raises AssetError that names what is missing and the next step.
    """
    sample = get_asset("imagenet_sample")
    root = imagenet_tree() if name == "imagenet" else locate(name)
    if not root:
        missing = f'{name}: {sample.filename} was not found in {looked_in()}. Run "seki data fetch {name}".'
        raise AssetError(NO_IMAGENET if name == "imagenet" else missing)
    tree = list_tree(root, CLASSES[name])
    if name == "imagenet":
        counts = " + ".join(f"{sum(map(len, tree[split].values())):,}" for split in SPLITS)
        sentence = f"ImageNet-1K, {counts} images of the user's own copy"
        sha256 = hashlib.sha256(repr(tree).encode()).hexdigest()
    else:
        sentence = f"a sample of ImageNet: {sample.origin.removesuffix(' (mirror only)')}"
        sha256 = sample.sha256
    classes = {label: i for i, label in enumerate(sorted(tree["train"]))}

    def part(split: str, wanted: int) -> Photographs:
        files = [(place, c, f"{split}/{c}/{file}") for c in classes for place, file in enumerate(tree[split][c])]
        if wanted:  # the first of every class, then the second of every class, …
            files = sorted(files)[:wanted]
        labels = torch.tensor([classes[c] for _, c, _ in files], dtype=torch.int64)
        return Photographs(root, [file for _, _, file in files], labels, config)

    source = DataSource(name, sentence, sample.licence, sha256)
    return Dataset(name, len(classes), part("train", train), part("val", test), source)


def list_tree(root: Path, classes: int) -> Tree:
    """The image files of both parts, by class, in alphabetical order. Raises AssetError that names what is missing."""
    tree: Tree = {}
    for name in sorted(_names(root), key=lambda name: name.split("/")):
        if place := PLACE.fullmatch(name):
            split, label, file = place.groups()
            of_split = tree.setdefault(split, {})
            if label and _is_class(label):
                is_image = Path(file).suffix.lower() in ENDINGS and not file.startswith(".")
                of_split.setdefault(label, []).extend([file] * is_image)
    for split in SPLITS:
        if split not in tree:
            raise AssetError(f"{root} has no {split}/. It must hold train/<class>/<image> and val/<class>/<image>.")
        if not tree[split]:
            raise AssetError(f"{root / split} has no folders of classes: sort its images into {split}/<class>/.")
        for label, files in tree[split].items():
            if not files:
                raise AssetError(f"{root / split / label} holds no image: copy the class again.")
    for split, other in (("val", "train"), ("train", "val")):
        if missing := sorted(tree[other].keys() - tree[split].keys()):
            more = f" and {len(missing) - 1} more" if len(missing) > 1 else ""
            raise AssetError(f"{root / split} lacks the class {missing[0]}{more}, which {other}/ has: copy it again.")
    if len(tree["train"]) != classes:
        raise AssetError(
            f"{root} has {len(tree['train']):,} classes, {classes:,} are expected: is it another data set?"
        )
    return tree


def _names(root: Path) -> list[str]:
    """The paths in a zip file; below a folder, those of both parts, their classes and files. A folder's ends in "/"."""
    if root.is_file():
        try:
            return zipfile.ZipFile(root).namelist()
        except zipfile.BadZipFile:
            raise AssetError(f"{root} is neither a folder nor a zip file with train/<class>/<image>.") from None
    names = []
    for split in SPLITS:
        if (root / split).is_dir():
            names.append(f"{split}/")
            for label in os.scandir(root / split):
                if label.is_dir() and _is_class(label.name):
                    names.append(f"{split}/{label.name}/")
                    names += [f"{split}/{label.name}/{file.name}{'/' * file.is_dir()}" for file in os.scandir(label)]
    return names


def _is_class(name: str) -> bool:
    """Whether a folder can be a class: not one that a system, an archive or an editor puts everywhere."""
    return name[0].isalnum() and name.lower() not in ("lost+found", "system volume information", "recycler")


def search_subsets(
    labels: Tensor, seed: int, *, weights: float = 0.1, validation: float = 0.025
) -> tuple[Tensor, Tensor]:
    """What a direct search on ImageNet sees: two disjoint shares of each class (PC-DARTS: 10 % and 2.5 %).

    labels: (N,) int64. Returns the indices of the images for the weights, ascending, and of those to validate, in
    random order; at least one of each class in both. Decided by the seed alone. Raises TrainingError if a class has
    fewer than two images.
    """
    generator = torch.Generator().manual_seed(seed)
    order = torch.randperm(len(labels), generator=generator)
    order = order[labels[order].argsort(stable=True)]  # by class, shuffled within each
    to_train, to_validate = [], []
    for label, of_class in enumerate(torch.split(order, torch.bincount(labels).tolist())):
        first = max(1, round(weights * len(of_class)))
        second = max(1, min(round(validation * len(of_class)), len(of_class) - first))
        if first + second > len(of_class):
            raise TrainingError(
                f"class {label} has {len(of_class)} image, and two are needed: one to train and one to validate. "
                "Next: a larger train_images, or more images of that class."
            )
        to_train.append(of_class[:first])
        to_validate.append(of_class[first : first + second])
    shuffled = torch.cat(to_validate)
    shuffled = shuffled[torch.randperm(len(shuffled), generator=generator)]
    return torch.cat(to_train).sort().values, shuffled
